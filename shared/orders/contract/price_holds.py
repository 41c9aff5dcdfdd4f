"""Requests and answers of price holds."""

from typing import Annotated, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict

from shared.orders.contract.payments import CardTenderInput
from shared.pricing.contract.quotes import QuoteToken
from shared.pricing.model.price_hold import LONGEST, HeldAmount, PriceHold
from shared.pricing.model.quote import Quote
from shared.web.contract import Answer, Id, Input, Instant, Money, Price

MOST_CARDS = 5
LONGEST_SECONDS = int(LONGEST.total_seconds())


class HeldCardInput(CardTenderInput):
    """A gift card or store credit that shall pay a part."""

    amount: Price | None = None
    """What it shall pay; default: what is on it, as far as the quote needs it."""


class PriceHoldInput(Input):
    """What an order will use, to be kept while its payment is being made."""

    quote_token: QuoteToken
    """The quote of POST /v1/prices/quote: its codes, limited promotions and points are kept."""
    cards: Annotated[list[HeldCardInput], Field(max_length=MOST_CARDS)] = Field(
        default_factory=list
    )
    """Cards whose amounts are kept. Takes the scope `cards:read`."""
    expires_in_seconds: Annotated[int, Strict(), Ge(60), Le(LONGEST_SECONDS)] = 900
    """How long; at most 4 hours."""


class HeldAmountAnswer(Answer):
    """What is kept of a card."""

    suffix: str
    """The last characters of its code."""
    amount: Money
    """What it will pay."""

    @classmethod
    def of(cls, held: HeldAmount, currency: str) -> Self:
        return cls(suffix=held.suffix, amount=Money(amount=held.amount, currency=currency))


class PriceHoldAnswer(Answer):
    """A price hold. An order claims it with `price_hold_id`, and the same `quote_token`."""

    hold_id: Id
    """The id of the hold."""
    expires_at: Instant
    """Until when it can be claimed."""
    total: Money
    """What the order will cost."""
    to_pay: Money
    """What remains to be paid otherwise."""
    cards: list[HeldAmountAnswer]
    """What is kept of cards."""
    points: int
    """Points that are kept."""

    @classmethod
    def of(cls, hold: PriceHold, quote: Quote) -> Self:
        by_cards = sum(held.amount for held in hold.cards)
        return cls(
            hold_id=hold.hold_id,
            expires_at=hold.deadline,
            total=Money(amount=quote.total, currency=quote.currency),
            to_pay=Money(amount=quote.total - by_cards, currency=quote.currency),
            cards=[HeldAmountAnswer.of(held, quote.currency) for held in hold.cards],
            points=quote.given.points.points if quote.given.points else 0,
        )
