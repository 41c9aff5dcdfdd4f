"""Past orders for what-ifs of the promotions."""

import pytest

from shared.catalog import store as catalog
from shared.catalog.model import Product
from tests.functions.orders.test_orders_api import placed
from tests.functions.orders.test_quoted import BOOK, ordered, publish, quoted
from tests.support import shop


@pytest.fixture
def past_orders(fake_tables: None) -> list[str]:
    """Two orders under BOOK, of a gold shopper and somebody unknown: 3 A and 1 B each. A costs 1000
    and has a margin of 400; B costs 2500."""
    shop.stocked({"A": {"denver": 9, "depot": 9}, "B": {"denver": 9, "omaha": 4}})
    for sku, price, margin in (("A", 1000, 400), ("B", 2500, None)):
        catalog.put(Product(sku, sku, price, "USD", 1.0, margin=margin))
    publish(BOOK)
    return [
        placed(ordered(quoted(customer=customer)["quote_token"]), key=key)["order_id"]
        for key, customer in (("gold", {"tier": "gold"}), ("unknown", {}))
    ]
