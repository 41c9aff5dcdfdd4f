"""Changes of cards by staff: read, decide, write at the version that was read, once per request."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.cards import store
from shared.cards.model import card as model
from shared.cards.model.card import Card, Cause, EntryKind
from shared.errors import Busy, NotFound, invalid
from shared.web.idempotency import Request


def change(
    card_id: str,
    decide: Callable[[Card], Card],
    kind: EntryKind,
    cause: Cause,
    request: Request,
    answer: Callable[[Card], str],
    now: datetime,
    reason: str | None = None,
) -> str:
    """Changes the card as ``decide`` says and returns the answer; a repetition gets the first one.

    Raises what ``decide`` raises; NotFound, KeyReused, Busy.
    """
    for _ in tables.attempts():
        cards, answered = store.look_up([card_id], request)
        if answered is not None:
            return answered
        before = _known(cards, card_id)
        after = decide(before)
        text = answer(stored(after))
        parts = [
            store.changed_part(before, after, store.last_of(kind, cause, now, reason)),
            store.answer_part(request, text, now),
        ]
        if not tables.transact(parts):
            return text
    raise Busy(f"card {card_id} is being changed by too many at once")


def transfer(
    card_id: str,
    to_card_id: str,
    amount: int,
    currency: str,
    cause: Cause,
    request: Request,
    answer: Callable[[Card], str],
    now: datetime,
) -> str:
    """Moves ``amount`` to another card in one transaction and returns the answer, made of the first
    card; a repetition gets the first answer.

    Raises what ``model.transfer`` raises; InvalidRequest for one card twice; NotFound, KeyReused,
    Busy.
    """
    if card_id == to_card_id:
        raise invalid("$.to_card_id", "this is the card itself")
    for _ in tables.attempts():
        cards, answered = store.look_up([card_id, to_card_id], request)
        if answered is not None:
            return answered
        if to_card_id not in cards:
            raise invalid("$.to_card_id", "there is no such card")
        source, target = _known(cards, card_id), cards[to_card_id]
        given, taken = model.transfer(source, target, amount, currency, now)
        text = answer(stored(given))
        parts = [
            store.changed_part(
                source, given, store.last_of("transferred", cause, now, None, to_card_id)
            ),
            store.changed_part(
                target, taken, store.last_of("transferred", cause, now, None, card_id)
            ),
            store.answer_part(request, text, now),
        ]
        if not tables.transact(parts):
            return text
    raise Busy(f"card {card_id} is being changed by too many at once")


def stored(card: Card) -> Card:
    """The card as a change stores it: one version later."""
    return replace(card, version=card.version + 1)


def _known(cards: Mapping[str, Card], card_id: str) -> Card:
    if card_id not in cards:
        raise NotFound(f"there is no card {card_id}", card_id=card_id)
    return cards[card_id]
