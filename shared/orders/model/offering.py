"""Place an order, offer its units to locations, settle unassigned units."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.instants import rfc3339
from shared.orders.model.backorders import claims_arrive_by, repromise_detail
from shared.orders.model.balancing import balance, missing
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    unassigned_units,
    with_effects,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.fulfilling import advance
from shared.orders.model.order import (
    Claim,
    Fulfillment,
    FulfillmentLine,
    Line,
    Order,
    OrderEntry,
    Parcel,
    Taken,
)
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)
from shared.stock.model.position import Effect, take


def place(order: Order, now: datetime, actor: str, terms: TimeLimits = TIME_LIMITS) -> OrderChange:
    """A new order with all units unassigned. It waits for what its payments do not cover."""
    lines = tuple(
        replace(line, open=line.quantity, unassigned=line.quantity) for line in order.lines
    )
    placed = OrderEntry(now, "order.placed", actor, {"channel": order.channel})
    new = replace(order, lines=lines, history=(placed,))
    if missing(new):
        new = replace(new, payment_due_by=now + terms.payment)
    return OrderChange(balance(new, now, "placed", terms=terms), cause="order.placed")


def offer(
    change: OrderChange, parcels: Iterable[Parcel], now: datetime, *, reserve: bool = True
) -> OrderChange:
    """Turn unassigned units into fulfillments, one for each parcel: offered to its location, or
    accepted where the location accepts everything. Units that can travel with a fulfillment that is
    there already, without a later date, are added to it.

    The locations of a paused order are told when it goes on (pausing.py). Without ``reserve`` the
    units are reserved already, by a hold or a supply that has arrived.
    """
    order = change.order
    effects: list[Effect] = []
    accepted: dict[str, TimeLimits] = {}
    for parcel in parcels:
        if reserve and (same := _same_parcel(order, parcel)) is not None:
            added = extend(OrderChange(order), same.fulfillment_id, parcel.lines, now)
            order = added.order
            effects += added.effects
            continue
        fulfillment = Fulfillment(
            fulfillment_id=order.next_fulfillment_id,
            location_id=parcel.location_id,
            method=parcel.method,
            state="offered",
            lines=tuple(
                FulfillmentLine(
                    taken.line_id,
                    order.line(taken.line_id).sku,
                    taken.quantity,
                    taken.limit.counters,
                )
                for taken in parcel.lines
            ),
            offered_at=now,
            ready_by=parcel.ready_by,
            deliver_by=parcel.deliver_by,
            deadline=parcel.answer_by,
            rivals=parcel.rivals,
        )
        for taken in parcel.lines:
            line = order.line(taken.line_id)
            order = with_line(order, replace(line, unassigned=line.unassigned - taken.quantity))
            if reserve:
                effects.append(take(taken.limit, line.sku, parcel.location_id, taken.quantity))
        order = replace(order, fulfillments=(*order.fulfillments, fulfillment))
        if order.is_paused:
            continue
        detail = offered_detail(fulfillment)
        order = with_entry(order, now, "fulfillment.offered", "router", detail)
        if parcel.accepted:
            accepted[fulfillment.fulfillment_id] = parcel.limits
    for fulfillment_id, limits in accepted.items():
        order = advance(order, fulfillment_id, "accept", now, "router", terms=limits).order
    return with_effects(change, order, effects)


def extend(
    change: OrderChange, fulfillment_id: str, units: Sequence[Taken], now: datetime
) -> OrderChange:
    """Add unassigned units to an open fulfillment, and reserve them at its location."""
    order = change.order
    part = order.fulfillment(fulfillment_id)
    rows = {held.line_id: held for held in part.lines}
    effects: list[Effect] = []
    for taken in units:
        line = order.line(taken.line_id)
        held = rows.get(taken.line_id)
        quantity = taken.quantity + (held.quantity if held else 0)
        rows[line.line_id] = FulfillmentLine(
            line.line_id, line.sku, quantity, held.counters if held else taken.limit.counters
        )
        order = with_line(order, replace(line, unassigned=line.unassigned - taken.quantity))
        effects.append(take(taken.limit, line.sku, part.location_id, taken.quantity))
    extended = replace(part, lines=tuple(rows.values()))
    order = with_fulfillment(order, extended)
    if not order.is_paused:
        detail = fulfillment_detail(extended)
        order = with_entry(order, now, "fulfillment.extended", "router", detail)
    return with_effects(change, order, effects)


def _same_parcel(order: Order, parcel: Parcel) -> Fulfillment | None:
    """The fulfillment that the units of ``parcel`` can be added to. Nobody has begun to work on it:
    it is offered, or accepted by a location that accepts everything."""
    for part in order.fulfillments:
        if (
            part.location_id == parcel.location_id
            and part.method == parcel.method
            and (part.state == "offered" or (part.state == "accepted" and parcel.accepted))
            and not (part.rivals or parcel.rivals or part.assignee or part.wave or part.tracking)
            and _no_later(parcel, part)
            and _same_counters(parcel, part)
        ):
            return part
    return None


def _no_later(parcel: Parcel, part: Fulfillment) -> bool:
    """Whether the parcel keeps the date of the fulfillment. The time that a location has to answer
    an offer is no delay: a day that is missed shows as more."""
    name = "deliver_by" if part.method == "ship" else "ready_by"
    promised, possible = getattr(part, name), getattr(parcel, name)
    if promised is None or possible is None:
        return False
    return bool(possible <= promised + parcel.limits.accept)


def _same_counters(parcel: Parcel, part: Fulfillment) -> bool:
    """Whether units of the same line count for the same channels' shares."""
    held = {row.line_id: row.counters for row in part.lines}
    return all(
        held.get(taken.line_id, taken.limit.counters) == taken.limit.counters
        for taken in parcel.lines
    )


def offered_detail(part: Fulfillment) -> dict[str, Any]:
    """The detail of the event ``fulfillment.offered``."""
    dates = {"ready_by": part.ready_by, "deliver_by": part.deliver_by}
    return fulfillment_detail(part) | {name: rfc3339(at) for name, at in dates.items() if at}


def settle(
    change: OrderChange,
    now: datetime,
    terms: TimeLimits = TIME_LIMITS,
    expected: Mapping[str, datetime] | None = None,
    claims: Mapping[str, Sequence[Claim]] | None = None,
) -> OrderChange:
    """Give the units that are still unassigned a deadline: they are backordered where the line
    allows it, or else an exception.

    ``claims`` are the supplies that they are promised from, by line; ``expected`` has the next
    supply of lines without claims. A date that changes is recorded as ``order.repromised``.
    """
    order = change.order
    for line in order.lines:
        if line.backordered or (line.backorder and line.unassigned):
            settled = _backordered(
                line, (claims or {}).get(line.line_id, ()), expected or {}, now, terms
            )
            if line.unassigned and line.deadline is None:
                order = with_entry(
                    order, now, "order.backordered", "router", unassigned_units(line)
                )
            elif settled.expected_at != line.expected_at:
                order = with_entry(
                    order, now, "order.repromised", "router", repromise_detail(line, settled)
                )
        elif not line.unassigned:
            settled = replace(line, deadline=None)
        else:
            since = line.since or now
            settled = replace(line, since=since, deadline=now + _until_next(now - since, terms))
            if line.deadline is None:
                order = with_entry(order, now, "order.exception", "router", unassigned_units(line))
        order = with_line(order, settled)
    return replace(change, order=order)


def _until_next(waited: timedelta, terms: TimeLimits) -> timedelta:
    """The time until the next attempt to find stock, which grows with the time ``waited``."""
    return min(max(terms.retry, waited / 8), terms.restock)


def record_delays(before: Order, change: OrderChange, now: datetime) -> OrderChange:
    """Record ``order.repromised`` for each line that arrives, or is ready, later than promised."""
    order = change.order
    dates_before = promised_dates(before.fulfillments)
    dates_after = promised_dates(order.fulfillments)
    for line in order.lines:
        was, at = dates_before.get(line.line_id), dates_after.get(line.line_id)
        if was is not None and at is not None and at > was:
            detail = {
                "line_id": line.line_id,
                "sku": line.sku,
                "quantity": line.open,
                "expected_at": rfc3339(at),
                "was": rfc3339(was),
            }
            order = with_entry(order, now, "order.repromised", "router", detail)
    return replace(change, order=order)


def promised_dates(parts: Iterable[Fulfillment]) -> dict[str, datetime]:
    """By line, when the last of its open fulfillments arrives, or is ready for collection."""
    dates: dict[str, datetime] = {}
    for part in parts:
        at = part.deliver_by if part.method == "ship" else part.ready_by
        if part.is_open and at is not None:
            for line in part.lines:
                dates[line.line_id] = max(at, dates.get(line.line_id, at))
    return dates


def _backordered(
    line: Line,
    claims: Sequence[Claim],
    expected: Mapping[str, datetime],
    now: datetime,
    terms: TimeLimits,
) -> Line:
    """The line with its unassigned units backordered, and ``claims`` beside its own."""
    if not (line.unassigned or line.claims):
        return line
    merged: dict[tuple[str, str], Claim] = {}
    for claim in (*line.claims, *claims):
        key = claim.location_id, claim.reference
        units = merged[key].quantity if key in merged else 0
        merged[key] = replace(claim, quantity=claim.quantity + units)
    backordered = line.backordered + line.unassigned
    due = claims_arrive_by(merged.values(), backordered) if merged else expected.get(line.line_id)
    after = replace(
        line,
        open=line.open - line.unassigned,
        backordered=backordered,
        unassigned=0,
        expected_at=due,
        since=line.since or now,
        claims=tuple(claim for _, claim in sorted(merged.items())),
    )
    if not line.unassigned and due == line.expected_at:
        return after
    return replace(after, deadline=due if due and due > now else now + terms.restock)
