"""Take returned units back that nobody has announced, at any location, and compute the refund."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.errors import Conflict
from shared.orders.model.balancing import balance
from shared.orders.model.change import OrderChange, with_effects, with_entry, with_line
from shared.orders.model.order import Order, Returned
from shared.orders.model.returns import returnable
from shared.stock.model.position import Effect


def take_back(
    order: Order,
    location_id: str,
    returns: Sequence[Returned],
    now: datetime,
    actor: str,
    exchange_order_id: str | None = None,
) -> OrderChange:
    """Take units back at a location. Sellable units are on sale there at once. The refund names
    ``exchange_order_id``, the order of what the shopper takes instead.

    Raises Conflict for more units than were handed over and not returned.
    """
    effects: list[Effect] = []
    for entry in returns:
        line = order.line(entry.line_id)
        possible = returnable(order, line)
        if entry.quantity > possible:
            raise Conflict(
                f"of line {entry.line_id} {possible} can be returned",
                line_id=entry.line_id,
                returnable=possible,
            )
        line = replace(
            line,
            returned=line.returned + entry.quantity,
            credited=line.credited + entry.quantity,
        )
        order = with_line(order, line)
        sellable = entry.quantity if entry.condition == "sellable" else 0
        effects.append(
            Effect(line.sku, location_id, sellable, 0, damaged=entry.quantity - sellable)
        )
    detail = {
        "location_id": location_id,
        "lines": [
            {
                "line_id": entry.line_id,
                "quantity": entry.quantity,
                "condition": entry.condition,
                "reason": entry.reason,
            }
            for entry in returns
        ],
    }
    order = with_entry(order, now, "return.received", actor, detail)
    order = balance(order, now, "returned", exchange_order_id)
    return with_effects(OrderChange(order, cause="return.received"), order, effects)
