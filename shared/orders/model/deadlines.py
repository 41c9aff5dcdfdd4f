"""What follows a passed deadline: unanswered offers, late work, unpaid orders, exceptions."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.orders.model.cancelling import cancel, cancel_units
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    joined,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.fulfilling import reject
from shared.orders.model.order import (
    IN_HAND,
    TIME_LIMITS,
    Fulfillment,
    LapseReason,
    Order,
    Rejection,
    TimeLimits,
)

Opened = Callable[[str, datetime, timedelta], datetime]
"""The instant at which a location, by its id, has been open for so long since then."""


def always(_: str, at: datetime, passes: timedelta) -> datetime:
    """Of locations that never close."""
    return at + passes


def overdue(
    order: Order, now: datetime, terms: TimeLimits = TIME_LIMITS, opened: Opened = always
) -> OrderChange | None:
    """What follows from the deadlines that have passed; None when none has.

    Reminders count the time that a location has been open. An offer without an answer goes
    elsewhere, unless the shopper collects there: then the location is reminded, as one that is late
    or about to be, and passed over when that does not help. What is picked stays with who has it:
    after the reminders, and when it is not collected or never paid, it is an exception, and
    somebody is told again and again. Units that nobody holds are free to be routed once more, and
    are given up, with a refund due, when that has gone on for too long. What is never paid is
    cancelled. Of a long order some lines are acted on at a time: the others are still due then.
    """
    left = MOST_AT_ONCE
    if order.unpaid and _due(order.payment.deadline, now):
        return _never_paid(order, now, terms)
    change = OrderChange(order, cause="order.overdue")
    for found in order.fulfillments:
        if left > 0 and found.is_open and _due(found.deadline, now):
            change = _overdue_fulfillment(change, found, now, terms, opened)
            left -= len(found.lines)
    for line in order.lines:
        if left > 0 and _due(line.deadline, now) and (line.unassigned or line.backordered):
            change = _overdue_line(change, line.line_id, now, terms)
            left -= 1
    return None if change.order is order else change


def _never_paid(order: Order, now: datetime, terms: TimeLimits) -> OrderChange:
    in_hand = [found for found in order.fulfillments if found.state in IN_HAND]
    waiting = Counter({line.line_id: line.open + line.backordered for line in order.lines})
    for found in in_hand:
        waiting.subtract({held.line_id: held.quantity for held in found.lines})
    if some := dict(list((+waiting).items())[:MOST_AT_ONCE]):
        return cancel(order, some, "not paid", now, "sweep")
    for found in in_hand:
        stuck = replace(found, escalations=max(found.escalations, terms.patience + 1))
        order = with_fulfillment(order, stuck)
        order = with_entry(order, now, "fulfillment.exception", "sweep", fulfillment_detail(stuck))
    payment = replace(order.payment, deadline=now + terms.exception)
    return OrderChange(replace(order, payment=payment), cause="order.overdue")


MOST_AT_ONCE = 16
"""Lines that are routed again in one transaction: each may come from four places then."""


def _due(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and deadline <= now


def _overdue_fulfillment(
    change: OrderChange, found: Fulfillment, now: datetime, terms: TimeLimits, opened: Opened
) -> OrderChange:
    order = change.order
    fulfillment_id = found.fulfillment_id
    if found.state in IN_HAND:
        return replace(change, order=_still_in_hand(order, found, now, terms, opened))
    alone = found.state == "offered" and found.method == "pickup"
    if (found.state == "offered" and not alone) or found.escalations >= terms.patience:
        why: LapseReason = "no_answer" if found.state == "offered" else "late"
        all_of_it = [Rejection(held.line_id, held.quantity, why) for held in found.lines]
        event = "fulfillment.expired"
        return joined(
            change,
            reject(order, fulfillment_id, all_of_it, {}, now=now, actor="sweep", event=event),
        )
    again = opened(found.location_id, now, terms.retry if alone else terms.escalate)
    if not alone and found.ready_by is not None and found.ready_by > now:
        again = found.ready_by
    late = replace(found, deadline=again, escalations=found.escalations + 1)
    order = with_fulfillment(order, late)
    order = with_entry(order, now, "fulfillment.late", "sweep", fulfillment_detail(late))
    return replace(change, order=order)


def _still_in_hand(
    order: Order, found: Fulfillment, now: datetime, terms: TimeLimits, opened: Opened
) -> Order:
    late = replace(found, escalations=found.escalations + 1)
    again = now + terms.exception
    if not late.stuck:
        again = opened(found.location_id, now, terms.escalate)
    if not late.stuck and found.ready_by is not None and found.ready_by > now:
        again = found.ready_by
    order = with_fulfillment(order, replace(late, deadline=again))
    event = "fulfillment.exception" if late.stuck else "fulfillment.late"
    return with_entry(order, now, event, "sweep", fulfillment_detail(late))


def _overdue_line(
    change: OrderChange, line_id: str, now: datetime, terms: TimeLimits
) -> OrderChange:
    order = change.order
    line = order.line(line_id)
    # Who was only silent may have the units: that is looked into for as long as a backorder.
    longer = line.backordered or line.expired
    patience = terms.give_up_backorder if longer else terms.give_up
    waited = max(filter(None, (line.since, line.expected_at)), default=None)
    if waited is not None and waited + patience <= now:
        units = Counter({line_id: line.unassigned + line.backordered})
        return joined(
            change, cancel_units(order, units, [], "not available", now=now, actor="sweep")
        )
    freed = replace(
        line,
        open=line.open + line.backordered,
        unassigned=line.unassigned + line.backordered,
        backordered=0,
        # Who waits for a supply, and who collects, has nobody else to ask.
        excluded=() if line.backordered or line.method == "pickup" else line.excluded,
        expired=(),
        claims=(),
    )
    return replace(change, order=with_line(order, freed))
