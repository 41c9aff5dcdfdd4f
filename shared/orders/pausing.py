"""End pauses of orders: what their locations can promise from now on is read first."""

from datetime import datetime
from functools import cache

from shared.orders import model, sourcing, store
from shared.orders.model import Fulfillment, Order, OrderChange, Parcel, Taken
from shared.orders.model.pausing import Renew
from shared.orders.reading import supply_for
from shared.orders.sourcing import Supply


def renewal(order: Order, now: datetime) -> Renew:
    """The dates that locations can keep for fulfillments of ``order`` from now on. What that takes
    is read once, when the first of them is asked for."""

    @cache
    def supply() -> Supply:
        skus = {line.sku for part in order.fulfillments if part.is_open for line in part.lines}
        return supply_for(order, store.read_placement(sorted(skus)), now)

    def renew(part: Fulfillment) -> Parcel | None:
        if part.location_id not in supply().locations:
            return None
        return sourcing.parcel(
            part.location_id,
            part.method,
            [Taken(line.line_id, line.quantity) for line in part.lines],
            order.service_level,
            supply=supply(),
            now=now,
        )

    return renew


def complete(before: Order, change: OrderChange, now: datetime) -> OrderChange:
    """Go on with an order that the change completes (model/pausing.py)."""
    return model.complete(before, change, now, renewal(change.order, now))


def release(order: Order, pause_id: str, now: datetime, actor: str) -> OrderChange:
    """End a pause of the order (model/pausing.py). Raises NotFound when it has ended."""
    return model.release(order, pause_id, now, actor, renewal(order, now))
