"""Store credit that shoppers take instead of money: the card of a request, new or the shopper's."""

from datetime import datetime

from shared.cards import store as cards
from shared.cards.model.card import not_usable
from shared.cards.model.code import SUFFIX, normalised
from shared.cards.store import hashing
from shared.errors import NotFound, invalid
from shared.orders.model import Order
from shared.orders.model.payments import Refund, RefundTo, StoreCredit
from shared.web.idempotency import Request

PATH = "$.store_credit_card_id"


def code_for(request: Request, client_id: str, key: str) -> str:
    """The code of the card that the request may issue; the same for each repetition. ``key`` is its
    Idempotency-Key: the tables have only a hash of it, so that they do not yield the code."""
    return hashing.new_code(f"{client_id}\n{key}", request.digest)


def new_credit(code: str) -> StoreCredit:
    plain = normalised(code)
    return StoreCredit(hashing.card_id_of(plain), plain[-SUFFIX:], is_new=True)


def agreed(to: RefundTo, card_id: str | None, order: Order, now: datetime) -> Refund:
    """What the shopper has agreed to, with the card that was named. Raises InvalidRequest for a
    card that gets no store credit of the order."""
    if card_id is None:
        return Refund(to)
    try:
        card = cards.find(card_id)
    except NotFound:
        raise invalid(PATH, "there is no such card") from None
    if any(payment.card_id == card_id for payment in order.payments):
        raise invalid(PATH, "this card pays the order: it gets its share in any case")
    if any(line.card_id == card_id for line in order.lines):
        raise invalid(PATH, "the order has sold this card")
    if (reason := not_usable(card, order.lines[0].currency, now)) is not None:
        raise invalid(PATH, f"the card cannot be used: {reason}")
    return Refund(to, StoreCredit(card_id, card.suffix))
