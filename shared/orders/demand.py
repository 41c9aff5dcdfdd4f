"""Count what orders ask to be shipped, each order once."""

from collections.abc import Iterable
from datetime import datetime

from shared.orders.model import Order
from shared.orders.model.demand import shipment_of
from shared.orders.reading import destination
from shared.orders.store import demand
from shared.orders.store.demand import ShipmentRow


def record_order(order: Order, before: Order | None, now: datetime) -> None:
    """Counts a new order, and corrects its row when an erasure has changed where it went."""
    if before is None or before.ship_to != order.ship_to:
        record_orders([order], now)


def record_orders(orders: Iterable[Order], now: datetime) -> None:
    demand.record([row for order in orders if (row := _row(order)) is not None], now)


def _row(order: Order) -> ShipmentRow | None:
    place = destination(order.ship_to)
    point = (place.latitude, place.longitude) if place else None
    shipment = shipment_of(order, point)
    return ShipmentRow(order.order_id, order.version, shipment) if shipment else None
