"""Place an order, record its payment, offer units to locations, settle what found no location."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.errors import InvalidTransition
from shared.instants import rfc3339
from shared.orders.model.backorders import latest_claimed, promise_dates
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    unassigned_units,
    with_effects,
    with_entry,
    with_line,
)
from shared.orders.model.fulfilling import act
from shared.orders.model.order import (
    TIME_LIMITS,
    Claim,
    Fulfillment,
    FulfillmentLine,
    Line,
    Order,
    OrderEntry,
    Parcel,
    Payment,
    TimeLimits,
)
from shared.orders.model.refunds import refund_amount
from shared.stock.model.position import Effect, take


def place(order: Order, now: datetime, actor: str, terms: TimeLimits = TIME_LIMITS) -> OrderChange:
    """A new order whose units nobody holds yet."""
    lines = tuple(
        replace(line, open=line.quantity, unassigned=line.quantity) for line in order.lines
    )
    payment = order.payment
    if payment.status == "pending":
        payment = replace(payment, deadline=now + terms.payment)
    elif payment.charged is None:
        payment = replace(payment, charged=_worth(lines))
    placed = OrderEntry(now, "order.placed", actor, {"channel": order.channel})
    new = replace(order, payment=payment, lines=lines, history=(placed,))
    return OrderChange(new, cause="order.placed")


def pay(
    order: Order,
    status: Literal["authorized", "paid"],
    reference: str | None,
    now: datetime,
    actor: str,
    amount: int | None = None,
) -> OrderChange:
    """The payment that the order waited for. ``amount`` is what was charged, in minor units: what
    is left of the order when it is None. Of more than that the rest is due back.

    Raises InvalidTransition when it is further already.
    """
    before = order.payment
    steps = {"pending": ["authorized", "paid"], "authorized": ["paid"], "paid": []}
    if status not in steps[before.status]:
        raise InvalidTransition(status, before.status, steps[before.status])
    owed = _worth(order.lines, gone=True)
    charged = before.charged
    if before.status == "pending":
        charged = owed if amount is None else amount
    elif amount is not None:
        charged = max(amount, charged or 0)
    paid = Payment(status, reference or before.reference, None, charged, before.refunded)
    order = replace(order, payment=paid)
    detail: dict[str, Any] = {"status": status}
    if paid.reference is not None:
        detail["reference"] = paid.reference
    if charged is not None:
        detail["charged"] = {"amount": charged, "currency": order.lines[0].currency}
    order = with_entry(order, now, "payment.received", actor, detail)
    if before.status == "pending" and amount is not None and amount > owed:
        order = refund_amount(
            order, amount - owed, now, "more was charged than is left of the order"
        )
    return OrderChange(order, cause="payment.received")


def _worth(lines: Iterable[Line], *, gone: bool = False) -> int:
    """In minor units; with ``gone`` without what is cancelled or has come back."""
    return sum(
        line.unit_price * (line.quantity - (line.cancelled + line.returned if gone else 0))
        for line in lines
    )


def offer(
    change: OrderChange, parcels: Iterable[Parcel], now: datetime, *, reserve: bool = True
) -> OrderChange:
    """Unassigned units become fulfillments, each offered to its location, or accepted by it.

    With ``reserve`` the units are reserved; without, a hold has already reserved them.
    """
    order = change.order
    effects: list[Effect] = []
    accepted: list[str] = []
    for parcel in parcels:
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
        dates = {"ready_by": fulfillment.ready_by, "deliver_by": fulfillment.deliver_by}
        detail = fulfillment_detail(fulfillment) | {
            name: rfc3339(at) for name, at in dates.items() if at
        }
        order = with_entry(order, now, "fulfillment.offered", "router", detail)
        if parcel.accepted:
            accepted.append(fulfillment.fulfillment_id)
    for fulfillment_id in accepted:
        order = act(order, fulfillment_id, "accept", now, "router").order
    return with_effects(change, order, effects)


def settle(
    change: OrderChange,
    now: datetime,
    terms: TimeLimits = TIME_LIMITS,
    expected: Mapping[str, datetime] | None = None,
    claims: Mapping[str, Sequence[Claim]] | None = None,
) -> OrderChange:
    """What is still unassigned gets an owner: it is backordered where the line allows that, or an
    exception with a deadline. ``claims`` are the supplies that it is promised of, by line;
    ``expected`` says by line without any when supply arrives. Another date than the one that was
    promised is told.
    """
    order = change.order
    for line in order.lines:
        if line.backordered or (line.backorder and line.unassigned):
            found = _waiting(line, (claims or {}).get(line.line_id, ()), expected or {}, now, terms)
            if line.unassigned and line.deadline is None:
                order = with_entry(
                    order, now, "order.backordered", "router", unassigned_units(line)
                )
            elif found.expected_at != line.expected_at:
                order = with_entry(
                    order, now, "order.repromised", "router", promise_dates(line, found)
                )
        elif not line.unassigned:
            found = replace(line, deadline=None)
        else:
            since = line.since or now
            found = replace(line, since=since, deadline=now + _until_next(now - since, terms))
            if line.deadline is None:
                order = with_entry(order, now, "order.exception", "router", unassigned_units(line))
        order = with_line(order, found)
    return replace(change, order=order)


def _until_next(waited: timedelta, terms: TimeLimits) -> timedelta:
    """Between two attempts to find stock: longer the longer it has been looked for."""
    return min(max(terms.retry, waited / 8), terms.restock)


def retold(before: Order, change: OrderChange, now: datetime) -> OrderChange:
    """With word of each line whose units will arrive, or be ready, later than was told."""
    order = change.order
    told, held = promised(before.fulfillments), promised(order.fulfillments)
    for line in order.lines:
        was, at = told.get(line.line_id), held.get(line.line_id)
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


def promised(parts: Iterable[Fulfillment]) -> dict[str, datetime]:
    """By line, when the last of what locations hold of it arrives, or lies ready."""
    found: dict[str, datetime] = {}
    for part in parts:
        at = part.deliver_by if part.method == "ship" else part.ready_by
        if part.is_open and at is not None:
            for held in part.lines:
                found[held.line_id] = max(at, found.get(held.line_id, at))
    return found


def _waiting(
    line: Line,
    claims: Sequence[Claim],
    expected: Mapping[str, datetime],
    now: datetime,
    terms: TimeLimits,
) -> Line:
    """``line`` with its unassigned units backordered, and with more ``claims``."""
    if not (line.unassigned or line.claims):
        return line
    merged: dict[tuple[str, str], Claim] = {}
    for claim in (*line.claims, *claims):
        key = claim.location_id, claim.reference
        units = merged[key].quantity if key in merged else 0
        merged[key] = replace(claim, quantity=claim.quantity + units)
    backordered = line.backordered + line.unassigned
    due = latest_claimed(merged.values(), backordered) if merged else expected.get(line.line_id)
    found = replace(
        line,
        open=line.open - line.unassigned,
        backordered=backordered,
        unassigned=0,
        expected_at=due,
        since=line.since or now,
        claims=tuple(claim for _, claim in sorted(merged.items())),
    )
    if not line.unassigned and due == line.expected_at:
        return found
    return replace(found, deadline=due if due and due > now else now + terms.restock)
