"""Requests and answers of returns that are authorized before the goods arrive."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.cards.contract.cards import CardId
from shared.orders.contract.common import MOST_LINES, Words
from shared.orders.model import Order, Return, ReturnLine, ReturnState
from shared.orders.model.payments import IN_PROPORTION, Refund, RefundTo
from shared.orders.model.refurbishing import Refurbished
from shared.orders.model.return_terms import RefundOn, ReturnRequest
from shared.orders.model.returns import Outcome, allowed_steps
from shared.web.contract import Answer, Id, Input, Instant, LocationId, Money, Units

Link = Annotated[str, StringConstraints(pattern=r"^https://", max_length=500)]


class ReturnLineInput(Input):
    """Units of a line that the shopper returns."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units."""
    reason: Words
    """Why the shopper returns the units."""


class RefundChoice(Input):
    """How the shopper gets money back."""

    refund_to: RefundTo = "proportional"
    """Which tenders get money back first: each its share, or the `first` or `last` as much as it
    has paid. `store_credit`: each its share, and store credit instead of tenders outside NoRain,
    when the shopper agrees. What is captured only later goes back to its tender."""
    store_credit_card_id: CardId | None = None
    """The shopper's card that gets the store credit. Without it a new card is issued when the
    refund is due, and its code is shown by the answer to that request alone."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.store_credit_card_id is not None and self.refund_to != "store_credit":
            raise ValueError("store_credit_card_id is for refund_to store_credit")
        return self


class ReturnAuthorizationInput(RefundChoice):
    """What a shopper wants to return."""

    lines: Annotated[list[ReturnLineInput], Field(min_length=1, max_length=MOST_LINES)]
    """The units that the shopper returns."""
    location_id: LocationId | None = None
    """Where the goods are expected; they may be received elsewhere."""
    photos: Annotated[list[Link], Field(max_length=10)] = Field(default_factory=list)
    """Links to photos of the goods."""
    exchange_order_id: Id | None = None
    """The order of the goods that the shopper takes instead: place it first, and its units are
    held."""
    goodwill: bool = False
    """Whether to accept the return after the window has closed."""
    keep: bool | None = None
    """Whether the shopper keeps the goods and is refunded at once; default: by the order policy."""

    def request(self, refund: Refund = IN_PROPORTION) -> ReturnRequest:
        return ReturnRequest(
            refund=refund,
            lines=tuple(ReturnLine(row.line_id, row.quantity, row.reason) for row in self.lines),
            location_id=self.location_id,
            photos=tuple(self.photos),
            exchange_order_id=self.exchange_order_id,
            goodwill=self.goodwill,
            keep=self.keep,
        )


class ReceiveReturnInput(Input):
    """Where the goods were received."""

    location_id: LocationId
    """The location that has the goods; any location."""


class InspectedLine(Input):
    """What somebody found out about units of a return."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units."""
    outcome: Outcome
    """`sellable` units go where the order policy says, by default on sale at once; `damaged` ones
    and those to `refurbish` are not on sale.
    `missing` units were announced, and are not among the goods: they are not refunded, unless the
    refund was due before the inspection."""


class InspectReturnInput(Input):
    """The outcome for every unit of the return."""

    lines: Annotated[list[InspectedLine], Field(min_length=1, max_length=4 * MOST_LINES)]
    """The outcomes; together as many units as the return has."""


class RefurbishedLine(Input):
    """What became of units that were not on sale."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units."""
    outcome: Refurbished = "sellable"
    """`sellable` units are on sale at once; `damaged` ones stay unsellable."""


class RefurbishedInput(Input):
    """What became of unsold units of a return."""

    lines: (
        Annotated[list[RefurbishedLine], Field(min_length=1, max_length=3 * MOST_LINES)] | None
    ) = None
    """The units; default: all units that are unsold, sellable."""

    def outcomes(self) -> list[tuple[str, int, Refurbished]] | None:
        if self.lines is None:
            return None
        return [(row.line_id, row.quantity, row.outcome) for row in self.lines]


class UnsoldAnswer(Answer):
    """Units of an inspected return that are not on sale yet."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units."""
    owner: str | None = None
    """Who decides on units that the order policy holds back; absent for units to refurbish."""


class ReturnLineAnswer(Answer):
    """Units of a return."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units."""
    reason: str
    """Why the shopper returns the units."""


class ReturnAnswer(Answer):
    """A return that was authorized."""

    return_id: str
    """The id of the return."""
    order_id: Id
    """The id of the order."""
    state: ReturnState
    """State of the return."""
    lines: list[ReturnLineAnswer]
    """The returned units."""
    location_id: LocationId | None = None
    """Where the goods are expected, or were received."""
    refund_on: RefundOn
    """When the refund is due; `receipt` for store credit on a new card, never a carrier's scan."""
    refund_to: RefundTo | None = None
    """What the shopper has agreed to; absent for `proportional`."""
    credited: bool
    """Whether the refund is due already."""
    fee: Money
    """What is kept of the refund."""
    photos: list[str] | None = None
    """Links to photos of the goods."""
    exchange_order_id: str | None = None
    """The order of the goods that the shopper takes instead."""
    deadline: Instant | None = None
    """When the authorization expires, or somebody is reminded."""
    carrier: str | None = None
    """The carrier of the label that was bought."""
    tracking: str | None = None
    """The tracking number of the label."""
    unsold: list[UnsoldAnswer] | None = None
    """Units that are not on sale yet: to be refurbished, or held back."""
    allowed: list[str]
    """Actions that are possible in this state."""


def return_answer(order: Order, each: Return) -> ReturnAnswer:
    return ReturnAnswer(
        return_id=each.return_id,
        order_id=order.order_id,
        state=each.state,
        lines=[
            ReturnLineAnswer(line_id=row.line_id, quantity=row.quantity, reason=row.reason)
            for row in each.lines
        ],
        location_id=each.location_id,
        refund_on=each.refund_on,
        refund_to=each.refund_to if each.refund_to != "proportional" else None,
        credited=each.credited,
        fee=Money(amount=each.fee, currency=order.lines[0].currency),
        photos=list(each.photos) or None,
        exchange_order_id=each.exchange_order_id,
        deadline=each.deadline,
        carrier=each.carrier,
        tracking=each.tracking,
        unsold=[
            UnsoldAnswer(line_id=row.line_id, quantity=row.quantity, owner=row.owner)
            for row in each.unsold or ()
        ]
        or None,
        allowed=list(allowed_steps(each)),
    )
