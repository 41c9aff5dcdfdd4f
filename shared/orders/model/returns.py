"""Returns that are authorized before the goods arrive. Pure.

    authorized ─> scanned ─> received ─> inspected
        └────────────┴─> received with conditions: inspected at once
    authorized ─> kept         the shopper keeps the goods
    authorized ─> cancelled, expired

Units that an inspection leaves unsold: refurbishing.py.

A unit of a return is credited once: at the step that the terms name (``refund_on``), when the goods
are kept, or at the latest when they are inspected. Credited units are what the shopper does not owe
although they were handed over (value.py).

    units of a line: credited <= fulfilled,  returned + units that are expected or kept <= fulfilled
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.carriers.model import CarrierStatus
from shared.errors import Conflict, InvalidTransition, NotFound
from shared.instants import rfc3339
from shared.orders.model.balancing import balance
from shared.orders.model.change import OrderChange, with_effects, with_entry, with_line
from shared.orders.model.order import (
    Line,
    Order,
    Return,
    ReturnLine,
    ReturnState,
    UnsoldUnits,
)
from shared.orders.model.payments import Refund, StoreCredit
from shared.orders.model.repricing import repriced
from shared.orders.model.restocking import (
    ON_SHELF,
    Restocking,
    SellableUnits,
    restock,
)
from shared.orders.model.return_terms import (
    RETURN_TERMS,
    RefundOn,
    ReturnRequest,
    ReturnTerms,
)
from shared.orders.model.selling_cards import must_be_goods
from shared.orders.model.value import owed, worth
from shared.stock.model.position import Effect

Outcome = Literal["sellable", "damaged", "refurbish", "missing"]
MOST_RETURNS = 50
"""Returns of one order; each takes some 300 bytes of its document."""
ALLOWED: Mapping[ReturnState, tuple[str, ...]] = {
    "authorized": ("cancel", "label", "receive", "scan"),
    "scanned": ("receive",),
    "received": ("inspect",),
}


NewCredit = Callable[[], StoreCredit | None]
UNDER_WAY: frozenset[CarrierStatus] = frozenset({"in_transit", "out_for_delivery", "delivered"})
"""What a carrier reports of a parcel that it has."""


def no_credit() -> StoreCredit | None:
    """Nobody is there to take the code of a new card."""
    return None


def authorize(
    order: Order,
    asked: ReturnRequest,
    now: datetime,
    actor: str,
    terms: ReturnTerms = RETURN_TERMS,
) -> OrderChange:
    """Authorize a return of units that were handed over. Its id is the next of the order.

    Raises Conflict for more units than can be returned, after the window, or for a reason that the
    terms do not know.
    """
    _check_number(order)
    wanted: Counter[str] = Counter()
    for row in asked.lines:
        if terms.reasons and row.reason not in terms.reasons:
            raise Conflict(f"{row.reason} is no reason for a return", reasons=sorted(terms.reasons))
        wanted[row.line_id] += row.quantity
    for line_id, units in wanted.items():
        line = order.line(line_id)
        must_be_goods(line, "sent back: take it back at a location")
        possible = returnable(order, line)
        if units > possible:
            raise Conflict(
                f"of line {line_id} {possible} can be returned",
                line_id=line_id,
                returnable=possible,
            )
        closed_at = _handed_over_at(order, line_id) + terms.window
        if closed_at <= now and not asked.goodwill:
            raise Conflict(
                f"line {line_id} could be returned until {rfc3339(closed_at)}",
                line_id=line_id,
                until=rfc3339(closed_at),
            )
    value = sum(worth(order.line(line_id), units) for line_id, units in wanted.items())
    keeps = value < terms.keep_below if asked.keep is None else asked.keep
    free = keeps or all(row.reason in terms.free_reasons for row in asked.lines)
    authorized = Return(
        return_id=_next_id(order),
        state="kept" if keeps else "authorized",
        lines=asked.lines,
        refund_on=_refund_on(asked.refund, terms),
        refund_to=asked.refund.to,
        credit=_own_card(asked.refund),
        fee=0 if free else min(terms.fee, value),
        location_id=asked.location_id,
        photos=asked.photos,
        exchange_order_id=asked.exchange_order_id,
        deadline=None if keeps else now + terms.window,
    )
    order = replace(order, returns=(*order.returns, authorized))
    event = "return.kept" if keeps else "return.authorized"
    order = with_entry(order, now, event, actor, return_detail(authorized))
    if keeps:
        order = _credited(order, authorized, now, asked.refund.credit)
    return OrderChange(order, cause=event)


def _own_card(refund: Refund) -> StoreCredit | None:
    """The shopper's card. A new one is made when the refund is due."""
    return None if refund.credit is None or refund.credit.is_new else refund.credit


def _refund_on(refund: Refund, terms: ReturnTerms) -> RefundOn:
    """A carrier's scan issues no card: nobody would see its code."""
    waits = refund.to == "store_credit" and _own_card(refund) is None
    return "receipt" if waits and terms.refund_on == "scan" else terms.refund_on


def scan(
    order: Order, return_id: str, now: datetime, actor: str, terms: ReturnTerms = RETURN_TERMS
) -> OrderChange:
    """The carrier has the goods. Raises InvalidTransition."""
    before = return_of(order, return_id)
    check_step(before, "scan")
    scanned = replace(before, state="scanned", deadline=now + terms.arrive)
    order = with_return(order, scanned)
    order = with_entry(order, now, "return.scanned", actor, return_detail(scanned))
    if scanned.refund_on == "scan":
        order = _credited(order, scanned, now, scanned.credit)
    return OrderChange(order, cause="return.scanned")


def labelled(
    order: Order, return_id: str, carrier: str, tracking: str, now: datetime, actor: str
) -> OrderChange:
    """A label was bought for the return.

    Raises InvalidTransition once the carrier has the goods.
    """
    before = return_of(order, return_id)
    check_step(before, "label")
    after = replace(before, carrier=carrier, tracking=tracking)
    detail = return_detail(after) | {"carrier": carrier, "tracking": tracking}
    order = with_entry(with_return(order, after), now, "return.labelled", actor, detail)
    return OrderChange(order, cause="return.labelled")


def follow_return(
    order: Order,
    return_id: str,
    status: CarrierStatus,
    now: datetime,
    actor: str,
    terms: ReturnTerms = RETURN_TERMS,
) -> OrderChange | None:
    """Record what the carrier reports of the parcel of a return: its first report that it has the
    parcel scans the return. None when the report changes nothing."""
    if status not in UNDER_WAY or return_of(order, return_id).state != "authorized":
        return None
    return scan(order, return_id, now, actor, terms)


def receive(
    order: Order,
    return_id: str,
    location_id: str,
    now: datetime,
    actor: str,
    terms: ReturnTerms = RETURN_TERMS,
    new_credit: NewCredit = no_credit,
) -> OrderChange:
    """A location has the goods; nobody has looked at them yet, so that they are not on sale.
    ``new_credit`` makes the card of a shopper who takes store credit.

    Raises InvalidTransition.
    """
    before = return_of(order, return_id)
    check_step(before, "receive")
    received = replace(
        before, state="received", location_id=location_id, deadline=now + terms.inspect
    )
    order = with_return(order, received)
    effects: list[Effect] = []
    for row in received.lines:
        line = order.line(row.line_id)
        order = with_line(order, replace(line, returned=line.returned + row.quantity))
        effects.append(Effect(line.sku, location_id, 0, 0, damaged=row.quantity))
    order = with_entry(order, now, "return.arrived", actor, return_detail(received))
    if received.refund_on != "inspection":
        order = _credited(order, received, now, _credit_of(received, new_credit))
    return with_effects(OrderChange(order, cause="return.received"), order, effects)


def inspect(
    order: Order,
    return_id: str,
    outcomes: Sequence[tuple[str, int, Outcome]],
    now: datetime,
    actor: str,
    terms: ReturnTerms = RETURN_TERMS,
    restocking: Restocking = ON_SHELF,
    new_credit: NewCredit = no_credit,
) -> OrderChange:
    """Say of each unit by line whether it is sellable, damaged, to be refurbished, or missing:
    announced, and not among the goods. ``restocking`` decides where sellable units go. Missing
    units are not credited, and may come back with another return; where the refund was due before
    the inspection, they count as returned.

    Raises InvalidTransition; Conflict unless every unit has one outcome.
    """
    before = return_of(order, return_id)
    check_step(before, "inspect")
    expected = Counter[str]()
    for row in before.lines:
        expected[row.line_id] += row.quantity
    counted = Counter[str]()
    for line_id, units, _ in outcomes:
        counted[line_id] += units
    if counted != expected:
        raise Conflict(
            "every unit of the return needs one outcome", expected=dict(sorted(expected.items()))
        )
    assert before.location_id is not None
    sellable = [
        SellableUnits(line_id, units, _reasons(before, line_id))
        for line_id, units, outcome in outcomes
        if outcome == "sellable"
    ]
    restocked = restock(order, before.location_id, sellable, restocking, now, actor)
    absent = [
        Effect(order.line(line_id).sku, before.location_id, 0, 0, damaged=-units)
        for line_id, units, outcome in outcomes
        if outcome == "missing"
    ]
    unsold = (*restocked.unsold, *_to_refurbish(outcomes))
    inspected = replace(
        before,
        state="inspected",
        deadline=now + terms.refurbish if unsold else None,
        unsold=unsold or None,
    )
    if not before.credited:
        missing = Counter[str]()
        for line_id, units, outcome in outcomes:
            missing[line_id] += units if outcome == "missing" else 0
        order, inspected = _without_missing(order, inspected, missing)
    order = with_return(order, inspected)
    details = iter(restocked.details)
    detail = return_detail(inspected) | {
        "outcomes": [
            {"line_id": line_id, "quantity": units, "outcome": outcome}
            | (next(details) if outcome == "sellable" else {})
            for line_id, units, outcome in outcomes
        ]
    }
    order = with_entry(order, now, "return.inspected", actor, detail)
    if inspected.lines:
        order = _credited(order, inspected, now, _credit_of(inspected, new_credit))
    change = OrderChange(order, cause="return.received", transfers=restocked.transfers)
    return with_effects(change, order, (*restocked.effects, *absent))


def _reasons(each: Return, line_id: str) -> frozenset[str]:
    return frozenset(row.reason for row in each.lines if row.line_id == line_id)


def _to_refurbish(outcomes: Sequence[tuple[str, int, Outcome]]) -> list[UnsoldUnits]:
    return [
        UnsoldUnits(line_id, units)
        for line_id, units, outcome in outcomes
        if outcome == "refurbish"
    ]


def with_unsold(
    order: Order,
    location_id: str,
    returned: Sequence[ReturnLine],
    unsold: Sequence[UnsoldUnits],
    now: datetime,
    terms: ReturnTerms = RETURN_TERMS,
) -> Order:
    """The order with a return of units that came back unannounced, are credited, and are held back:
    so that somebody is reminded of them. Raises Conflict for too many returns."""
    _check_number(order)
    held = Return(
        return_id=_next_id(order),
        state="inspected",
        lines=tuple(returned),
        refund_on="receipt",
        location_id=location_id,
        deadline=now + terms.refurbish,
        credited=True,
        unsold=tuple(unsold),
    )
    return replace(order, returns=(*order.returns, held))


def _check_number(order: Order) -> None:
    if len(order.returns) >= MOST_RETURNS:
        raise Conflict(f"order {order.order_id} has {MOST_RETURNS} returns already")


def _next_id(order: Order) -> str:
    return f"{order.order_id}.R{len(order.returns) + 1}"


def _without_missing(order: Order, each: Return, missing: Counter[str]) -> tuple[Order, Return]:
    """The order and the return without ``missing`` units by line: they did not come back. The fee
    is at most what is refunded."""
    for line_id, units in missing.items():
        line = order.line(line_id)
        order = with_line(order, replace(line, returned=line.returned - units))
    rows: list[ReturnLine] = []
    for row in each.lines:
        absent = min(row.quantity, missing[row.line_id])
        missing[row.line_id] -= absent
        if absent < row.quantity:
            rows.append(replace(row, quantity=row.quantity - absent))
    came_back = Counter[str]()
    for row in rows:
        came_back[row.line_id] += row.quantity
    value = sum(worth(order.line(line_id), units) for line_id, units in came_back.items())
    return order, replace(each, lines=tuple(rows), fee=min(each.fee, value))


def cancel_return(order: Order, return_id: str, now: datetime, actor: str) -> OrderChange:
    """The shopper keeps and pays for the goods after all. Raises InvalidTransition once the carrier
    has them."""
    before = return_of(order, return_id)
    check_step(before, "cancel")
    cancelled = replace(before, state="cancelled", deadline=None)
    order = with_entry(
        with_return(order, cancelled), now, "return.cancelled", actor, return_detail(cancelled)
    )
    return OrderChange(order, cause="return.cancelled")


def act_on_returns(order: Order, now: datetime, remind: timedelta) -> Order:
    """End authorizations whose goods did not come in time; remind of goods that are under way, wait
    for an inspection, or stay unsold after it, for too long."""
    for each in order.returns:
        if each.deadline is None or each.deadline > now:
            continue
        if each.state == "authorized":
            changed = replace(each, state="expired", deadline=None)
            event = "return.expired"
        else:
            changed = replace(each, deadline=now + remind)
            event = "return.late"
        order = with_entry(with_return(order, changed), now, event, "sweep", return_detail(changed))
    return order


@dataclass(frozen=True, slots=True)
class Candidate:
    """``units`` of a line that can be returned ``until`` the window closes, later by goodwill."""

    order: Order
    line: Line
    units: int
    until: datetime


def candidates(order: Order, terms: ReturnTerms = RETURN_TERMS) -> tuple[Candidate, ...]:
    """The lines of the order with units that can be returned."""
    return tuple(
        Candidate(order, line, units, _handed_over_at(order, line.line_id) + terms.window)
        for line in order.lines
        if (units := returnable(order, line)) > 0
    )


def returnable(order: Order, line: Line) -> int:
    """Units of the line that were handed over and are neither returned, kept, nor expected back."""
    claimed = sum(
        row.quantity
        for each in order.returns
        if each.state in {"authorized", "scanned", "kept"}
        for row in each.lines
        if row.line_id == line.line_id
    )
    return line.fulfilled - line.returned - claimed


def return_of(order: Order, return_id: str) -> Return:
    for each in order.returns:
        if each.return_id == return_id:
            return each
    raise NotFound(f"there is no return {return_id}")


def with_return(order: Order, changed: Return) -> Order:
    returns = tuple(
        changed if each.return_id == changed.return_id else each for each in order.returns
    )
    return replace(order, returns=returns)


def _credit_of(each: Return, new_credit: NewCredit) -> StoreCredit | None:
    wanted = each.refund_to == "store_credit" and not each.credited
    return each.credit or (new_credit() if wanted else None)


def _credited(order: Order, each: Return, now: datetime, credit: StoreCredit | None) -> Order:
    """The order with the units of the return credited, once, less its fee, which is at most what
    comes back."""
    if each.credited:
        return order
    before = order
    for row in each.lines:
        line = order.line(row.line_id)
        order = with_line(order, replace(line, credited=line.credited + row.quantity))
    order = repriced(before, order)
    fee = min(each.fee, owed(before) - owed(order))
    order = with_return(order, replace(each, credited=True, fee=fee))
    refund = Refund(each.refund_to, credit)
    return balance(order, now, "returned", each.exchange_order_id, refund=refund)


def check_step(each: Return, action: str) -> None:
    """Raises InvalidTransition when the action is not possible now."""
    allowed = allowed_steps(each)
    if action not in allowed:
        raise InvalidTransition(action, each.state, list(allowed))


def allowed_steps(each: Return) -> tuple[str, ...]:
    """The actions that are possible now."""
    return ("refurbish",) if each.unsold else ALLOWED.get(each.state, ())


def _handed_over_at(order: Order, line_id: str) -> datetime:
    """When the last units of the line were handed over; of old parcels the order's date."""
    times = [
        part.handed_over_at
        for part in order.fulfillments
        if part.handed_over_at is not None and any(row.line_id == line_id for row in part.lines)
    ]
    return max(times, default=order.placed_at)


def return_detail(each: Return) -> dict[str, Any]:
    """A return as the detail of an event."""
    detail = {
        "return_id": each.return_id,
        "location_id": each.location_id,
        "lines": _rows(each.lines),
        "exchange_order_id": each.exchange_order_id,
    }
    return {name: value for name, value in detail.items() if value is not None}


def _rows(lines: Iterable[ReturnLine]) -> list[dict[str, Any]]:
    return [
        {"line_id": row.line_id, "quantity": row.quantity, "reason": row.reason} for row in lines
    ]
