"""Act on passed deadlines: unanswered offers expire, late work is reminded of and then taken away,
unpaid orders are cancelled, units without a location are routed again or given up."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.orders.model.cancelling import cancel, cancel_units
from shared.orders.model.change import (
    OrderChange,
    combine,
    fulfillment_detail,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.delivering import ask_about, remind_of_claim
from shared.orders.model.fulfilling import reject
from shared.orders.model.order import (
    Fulfillment,
    Order,
    Rejection,
)
from shared.orders.model.pausing import Renew, act_on_pauses, as_promised
from shared.orders.model.paying import act_on_authorizations
from shared.orders.model.returns import act_on_returns
from shared.orders.model.states import IN_HAND, LapseReason
from shared.orders.model.substituting import act_on_consents
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)

MOST_AT_ONCE = 16
"""Lines that one transaction routes again: each may come from four locations then."""

EndOfOpenTime = Callable[[str, datetime, timedelta], datetime]
"""(location_id, start, duration) -> when the location has been open for the duration."""


def never_closed(_: str, at: datetime, passes: timedelta) -> datetime:
    """The EndOfOpenTime of locations that never close."""
    return at + passes


def act_on_deadlines(
    order: Order,
    now: datetime,
    terms: TimeLimits = TIME_LIMITS,
    opened: EndOfOpenTime = never_closed,
    terms_at: Callable[[str], TimeLimits] | None = None,
    renew: Renew = as_promised,
) -> OrderChange | None:
    """Act on the deadlines of an order that have passed; None when none has. Of a paused order
    those of fulfillments in work and of lines rest, of an incomplete one those of accepted
    fulfillments.

    - An unanswered offer to ship expires and is offered elsewhere.
    - An unanswered offer to collect, and accepted work that is late or about to be, is reminded of;
      after ``terms.patience`` reminders the units are routed elsewhere.
    - Picked units stay where they are. After the reminders, or when they are not collected or never
      paid for, they are an exception, which is reported again and again.
    - Units without a location are freed to be routed once more, and given up with a refund due when
      that has gone on for too long.
    - A substitute that the shopper has not agreed to in time is refused.
    - An authorization that is about to run out is asked for again, and ends when it has run out:
      the order waits for a payment then.
    - An order that is not paid in time is cancelled.
    - Whoever owns a claim is reminded every day, and asked once about a parcel of which nobody has
      reported a delivery.
    - A return that does not come expires; one that is under way or waits to be inspected for too
      long is reminded of.

    ``terms`` are those of the order, ``terms_at`` those at a location, where they differ. Reminders
    count the time that a location is open. Of a long order some lines are acted on at a
    time; the others are still due afterwards.
    """
    remaining = MOST_AT_ONCE
    if order.unpaid and _due(order.payment_due_by, now):
        return _cancel_unpaid(order, now, terms)
    change = OrderChange(order, cause="order.overdue")
    if any(_due(payment.acts_at, now) for payment in order.payments) and order.is_unfinished:
        change = replace(change, order=act_on_authorizations(order, now, terms))
    if any(_due(each.deadline, now) for each in order.returns):
        change = replace(change, order=act_on_returns(change.order, now, terms.exception))
    change = replace(change, order=_follow_parcels(change.order, now, terms))
    if order.is_paused:
        acted = act_on_pauses(change.order, now, renew)
        return acted or (None if change.order is order else change)
    for part in order.fulfillments:
        if order.rests(part):
            continue
        if remaining > 0 and part.is_open and _due(part.deadline, now):
            limits = terms_at(part.location_id) if terms_at else terms
            change = _expire_or_remind(change, part, now, limits, opened)
            remaining -= len(part.lines)
    change = act_on_consents(change, now)
    for line in order.lines:
        if remaining > 0 and _due(line.deadline, now) and (line.unassigned or line.backordered):
            change = _retry_or_give_up(change, line.line_id, now, terms)
            remaining -= 1
    return None if change.order is order else change


def _due(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and deadline <= now


def _follow_parcels(order: Order, now: datetime, terms: TimeLimits) -> Order:
    """Remind the owners of claims, and ask about parcels that should be delivered."""
    for part in order.fulfillments:
        if part.claimed and _due(part.deadline, now):
            order = remind_of_claim(order, part, now, terms)
        elif part.state == "shipped" and _due(part.deadline, now):
            order = ask_about(order, part, now)
    return order


def _cancel_unpaid(order: Order, now: datetime, terms: TimeLimits) -> OrderChange:
    """Cancel what is not picked; then report what is picked as an exception."""
    in_hand = [part for part in order.fulfillments if part.state in IN_HAND]
    unpicked = Counter({line.line_id: line.open + line.backordered for line in order.lines})
    for part in in_hand:
        unpicked.subtract({line.line_id: line.quantity for line in part.lines})
    if units := dict(list((+unpicked).items())[:MOST_AT_ONCE]):
        return cancel(order, units, "not paid", now, "sweep")
    for part in in_hand:
        stuck = replace(part, escalations=max(part.escalations, terms.patience + 1))
        order = with_fulfillment(order, stuck)
        order = with_entry(order, now, "fulfillment.exception", "sweep", fulfillment_detail(stuck))
    return OrderChange(replace(order, payment_due_by=now + terms.exception), cause="order.overdue")


def _expire_or_remind(
    change: OrderChange,
    part: Fulfillment,
    now: datetime,
    terms: TimeLimits,
    opened: EndOfOpenTime,
) -> OrderChange:
    order = change.order
    if part.state in IN_HAND:
        return replace(change, order=_remind_or_report(order, part, now, terms, opened))
    only_here = part.state == "offered" and part.method == "pickup"
    unanswered = part.state == "offered" and not only_here
    if unanswered or part.escalations >= terms.patience:
        reason: LapseReason = "no_answer" if part.state == "offered" else "late"
        rejections = [Rejection(line.line_id, line.quantity, reason) for line in part.lines]
        expired = reject(
            order,
            part.fulfillment_id,
            rejections,
            {},
            now=now,
            actor="sweep",
            event="fulfillment.expired",
        )
        return combine(change, expired)
    next_deadline = opened(part.location_id, now, terms.retry if only_here else terms.escalate)
    if not only_here and part.ready_by is not None and part.ready_by > now:
        next_deadline = part.ready_by
    late = replace(part, deadline=next_deadline, escalations=part.escalations + 1)
    order = with_fulfillment(order, late)
    order = with_entry(order, now, "fulfillment.late", "sweep", fulfillment_detail(late))
    return replace(change, order=order)


def _remind_or_report(
    order: Order, part: Fulfillment, now: datetime, terms: TimeLimits, opened: EndOfOpenTime
) -> Order:
    """Picked units that are not handed over: a reminder, then an exception every day."""
    late = replace(part, escalations=part.escalations + 1)
    next_deadline = now + terms.exception
    if not late.stuck:
        next_deadline = opened(part.location_id, now, terms.escalate)
    if not late.stuck and part.ready_by is not None and part.ready_by > now:
        next_deadline = part.ready_by
    order = with_fulfillment(order, replace(late, deadline=next_deadline))
    event = "fulfillment.exception" if late.stuck else "fulfillment.late"
    return with_entry(order, now, event, "sweep", fulfillment_detail(late))


def _retry_or_give_up(
    change: OrderChange, line_id: str, now: datetime, terms: TimeLimits
) -> OrderChange:
    order = change.order
    line = order.line(line_id)
    # A location that let its offer expire may have the units: such a line is retried for as long
    # as a backorder.
    patient = line.backordered or line.expired
    patience = terms.give_up_backorder if patient else terms.give_up
    waiting_since = max(filter(None, (line.since, line.expected_at)), default=None)
    if waiting_since is not None and waiting_since + patience <= now:
        units = Counter({line_id: line.unassigned + line.backordered})
        return combine(
            change, cancel_units(order, units, [], "not available", now=now, actor="sweep")
        )
    # Units that a location sends for this order alone go on waiting: their transfer has a deadline
    # of its own, and breaks the promise when they do not come.
    under_way = tuple(claim for claim in line.claims if claim.source is not None)
    kept = sum(claim.quantity for claim in under_way)
    if kept == line.backordered and not line.unassigned:
        waits = replace(line, deadline=now + terms.restock)
        return replace(change, order=with_line(order, waits))
    freed = replace(
        line,
        open=line.open + line.backordered - kept,
        unassigned=line.unassigned + line.backordered - kept,
        backordered=kept,
        # A backorder and a pickup line have no further location to ask: they ask all of them again.
        excluded=() if line.backordered or line.method == "pickup" else line.excluded,
        expired=(),
        claims=under_way,
    )
    return replace(change, order=with_line(order, freed))
