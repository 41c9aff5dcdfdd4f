"""The state of the notes of skipped counts at tests and benches."""

from datetime import datetime

from shared.aws import dynamodb
from shared.aws.items import to_item
from shared.stock.model.skipped import Shape, bound_key
from shared.stock.store.notes import CREATED, NEVER, NEWEST, last_seen
from shared.stock.store.rows import stock_table


def establish_notes(older_until: datetime | None = None) -> None:
    """As in a new installation, or as if older code had noted counts until ``older_until``."""
    newest = NEVER if older_until is None else bound_key((older_until, -1))
    item = {"pk": NEWEST[0], "sk": NEWEST[1], "older_until": newest}
    item |= dict.fromkeys(map(str, Shape), NEVER) | {Shape.MIXED.value: newest}
    dynamodb.put_many(stock_table(), [to_item(item), dynamodb.key(*CREATED)])


def forget_notes(*, deleted: bool = False) -> None:
    """As if nobody had noted or looked up counts, though older code may have noted some; or as if
    the item of the newest bounds had been deleted."""
    keys = [NEWEST] if deleted else [NEWEST, CREATED]
    dynamodb.delete_many(stock_table(), keys)
    last_seen.set(None)
