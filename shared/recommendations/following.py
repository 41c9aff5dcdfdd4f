"""Count what orders say about taste."""

from collections.abc import Iterable
from datetime import datetime

from shared.catalog import store as catalog
from shared.orders.model import Order
from shared.recommendations.model.baskets import basket_of, bought, counts
from shared.recommendations.store import counting, models
from shared.recommendations.store.counting import Counted

DEPARTMENT = "department"
"""The attribute of a product that names its department."""


def follow(orders: Iterable[Order], now: datetime) -> int:
    """Counts the orders as they are, each once, and what has changed since they were counted; older
    ones than are counted are left out. Returns how many were new or newer.

    Raises Busy.
    """
    recent = [order for order in orders if counts(order.placed_at, now)]
    products = catalog.products({sku: None for order in recent for sku in bought(order)})

    def department(sku: str) -> str:
        product = products.get(sku)
        return product.attributes.get(DEPARTMENT, "") if product else ""

    return counting.count(
        [Counted(order.order_id, order.version, basket_of(order, department)) for order in recent],
        now,
        models.model(),
    )
