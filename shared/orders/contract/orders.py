"""Requests and answers of orders."""

from typing import Annotated

from pydantic import Field

from shared.cards.contract.cards import CardId
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, LineUnits, Words
from shared.orders.contract.contacts import (
    BillToAnswer,
    CollectorAnswer,
    ShipToAnswer,
    bill_to_answer,
    collector_answer,
    ship_to_answer,
)
from shared.orders.contract.fulfillments import FulfillmentPart, part_answer
from shared.orders.contract.pauses import PauseAnswer, pauses_answer
from shared.orders.contract.payments import (
    CreditAnswer,
    PaymentAnswer,
    PaymentSummary,
    TotalsAnswer,
    credit_answer,
    payment_answer,
    summary,
    totals_answer,
)
from shared.orders.contract.quoted import (
    DiscountAnswer,
    OrderQuoteAnswer,
    PointsPaidAnswer,
    discounts_answer,
    points_answer,
)
from shared.orders.contract.returns import RefundChoice, ReturnAnswer, return_answer
from shared.orders.contract.search import OrderSummary
from shared.orders.model import (
    Condition,
    Line,
    Method,
    Order,
    OrderState,
    Returned,
    SubstitutionConsent,
    decision_id,
    placed_totals,
    remaining_totals,
)
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Id,
    Input,
    Instant,
    LocationId,
    Money,
    Sku,
    Units,
)


class Awaited(Answer):
    """Units of a supply that are promised to a line."""

    quantity: Units
    """Number of units of the supply that are promised to the line."""
    transfer_id: Id | None = None
    """The transfer that brings units for this order alone."""
    location_id: LocationId
    """The location where the supply is expected."""
    expected_at: Instant
    """When the supply is expected."""


class OrderLine(Answer):
    """A line of an order: quantity = open + fulfilled + cancelled + backordered."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    sku: Sku
    quantity: Units
    """Number of ordered units."""
    unit_price: Money | None = None
    """Price of one unit; for callers who may read orders."""
    tax: Money | None = None
    """Tax of all units that is added to the price; absent where prices include it."""
    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    location_id: LocationId | None = None
    """Where a pickup line is collected."""
    gift_wrap: bool | None = None
    """Whether the units are wrapped as a gift."""
    ship_to_store: bool | None = None
    """Whether units may be sent to the location from another one."""
    card_id: CardId | None = None
    """The gift card that the line sells; for callers who may read orders."""
    substitution: SubstitutionConsent | None = None
    """Whether a location may hand over another SKU; absent for `none`."""
    instead_of: Id | None = None
    """The line whose units were not found and which this one replaces."""
    consent_by: Instant | None = None
    """Until when the shopper can agree to the substitute; then it counts as refused."""
    agreed_price: Money | None = None
    """The price of one unit once the shopper has agreed."""
    discounts: list[DiscountAnswer] | None = None
    """What promotions take off all units; for callers who may read orders."""
    net: Money | None = None
    """What all units cost after the discounts; only with discounts."""
    tax_within: Money | None = None
    """The tax that `net` contains, where the quote says so."""
    open: Count
    """Units that are not handed over yet."""
    fulfilled: Count
    """Units that were shipped or collected."""
    cancelled: Count
    """Units that were cancelled."""
    backordered: Count
    """Units that wait for a supply."""
    returned: Count
    """Units of `fulfilled` that were returned."""
    unassigned: Count | None = None
    """Open units that no location serves yet; the router retries at `deadline`."""
    expected_at: Instant | None = None
    """When all backordered units are promised to be available."""
    awaits: list[Awaited] | None = None
    """The supplies that backordered units wait for."""
    deadline: Instant | None = None
    """When the router looks at waiting units again."""


class OrderAnswer(Answer):
    """The current state of an order."""

    order_id: Id
    """The id of the order."""
    reference: str | None = None
    """What the channel calls the order."""
    channel: Channel
    state: OrderState
    """State of the order."""
    placed_at: Instant
    """When the order was placed."""
    service_level: ServiceLevel
    """The service level of the delivery."""
    ship_complete: bool | None = None
    """Whether the shopper wants all units together."""
    ship_to: ShipToAnswer | None = None
    """Where parcels go. Lists have the place alone."""
    bill_to: BillToAnswer | None = None
    """Where the invoice goes; for callers who may read orders. Not in lists."""
    collector: CollectorAnswer | None = None
    """The person who collects the goods. Not in lists."""
    gift_message: str | None = None
    """What is written on the card of a gift. Not in lists."""
    payment: PaymentSummary | None = None
    """The payments of the order together."""
    payments: list[PaymentAnswer] | None = None
    """The payments of the order, one for each tender; for callers who may read orders."""
    totals: TotalsAnswer | None = None
    """What the shopper owes; for callers who may read orders."""
    quote: OrderQuoteAnswer | None = None
    """The price quote that the order was placed with; for callers who may read orders."""
    points: PointsPaidAnswer | None = None
    """The loyalty points that paid for a part of it; for callers who may read orders."""
    profile_id: Id | None = None
    """The customer's profile; absent for a guest."""
    lines: list[OrderLine]
    """The lines of the order."""
    fulfillments: list[FulfillmentPart]
    """The parts of the order by location."""
    returns: list[ReturnAnswer] | None = None
    """The returns that were authorized."""
    credits: list[CreditAnswer] | None = None
    """Store credit that the shopper took instead of money."""
    pauses: list[PauseAnswer] | None = None
    """Why nobody works on the order now, and who may end it."""
    decision_id: str | None = None
    """The latest routing decision; absent when the order was placed from a hold."""
    version: int
    """Increases with every change of the order."""


def order_answer(order: Order, *, money: bool = True) -> OrderAnswer:
    """The answer; without ``money`` for callers who only fulfil orders."""
    currency = order.lines[0].currency
    paid = sum(payment.kept for payment in order.payments)
    return OrderAnswer(
        order_id=order.order_id,
        reference=order.reference,
        channel=order.channel,
        state=order.state,
        placed_at=order.placed_at,
        service_level=order.service_level,
        ship_complete=order.ship_complete or None,
        ship_to=ship_to_answer(order),
        bill_to=bill_to_answer(order.contacts.bill_to) if money else None,
        collector=collector_answer(order.contacts.collector),
        gift_message=order.contacts.gift_message,
        payment=summary(order),
        payments=[payment_answer(payment, currency) for payment in order.payments]
        if money
        else None,
        totals=totals_answer(remaining_totals(order), placed_totals(order), paid, currency)
        if money
        else None,
        quote=OrderQuoteAnswer(at=order.quote.at, book=order.quote.book)
        if money and order.quote
        else None,
        points=points_answer(order.points, currency) if money else None,
        profile_id=order.buyer.profile_id,
        lines=[_line_answer(line, money=money) for line in order.lines],
        fulfillments=[
            part_answer(part, code=money, paused=order.is_paused, rests=order.rests(part))
            for part in order.fulfillments
        ],
        returns=[return_answer(order, each) for each in order.returns] or None,
        credits=[credit_answer(credit, currency, money=money) for credit in order.credits] or None,
        pauses=pauses_answer(order.pauses) if order.is_paused else None,
        decision_id=decision_id(order.decisions[-1]) if order.decisions else None,
        version=order.version,
    )


def _line_answer(line: Line, *, money: bool) -> OrderLine:
    waiting = bool(line.unassigned or line.backordered)
    return OrderLine(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=Money(amount=line.unit_price, currency=line.currency) if money else None,
        tax=Money(amount=line.tax, currency=line.currency) if money and line.tax else None,
        method=line.method,
        location_id=line.location_id,
        gift_wrap=line.gift_wrap or None,
        ship_to_store=line.ship_to_store or None,
        card_id=line.card_id if money else None,
        substitution=line.substitution if line.substitution != "none" else None,
        instead_of=line.instead_of,
        consent_by=line.consent_by if line.open else None,
        agreed_price=Money(amount=line.agreed_price, currency=line.currency)
        if money and line.agreed_price is not None
        else None,
        discounts=discounts_answer(line.discounts, line.currency) if money else None,
        net=Money(amount=line.net, currency=line.currency) if money and line.discounts else None,
        tax_within=Money(amount=line.tax_within, currency=line.currency)
        if money and line.tax_within
        else None,
        open=line.open,
        fulfilled=line.fulfilled,
        cancelled=line.cancelled,
        backordered=line.backordered,
        returned=line.returned,
        unassigned=line.unassigned or None,
        expected_at=line.expected_at if line.backordered else None,
        awaits=[
            Awaited(
                quantity=claim.quantity,
                transfer_id=claim.reference if claim.source else None,
                location_id=claim.location_id,
                expected_at=claim.expected_at,
            )
            for claim in line.claims
        ]
        or None,
        deadline=line.deadline if waiting else None,
    )


class OrdersAnswer(Answer):
    """A page of orders."""

    orders: list[OrderAnswer]
    """The orders of this page, by `profile_id` or `location_id`; empty for a search."""
    summaries: list[OrderSummary] | None = None
    """The orders of this page of a search."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


class NoteInput(Input):
    """A note of the service."""

    text: Words
    """The note."""


class CancelInput(RefundChoice):
    """What to cancel of an order, and why."""

    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = None
    """The units to cancel; default: everything that has not been handed over."""
    reason: Words
    """Why the units are cancelled."""


class ReturnedLine(Input):
    """Returned units of a line."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of returned units."""
    condition: Condition
    """`sellable` units go on sale again; `damaged` ones do not."""
    reason: Words
    """Why the shopper returned the units."""

    def returned(self) -> Returned:
        return Returned(self.line_id, self.quantity, self.condition, self.reason)


class ReturnInput(RefundChoice):
    """Units that a shopper returns."""

    location_id: LocationId
    """Where the goods were returned; any location."""
    lines: Annotated[list[ReturnedLine], Field(min_length=1, max_length=MOST_LINES)]
    """The returned units."""
    exchange_order_id: Id | None = None
    """The order of the goods that the shopper takes instead. The refund names it, so that the two
    amounts can be set off."""
