"""Pay with gift cards and store credit: find the cards of a new order before it is planned."""

from datetime import datetime

from shared.cards.looking_up import usable
from shared.orders.contract.placement import OrderInput
from shared.orders.model import Order


def with_payments(
    draft: Order, body: OrderInput, client_id: str, now: datetime
) -> tuple[Order, dict[str, str]]:
    """``draft`` with the payments of ``body``, and the hashes of right PINs by card. 3 calls for
    each card, which count failures; none without cards.

    Raises CardNotUsable, CardShort, TooManyTries, InvalidRequest.
    """
    cards = {
        path: usable(
            card.code,
            card.pin,
            card.subject,
            client_id,
            draft.lines[0].currency,
            now,
            f"{path}.card.code",
        )
        for path, card in body.cards().items()
    }
    paid = body.paid(draft, {path: found.card for path, found in cards.items()})
    return paid, {one.card_id: one.pin_hash for one in cards.values() if one.pin_hash is not None}
