"""What the routes of orders and of price holds share: a card that pays."""

from collections.abc import Iterable
from datetime import datetime

from functions.cards import failures
from shared.cards.model.card import Card
from shared.errors import CardNotUsable, Forbidden
from shared.orders import tenders
from shared.orders.contract.payments import CardTenderInput
from shared.web.auth import Caller


def found_card(
    card: CardTenderInput, currency: str, caller: Caller, now: datetime, path: str
) -> Card:
    """The card that pays. Its failures are counted, and measured. Raises CardNotUsable."""
    try:
        return tenders.find_card(card, currency, caller.client_id, now, path).card
    except CardNotUsable as refusal:
        failures.measure(refusal)
        raise


def may_pay_with_cards(caller: Caller, paths: Iterable[str]) -> None:
    """``paths`` are the JSON paths of the cards. Raises Forbidden."""
    if "cards:read" not in caller.scopes:
        raise Forbidden(
            "paying with a card takes the scope cards:read",
            errors=[{"path": path, "message": "not for this caller"} for path in paths],
        )
