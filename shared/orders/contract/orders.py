"""Requests and answers of orders."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.customers.contract.statements import CustomerIdentity
from shared.errors import InvalidRequest
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, LineUnits, Ordered, Words
from shared.orders.contract.contacts import (
    AddressInput,
    BillToAnswer,
    CollectorAnswer,
    CollectorInput,
    ShipTo,
    ShipToAnswer,
    bill_to_answer,
    collector_answer,
    contacts,
    ship_to_answer,
)
from shared.orders.contract.fulfillments import FulfillmentPart, part_answer
from shared.orders.contract.pauses import PauseAnswer, PauseInput, pauses_answer
from shared.orders.contract.payments import (
    PaymentAnswer,
    PaymentInput,
    PaymentSummary,
    TotalsAnswer,
    payment_answer,
    summary,
    totals_answer,
)
from shared.orders.contract.returns import ReturnAnswer, return_answer
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
    missing,
    placed_totals,
    remaining_totals,
)
from shared.orders.model.pausing import MOST_PAUSES
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Id,
    Input,
    Instant,
    LocationId,
    Money,
    Price,
    Sku,
    Units,
)

OrderId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,59}$",
    ),
]

Reference = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class KnownCustomer(Input):
    """A customer whose profile the channel knows."""

    profile_id: Annotated[Id, Field()]
    """A profile id from POST /v1/customers/resolve or GET /v1/customers. Requires the scope
    `customers:read` (403 otherwise)."""


class OrderLineInput(Input):
    """A line of a new order."""

    line_id: Id
    """The channel's id of the line, unique in the order."""
    sku: Sku
    quantity: Ordered
    """Number of units."""
    unit_price: Price
    """Price of one unit; all lines have the same currency."""
    tax: Price | None = None
    """Tax of all units of the line that is added to the price; leave it out where prices include
    it."""
    method: Method
    """`ship` to `ship_to`, or `pickup` at `location_id`."""
    location_id: LocationId | None = None
    """Where a pickup line is collected. Leave it out for a ship line."""
    backorder: bool = False
    """Whether units without stock may wait for a later supply instead of refusing the order."""
    gift_wrap: bool = False
    """Whether the units are wrapped as a gift."""
    ship_to_store: bool = False
    """Whether units of a pickup line that its location does not have may be sent there from another
    one; `expected_at` says when they are there."""
    substitution: SubstitutionConsent = "none"
    """What a location may hand over where units are not found: no other SKU, one that the shopper
    agrees to (`ask`), or any (`allow`). A substitute is never dearer."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.method == "pickup" and self.location_id is None:
            raise ValueError("a pickup line needs location_id")
        if self.method == "ship" and self.location_id is not None:
            raise ValueError("a ship line has no location_id: the router chooses the location")
        if self.method == "ship" and self.ship_to_store:
            raise ValueError("ship_to_store is for pickup lines")
        return self


def new_line(line: OrderLineInput) -> Line:
    """The line before its units are open."""
    return Line(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.quantity,
        unit_price=line.unit_price.amount,
        currency=line.unit_price.currency,
        method=line.method,
        open=0,
        location_id=line.location_id,
        backorder=line.backorder,
        tax=line.tax.amount if line.tax else 0,
        gift_wrap=line.gift_wrap,
        ship_to_store=line.ship_to_store,
        substitution=line.substitution,
    )


class ShippingInput(Input):
    """What the shopper pays for the shipping of an order."""

    price: Price | None = None
    """Price of the shipping."""
    tax: Price | None = None
    """Tax that is added to the price; leave it out where the price includes it."""


class OrderInput(Input):
    """A new order."""

    order_id: OrderId | None = None
    """The channel's own order id; default: an id derived from the Idempotency-Key."""
    reference: Reference | None = None
    """What the channel calls the order, such as its web order number. Orders are found by it; it
    need not be unique."""
    channel: Channel
    """The selling channel; the client needs the scope `channel:<name>`."""
    customer: KnownCustomer | CustomerIdentity | None = None
    """A profile, or what the channel knows about the person; leave it out for a guest."""
    hold_id: Id | None = None
    """Use the units of this hold, exactly as they are held."""
    payment: PaymentInput | None = None
    """The payment of the order. Give this or `payments`."""
    payments: Annotated[list[PaymentInput], Field(min_length=1, max_length=10)] | None = None
    """The payments of an order that is paid with more than one tender. The order waits for what
    they do not cover."""
    lines: Annotated[list[OrderLineInput], Field(min_length=1, max_length=MOST_LINES)]
    """The lines of the order."""
    ship_to: ShipTo | None = None
    """The delivery address; required when a line is shipped."""
    bill_to: AddressInput | None = None
    """Where the invoice goes."""
    collector: CollectorInput | None = None
    """The person who collects the goods of pickup lines."""
    gift_message: Words | None = None
    """What is written on the card of a gift."""
    shipping: ShippingInput | None = None
    """What the shopper pays for the shipping."""
    service_level: ServiceLevel = "standard"
    """The service level of the delivery."""
    ship_complete: bool = False
    """Whether the shopper wants all units together: while some wait for stock, the others are
    neither picked nor shipped."""
    pauses: Annotated[list[PauseInput], Field(min_length=1, max_length=MOST_PAUSES)] | None = None
    """Reasons why nobody shall work on the order yet. Its units are reserved at once."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        counts = Counter(line.line_id for line in self.lines)
        repeated = [line_id for line_id, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(f"line_id must be unique; repeated: {', '.join(repeated)}")
        if self.ship_to is None and any(line.method == "ship" for line in self.lines):
            raise ValueError("an order with ship lines needs ship_to")
        if (self.payment is None) == (self.payments is None):
            raise ValueError("give payment, or payments for more than one tender")
        ids = [payment.payment_id for payment in self.payments or [] if payment.payment_id]
        if len(set(ids)) < len(ids):
            raise ValueError("payment_id must be unique in the order")
        return self

    def order(self, order_id: str, now: datetime) -> Order:
        """The order as a draft, before its lines are open.

        Raises InvalidRequest naming each amount whose currency is not that of the first line, and
        each part of an address that its country refuses.
        """
        self._check_currency()
        shipping = self.shipping or ShippingInput()
        draft = Order(
            order_id=order_id,
            channel=self.channel,
            placed_at=now,
            payments=(),
            lines=tuple(map(new_line, self.lines)),
            service_level=self.service_level,
            ship_complete=self.ship_complete,
            ship_to=self.ship_to.place() if self.ship_to else None,
            hold_id=self.hold_id,
            reference=self.reference,
            pauses=tuple(
                pause.pause(f"placed-{number}", now, f"$.pauses[{number}]")
                for number, pause in enumerate(self.pauses or ())
            ),
            shipping=shipping.price.amount if shipping.price else 0,
            shipping_tax=shipping.tax.amount if shipping.tax else 0,
            contacts=replace(
                contacts(self.ship_to, self.bill_to, self.collector),
                gift_message=self.gift_message,
            ),
        )
        for number, tendered in enumerate(self._tendered(), 1):
            payment = tendered.payment(number, missing(draft))
            draft = replace(draft, payments=(*draft.payments, payment))
        return draft

    def _tendered(self) -> list[PaymentInput]:
        return self.payments or ([self.payment] if self.payment else [])

    def _check_currency(self) -> None:
        currency = self.lines[0].unit_price.currency
        prices: dict[str, Price | None] = {}
        for number, line in enumerate(self.lines):
            prices[f"$.lines[{number}].unit_price"] = line.unit_price
            prices[f"$.lines[{number}].tax"] = line.tax
        if self.shipping is not None:
            prices["$.shipping.price"] = self.shipping.price
            prices["$.shipping.tax"] = self.shipping.tax
        if self.payment is not None:
            prices["$.payment.amount"] = self.payment.amount
        for number, payment in enumerate(self.payments or []):
            prices[f"$.payments[{number}].amount"] = payment.amount
        errors = [
            {"path": f"{path}.currency", "message": f"use the currency of the lines: {currency}"}
            for path, price in prices.items()
            if price is not None and price.currency != currency
        ]
        if errors:
            raise InvalidRequest("the order has more than one currency", errors)


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
    substitution: SubstitutionConsent | None = None
    """Whether a location may hand over another SKU; absent for `none`."""
    instead_of: Id | None = None
    """The line whose units were not found and which this one replaces."""
    consent_by: Instant | None = None
    """Until when the shopper can agree to the substitute; then it counts as refused."""
    agreed_price: Money | None = None
    """The price of one unit once the shopper has agreed."""
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
    profile_id: Id | None = None
    """The customer's profile; absent for a guest."""
    lines: list[OrderLine]
    """The lines of the order."""
    fulfillments: list[FulfillmentPart]
    """The parts of the order by location."""
    returns: list[ReturnAnswer] | None = None
    """The returns that were authorized."""
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
        profile_id=order.buyer.profile_id,
        lines=[_line_answer(line, money=money) for line in order.lines],
        fulfillments=[
            part_answer(part, code=money, paused=order.is_paused, rests=order.rests(part))
            for part in order.fulfillments
        ],
        returns=[return_answer(order, each) for each in order.returns] or None,
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
        substitution=line.substitution if line.substitution != "none" else None,
        instead_of=line.instead_of,
        consent_by=line.consent_by if line.open else None,
        agreed_price=Money(amount=line.agreed_price, currency=line.currency)
        if money and line.agreed_price is not None
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


class CancelInput(Input):
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


class ReturnInput(Input):
    """Units that a shopper returns."""

    location_id: LocationId
    """Where the goods were returned; any location."""
    lines: Annotated[list[ReturnedLine], Field(min_length=1, max_length=MOST_LINES)]
    """The returned units."""
    exchange_order_id: Id | None = None
    """The order of the goods that the shopper takes instead. The refund names it, so that the two
    amounts can be set off."""
