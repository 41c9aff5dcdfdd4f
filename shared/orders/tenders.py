"""What pays for a new order beside money from elsewhere: gift cards and store credit, whose cards
are found before the order is planned, or what a price hold keeps."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared.cards.looking_up import Usable, usable
from shared.errors import PriceHoldClosed, invalid
from shared.orders.contract.payments import CardTenderInput
from shared.orders.contract.placement import OrderInput
from shared.orders.model import Order, Payment
from shared.orders.model.payments import captured
from shared.orders.store.benefits import Known
from shared.pricing.store import price_holds


def with_payments(
    draft: Order, body: OrderInput, client_id: str, now: datetime
) -> tuple[Order, Known]:
    """``draft`` with the payments of ``body``, some of which are cards, and the hashes of their
    PINs. 3 calls for each card, which count failures.

    Raises CardNotUsable, CardShort, TooManyTries, InvalidRequest.
    """
    currency = draft.lines[0].currency
    cards = {
        path: find_card(card, currency, client_id, now, f"{path}.card.code")
        for path, card in body.cards().items()
    }
    paid = body.paid(draft, {path: found.card for path, found in cards.items()})
    return paid, Known(pin_hashes=pin_hashes(cards.values()))


def find_card(
    card: CardTenderInput, currency: str, client_id: str, now: datetime, path: str
) -> Usable:
    return usable(card.code, card.pin, card.subject, client_id, currency, now, path)


def pin_hashes(cards: Iterable[Usable]) -> dict[str, str]:
    """The hashes of right PINs by card."""
    return {one.card_id: one.pin_hash for one in cards if one.pin_hash is not None}


def with_price_hold(
    draft: Order, body: OrderInput, hold_id: str, now: datetime
) -> tuple[Order, Known]:
    """``draft`` with the payments of the cards that the price hold keeps, and those of ``body``.
    1 call.

    Raises PriceHoldClosed, InvalidRequest for a hold of another quote.
    """
    found = price_holds.find(hold_id)
    if found is None or not found[0].claimable(now):
        raise PriceHoldClosed(hold_id, found[0].state_at(now) if found else "gone")
    hold, _ = found
    if draft.quote is None or draft.quote.digest != hold.digest:
        raise invalid("$.price_hold_id", "the hold is of another quote")
    payments = tuple(
        captured(
            Payment(
                f"held-{number}",
                tender="gift_card",
                card_id=held.card_id,
                card_suffix=held.suffix,
            ),
            held.amount,
        )
        for number, held in enumerate(hold.cards, 1)
    )
    return body.paid(replace(draft, payments=payments), {}), Known(price_hold=hold)
