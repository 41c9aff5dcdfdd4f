"""Pause an order: for a fraud review, by hand, or until a date.

A paused order keeps its units and its promises, and nobody works on it: locations are not told of
new offers, cannot answer those that they have, and no deadline of a fulfillment or a line acts.
Paying, cancelling and returning go on. The deadline of a payment acts too: an order that is not
paid is no reason to keep units.

Every pause has an owner and a deadline. When it passes:

    until     the pause ends
    manual    `order.pause_overdue`, every day
    fraud     the same; after a week what is not picked is cancelled. Picked units stay with the
              owner, who is reminded every day: only a person releases them

Of several pauses each ends by itself; the order goes on with the last. Deadlines then move by the
time that the order was paused, locations are told of the offers that were made meanwhile, and
promises that can no longer be kept are made anew (`order.repromised`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.errors import InvalidTransition, NotFound
from shared.instants import rfc3339
from shared.orders.model.cancelling import cancel
from shared.orders.model.change import (
    OrderChange,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.fulfilling import advance, deadline_of
from shared.orders.model.offering import offered_detail, record_delays
from shared.orders.model.order import (
    Fulfillment,
    Line,
    Order,
    Parcel,
    Pause,
    PauseKind,
)
from shared.orders.model.states import IN_HAND
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)

MOST_PAUSES = 5
"""Pauses of one order at a time."""
MOST_CANCELLED = 16
"""Lines that one transaction of a deadline cancels (deadlines.MOST_AT_ONCE)."""
LONGEST = timedelta(days=365)
"""From now to the date until which an order is paused: it keeps its units from everybody else."""
NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class PauseLimits:
    fraud: timedelta = timedelta(hours=24)
    """How long the owner has, unless the pause says so itself."""
    manual: timedelta = timedelta(hours=72)
    remind: timedelta = timedelta(days=1)
    """Between two reports of a pause whose deadline has passed."""
    give_up_fraud: timedelta = timedelta(days=7)
    """From the beginning of a fraud review until the order is cancelled."""


PAUSE_LIMITS = PauseLimits()

Renew = Callable[[Fulfillment], Parcel | None]
"""The dates that the fulfillment's location can keep from now on, and whether it accepts every
offer; None when the dates stay as they are."""


def as_promised(_: Fulfillment) -> None:
    """The Renew of dates that can still be kept."""
    return


def new_pause(
    pause_id: str,
    kind: PauseKind,
    reason: str,
    owner: str,
    now: datetime,
    until: datetime | None = None,
    limits: PauseLimits = PAUSE_LIMITS,
) -> Pause:
    """A pause that begins now. ``until`` is required for the kind of this name; for the others it
    replaces the usual deadline."""
    if kind == "until" and until is None:
        raise ValueError("a pause until a date needs the date")
    usual = {"fraud": limits.fraud, "manual": limits.manual, "until": NONE}[kind]
    return Pause(pause_id, kind, reason, owner, now, now, until or now + usual)


def pause(order: Order, added: Pause, now: datetime, actor: str) -> OrderChange:
    """Pause the order, or add a pause to a paused one.

    Raises InvalidTransition when nothing of the order is unfinished, or it has MOST_PAUSES.
    """
    if not order.is_unfinished:
        raise InvalidTransition("pause", order.state, [])
    if len(order.pauses) >= MOST_PAUSES:
        raise InvalidTransition("pause", f"paused {MOST_PAUSES} times", ["release"])
    first = order.pauses[0].paused_since if order.pauses else now
    paused = replace(order, pauses=(*order.pauses, replace(added, paused_since=first)))
    paused = with_entry(paused, now, "order.paused", actor, _detail(added))
    return OrderChange(paused, cause="order.paused")


def record_pauses(change: OrderChange, now: datetime, actor: str) -> OrderChange:
    """Record the pauses with which an order is placed."""
    order = change.order
    for added in order.pauses:
        order = with_entry(order, now, "order.paused", actor, _detail(added))
    return replace(change, order=order)


def _detail(of: Pause) -> dict[str, Any]:
    return {
        "pause_id": of.pause_id,
        "kind": of.kind,
        "reason": of.reason,
        "owner": of.owner,
        "deadline": rfc3339(of.deadline),
    }


def release(
    order: Order, pause_id: str, now: datetime, actor: str, renew: Renew = as_promised
) -> OrderChange:
    """End a pause; the order goes on when it was the last. Raises NotFound when it has ended."""
    ended = next((one for one in order.pauses if one.pause_id == pause_id), None)
    if ended is None:
        raise NotFound(f"order {order.order_id} has no pause {pause_id}: it may have been released")
    others = tuple(one for one in order.pauses if one.pause_id != pause_id)
    goes_on = not others
    before = order
    order = replace(order, pauses=others)
    detail = _released(ended, goes_on=goes_on)
    order = with_entry(order, now, "order.pause_released", actor, detail)
    if goes_on:
        order = _go_on(order, ended.paused_since, now, renew)
    change = OrderChange(order, cause="order.pause_released")
    return record_delays(before, change, now) if goes_on else change


def complete(
    before: Order, change: OrderChange, now: datetime, renew: Renew = as_promised
) -> OrderChange:
    """Go on with the work on an order that the change completes: its accepted fulfillments have
    waited for units that no location had. They are promised anew where that is needed."""
    if not before.is_incomplete or change.order.is_incomplete or change.order.is_paused:
        return change
    order = change.order
    rested = {part.fulfillment_id for part in before.fulfillments if before.rests(part)}
    for part in order.fulfillments:
        if part.is_open and part.fulfillment_id in rested:
            parcel = renew(part)
            renewed = _renewed(part, parcel, now)
            limits = parcel.limits if parcel is not None else TIME_LIMITS
            deadline = deadline_of(renewed, part.state, now, limits)
            order = with_fulfillment(order, replace(renewed, deadline=deadline, escalations=0))
    return record_delays(before, replace(change, order=order), now)


def end_with_cancel(
    order: Order, pause_id: str, reason: str, now: datetime, actor: str
) -> OrderChange:
    """End a pause by cancelling the order: its units are on sale again, and what was charged is due
    back. Other pauses end with it."""
    if pause_id not in {one.pause_id for one in order.pauses}:
        raise NotFound(f"order {order.order_id} has no pause {pause_id}: it may have been released")
    cancelled = cancel(order, None, reason, now, actor)
    order = replace(cancelled.order, pauses=())
    for one in cancelled.order.pauses:
        order = with_entry(order, now, "order.pause_released", actor, _released(one, goes_on=False))
    return replace(cancelled, order=order)


def _released(one: Pause, *, goes_on: bool) -> dict[str, Any]:
    detail = {"pause_id": one.pause_id, "kind": one.kind, "owner": one.owner}
    return {**detail, "goes_on": goes_on}


def _go_on(order: Order, since: datetime, now: datetime, renew: Renew) -> Order:
    """Move the deadlines by the time of the pause, and tell of the offers made in it."""
    told = {
        entry.detail["fulfillment_id"]
        for entry in order.history
        if entry.event == "fulfillment.offered"
    }
    accepted: dict[str, TimeLimits] = {}
    for part in order.fulfillments:
        if not part.is_open:
            continue
        parcel = renew(part)
        untold = part.offered_at >= since and part.fulfillment_id not in told
        renewed = _renewed(part, parcel, now)
        limits = parcel.limits if parcel is not None else TIME_LIMITS
        deadline = _deadline(renewed, since, now, limits)
        renewed = replace(renewed, deadline=deadline, offered_at=now if untold else part.offered_at)
        order = with_fulfillment(order, renewed)
        if untold:
            order = with_entry(order, now, "fulfillment.offered", "router", offered_detail(renewed))
            if parcel is not None and parcel.accepted:
                accepted[part.fulfillment_id] = limits
    for line in order.lines:
        order = with_line(order, _moved(line, since, now))
    for fulfillment_id, limits in accepted.items():
        order = advance(order, fulfillment_id, "accept", now, "router", terms=limits).order
    return order


def _renewed(part: Fulfillment, parcel: Parcel | None, now: datetime) -> Fulfillment:
    """The fulfillment with new dates where the location cannot keep its own."""
    if parcel is None or parcel.ready_by is None or part.ready_by is None or part.state == "ready":
        return part
    # Picked units need less time than a new offer: only a date that has passed is given up. Others
    # may be ready later by the time that a location has to answer an offer, which is no delay
    # elsewhere either.
    in_hand = part.state in IN_HAND
    if part.ready_by > now if in_hand else part.ready_by + parcel.limits.accept >= parcel.ready_by:
        return part
    return replace(part, ready_by=parcel.ready_by, deliver_by=parcel.deliver_by or part.deliver_by)


def _deadline(
    part: Fulfillment, since: datetime, now: datetime, limits: TimeLimits
) -> datetime | None:
    if part.state in {"offered", "ready"} and part.deadline is not None:
        return part.deadline + (now - max(since, part.offered_at))
    return deadline_of(part, part.state, now, limits)


def _moved(line: Line, since: datetime, now: datetime) -> Line:
    """The line with deadline and patience moved by the time of the pause."""
    if line.deadline is None and line.since is None and line.consent_by is None:
        return line
    return replace(
        line,
        consent_by=line.consent_by + (now - since) if line.consent_by else None,
        deadline=line.deadline + (now - since) if line.deadline else None,
        since=line.since + (now - max(since, line.since)) if line.since else None,
    )


def act_on_pauses(
    order: Order, now: datetime, renew: Renew = as_promised, limits: PauseLimits = PAUSE_LIMITS
) -> OrderChange | None:
    """Act on the pauses whose deadlines have passed; None when none has."""
    change = OrderChange(order, cause="order.overdue")
    for due in order.pauses:
        if due.deadline > now or due not in change.order.pauses:
            continue
        if due.kind == "until":
            released = release(change.order, due.pause_id, now, "sweep", renew)
            change = replace(change, order=released.order)
        elif due.kind == "fraud" and due.began_at + limits.give_up_fraud <= now:
            if units := _unpicked(order):
                return cancel(order, units, "the fraud review was not decided", now, "sweep")
            change = replace(change, order=_report(change.order, due, now, limits))
        else:
            change = replace(change, order=_report(change.order, due, now, limits))
    return None if change.order is order else change


def _unpicked(order: Order) -> dict[str, int]:
    """Unfinished units by line that nobody has in hand, of MOST_CANCELLED lines."""
    units = Counter({line.line_id: line.open + line.backordered for line in order.lines})
    for part in order.fulfillments:
        if part.state in IN_HAND:
            units.subtract({line.line_id: line.quantity for line in part.lines})
    return dict(list((+units).items())[:MOST_CANCELLED])


def _report(order: Order, due: Pause, now: datetime, limits: PauseLimits) -> Order:
    later = replace(due, deadline=now + limits.remind)
    order = replace(order, pauses=tuple(later if one is due else one for one in order.pauses))
    detail = {"pause_id": due.pause_id, "kind": due.kind, "owner": due.owner}
    return with_entry(order, now, "order.pause_overdue", "sweep", detail)
