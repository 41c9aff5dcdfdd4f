"""Hand over another SKU where units of a line are not found. Pure.

    the line allows it   the units of the other SKU are those of the order at once
    the line asks        they are reserved at once, and the shopper may refuse them in time; the
                         location goes on when the shopper has agreed. Unanswered means refused: the
                         first SKU is looked for elsewhere. Nothing is asked once the units are
                         picked, because only a person releases those

The other units are a line of their own, ``instead_of`` the first, of which as many are cancelled.
They are never dearer: the price of the first line holds, unless the location gives a lower one.

    owed(order) with the other units <= owed(order) before
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.errors import Conflict, InvalidTransition, invalid
from shared.instants import rfc3339
from shared.orders.model.balancing import balance
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    lines_without,
    with_effects,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.fulfilling import correction, must_not_be_paused, with_count_requests
from shared.orders.model.order import (
    Fulfillment,
    Line,
    Order,
    Rejection,
)
from shared.orders.model.quoted import by_points, parts_of, points_alone, total
from shared.orders.model.repricing import repriced
from shared.orders.model.revising import ByHand, Revised
from shared.orders.model.selling_cards import must_be_goods
from shared.orders.model.states import FulfillmentState, LocationReason, SubstitutionConsent
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)
from shared.orders.model.value import kept_units, line_tax, worth
from shared.stock.model.position import release

POSSIBLE: Mapping[SubstitutionConsent, tuple[FulfillmentState, ...]] = {
    "ask": ("accepted",),
    "allow": ("accepted", "picked"),
}
"""The states of a fulfillment in which its units are substituted."""


@dataclass(frozen=True, slots=True)
class Substitute:
    """``quantity`` units of ``sku`` for as many of a line, which are not there for ``reason``.
    ``unit_price`` is in minor units; None keeps that of the line."""

    line_id: str
    quantity: int
    sku: str
    reason: LocationReason
    unit_price: int | None = None


def substitute(
    order: Order,
    fulfillment_id: str,
    other: Substitute,
    shelf: Mapping[tuple[str, str], int],
    now: datetime,
    actor: str,
    terms: TimeLimits = TIME_LIMITS,
) -> Revised:
    """Put units of another SKU into the fulfillment. They must still be reserved, at its location.
    The stock of the first SKU is corrected as by a rejection; ``shelf`` as there.

    Raises InvalidTransition unless the units are being picked; OrderPaused; Conflict where the
    shopper wants no substitutes; InvalidRequest for a dearer one, or for units that the fulfillment
    does not have.
    """
    part = order.fulfillment(fulfillment_id)
    line = order.line(other.line_id)
    must_be_goods(line, "replaced")
    if line.substitution not in POSSIBLE:
        raise Conflict(f"the shopper wants line {line.line_id} and no substitute for it")
    if part.state not in POSSIBLE[line.substitution]:
        raise InvalidTransition("substitute", part.state, [])
    must_not_be_paused(order)
    if other.sku == line.sku:
        raise invalid("$.sku", f"line {line.line_id} is of this SKU")
    most = dearest_substitute(line)
    price = most if other.unit_price is None else other.unit_price
    if price > most:
        raise invalid("$.unit_price", f"a substitute is not dearer than {most}")
    lines_left = lines_without(part, {line.line_id: other.quantity})
    held = next(row for row in part.lines if row.line_id == line.line_id)
    rejection = Rejection(line.line_id, other.quantity, other.reason)
    asked = line.substitution == "ask"
    added = _added(order, line, other, price, asked_until=now + terms.consent if asked else None)
    cancelled = replace(
        line,
        open=line.open - other.quantity,
        cancelled=line.cancelled + other.quantity,
        excluded=tuple(sorted({*line.excluded, part.location_id})),
    )
    order = with_line(order, cancelled)
    order = replace(order, lines=(*order.lines, added))
    order = with_fulfillment(order, replace(part, lines=lines_left))
    event = "substitution.proposed" if asked else "substitution.made"
    order = with_entry(order, now, event, actor, _detail(part, line, added, price))
    order = with_count_requests(order, part, [rejection], shelf, now, actor)
    effects = [correction(held, part.location_id, rejection)]
    change = with_effects(OrderChange(order, cause="fulfillment.rejected"), order, effects)
    change = replace(change, order=balance(change.order, now, "substituted"))
    units = {added.line_id: other.quantity}
    return Revised(change, (ByHand(part.location_id, part.method, units, into=fulfillment_id),))


def _added(
    order: Order, line: Line, other: Substitute, price: int, asked_until: datetime | None
) -> Line:
    """The line of the other units. What the shopper owes stays as it is until a lower price is
    agreed to."""
    kept = kept_units(line)
    tax = line_tax(line, kept) - line_tax(line, kept - other.quantity)
    off = line.unit_price * other.quantity - worth(line, other.quantity)
    number = 1 + sum(each.instead_of == line.line_id for each in order.lines)
    added = Line(
        line_id=f"{line.line_id}.s{number}",
        sku=other.sku,
        quantity=other.quantity,
        unit_price=line.unit_price,
        currency=line.currency,
        method=line.method,
        open=other.quantity,
        location_id=line.location_id,
        unassigned=other.quantity,
        tax=tax,
        gift_wrap=line.gift_wrap,
        instead_of=line.line_id,
        consent_by=asked_until,
        agreed_price=price,
        discounts=parts_of(line.discounts, off),
        tax_within=line.tax_within * other.quantity // line.quantity,
    )
    if any(each.line_id == added.line_id for each in order.lines):
        raise Conflict(f"order {order.order_id} has a line {added.line_id}")
    return added if asked_until is not None else _priced(added)


def dearest_substitute(line: Line) -> int:
    """What one other unit may cost: what a unit of the line costs, with what points pay of it."""
    return (line.net + by_points(line.discounts)) // line.quantity


def _priced(line: Line) -> Line:
    """The line at the price that the shopper has agreed to. Points still pay what they did."""
    price = line.agreed_price
    if price is None:
        return line
    discounts = points_alone(line.discounts, price * line.quantity)
    before, after = line.net, price * line.quantity - total(discounts)
    return replace(
        line,
        unit_price=price,
        discounts=discounts,
        tax=line.tax * after // before if before else line.tax,
        tax_within=line.tax_within * after // before if before else 0,
        agreed_price=None,
    )


def agree(order: Order, line_id: str, now: datetime, actor: str) -> OrderChange:
    """The shopper takes the substitute. Raises Conflict when it is not asked for."""
    line = _asked(order, line_id)
    order = with_line(order, _priced(replace(line, consent_by=None)))
    detail = {"line_id": line_id, "instead_of": line.instead_of}
    order = with_entry(order, now, "substitution.agreed", actor, detail)
    return OrderChange(balance(order, now, "substituted"), cause="substitution.agreed")


def refuse(
    order: Order, line_id: str, now: datetime, actor: str, *, reroute: bool = True
) -> OrderChange:
    """The shopper does not take the substitute: its units are on sale again. The units that it was
    for are looked for elsewhere; without ``reroute`` they stay cancelled.

    Raises Conflict when it is not asked for.
    """
    before, line = order, _asked(order, line_id)
    change = OrderChange(order, cause="substitution.refused")
    for part in order.fulfillments:
        units = {row.line_id: row.quantity for row in part.lines if row.line_id == line_id}
        if not part.is_open or not units:
            continue
        lines_left = lines_without(part, units)
        changed = (
            replace(part, lines=lines_left)
            if lines_left
            else replace(part, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        after = with_fulfillment(change.order, changed)
        if not lines_left:
            detail = fulfillment_detail(changed)
            after = with_entry(after, now, "fulfillment.cancelled", actor, detail)
        effects = [
            release(row.sku, part.location_id, row.quantity, row.counters)
            for row in part.lines
            if row.line_id == line_id
        ]
        change = with_effects(change, after, effects)
    refused = replace(
        line,
        open=0,
        unassigned=0,
        cancelled=line.cancelled + line.open,
        consent_by=None,
        agreed_price=None,
        deadline=None,
    )
    order = with_line(change.order, refused)
    first = order.line(line.instead_of or "")
    if reroute:
        reopened = replace(
            first,
            open=first.open + line.open,
            unassigned=first.unassigned + line.open,
            cancelled=first.cancelled - line.open,
        )
        order = with_line(order, reopened)
    detail = {"line_id": line_id, "instead_of": line.instead_of, "rerouted": reroute}
    order = with_entry(order, now, "substitution.refused", actor, detail)
    if not reroute:
        order = repriced(before, order)
    return replace(change, order=balance(order, now, "substitute refused"))


def _asked(order: Order, line_id: str) -> Line:
    line = order.line(line_id)
    if line.consent_by is None or not line.open:
        raise Conflict(f"line {line_id} waits for no consent", line_id=line_id)
    return line


def act_on_consents(change: OrderChange, now: datetime) -> OrderChange:
    """Refuse the substitutes that the shopper has not agreed to in time."""
    for line in change.order.lines:
        if line.consent_by is not None and line.consent_by <= now and line.open:
            refused = refuse(change.order, line.line_id, now, "sweep")
            change = with_effects(change, refused.order, refused.effects)
    return change


def _detail(part: Fulfillment, line: Line, added: Line, price: int) -> dict[str, Any]:
    detail = {
        "fulfillment_id": part.fulfillment_id,
        "location_id": part.location_id,
        "line_id": added.line_id,
        "instead_of": line.line_id,
        "sku": added.sku,
        "was_sku": line.sku,
        "quantity": added.quantity,
        "unit_price": {"amount": price, "currency": line.currency},
        "consent_by": rfc3339(added.consent_by) if added.consent_by else None,
    }
    return {name: value for name, value in detail.items() if value is not None}
