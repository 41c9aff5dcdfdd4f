"""Change an order: read, decide, plan (sourcing/planning.py), commit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from shared.aws.dynamodb import attempts
from shared.errors import Busy, Conflict, NotFound, TooMuchAtOnce
from shared.orders import pausing, points, repricing, searching, sourcing, store
from shared.orders.model import Order, OrderChange, Rejection
from shared.orders.model.repricing import PricesMissing
from shared.orders.model.revising import Revised
from shared.orders.placing import AnswerOf, as_stored, replayed
from shared.orders.reading import Stock, after_lost_race, read
from shared.orders.sourcing import Inputs, Needs
from shared.orders.store.benefits import Known
from shared.stock import store as stock
from shared.web.idempotency import Request

Decided = OrderChange | Revised
D = TypeVar("D")
REROUTES = 3
"""How often units without a location are routed, before they become an exception."""
ATTEMPTS = 8
"""How often an order that somebody else has just changed is read and decided again."""


def change(
    order_id: str,
    decide: Callable[[Order], Decided | None],
    now: datetime,
    *,
    request: Request | None = None,
    answer: AnswerOf = lambda _: "",
    known: Order | None = None,
) -> str | None:
    """Change the order once as ``decide`` says and return the answer; a replay gets the first one.

    ``decide`` runs again when somebody else has changed the order meanwhile; its None changes
    nothing. ``known`` is the order as the caller has just read it; it saves a read without a
    request. Units that it leaves unassigned are routed and reserved in the same transaction. They
    become an exception when there is no stock for them, when three races for it are lost, or when
    all together are more than one transaction holds. A Revised is refused instead: it is what the
    shopper wants, and not what has happened.

    Raises what ``decide`` raises; NotFound, KeyReused, Busy; for a Revised also OutOfStock and
    TooMuchAtOnce.
    """
    try:
        return _change(order_id, decide, now, request, answer, known)
    except Conflict:
        # The same request may have succeeded meanwhile: what is refused now, it has done.
        answered = store.look_up(order_id, request).answered if request is not None else None
        if request is None or answered is None:
            raise
        return replayed(answered, request)


def _change(
    order_id: str,
    decide: Callable[[Order], Decided | None],
    now: datetime,
    request: Request | None,
    answer: AnswerOf,
    known: Order | None,
) -> str | None:
    learnt: Stock = {}
    races = 0
    for attempt in attempts(ATTEMPTS):
        if known is not None and request is None and attempt == 0:
            lookup = store.OrderLookup(known, None)
        else:
            lookup = store.look_up(order_id, request)
        if request is not None and lookup.answered is not None:
            return replayed(lookup.answered, request)
        before = lookup.order
        if before is None:
            raise NotFound(f"there is no order {order_id}", order_id=order_id)
        decided = _decided(before, decide)
        if decided is None:
            return None
        routing = races < REROUTES and any(line.unassigned for line in _order(decided).lines)
        planned = _plan(before, decided, learnt, now, routing=routing)
        found_by = searching.with_contact_keys(planned.order, before)
        planned = replace(planned, order=found_by)
        text = answer(as_stored(planned.order))
        try:
            refused = store.commit(
                planned,
                now,
                request=request,
                answer=text,
                before=before,
                known=Known(pin_hashes=_decided_change(decided).pin_hashes),
                beside=points.parts_back(before, planned.order, now),
            )
        except TooMuchAtOnce:
            if not routing or isinstance(decided, Revised):
                raise
            races = REROUTES
            continue
        if refused is None:
            return text
        if refused.answered is not None and request is not None:
            return replayed(refused.answered, request)
        if refused.learnt:
            learnt = {**learnt, **after_lost_race(refused.learnt, races)}
            races += 1
    raise Busy(f"order {order_id} is being changed by too many at once")


def preview(
    order_id: str, decide: Callable[[Order], Revised], now: datetime
) -> tuple[Order, Order]:
    """The order before and after a revision that is not stored. Raises what ``change`` raises."""
    before = store.find(order_id)
    if before is None:
        raise NotFound(f"there is no order {order_id}", order_id=order_id)
    return before, _plan(before, _decided(before, decide), {}, now, routing=True).order


def _decided(before: Order, decide: Callable[[Order], D]) -> D:
    """The decision. What the order is priced by again is read only when it is."""
    try:
        return decide(before)
    except PricesMissing:
        return decide(repricing.with_prices(before))


def _plan(
    before: Order, decided: Decided, learnt: Stock, now: datetime, *, routing: bool
) -> OrderChange:
    inputs = Inputs(learnt=learnt)
    while True:
        if isinstance(decided, Revised):
            plan = sourcing.plan_revision(before, decided, inputs, now, routing=routing)
        else:
            plan = sourcing.plan_change(before, decided, inputs, now, routing=routing)
        if not isinstance(plan, Needs):
            return pausing.complete(before, plan, now)
        inputs = read(plan, inputs, _order(decided), now)


def _order(decided: Decided) -> Order:
    return _decided_change(decided).order


def _decided_change(decided: Decided) -> OrderChange:
    return decided.change if isinstance(decided, Revised) else decided


def believed_available(
    order: Order, fulfillment_id: str, rejections: Sequence[Rejection]
) -> Mapping[tuple[str, str], int]:
    """The available units by (SKU, location_id) that the stock shows where units were not found
    (strongly consistent)."""
    fulfillment = order.fulfillment(fulfillment_id)
    not_found = {row.line_id for row in rejections if row.reason == "not_found"}
    places = [
        (line.sku, fulfillment.location_id)
        for line in fulfillment.lines
        if line.line_id in not_found
    ]
    if not places:
        return {}
    positions = stock.positions_of(places, consistent=True)
    return {place: position.available for place, position in positions.items()}
