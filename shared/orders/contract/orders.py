"""Requests and answers of orders."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from shared.customers.contract.statements import CustomerIdentity
from shared.errors import InvalidRequest, invalid
from shared.locations.contract import Latitude, Longitude, PostalCode
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, LineUnits, Ordered, Words
from shared.orders.contract.fulfillments import FulfillmentPart, part_answer
from shared.orders.contract.pauses import PauseAnswer, PauseInput, pauses_answer
from shared.orders.contract.search import OrderSummary
from shared.orders.model import (
    Condition,
    DeliveryPlace,
    Line,
    Method,
    Order,
    OrderState,
    Payment,
    Returned,
    decision_id,
)
from shared.orders.model.pausing import MOST_PAUSES
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Country,
    Id,
    Input,
    Instant,
    LocationId,
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


class PaymentInput(Input):
    """The payment of a new order."""

    status: Literal["authorized", "paid", "pending"]
    """`authorized` or `paid`; a `pending` order waits for POST /v1/orders/{order_id}/payment."""
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None
    """The payment provider's reference."""


class PaymentReceived(Input):
    """The payment of a pending order."""

    status: Literal["authorized", "paid"]
    """Whether the payment is authorized or paid."""
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None
    """The payment provider's reference."""
    amount: Price | None = None
    """The charged amount; default: the value of the remaining units."""

    def charged(self, order: Order) -> int | None:
        """The charged amount in minor units; None when the request has none.

        Raises InvalidRequest when its currency is not that of the order.
        """
        if self.amount is None:
            return None
        if self.amount.currency != order.lines[0].currency:
            raise invalid(
                "$.amount.currency", f"use the currency of the order: {order.lines[0].currency}"
            )
        return self.amount.amount


class ShipTo(Input):
    """A delivery address."""

    postal_code: PostalCode
    """Postal code of the address."""
    country: Country
    """Country of the address."""
    latitude: Latitude | None = None
    """WGS84 latitude; default: the centroid of the postal code."""
    longitude: Longitude | None = None
    """WGS84 longitude; give it together with `latitude`."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give both latitude and longitude, or neither")
        return self

    def place(self) -> DeliveryPlace:
        return DeliveryPlace(self.postal_code, self.country, self.latitude, self.longitude)


class OrderLineInput(Input):
    """A line of a new order."""

    line_id: Id
    """The channel's id of the line, unique in the order."""
    sku: Sku
    quantity: Ordered
    """Number of units."""
    unit_price: Price
    """Price of one unit; all lines have the same currency."""
    method: Method
    """`ship` to `ship_to`, or `pickup` at `location_id`."""
    location_id: LocationId | None = None
    """Where a pickup line is collected. Leave it out for a ship line."""
    backorder: bool = False
    """Whether units without stock may wait for a later supply instead of refusing the order."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.method == "pickup" and self.location_id is None:
            raise ValueError("a pickup line needs location_id")
        if self.method == "ship" and self.location_id is not None:
            raise ValueError("a ship line has no location_id: the router chooses the location")
        return self


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
    payment: PaymentInput
    """The payment of the order."""
    lines: Annotated[list[OrderLineInput], Field(min_length=1, max_length=MOST_LINES)]
    """The lines of the order."""
    ship_to: ShipTo | None = None
    """The delivery address; required when a line is shipped."""
    service_level: ServiceLevel = "standard"
    """The service level of the delivery."""
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
        return self

    def order(self, order_id: str, now: datetime) -> Order:
        """The order as a draft, before its lines are open.

        Raises InvalidRequest naming each line whose currency is not that of the first line.
        """
        currency = self.lines[0].unit_price.currency
        errors = [
            {
                "path": f"$.lines[{number}].unit_price.currency",
                "message": f"all lines must have the same currency: {currency}",
            }
            for number, line in enumerate(self.lines)
            if line.unit_price.currency != currency
        ]
        if errors:
            raise InvalidRequest("the order has more than one currency", errors)
        return Order(
            order_id=order_id,
            channel=self.channel,
            placed_at=now,
            payment=Payment(self.payment.status, self.payment.reference),
            lines=tuple(
                Line(
                    line_id=line.line_id,
                    sku=line.sku,
                    quantity=line.quantity,
                    unit_price=line.unit_price.amount,
                    currency=line.unit_price.currency,
                    method=line.method,
                    open=0,
                    location_id=line.location_id,
                    backorder=line.backorder,
                )
                for line in self.lines
            ),
            service_level=self.service_level,
            ship_to=self.ship_to.place() if self.ship_to else None,
            hold_id=self.hold_id,
            reference=self.reference,
            pauses=tuple(
                pause.pause(f"placed-{number}", now, f"$.pauses[{number}]")
                for number, pause in enumerate(self.pauses or ())
            ),
        )


class Awaited(Answer):
    """Units of a supply that are promised to a line."""

    quantity: Units
    """Number of units of the supply that are promised to the line."""
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
    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    location_id: LocationId | None = None
    """Where a pickup line is collected."""
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


class PaymentAnswer(Answer):
    """The payment of an order. An order that is still pending at `deadline` is cancelled."""

    status: Literal["authorized", "paid", "pending"]
    """State of the payment."""
    reference: str | None = None
    """The payment provider's reference."""
    deadline: Instant | None = None
    """When a pending order is cancelled without payment."""


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
    payment: PaymentAnswer | None = None
    """The payment of the order."""
    profile_id: Id | None = None
    """The customer's profile; absent for a guest."""
    lines: list[OrderLine]
    """The lines of the order."""
    fulfillments: list[FulfillmentPart]
    """The parts of the order by location."""
    pauses: list[PauseAnswer] | None = None
    """Why nobody works on the order now, and who may end it."""
    decision_id: str | None = None
    """The latest routing decision; absent when the order was placed from a hold."""
    version: int
    """Increases with every change of the order."""


def order_answer(order: Order) -> OrderAnswer:
    return OrderAnswer(
        order_id=order.order_id,
        reference=order.reference,
        channel=order.channel,
        state=order.state,
        placed_at=order.placed_at,
        payment=PaymentAnswer(
            status=order.payment.status,
            reference=order.payment.reference,
            deadline=order.payment.deadline if order.unpaid else None,
        ),
        profile_id=order.buyer.profile_id,
        lines=[_line_answer(line) for line in order.lines],
        fulfillments=[
            part_answer(fulfillment, paused=order.is_paused) for fulfillment in order.fulfillments
        ],
        pauses=pauses_answer(order.pauses) if order.is_paused else None,
        decision_id=decision_id(order.decisions[-1]) if order.decisions else None,
        version=order.version,
    )


def _line_answer(line: Line) -> OrderLine:
    waiting = bool(line.unassigned or line.backordered)
    return OrderLine(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.quantity,
        method=line.method,
        location_id=line.location_id,
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


class HistoryEntry(Answer):
    """An event in the history of an order or transfer."""

    at: Instant
    """When it happened."""
    event: str
    """Type of the event."""
    actor: str
    """The person, client or part of NoRain that did this."""
    detail: dict[str, Any]
    """Data of the event; the fields depend on its type."""


class HistoryAnswer(Answer):
    """The history of an order."""

    order_id: Id
    """The id of the order."""
    entries: list[HistoryEntry]
    """The events, oldest first."""


def history_answer(order: Order) -> HistoryAnswer:
    return HistoryAnswer(
        order_id=order.order_id,
        entries=[
            HistoryEntry(
                at=entry.at, event=entry.event, actor=entry.actor, detail=dict(entry.detail)
            )
            for entry in order.history
        ],
    )


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
