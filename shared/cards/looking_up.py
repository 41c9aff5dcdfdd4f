"""Find a card by its code, with limits on failures: for the look-up, and before a card pays."""

from dataclasses import dataclass
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.cards import store
from shared.cards.model import card as model
from shared.cards.model import tries as limits
from shared.cards.model.card import Card, Cause, NotUsable
from shared.cards.model.code import normalised
from shared.cards.store import hashing, tries
from shared.errors import Busy, CardNotUsable, InvalidTransition


@dataclass(frozen=True, slots=True)
class Usable:
    """A card that can pay. ``pin_hash`` belongs into the Spend."""

    card: Card

    @property
    def card_id(self) -> str:
        return self.card.card_id

    @property
    def pin_hash(self) -> str | None:
        return self.card.pin_hash

    @property
    def available(self) -> int:
        return self.card.available


def usable(
    code: str,
    pin: str | None,
    subject: str,
    client_id: str,
    currency: str | None,
    now: datetime,
    path: str = "$.code",
) -> Usable:
    """The card of a code, when it can pay in ``currency`` (None: in its own).

    ``subject`` is whoever tries, such as a session or a shopper; ``path`` is the JSON path of the
    code. A failure counts for the subject and for the client. A code whose check character is wrong
    cannot be a card and counts for nobody.

    Raises InvalidRequest, TooManyTries, CardNotUsable whatever the reason, Busy.
    """
    card_id = hashing.card_id_of(normalised(code, path))
    card_key, client_key = store.card_key(card_id), tries.client_key(client_id, now)
    items = tables.get_many([card_key, client_key], consistent=True)
    limits.check_client(items.get(client_key, {}).get("units", 0), now)
    tries.take(subject, now)
    card = store.card_of_item(items[card_key]) if card_key in items else None
    reason = model.not_usable(card, currency, now) or _pin_refusal(card, pin, now)
    if card is None or reason is not None:
        raise CardNotUsable(reason or "unknown", tries.count_failure(client_id, now))
    tries.give_back(subject, now)
    return Usable(card)


def _pin_refusal(card: Card | None, pin: str | None, now: datetime) -> NotUsable | None:
    """Counts the PIN before it is compared; the last wrong one of a row blocks the card."""
    if card is None or card.pin_hash is None:
        return None
    if pin is None:
        return "pin_needed"
    number = tries.take_pin(card.card_id)
    if number is None:
        return "wrong_pin"
    if hashing.same(hashing.pin_hash_of(card.card_id, pin), card.pin_hash):
        tries.forget_pins(card.card_id)
        return None
    if number >= limits.MOST_PINS:
        _block(card.card_id, now)
    return "wrong_pin"


def _block(card_id: str, now: datetime) -> None:
    """Blocks the card unless somebody else has ended it meanwhile. Raises Busy."""
    cause = Cause(f"{card_id}:pins", "card.wrong_pins")
    for _ in tables.attempts():
        card = store.find(card_id)
        try:
            blocked = model.block(card, "wrong_pins", now)
        except InvalidTransition:
            return
        last = store.last_of("blocked", cause, now, "wrong_pins")
        if not tables.transact([store.changed_part(card, blocked, last)]):
            return
    raise Busy(f"card {card_id} is being changed by too many at once")
