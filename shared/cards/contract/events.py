"""Events of cards: one CloudEvent for each entry of a ledger that moves money or ends a card.

An event has never a code or a PIN. Its id has the id of the card and its version, so a repeated
event has the same id.
"""

from collections.abc import Mapping
from typing import Any

from shared.cards.contract.cards import CardId
from shared.cards.model.card import Card, CardKind, EntryKind
from shared.cards.model.ledger import DriftKind, Entry
from shared.instants import rfc3339
from shared.web.contract import Answer, Count, Currency, Id

SOURCE = "norain/cards"
DRIFT = "card.drift"


class OfCard(Answer):
    """The card after the change."""

    card_id: CardId
    card_version: Count
    """Version of the card after this change."""
    suffix: str
    """The last four characters of the code."""
    kind: CardKind
    """Gift card or store credit."""
    currency: Currency
    delta: int
    """The change of the balance, in minor units of `currency`."""
    balance: int
    """The balance after the change."""
    available: int
    """What can be spent after the change."""
    state: str
    """The state after the change. A refund to a card that is not `active` needs somebody who
    replaces the card."""
    cause: str
    """The type of the event or request behind it."""
    order_id: Id | None = None
    """The order that the card has paid, or that gave money back."""
    actor: str | None = None
    """The person or client that did this."""
    reason: str | None = None
    """Why."""
    other_card_id: CardId | None = None
    """The other card of a transfer or a replacement."""


class DriftOfCard(Answer):
    """A figure of a card that differs."""

    card_id: CardId
    kind: DriftKind
    """The figure that differs."""
    stands: int
    """The stored figure in minor units; for `ledger` the number of its entries."""
    should: int
    """The figure that follows from the ledger."""


class CardDriftData(Answer):
    """The result of an audit of the cards."""

    cards: list[DriftOfCard]
    """Figures that differ."""
    mended: list[CardId]
    """Cards that the audit has corrected."""


EVENTS: Mapping[str, tuple[type[Answer], str]] = {
    "card.issued": (OfCard, "A gift card or store credit was issued."),
    "card.activated": (OfCard, "The card can pay from now on."),
    "card.loaded": (OfCard, "Money was put on the card."),
    "card.spent": (OfCard, "The card has paid."),
    "card.refunded": (OfCard, "Money came back to the card, whatever its state."),
    "card.blocked": (OfCard, "The card pays nothing until it is unblocked."),
    "card.unblocked": (OfCard, "The card is what it was before it was blocked."),
    "card.replaced": (OfCard, "The card has ended, another has its balance."),
    "card.transferred": (OfCard, "Money moved to the card or from it, from or to another card."),
    "card.adjusted": (OfCard, "Staff have corrected the balance."),
}
"""The event of each kind of entry; holds and their releases have none."""
DRIFTS: Mapping[str, tuple[type[Answer], str]] = {
    DRIFT: (CardDriftData, "Cards differ from the sum of their ledgers."),
}


def event_type(kind: EntryKind) -> str | None:
    """The event type of an entry, None when it is no event."""
    return f"card.{kind}" if f"card.{kind}" in EVENTS else None


def of_entry(card: Card, entry: Entry) -> list[dict[str, Any]]:
    """The CloudEvent of an entry of ``card``, which is the card after it; none for a hold."""
    kind = event_type(entry.kind)
    if kind is None:
        return []
    data = OfCard(
        card_id=card.card_id,
        card_version=card.version,
        suffix=card.suffix,
        kind=card.kind,
        currency=card.currency,
        delta=entry.delta,
        balance=card.balance,
        available=card.available,
        state=entry.state,
        cause=entry.cause.type,
        order_id=entry.cause.order_id,
        actor=entry.cause.actor,
        reason=entry.reason,
        other_card_id=entry.other_card_id,
    )
    return [
        {
            "specversion": "1.0",
            "id": f"{card.card_id}@{card.version}",
            "source": SOURCE,
            "type": kind,
            "subject": card.card_id,
            "time": rfc3339(entry.at),
            "sequence": f"{card.version:010d}",
            "datacontenttype": "application/json",
            "data": data.model_dump(mode="json"),
        }
    ]
