"""Issue a card, and replace one by another. The code of the new card is shown by the answer only:
it is derived from the request, so that a repetition can show it again."""

from dataclasses import replace
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.cards import store
from shared.cards.model import card as model
from shared.cards.model.card import Card, CardKind, Cause, StoredState
from shared.cards.model.code import SUFFIX, normalised
from shared.cards.store import hashing
from shared.errors import Busy, KeyReused, NotFound
from shared.web.idempotency import Request


def new_card(
    code: str,
    kind: CardKind,
    currency: str,
    amount: int,
    now: datetime,
    *,
    state: StoredState = "active",
    expires_at: datetime | None = None,
    pin: str | None = None,
) -> Card:
    """A card that is not stored yet, from a code of ``hashing.new_code``."""
    plain = normalised(code)
    card_id = hashing.card_id_of(plain)
    return Card(
        card_id=card_id,
        kind=kind,
        currency=currency,
        balance=amount,
        loaded=amount,
        state=state,
        suffix=plain[-SUFFIX:],
        issued_at=now,
        expires_at=expires_at,
        pin_hash=hashing.pin_hash_of(card_id, pin) if pin is not None else None,
    )


def issue(card: Card, cause: Cause, request: Request, now: datetime) -> str:
    """Stores the card and returns its id; a repetition gets the first id.

    Raises InvalidRequest for an expiry in the past; KeyReused, also for a request that is repeated
    after its answer was forgotten.
    """
    _, answered = store.look_up([], request)
    if answered is not None:
        return answered
    model.must_not_have_expired(card, now)
    parts = [
        store.new_part(card, store.last_of("issued", cause, now)),
        store.answer_part(request, card.card_id, now),
    ]
    if not tables.transact(parts):
        return card.card_id
    _, answered = store.look_up([], request)
    if answered is None:
        raise KeyReused("this Idempotency-Key has issued a card before")
    return answered


def replace_card(
    card_id: str, new: Card, cause: Cause, request: Request, now: datetime
) -> tuple[str, str]:
    """Ends the card and moves its balance to ``new``, which brings id, suffix, PIN and expiry.
    Returns the ids of both; a repetition gets the first answer.

    Raises what ``model.replacement`` raises; NotFound, KeyReused, Busy.
    """
    for _ in tables.attempts():
        cards, answered = store.look_up([card_id, new.card_id], request)
        if answered is not None:
            return card_id, answered
        if card_id not in cards:
            raise NotFound(f"there is no card {card_id}", card_id=card_id)
        if new.card_id in cards:
            raise KeyReused("this Idempotency-Key has replaced a card before")
        old = cards[card_id]
        ended, begun = model.replacement(old, new, now)
        parts = [
            store.changed_part(
                old, ended, store.last_of("replaced", cause, now, other_card_id=new.card_id)
            ),
            store.new_part(
                replace(begun, issued_at=now),
                store.last_of("issued", cause, now, "replacement", card_id),
            ),
            store.answer_part(request, new.card_id, now),
        ]
        if not tables.transact(parts):
            return card_id, new.card_id
    raise Busy(f"card {card_id} is being changed by too many at once")
