"""A change of an order: the order afterwards, its new history entries, its effects on stock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.errors import InvalidRequest
from shared.orders.model.order import Fulfillment, FulfillmentLine, Line, Order, OrderEntry
from shared.stock.model import position as stock
from shared.stock.model.position import Effect


@dataclass(frozen=True, slots=True)
class OrderChange:
    """``order`` as it is to be stored, and what that does to stock, one Effect per position."""

    order: Order
    effects: tuple[Effect, ...] = ()
    cause: str = ""


def summed(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """One Effect per position, in the order of positions; what cancels out is left away.

    A floor is kept only where the sum takes from what is available.
    """
    return tuple(
        effect if effect.reserved > effect.on_hand else effect.unconditional()
        for effect in stock.sum_effects(effects)
    )


def lines_without(found: Fulfillment, units: Mapping[str, int]) -> tuple[FulfillmentLine, ...]:
    """The lines of ``found`` without ``units``, by line."""
    there = {held.line_id: held.quantity for held in found.lines}
    errors = [
        {
            "path": "$.lines",
            "message": f"{found.fulfillment_id} has {there.get(name, 0)} units of line {name}",
        }
        for name, quantity in units.items()
        if quantity > there.get(name, 0)
    ]
    if errors:
        raise InvalidRequest("more units than the fulfillment has", errors)
    left = (
        replace(held, quantity=held.quantity - units.get(held.line_id, 0)) for held in found.lines
    )
    return tuple(held for held in left if held.quantity)


def split(order: Order, found: Fulfillment, units: Mapping[str, int]) -> Order:
    """``found`` keeps ``units``; the rest becomes a fulfillment of its own, in the same state."""
    rest = lines_without(found, units)
    if not rest:
        return order
    kept = tuple(
        replace(held, quantity=units[held.line_id])
        for held in found.lines
        if units.get(held.line_id)
    )
    if not kept:
        raise InvalidRequest(
            "nothing is handed over", [{"path": "$.lines", "message": "no units are named"}]
        )
    other = replace(found, fulfillment_id=order.next_fulfillment_id, lines=rest)
    order = with_fulfillment(order, replace(found, lines=kept))
    return replace(order, fulfillments=(*order.fulfillments, other))


def with_line(order: Order, changed: Line) -> Order:
    lines = tuple(changed if line.line_id == changed.line_id else line for line in order.lines)
    return replace(order, lines=lines)


def with_fulfillment(order: Order, changed: Fulfillment) -> Order:
    return replace(
        order,
        fulfillments=tuple(
            changed if found.fulfillment_id == changed.fulfillment_id else found
            for found in order.fulfillments
        ),
    )


def with_effects(change: OrderChange, order: Order, effects: Iterable[Effect]) -> OrderChange:
    return replace(change, order=order, effects=summed((*change.effects, *effects)))


def joined(change: OrderChange, following: OrderChange) -> OrderChange:
    """Both, one after the other."""
    return with_effects(change, following.order, following.effects)


def with_entry(
    order: Order, at: datetime, event: str, actor: str, detail: Mapping[str, Any]
) -> Order:
    return replace(order, history=(*order.history, OrderEntry(at, event, actor, detail)))


def fulfillment_detail(found: Fulfillment) -> dict[str, Any]:
    told = {
        "fulfillment_id": found.fulfillment_id,
        "location_id": found.location_id,
        "method": found.method,
        "lines": [{"line_id": held.line_id, "quantity": held.quantity} for held in found.lines],
        "carrier": found.carrier,
        "tracking": found.tracking,
    }
    return {name: value for name, value in told.items() if value is not None}


def unassigned_units(line: Line) -> dict[str, Any]:
    return {"line_id": line.line_id, "sku": line.sku, "quantity": line.unassigned}
