"""What becomes of a parcel after it was shipped, as its carrier reports it, and claims.

    shipped ─┬─> delivered
             ├─> lost ───────────────┬─> delivered   found: by the carrier, or by an agent
             │                       ├─> resent      its units are routed again
             │                       └─> refunded    its units count as cancelled
             └─> returned_to_sender ─┬─> resent      once the sender has received the parcel
                                     └─> refunded

Reports come late, twice, and in any order. The state follows from the dates of all reports, not
from their order: the later of loss and return to the sender counts, a delivery goes before a loss,
and a return goes before a delivery (carriers call it delivered when the sender has it back).
A resolved claim stays as it is, whatever a carrier reports then.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from shared.carriers.model import CarrierStatus
from shared.errors import Conflict, InvalidRequest, InvalidTransition
from shared.instants import rfc3339
from shared.orders.model.balancing import balance
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    with_effects,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.fulfilling import allowed_actions
from shared.orders.model.order import (
    Fulfillment,
    Order,
)
from shared.orders.model.repricing import repriced
from shared.orders.model.returns import returnable
from shared.orders.model.states import Condition, FulfillmentState, Resolution
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)
from shared.stock.model.position import Effect

REPORTED: frozenset[FulfillmentState] = frozenset(
    {"shipped", "delivered", "lost", "returned_to_sender"}
)
"""The states that reports of a carrier may change."""
SCANS: Mapping[CarrierStatus, str] = {
    "in_transit": "fulfillment.in_transit",
    "out_for_delivery": "fulfillment.out_for_delivery",
    "exception": "fulfillment.carrier_exception",
}
"""Reports of a parcel under way, with the event of the first of each kind."""
RESOLUTIONS: Mapping[FulfillmentState, tuple[Resolution, ...]] = {
    "lost": ("found", "refund", "resend"),
    "returned_to_sender": ("refund", "resend"),
}
ClaimOwner = Literal["customer_service", "location"]


@dataclass(frozen=True, slots=True)
class ReceivedUnits:
    """Units of a returned parcel as the sender has them back. ``condition`` None: not in it."""

    line_id: str
    quantity: int
    condition: Condition | None


def follow_parcel(
    order: Order,
    fulfillment_id: str,
    status: CarrierStatus,
    at: datetime,
    now: datetime,
    actor: str,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange | None:
    """Record what the carrier reports of a shipped parcel; None when that changes nothing."""
    before = order.fulfillment(fulfillment_id)
    if before.state not in REPORTED or before.resolution is not None:
        return None
    after = _dated(before, status, min(at, now))
    if after == before:
        return None
    after = replace(after, state=_state(after))
    if after.claimed and not before.claimed:
        after = replace(after, deadline=now + terms.exception, escalations=0)
    elif not after.claimed and after.state != "shipped":
        after = replace(after, deadline=None, escalations=0)
    changed = with_fulfillment(order, after)
    if after.state == before.state:
        if after.scans != before.scans:
            event = SCANS[status]
            changed = with_entry(changed, now, event, actor, fulfillment_detail(after))
        return OrderChange(changed, cause="fulfillment.reported")
    changed = with_entry(changed, now, f"fulfillment.{after.state}", actor, _dates(after))
    if before.claimed and not after.claimed:
        detail = {**fulfillment_detail(after), "reason": "delivered"}
        changed = with_entry(changed, now, "claim.withdrawn", actor, detail)
    elif after.claimed:
        changed = with_entry(changed, now, "claim.open", actor, _claim(after))
    return OrderChange(changed, cause=f"fulfillment.{after.state}")


def _dated(part: Fulfillment, status: CarrierStatus, at: datetime) -> Fulfillment:
    """The fulfillment with the date of the report."""
    match status:
        case "delivered":
            return replace(part, delivered_at=min(at, part.delivered_at or at))
        case "lost":
            return replace(part, lost_at=max(at, part.lost_at or at))
        case "returned_to_sender":
            return replace(part, returned_at=max(at, part.returned_at or at))
        case _ if part.state == "shipped" and status not in (part.scans or ()):
            return replace(part, scans=(*(part.scans or ()), status))
    return part


def _state(part: Fulfillment) -> FulfillmentState:
    """The state that follows from the dates of all reports."""
    returned, lost = part.returned_at, part.lost_at
    if returned is not None:
        lost_later = lost is not None and lost > returned and part.received_at is None
        return "lost" if lost_later else "returned_to_sender"
    if part.delivered_at is not None:
        return "delivered"
    return "lost" if lost is not None else "shipped"


def _dates(part: Fulfillment) -> dict[str, Any]:
    """The detail of an event about a parcel. ``in_time`` is whether the promise was kept."""
    detail = fulfillment_detail(part)
    if part.deliver_by is not None:
        detail["deliver_by"] = rfc3339(part.deliver_by)
    if part.state == "delivered" and part.delivered_at is not None:
        detail["delivered_at"] = rfc3339(part.delivered_at)
        if part.deliver_by is not None:
            detail["in_time"] = part.delivered_at <= part.deliver_by
    return detail


def owner_of_claim(part: Fulfillment) -> ClaimOwner:
    """Who must act: the location that has to receive a returned parcel, else customer service."""
    returned = part.state == "returned_to_sender" and part.received_at is None
    return "location" if returned else "customer_service"


def _claim(part: Fulfillment) -> dict[str, Any]:
    """The detail of the event ``claim.open``."""
    detail = {
        **fulfillment_detail(part),
        "reason": part.state,
        "owner": owner_of_claim(part),
        "reminders": part.escalations,
        "deadline": rfc3339(part.deadline) if part.deadline else None,
    }
    return {name: value for name, value in detail.items() if value is not None}


def remind_of_claim(
    order: Order, part: Fulfillment, now: datetime, terms: TimeLimits = TIME_LIMITS
) -> Order:
    """Remind the owner of an open claim; the next reminder follows a day later."""
    late = replace(part, deadline=now + terms.exception, escalations=part.escalations + 1)
    return with_entry(with_fulfillment(order, late), now, "claim.open", "sweep", _claim(late))


def ask_about(order: Order, part: Fulfillment, now: datetime) -> Order:
    """Ask customer service about a parcel of which nobody has reported a delivery, once."""
    asked = replace(part, deadline=None)
    return with_entry(
        with_fulfillment(order, asked), now, "fulfillment.unreported", "sweep", _dates(asked)
    )


def receive_parcel(
    order: Order,
    fulfillment_id: str,
    received: Sequence[ReceivedUnits] | None,
    now: datetime,
    actor: str,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange:
    """The sender has received a returned parcel: sellable units are on sale there at once. None of
    ``received`` stands for all units, sellable. The claim stays open for customer service.

    Raises InvalidTransition, InvalidRequest unless ``received`` names each unit once.
    """
    part = order.fulfillment(fulfillment_id)
    if part.state != "returned_to_sender" or part.received_at is not None:
        raise InvalidTransition("receive", part.state, parcel_actions(part))
    if received is None:
        received = [ReceivedUnits(held.line_id, held.quantity, "sellable") for held in part.lines]
    _check_received(part, received)
    skus = {held.line_id: held.sku for held in part.lines}
    effects = []
    for units in received:
        sellable = units.quantity if units.condition == "sellable" else 0
        damaged = units.quantity if units.condition == "damaged" else 0
        if units.condition is not None:
            sku = skus[units.line_id]
            effects.append(Effect(sku, part.location_id, sellable, 0, damaged=damaged))
    deadline = now + terms.exception
    after = replace(part, received_at=now, deadline=deadline, escalations=0)
    detail = {
        "fulfillment_id": fulfillment_id,
        "location_id": part.location_id,
        "lines": [
            {
                "line_id": units.line_id,
                "quantity": units.quantity,
                "condition": units.condition or "missing",
            }
            for units in received
        ],
    }
    order = with_entry(
        with_fulfillment(order, after), now, "fulfillment.received_back", actor, detail
    )
    order = with_entry(order, now, "claim.open", actor, _claim(after))
    return with_effects(OrderChange(order, cause="fulfillment.received_back"), order, effects)


def _check_received(part: Fulfillment, received: Sequence[ReceivedUnits]) -> None:
    units: Counter[str] = Counter()
    for row in received:
        units[row.line_id] += row.quantity
    held = Counter({line.line_id: line.quantity for line in part.lines})
    errors = [
        {
            "path": "$.lines",
            "message": f"the parcel has {held[line_id]} units of line {line_id}, not"
            f" {units[line_id]}; name missing units as missing",
        }
        for line_id in sorted({*held, *units})
        if held[line_id] != units[line_id]
    ]
    if errors:
        raise InvalidRequest("name each unit of the parcel once", errors)


def resolve_claim(
    order: Order, fulfillment_id: str, resolution: Resolution, now: datetime, actor: str
) -> OrderChange:
    """End a claim. ``resend``: its units are open again and unassigned, to be routed. ``refund``:
    they count as cancelled, and what was charged for them is due back. ``found``: the shopper has
    the parcel, and the claim is withdrawn.

    Raises InvalidTransition without an open claim; Conflict when the sender has not received the
    returned parcel yet, or the shopper has returned units that the claim would count again.
    """
    part = order.fulfillment(fulfillment_id)
    allowed = RESOLUTIONS.get(part.state, ())
    if resolution not in allowed:
        raise InvalidTransition(resolution, part.state, allowed)
    if resolution == "found":
        return _found(order, part, now, actor)
    if part.state == "returned_to_sender" and part.received_at is None:
        raise Conflict(
            f"{part.location_id} has not received the parcel yet: it confirms that first",
            location_id=part.location_id,
        )
    before = order
    units = Counter[str]()
    for held in part.lines:
        units[held.line_id] += held.quantity
    for line_id, quantity in units.items():
        line = order.line(line_id)
        if returnable(order, line) < quantity:
            raise Conflict(
                f"units of line {line_id} were returned, or are expected back: the shopper had"
                " them",
                line_id=line_id,
                returned=line.returned,
            )
        fulfilled = line.fulfilled - quantity
        if resolution == "resend":
            reopened = replace(
                line,
                fulfilled=fulfilled,
                open=line.open + quantity,
                unassigned=line.unassigned + quantity,
                since=line.since or now,
            )
        else:
            reopened = replace(line, fulfilled=fulfilled, cancelled=line.cancelled + quantity)
        order = with_line(order, reopened)
    state: FulfillmentState = "resent" if resolution == "resend" else "refunded"
    ended = replace(part, state=state, resolution=resolution, deadline=None, escalations=0)
    detail = {**fulfillment_detail(ended), "resolution": resolution}
    order = with_entry(with_fulfillment(order, ended), now, "claim.resolved", actor, detail)
    order = balance(repriced(before, order), now, part.state)
    return OrderChange(order, cause="claim.resolved")


def _found(order: Order, part: Fulfillment, now: datetime, actor: str) -> OrderChange:
    found = replace(
        part,
        state="delivered",
        resolution="found",
        delivered_at=part.delivered_at or now,
        deadline=None,
        escalations=0,
    )
    order = with_entry(
        with_fulfillment(order, found), now, "fulfillment.delivered", actor, _dates(found)
    )
    detail = {**fulfillment_detail(found), "reason": "found"}
    order = with_entry(order, now, "claim.withdrawn", actor, detail)
    return OrderChange(order, cause="claim.withdrawn")


def parcel_actions(part: Fulfillment) -> tuple[str, ...]:
    """The actions that the state allows, with those on a parcel that is lost or came back."""
    if not part.claimed:
        return tuple(allowed_actions(part))
    return ("receive",) if owner_of_claim(part) == "location" else ("claim",)
