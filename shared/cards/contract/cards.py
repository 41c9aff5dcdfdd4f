"""Requests and answers of cards."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import Strict, StringConstraints, model_validator

from shared.cards.model.card import (
    MOST_ON_CARD,
    BlockReason,
    Card,
    CardKind,
    CardState,
    EntryKind,
)
from shared.cards.model.ledger import Entry
from shared.instants import start_of_day
from shared.web.contract import (
    Answer,
    Count,
    Currency,
    Day,
    Described,
    Id,
    Input,
    Instant,
    TimeZone,
)

CardId = Annotated[Id, Described("The id of a card. It is not its code.")]
Code = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Described("The code of a card: lower case, spaces and dashes do not matter."),
]
Pin = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4,8}$"),
    Described("The PIN of a card: 4 to 8 digits."),
]
Reason = Literal["lost", "stolen", "fraud", "other"]


class CardAmount(Input):
    """An amount on a card, above 0."""

    amount: Annotated[int, Strict(), Ge(1), Le(MOST_ON_CARD)]
    """Amount in minor units (cents) of `currency`."""
    currency: Currency


class CardDelta(Input):
    """A correction of a balance."""

    amount: Annotated[int, Strict(), Ge(-MOST_ON_CARD), Le(MOST_ON_CARD)]
    """Amount in minor units (cents) of `currency`, negative to take money from the card."""
    currency: Currency


class Expiring(Input):
    """When a card expires."""

    expires_on: Day | None = None
    """The last day on which the card can pay; without it the card does not expire."""
    time_zone: TimeZone = "UTC"
    """The time zone of `expires_on`, such as America/Denver."""

    def expires_at(self) -> datetime | None:
        """The first instant at which the card no longer pays."""
        if self.expires_on is None:
            return None
        return start_of_day(self.expires_on + timedelta(days=1), self.time_zone)


class IssueCard(Expiring):
    """A new card."""

    amount: CardAmount
    """The balance that the card begins with."""
    kind: CardKind = "gift_card"
    """A gift card, which is sold or given, or a store credit, such as for a return."""
    state: Literal["inactive", "active"] = "active"
    """An inactive card pays nothing until it is activated, such as when it has been paid."""
    pin: Pin | None = None
    """A PIN that the card needs beside its code."""


class LookUpCard(Input):
    """The code of a card, and who tries it."""

    code: Code
    pin: Pin | None = None
    subject: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Whoever tries the code, such as the id of a session or a shopper. 10 failures in 15 minutes,
    or 100 in 30 days, and the subject has to wait."""


class LoadCard(Input):
    """Money for a card."""

    amount: CardAmount
    """What is added to the balance, in the currency of the card."""


class NoDetails(Input):
    """An empty request."""


class BlockCard(Input):
    """Why a card is blocked."""

    reason: Reason
    """The reason."""


class ReplaceCard(Expiring):
    """The card that takes the balance. Without `expires_on` it expires as the old one did."""

    pin: Pin | None = None
    """The PIN of the new card; required when the old card had one."""


class AdjustCard(Input):
    """A correction of a balance."""

    delta: CardDelta
    """What is added to the balance; not 0."""
    reason: Literal["correction", "goodwill", "chargeback", "expiry", "other"]
    """Why the balance is corrected."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.delta.amount == 0:
            raise ValueError("the delta is not 0")
        return self


class TransferCard(Input):
    """Money for another card."""

    to_card_id: CardId
    """The card that gets the money."""
    amount: CardAmount
    """The amount, in the currency of both cards."""


class CardAnswer(Answer):
    """A card."""

    card_id: CardId
    kind: CardKind
    """Gift card or store credit."""
    currency: Currency
    balance: int
    """The money on the card, in minor units of `currency`."""
    held: int
    """The part of the balance that is kept for orders which are being paid."""
    available: int
    """What can be spent: balance - held."""
    state: CardState
    """The state now. `used_up` is an active card without a balance."""
    suffix: str
    """The last four characters of the code."""
    has_pin: bool
    """Whether the card needs a PIN."""
    expires_at: Instant | None = None
    """When the card can no longer pay."""
    block_reason: BlockReason | None = None
    """Why the card is blocked."""
    replaced_by: CardId | None = None
    """The card that has its balance."""
    sold_by: Id | None = None
    """The order that sells the card."""
    issued_at: Instant
    """When the card was issued."""
    version: Count
    """The number of changes of the card."""

    @staticmethod
    def of(card: Card, now: datetime) -> "CardAnswer":
        return CardAnswer(
            card_id=card.card_id,
            kind=card.kind,
            currency=card.currency,
            balance=card.balance,
            held=card.held,
            available=card.available,
            state=card.state_at(now),
            suffix=card.suffix,
            has_pin=card.pin_hash is not None,
            expires_at=card.expires_at,
            block_reason=card.block_reason,
            replaced_by=card.replaced_by,
            sold_by=card.sold_by,
            issued_at=card.issued_at,
            version=card.version,
        )


class IssuedCardAnswer(Answer):
    """A new card. This is the only answer that shows its code."""

    card_id: CardId
    code: Code
    """The code, which is not stored: a repetition of the request shows it again for 30 days."""


class ReplacedCardAnswer(Answer):
    """The card that has the balance now. This is the only answer that shows its code."""

    replaced: CardId
    """The card that has ended."""
    card_id: CardId
    code: Code
    """The code, which is not stored: a repetition of the request shows it again for 30 days."""


class UsableCardAnswer(Answer):
    """A card that can pay."""

    card_id: CardId
    kind: CardKind
    """Gift card or store credit."""
    currency: Currency
    balance: int
    """The money on the card, in minor units of `currency`."""
    available: int
    """What can be spent now; orders that are being paid hold the rest."""
    suffix: str
    """The last four characters of the code."""
    expires_at: Instant | None = None
    """When the card can no longer pay."""


class CardEntryAnswer(Answer):
    """One change of a card."""

    version: Count
    """The version of the card after the change."""
    kind: EntryKind
    """What happened."""
    delta: int
    """The change of the balance, in minor units."""
    held_delta: int
    """The change of what is held."""
    balance: int
    """The balance after the change."""
    held: int
    """What is held after the change."""
    at: Instant
    """When it happened."""
    cause: str
    """The type of the event or request behind it."""
    cause_id: str
    """The id of the event or request behind it."""
    order_id: Id | None = None
    """The order that the card has paid, or that gave money back."""
    actor: str | None = None
    """The person or client that did this."""
    reason: str | None = None
    """Why."""
    other_card_id: CardId | None = None
    """The other card of a transfer or a replacement."""

    @staticmethod
    def of(entry: Entry) -> "CardEntryAnswer":
        return CardEntryAnswer(
            version=entry.version,
            kind=entry.kind,
            delta=entry.delta,
            held_delta=entry.held_delta,
            balance=entry.balance,
            held=entry.held,
            at=entry.at,
            cause=entry.cause.type,
            cause_id=entry.cause.id,
            order_id=entry.cause.order_id,
            actor=entry.cause.actor,
            reason=entry.reason,
            other_card_id=entry.other_card_id,
        )


class CardEntriesAnswer(Answer):
    """A page of the ledger of a card."""

    card_id: CardId
    entries: list[CardEntryAnswer]
    """The changes, newest first."""
    next_cursor: str | None = None
    """The cursor of the next page; it is missing on the last page."""
