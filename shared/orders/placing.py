"""Place an order, or quote one: read, plan (sourcing/planning.py), commit."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.aws.dynamodb import Part
from shared.errors import Busy, Conflict, HoldClosed, KeyReused
from shared.orders import buyers, model, points, searching, slots, sourcing, store
from shared.orders.buyers import FoundBuyer
from shared.orders.model import Order
from shared.orders.model.selling_cards import check_card_lines
from shared.orders.reading import after_lost_race, check_destination, read, supply_for
from shared.orders.sourcing import Inputs, Needs, refusing
from shared.orders.store import PlacementInputs, StoredAnswer
from shared.orders.store.benefits import NOTHING_KNOWN, Known
from shared.pricing.tokens import check_valid
from shared.routing.model.decision import Decision
from shared.routing.model.route import route
from shared.stock import store as stock
from shared.stock.model.position import Hold
from shared.web.idempotency import Request

RACES = 8
"""How often an order is planned again after a lost race for stock. The refusal is Busy then, or
OutOfStock as soon as no stock remains."""

BuyerLookup = Callable[[], FoundBuyer]
Pay = Callable[[Order], tuple[Order, Known]]
"""Adds the payments of an order with cards or a price hold, and what is known of them
(tenders.py)."""
AnswerOf = Callable[[Order], str]
"""The JSON that answers a request, from the order as it will be stored."""


def place(
    draft: Order,
    request: Request,
    actor: str,
    now: datetime,
    answer: AnswerOf,
    buyer: BuyerLookup = FoundBuyer,
    pay: Pay = lambda draft: (draft, NOTHING_KNOWN),
) -> str:
    """Place ``draft`` (its lines not open yet) once and return the answer; a replay gets the first
    answer, without a look-up of the buyer.

    One read call and one transaction when no race is lost.

    Raises OutOfStock with every short line, QuoteExpired, HoldClosed, Conflict when a hold is of
    other goods, KeyReused for another payload under the same key or order id, Busy.
    """
    gathered = store.read_placement(
        (line.sku for line in draft.lines), draft.order_id, request, draft.hold_id
    )
    if (earlier := _earlier_answer(gathered.lookup, request)) is not None:
        return earlier
    try:
        return _place_new(draft, gathered, request, actor, now, answer, buyer, pay)
    except Conflict:
        # The first read is eventually consistent: the same request may have succeeded before it,
        # and taken the stock, the use of a code or the money of the card that are missing now.
        lookup = store.look_up(draft.order_id, request)
        if (earlier := _earlier_answer(lookup, request)) is not None:
            return earlier
        raise


def _place_new(
    draft: Order,
    gathered: PlacementInputs,
    request: Request,
    actor: str,
    now: datetime,
    answer: AnswerOf,
    buyer: BuyerLookup,
    pay: Pay,
) -> str:
    draft, paid = pay(draft)
    draft = slots.spread(draft, paid.price_hold)
    if draft.quote is not None and paid.price_hold is None:
        check_valid(draft.quote.at, draft.quote.engine, now)
    draft, beside, known = _for_buyer(draft, buyer(), paid, now)
    supply = supply_for(draft, gathered, now)
    check_destination(draft.ship_to)
    sourcing.check_pickup(draft, supply)
    check_card_lines(draft, supply.products)
    limits = supply.order_policy.limits(None, draft.service_level)
    draft = searching.with_contact_keys(draft)
    start = model.place(draft, now, actor, limits)
    start = model.record_pauses(start, now, actor)
    hold = _claimable_hold(draft, gathered.hold, now)
    if hold is not None and hold.promise is not None and "decision" in hold.promise:
        decisions = (hold.promise["decision"],)
        start = replace(start, order=replace(start.order, decisions=decisions))
    inputs = Inputs(supply)
    for race in range(1 + RACES):
        while isinstance(plan := sourcing.plan_order(start, hold, inputs, now), Needs):
            inputs = read(plan, inputs, start.order, now)
        text = answer(as_stored(plan.order))
        refused = store.commit(
            plan,
            now,
            request=request,
            answer=text,
            hold=hold,
            beside=beside,
            known=known,
        )
        if refused is None:
            return text
        if refused.answered is not None:
            return replayed(refused.answered, request)
        if refused.changed:
            raise _id_taken(draft.order_id)
        if refused.full:
            start = replace(start, order=slots.moved(start.order, refused.full, now))
        elif not refused.learnt:
            # The buyer may have been erased since the look-up, or another order of the person has
            # used a promotion or points.
            order, beside, known = _for_buyer(start.order, buyer(), paid, now)
            start = replace(start, order=order)
        inputs = Inputs(supply, {**inputs.learnt, **after_lost_race(refused.learnt, race)})
    raise Busy("too many buyers of the same goods; trying again is safe")


def _for_buyer(
    order: Order, found: FoundBuyer, paid: Known, now: datetime
) -> tuple[Order, list[Part], Known]:
    """The order for its buyer with the points that it takes, the parts beside it, and what is known
    of its promotions as well."""
    order = replace(order, buyer=found.buyer, buyer_keys=found.contact_keys)
    elsewhere, checks = buyers.uses_elsewhere(order, paid.price_hold)
    order, draws = points.spend(order, found.quoted, paid.price_hold, now)
    beside = [*found.conditions, *checks, *draws]
    return order, beside, replace(paid, used_elsewhere=elsewhere)


def _claimable_hold(draft: Order, read_before: Hold | None, now: datetime) -> Hold | None:
    """The hold that the draft names. Raises HoldClosed when it cannot become this order."""
    if draft.hold_id is None:
        return None
    hold = read_before
    if hold is None or not hold.claimable(now):
        # The read may be older than the hold's opening, or than its binding to the payment.
        hold = stock.find_hold(draft.hold_id)
    if hold is None:
        raise HoldClosed(draft.hold_id, "gone")
    stock.check_claim(hold, now, store.payment_of_hold(draft, hold))
    return hold


def _earlier_answer(lookup: store.OrderLookup, request: Request) -> str | None:
    if lookup.answered is not None:
        return replayed(lookup.answered, request)
    if lookup.order is not None:
        raise _id_taken(lookup.order.order_id)
    return None


def replayed(stored: StoredAnswer, request: Request) -> str:
    """The answer to an earlier request of the same name. Raises KeyReused when that request had
    another payload."""
    request.check(stored.digest)
    return stored.answer


def as_stored(order: Order) -> Order:
    """The order with the version that the commit will give it."""
    return replace(order, version=order.version + 1)


def _id_taken(order_id: str) -> KeyReused:
    return KeyReused(f"there is an order {order_id} already, placed with another key")


def quote(draft: Order, now: datetime) -> tuple[Decision, Order, list[dict[str, Any]]]:
    """The routing decision for ``draft``, the order that it would make, and its short lines.
    Nothing is reserved."""
    supply = supply_for(draft, store.read_placement(line.sku for line in draft.lines), now)
    check_destination(draft.ship_to)
    sourcing.check_pickup(draft, supply)
    start = model.place(draft, now, "quote")
    problem = sourcing.problem(start.order, supply, now)
    decision = route(problem)
    parcels = sourcing.parcels(decision, start.order, supply, now)
    offered = model.offer(start, parcels, now).order
    unfilled = {line.line_id: line.unassigned for line in offered.lines}
    reasons = refusing.refusal_reasons(problem, unfilled)
    return decision, offered, sourcing.short_lines(draft, supply, unfilled, now, problem, reasons)
