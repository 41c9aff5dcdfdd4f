"""What the routes of orders and of fulfillments share: changes of an order, and pages of lists."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from functions.cards import failures
from shared.cards.model.card import Card
from shared.errors import CardNotUsable, Forbidden, NotFound
from shared.orders import changing, store, tenders
from shared.orders.contract.orders import OrderAnswer, order_answer
from shared.orders.contract.payments import CardTenderInput
from shared.orders.contract.placement import OrderInput
from shared.orders.model import OPEN, FulfillmentState, Order
from shared.orders.store.benefits import NOTHING_KNOWN, Known
from shared.web.api import now_in_milliseconds
from shared.web.auth import Caller
from shared.web.contract import ID, Id
from shared.web.cursor import cursor_of, key_of
from shared.web.idempotency import Request

INSTANT = r"[0-9TZ:.-]{24}"
SHOPPER_PAGE = rf"profile\n{INSTANT}\n{ID}"
LOCATION_PAGE = rf"[a-z_]{{1,20}}\n{INSTANT}#{ID}\n{ID}(#{ID})?"
"""The regular expressions that a decoded cursor of a list must match: see store.PageEnd."""

OrderPath = Annotated[Id, Path(description="The id of the order.")]
FulfillmentPath = Annotated[Id, Path(description="The id of the fulfillment.")]
WavePath = Annotated[Id, Path(description="The id of the wave.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the previous page; leave it out for the first page."),
]
Decide = Callable[[Order, datetime, str], changing.Decided]
"""(order, now, actor) -> the change of the order."""


def readable_order(order_id: str, caller: Caller) -> Order:
    """Raises NotFound, or Forbidden when the caller may not see the order's channel."""
    order = store.find(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}", order_id=order_id)
    caller.must_see(order.channel)
    return order


def change_order(order_id: str, decide: Decide, caller: Caller, request: Request) -> OrderAnswer:
    """Decides and stores a change of an order once per ``request``; a repeated request gets the
    first answer again."""
    now = now_in_milliseconds()

    def checked(order: Order) -> changing.Decided:
        caller.must_see(order.channel)
        return decide(order, now, caller.actor)

    text = changing.change(order_id, checked, now, request=request, answer=answer_for(caller))
    return OrderAnswer.model_validate_json(text or "")


def answer_for(caller: Caller) -> Callable[[Order], str]:
    """The answer to ``caller`` as JSON: it is stored with the request, for its repetitions."""
    money = reads_money(caller)
    return lambda order: order_answer(order, money=money).model_dump_json()


def reads_money(caller: Caller) -> bool:
    """Whether answers show prices, payments and the billing address: not to callers who only
    fulfil orders."""
    return not caller.scopes.isdisjoint({"orders:read", "orders:write"})


def states(state: FulfillmentState | None) -> tuple[FulfillmentState, ...]:
    """The states of fulfillments that a list shows: the open ones unless one is named."""
    return OPEN if state is None else (state,)


def page_end(cursor: str | None, pattern: str) -> store.PageEnd | None:
    """Where the previous page ended. Raises InvalidRequest unless the cursor fits ``pattern``."""
    return None if cursor is None else store.PageEnd(*key_of(cursor, pattern).split("\n"))


def next_cursor(end: store.PageEnd | None) -> str | None:
    return cursor_of(f"{end.group}\n{end.key}\n{end.id}") if end else None


def with_payments(
    draft: Order, body: OrderInput, caller: Caller, now: datetime
) -> tuple[Order, Known]:
    """The draft with its payments, as placing.Pay. Raises Forbidden for a caller who may not look
    cards up: it could try codes by placing orders."""
    if body.price_hold_id is not None:
        return tenders.with_price_hold(draft, body, body.price_hold_id, now)
    if not body.cards():
        return draft, NOTHING_KNOWN
    may_pay_with_cards(caller, body.cards())
    try:
        return tenders.with_payments(draft, body, caller.client_id, now)
    except CardNotUsable as refusal:
        failures.measure(refusal)
        raise


def found_card(
    card: CardTenderInput, currency: str, caller: Caller, now: datetime, path: str
) -> Card:
    """The card that pays. Its failures are counted, and measured. Raises CardNotUsable."""
    try:
        return tenders.find_card(card, currency, caller.client_id, now, path).card
    except CardNotUsable as refusal:
        failures.measure(refusal)
        raise


def may_sell_cards(caller: Caller, body: OrderInput) -> None:
    """Raises Forbidden for a caller who may not make cards usable."""
    paths = [
        f"$.lines[{number}].card_id"
        for number, line in enumerate(body.lines)
        if line.card_id is not None
    ]
    if paths and "cards:write" not in caller.scopes:
        raise Forbidden(
            "selling a card takes the scope cards:write",
            errors=[{"path": path, "message": "not for this caller"} for path in paths],
        )


def may_pay_with_cards(caller: Caller, paths: Iterable[str]) -> None:
    """``paths`` are the JSON paths of the cards. Raises Forbidden."""
    if "cards:read" not in caller.scopes:
        raise Forbidden(
            "paying with a card takes the scope cards:read",
            errors=[{"path": path, "message": "not for this caller"} for path in paths],
        )
