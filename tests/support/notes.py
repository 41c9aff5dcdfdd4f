"""The state of the notes of skipped counts at tests and benches."""

from datetime import UTC, datetime

from shared.aws import dynamodb
from shared.aws.items import to_item
from shared.stock.model.skipped import Shape, bound_key
from shared.stock.store.notes import NEWEST
from shared.stock.store.rows import stock_table

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def establish_notes(older_until: datetime = LONG_AGO) -> None:
    """As if nobody had noted counts since ``older_until``, and older code had until then."""
    newest = bound_key((older_until, -1))
    item = {"pk": NEWEST[0], "sk": NEWEST[1], "older_until": newest}
    item |= {shape.value: newest for shape in Shape}
    dynamodb.put_many(stock_table(), [to_item(item)])
