"""Revise an order after it was placed: address, service level, method, quantities, locations.

Units are conserved: those that have to come from elsewhere become unassigned, and are routed anew
(sourcing/planning.py) or given to the location that a person has chosen. Nothing changes about a
parcel that is packed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.errors import Conflict, InvalidRequest, invalid
from shared.instants import rfc3339
from shared.locations.model import Method, ServiceLevel
from shared.orders.model.balancing import balance
from shared.orders.model.cancelling import cancel_units
from shared.orders.model.change import (
    OrderChange,
    combine,
    fulfillment_detail,
    split,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.contacts import Contacts
from shared.orders.model.erased import is_erased
from shared.orders.model.fulfilling import withdraw_units
from shared.orders.model.offering import record_delays
from shared.orders.model.order import DeliveryPlace, Fulfillment, Line, Order
from shared.orders.model.pausing import LONGEST, new_pause, pause
from shared.orders.model.quoted import points_alone
from shared.orders.model.repricing import within_price
from shared.orders.model.selling_cards import must_be_goods
from shared.orders.model.states import OPEN, UNPICKED, FulfillmentState, SubstitutionConsent

DATE = "date"
"""The pause of an order whose shopper wants the goods later."""
BEFORE_PACKING: tuple[FulfillmentState, ...] = ("offered", "accepted", "picked")
"""The states in which a parcel can still be changed."""


@dataclass(frozen=True, slots=True)
class LineRevision:
    """None stands for what stays. ``quantity`` is the number of units that the shopper wants in
    all, those that were handed over among them."""

    line_id: str
    quantity: int | None = None
    unit_price: int | None = None
    tax: int | None = None
    method: Method | None = None
    location_id: str | None = None
    backorder: bool | None = None
    ship_to_store: bool | None = None
    substitution: SubstitutionConsent | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """``units`` by line of a fulfillment (None: all) that go to ``location_id``, or, where that is
    None, become a fulfillment of their own at the same location."""

    fulfillment_id: str
    location_id: str | None = None
    units: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """What to change about an order. None stands for what stays."""

    reason: str
    ship_to: DeliveryPlace | None = None
    contacts: Contacts | None = None
    service_level: ServiceLevel | None = None
    shipping: int | None = None
    shipping_tax: int | None = None
    lines: tuple[LineRevision, ...] = ()
    added: tuple[Line, ...] = ()
    moves: tuple[Move, ...] = ()
    wanted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ByHand:
    """``units`` by line that a person gives to a location: a fulfillment of their own, or units of
    the fulfillment ``into``."""

    location_id: str
    method: Method
    units: Mapping[str, int]
    into: str | None = None


@dataclass(frozen=True, slots=True)
class Revised:
    """``change`` leaves units unassigned; those of ``by_hand`` go to the locations named, the
    others are routed. ``redated`` are fulfillments whose picked units get new dates."""

    change: OrderChange
    by_hand: tuple[ByHand, ...] = ()
    redated: tuple[str, ...] = ()


def revise(order: Order, revision: Revision, now: datetime, actor: str) -> Revised:
    """Decide the change.

    Raises Conflict with the parcels that are too far, or for a finished order; InvalidRequest for a
    line, quantity or location that does not fit the order.
    """
    if not order.is_unfinished:
        raise Conflict(f"order {order.order_id} is {order.state}: place another one")
    if is_erased(order) and (revision.ship_to is not None or revision.contacts is not None):
        raise Conflict(f"the buyer of order {order.order_id} was erased: it takes no address")
    start = OrderChange(order, cause="order.changed")
    change = _with_terms(start, revision)
    change, redated = _with_delivery(change, order, revision, now, actor)
    for line in revision.lines:
        change = _with_revised_line(change, line, revision.reason, now, actor)
    change = _with_added(change, revision.added)
    if revision.wanted_at is not None:
        change = _with_date(change, revision.wanted_at, now, actor)
    by_hand: list[ByHand] = []
    for move in revision.moves:
        change, given = _moved(change, move, now, actor)
        by_hand += given
    detail = {"changed": sorted(_changed(revision)), "reason": revision.reason}
    after = with_entry(change.order, now, "order.changed", actor, detail)
    if any(line.unit_price is not None for line in revision.lines):
        after = within_price(after)
    after = balance(after, now, "changed")
    return Revised(replace(change, order=after), tuple(by_hand), redated)


def _changed(revision: Revision) -> Iterable[str]:
    """The names of what the revision changes; its values may be personal."""
    for name in ("ship_to", "contacts", "service_level", "shipping", "wanted_at"):
        if getattr(revision, name) is not None:
            yield name
    for name in ("lines", "added", "moves"):
        if getattr(revision, name):
            yield name


def _with_terms(change: OrderChange, revision: Revision) -> OrderChange:
    order = change.order
    changed: dict[str, Any] = {
        name: value
        for name in ("contacts", "shipping", "shipping_tax", "service_level", "ship_to")
        if (value := getattr(revision, name)) is not None
    }
    return replace(change, order=replace(order, **changed))


def _with_delivery(
    change: OrderChange, before: Order, revision: Revision, now: datetime, actor: str
) -> tuple[OrderChange, tuple[str, ...]]:
    """Free the units that are to be shipped to another place or by another service. Picked ones
    stay at their location; their fulfillments are returned, to get new dates."""
    order = change.order
    addressed = revision.contacts is not None and (
        revision.contacts.ship_to != before.contacts.ship_to
    )
    elsewhere = order.ship_to != before.ship_to or order.service_level != before.service_level
    if not elsewhere and not addressed:
        return change, ()
    parts = [part for part in order.fulfillments if part.is_open and part.method == "ship"]
    _refuse_too_far(part for part in parts if part.state not in BEFORE_PACKING)
    order = _without_labels(order, parts, now, actor)
    change = replace(change, order=order)
    parts = [order.fulfillment(part.fulfillment_id) for part in parts]
    if not elsewhere:
        return change, ()
    units = {
        part.fulfillment_id: {line.line_id: line.quantity for line in part.lines}
        for part in parts
        if part.state in UNPICKED
    }
    picked = tuple(part.fulfillment_id for part in parts if part.state not in UNPICKED)
    return combine(change, withdraw_units(order, units, now, actor)), picked


def _with_date(change: OrderChange, wanted_at: datetime, now: datetime, actor: str) -> OrderChange:
    """Promise the goods for ``wanted_at``. The order is paused until its locations have to begin,
    with the units that they hold. A later call moves that date."""
    order = change.order
    parts = [part for part in order.fulfillments if part.is_open]
    _refuse_too_far(part for part in parts if part.state not in UNPICKED)
    dates = [part.deliver_by if part.method == "ship" else part.ready_by for part in parts]
    promised = max((at for at in dates if at is not None), default=None)
    if promised is None:
        raise Conflict(f"nothing of order {order.order_id} is promised for a date yet")
    before = next((one for one in order.pauses if one.pause_id == DATE), None)
    earliest = promised - (before.deadline - now if before else timedelta(0))
    if wanted_at > now + LONGEST:
        raise invalid("$.wanted_at", f"it must be within {LONGEST.days} days from now")
    if wanted_at <= earliest:
        raise invalid("$.wanted_at", f"the goods are promised by {rfc3339(earliest)} already")
    delay = wanted_at - promised
    begins = (before.deadline if before else now) + delay
    others = tuple(one for one in order.pauses if one.pause_id != DATE)
    wish = new_pause(DATE, "until", "the shopper wants it later", actor, now, begins)
    order = pause(replace(order, pauses=others), wish, now, actor).order
    for part in parts:
        later = replace(
            part,
            ready_by=part.ready_by + delay if part.ready_by else None,
            deliver_by=part.deliver_by + delay if part.deliver_by else None,
        )
        order = with_fulfillment(order, later)
    return record_delays(change.order, replace(change, order=order), now)


def _without_labels(order: Order, parts: Iterable[Fulfillment], now: datetime, actor: str) -> Order:
    """The order with the labels of ``parts`` void, also one that is being bought: they have the
    former address or service."""
    for part in parts:
        if part.tracking is not None:
            detail = fulfillment_detail(part)
            order = with_entry(order, now, "fulfillment.label_void", actor, detail)
        unlabelled = replace(
            part, carrier=None, tracking=None, former_addresses=part.former_addresses + 1
        )
        order = with_fulfillment(order, unlabelled)
    return order


def _with_revised_line(
    change: OrderChange, revised: LineRevision, reason: str, now: datetime, actor: str
) -> OrderChange:
    change = _with_method(change, revised, now, actor)
    line = change.order.line(revised.line_id)
    if revised.quantity not in {None, 0} or revised.unit_price is not None:
        must_be_goods(line, "changed")
    given = {
        name: value
        for name in ("backorder", "ship_to_store", "substitution", "unit_price", "tax")
        if (value := getattr(revised, name)) is not None
    }
    line = _at_price(replace(line, **given), line, revised)
    wanted = line.quantity - line.cancelled if revised.quantity is None else revised.quantity
    more = wanted - (line.quantity - line.cancelled)
    if more > 0:
        tax = line.tax
        if revised.tax is None:
            tax = tax * (line.quantity + more) // line.quantity
        before = line
        line = replace(
            line,
            quantity=line.quantity + more,
            open=line.open + more,
            unassigned=line.unassigned + more,
            tax=tax,
        )
        line = _with_tax_within(line, before)
    order = with_line(change.order, line)
    change = replace(change, order=order)
    return _with_fewer(change, line, -more, reason, now, actor) if more < 0 else change


def _at_price(line: Line, before: Line, revised: LineRevision) -> Line:
    """The line without the discounts of promotions when a person has set another price; points
    still pay what they did."""
    if revised.unit_price is None:
        return line
    kept = points_alone(line.discounts, line.unit_price * line.quantity)
    return _with_tax_within(replace(line, discounts=kept), before)


def _with_tax_within(line: Line, before: Line) -> Line:
    """The line with the tax that its net price contains, at the rate of before."""
    within = before.tax_within * line.net // before.net if before.net else 0
    return replace(line, tax_within=within)


def _with_fewer(
    change: OrderChange, line: Line, fewer: int, reason: str, now: datetime, actor: str
) -> OrderChange:
    """Cancel units of a line: first those that no location holds, then those of the fulfillments
    from the least to the most advanced. Packed ones stay."""
    order = change.order
    unheld = min(fewer, line.unassigned + line.backordered)
    remaining = fewer - unheld
    parts: list[tuple[Fulfillment, dict[str, int]]] = []
    too_far: list[Fulfillment] = []
    ranked = sorted(
        (part for part in order.fulfillments if part.is_open),
        key=lambda part: OPEN.index(part.state),
    )
    for part in ranked:
        units = sum(held.quantity for held in part.lines if held.line_id == line.line_id)
        taken = min(remaining, units)
        if taken and part.state in BEFORE_PACKING:
            parts.append((part, {line.line_id: taken}))
            remaining -= taken
        elif units:
            too_far.append(part)
    if remaining:
        _refuse_too_far(too_far)
        raise invalid(
            f"$.lines[?line_id=={line.line_id}].quantity",
            f"{line.fulfilled} units of line {line.line_id} were handed over: "
            "they come back as a return",
        )
    by_line = {line.line_id: unheld} if unheld else {}
    return combine(change, cancel_units(order, by_line, parts, reason, now=now, actor=actor))


def _with_method(
    change: OrderChange, revised: LineRevision, now: datetime, actor: str
) -> OrderChange:
    """Free the units of a line that are shipped instead of collected, or the other way round, or
    collected elsewhere."""
    line = change.order.line(revised.line_id)
    method = revised.method or line.method
    location_id = revised.location_id
    if location_id is None and method == line.method:
        location_id = line.location_id
    _check_method(change.order, line, method, location_id)
    if (method, location_id) == (line.method, line.location_id):
        return change
    parts = [
        part
        for part in change.order.fulfillments
        if part.is_open and any(held.line_id == line.line_id for held in part.lines)
    ]
    _refuse_too_far(part for part in parts if part.state not in UNPICKED)
    units = {
        part.fulfillment_id: {
            held.line_id: held.quantity for held in part.lines if held.line_id == line.line_id
        }
        for part in parts
    }
    change = combine(change, withdraw_units(change.order, units, now, actor))
    line = change.order.line(line.line_id)
    moved = replace(
        line,
        method=method,
        location_id=location_id,
        ship_to_store=line.ship_to_store and method == "pickup",
        open=line.open + line.backordered,
        unassigned=line.unassigned + line.backordered,
        backordered=0,
        claims=(),
        excluded=(),
        expired=(),
    )
    return replace(change, order=with_line(change.order, moved))


def _check_method(order: Order, line: Line, method: Method, location_id: str | None) -> None:
    path = f"$.lines[?line_id=={line.line_id}]"
    if method == "pickup" and location_id is None:
        raise invalid(f"{path}.location_id", "a pickup line needs a location")
    if method == "ship" and location_id is not None:
        raise invalid(f"{path}.location_id", "a ship line has none; use fulfillments to choose one")
    if method == "ship" and order.ship_to is None:
        raise invalid("$.ship_to", "the order has no delivery address for a line to ship")


def _with_added(change: OrderChange, added: Iterable[Line]) -> OrderChange:
    order = change.order
    for number, line in enumerate(added):
        path = f"$.add[{number}]"
        if line.card_id is not None:
            raise invalid(f"{path}.card_id", "sell a card with an order of its own")
        if any(other.line_id == line.line_id for other in order.lines):
            raise invalid(f"{path}.line_id", "the order has a line with this id")
        if line.currency != order.lines[0].currency:
            raise invalid(f"{path}.unit_price.currency", f"use {order.lines[0].currency}")
        if line.method == "ship" and order.ship_to is None:
            raise invalid("$.ship_to", "the order has no delivery address for a line to ship")
        opened = replace(line, open=line.quantity, unassigned=line.quantity)
        order = replace(order, lines=(*order.lines, opened))
    return replace(change, order=order)


def _moved(
    change: OrderChange, move: Move, now: datetime, actor: str
) -> tuple[OrderChange, list[ByHand]]:
    order = change.order
    part = order.fulfillment(move.fulfillment_id)
    units = move.units or {line.line_id: line.quantity for line in part.lines}
    if move.location_id is None:
        if part.state not in BEFORE_PACKING:
            _refuse_too_far([part])
        return replace(change, order=split(order, part, units)), []
    if part.state not in UNPICKED:
        _refuse_too_far([part])
    if part.method == "pickup":
        raise invalid(
            "$.fulfillments", "the shopper collects these units: change the line's location_id"
        )
    if move.location_id == part.location_id:
        raise invalid("$.fulfillments", f"{part.fulfillment_id} is at {part.location_id} already")
    freed = withdraw_units(order, {part.fulfillment_id: units}, now, actor)
    return combine(change, freed), [ByHand(move.location_id, part.method, units)]


def _refuse_too_far(parts: Iterable[Fulfillment]) -> None:
    """Raises Conflict naming the parcels, when there are any."""
    too_far = [{"fulfillment_id": part.fulfillment_id, "state": part.state} for part in parts]
    if too_far:
        named = ", ".join(f"{row['fulfillment_id']} is {row['state']}" for row in too_far)
        raise Conflict(f"too late for this change: {named}", too_far=too_far)


def newly_unassigned(before: Order, after: Order) -> Counter[str]:
    """Units by line that are unassigned and were not before."""
    old = {line.line_id: line.unassigned for line in before.lines}
    return +Counter(
        {line.line_id: line.unassigned - old.get(line.line_id, 0) for line in after.lines}
    )


def check_size(order: Order, most: int) -> None:
    """Raises InvalidRequest for more lines than an order may have."""
    if len(order.lines) > most:
        raise InvalidRequest(
            "too many lines", [{"path": "$.add", "message": f"an order has at most {most} lines"}]
        )
