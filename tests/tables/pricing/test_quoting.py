"""What a quote reads: request units as DynamoDB tells them."""

from datetime import UTC, datetime

import pytest

from shared.catalog import store as catalog
from shared.catalog.model import PriceRow, Product
from shared.pricing import quoting
from shared.pricing.store import books
from tests.support.pricing import NOBODY, WEB, cart
from tests.support.units import metered

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
DOCUMENT = {
    "currency": "USD",
    "promotions": [
        {
            "promotion_id": "ten",
            "title": "10 %",
            "does": [{"kind": "order_percent_off", "basis_points": 1000}],
        }
    ],
}


@pytest.mark.usefixtures("local_tables")
def test_a_quote_of_20_lines_is_one_call_of_10_units() -> None:
    rows = tuple(PriceRow(300 - number, min_quantity=2 + number) for number in range(20))
    for number in range(20):
        catalog.put(Product(f"s{number}", "Milk", 349, "USD", 1.0, prices=rows))
    books.put_draft(DOCUMENT, None, NOW, "planner")
    books.publish(None, NOW, "planner")
    wanted = cart(*((f"s{number}", 1) for number in range(20)))
    with metered() as first:
        quote = quoting.quote(wanted, NOBODY, WEB, NOW).quote
    assert (quote.net, quote.book) == (20 * 349 - 698, 1)
    with metered() as then:
        quoting.quote(wanted, NOBODY, WEB, NOW)
    assert (then.reads, then.read, then.write) == (1, 10, 0)
    assert (first.reads, first.read) == (3, 12), "the version in force and its one part"
