"""A change of an order: the order afterwards with its new history, and the effects on stock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.errors import InvalidRequest
from shared.orders.model.order import Fulfillment, FulfillmentLine, Line, Order, OrderEntry
from shared.orders.model.transfers import TransferChange
from shared.stock.model import position as stock
from shared.stock.model.position import Effect


@dataclass(frozen=True, slots=True)
class OrderChange:
    """``order`` as it will be stored, and one Effect per stock position. ``cause`` names the event
    for the ledger. ``transfers`` that it requests or shrinks are stored in the same transaction;
    the effects have their units. ``pin_hashes`` are those of right PINs by card, of cards that
    pay."""

    order: Order
    effects: tuple[Effect, ...] = ()
    cause: str = ""
    transfers: tuple[TransferChange, ...] = ()
    pin_hashes: Mapping[str, str] = field(default_factory=dict)


def sum_effects(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """One Effect per position, in the order of positions, without those that cancel out.

    A floor stays only where the sum takes available units.
    """
    return tuple(
        effect if effect.reserved > effect.on_hand else effect.unconditional()
        for effect in stock.sum_effects(effects)
    )


def lines_without(part: Fulfillment, units: Mapping[str, int]) -> tuple[FulfillmentLine, ...]:
    """The lines of a fulfillment less ``units`` by line. Raises InvalidRequest for more units than
    it has."""
    quantities = {line.line_id: line.quantity for line in part.lines}
    errors = [
        {
            "path": "$.lines",
            "message": f"{part.fulfillment_id} has {quantities.get(name, 0)} units of line {name}",
        }
        for name, quantity in units.items()
        if quantity > quantities.get(name, 0)
    ]
    if errors:
        raise InvalidRequest("more units than the fulfillment has", errors)
    reduced = (
        replace(line, quantity=line.quantity - units.get(line.line_id, 0)) for line in part.lines
    )
    return tuple(line for line in reduced if line.quantity)


def split(order: Order, part: Fulfillment, units: Mapping[str, int]) -> Order:
    """Leave ``units`` by line in the fulfillment, and move the others to a new one in the same
    state. Raises InvalidRequest when ``units`` names none."""
    other_lines = lines_without(part, units)
    if not other_lines:
        return order
    own_lines = tuple(
        replace(line, quantity=units[line.line_id])
        for line in part.lines
        if units.get(line.line_id)
    )
    if not own_lines:
        raise InvalidRequest(
            "nothing is handed over", [{"path": "$.lines", "message": "no units are named"}]
        )
    other = replace(
        part,
        fulfillment_id=order.next_fulfillment_id,
        lines=other_lines,
        carrier=None,  # a label that was bought is that of the first parcel
        tracking=None,
        former_addresses=0,
    )
    order = with_fulfillment(order, replace(part, lines=own_lines))
    return replace(order, fulfillments=(*order.fulfillments, other))


def with_line(order: Order, changed: Line) -> Order:
    lines = tuple(changed if line.line_id == changed.line_id else line for line in order.lines)
    return replace(order, lines=lines)


def with_fulfillment(order: Order, changed: Fulfillment) -> Order:
    return replace(
        order,
        fulfillments=tuple(
            changed if part.fulfillment_id == changed.fulfillment_id else part
            for part in order.fulfillments
        ),
    )


def with_effects(change: OrderChange, order: Order, effects: Iterable[Effect]) -> OrderChange:
    return replace(change, order=order, effects=sum_effects((*change.effects, *effects)))


def combine(change: OrderChange, following: OrderChange) -> OrderChange:
    """``change`` and the change that was decided on its order, as one."""
    both = with_effects(change, following.order, following.effects)
    return replace(both, transfers=(*change.transfers, *following.transfers))


def with_entry(
    order: Order, at: datetime, event: str, actor: str, detail: Mapping[str, Any]
) -> Order:
    return replace(order, history=(*order.history, OrderEntry(at, event, actor, detail)))


def fulfillment_detail(part: Fulfillment) -> dict[str, Any]:
    """A fulfillment as the detail of an event."""
    detail = {
        "fulfillment_id": part.fulfillment_id,
        "location_id": part.location_id,
        "method": part.method,
        "lines": [{"line_id": line.line_id, "quantity": line.quantity} for line in part.lines],
        "carrier": part.carrier,
        "tracking": part.tracking,
    }
    return {name: value for name, value in detail.items() if value is not None}


def unassigned_units(line: Line) -> dict[str, Any]:
    return {"line_id": line.line_id, "sku": line.sku, "quantity": line.unassigned}
