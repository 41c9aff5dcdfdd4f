"""Orders as channels send and see them."""

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
        description="the channel's own id; derived from the Idempotency-Key when left out",
    ),
]


class KnownCustomer(Input):
    profile_id: Annotated[
        Id, Field(description="A profile that the caller may read: takes `customers:read` (403).")
    ]


class PaymentInput(Input):
    status: Literal["authorized", "paid", "pending"]
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None


class PaymentReceived(Input):
    status: Literal["authorized", "paid"]
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None
    amount: Price | None = Field(
        default=None, description="what was charged; what is left of the order when left out"
    )

    def charged(self, order: Order) -> int | None:
        """In minor units. Raises InvalidRequest for another currency than the order's."""
        if self.amount is None:
            return None
        if self.amount.currency != order.lines[0].currency:
            raise invalid("$.amount.currency", f"the order is in {order.lines[0].currency}")
        return self.amount.amount


class ShipTo(Input):
    """Latitude and longitude are of WGS84; without them the postal code's centroid is taken."""

    postal_code: PostalCode
    country: Country
    latitude: Latitude | None = None
    longitude: Longitude | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together")
        return self

    def place(self) -> DeliveryPlace:
        return DeliveryPlace(self.postal_code, self.country, self.latitude, self.longitude)


class OrderLineInput(Input):
    line_id: Id
    sku: Sku
    quantity: Ordered
    unit_price: Price
    method: Method
    location_id: LocationId | None = Field(
        default=None, description="where a pickup line is collected; a ship line names none"
    )
    backorder: bool = Field(
        default=False, description="what cannot be had now may come later, instead of a refusal"
    )

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.method == "pickup" and self.location_id is None:
            raise ValueError("a pickup line names its location_id")
        if self.method == "ship" and self.location_id is not None:
            raise ValueError("where a ship line comes from is for the router to say")
        return self


class OrderInput(Input):
    order_id: OrderId | None = None
    channel: Channel
    customer: KnownCustomer | CustomerIdentity | None = Field(
        default=None, description="a profile, or what the channel knows of the person; else a guest"
    )
    hold_id: Id | None = Field(
        default=None, description="the order takes exactly what is held, where it is held"
    )
    payment: PaymentInput
    lines: Annotated[list[OrderLineInput], Field(min_length=1, max_length=MOST_LINES)]
    ship_to: ShipTo | None = None
    service_level: ServiceLevel = "standard"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        twice = [name for name, n in Counter(line.line_id for line in self.lines).items() if n > 1]
        if twice:
            raise ValueError(f"line_id is there more than once: {', '.join(twice)}")
        if self.ship_to is None and any(line.method == "ship" for line in self.lines):
            raise ValueError("ship lines need ship_to")
        return self

    def order(self, order_id: str, now: datetime) -> Order:
        """The order as a draft: no line is open yet.

        Raises InvalidRequest for each line in another currency than the first.
        """
        currency = self.lines[0].unit_price.currency
        errors = [
            {
                "path": f"$.lines[{number}].unit_price.currency",
                "message": f"an order has one currency: {currency}",
            }
            for number, line in enumerate(self.lines)
            if line.unit_price.currency != currency
        ]
        if errors:
            raise InvalidRequest("the order is in two currencies", errors)
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
        )


class Awaited(Answer):
    """Units of a supply that are promised to the line."""

    quantity: Units
    location_id: LocationId
    expected_at: Instant


class OrderLine(Answer):
    """quantity = open + fulfilled + cancelled + backordered. ``unassigned`` units are open, and no
    location has them yet: the line is an exception, looked at again at ``deadline``."""

    line_id: Id
    sku: Sku
    quantity: Units
    method: Method
    location_id: LocationId | None = None
    open: Count
    fulfilled: Count
    cancelled: Count
    backordered: Count
    returned: Count
    unassigned: Count | None = None
    expected_at: Instant | None = Field(
        default=None, description="by when all that is backordered is promised"
    )
    awaits: list[Awaited] | None = None
    deadline: Instant | None = None


class PaymentAnswer(Answer):
    """An order that is still pending at its ``deadline`` is cancelled."""

    status: Literal["authorized", "paid", "pending"]
    reference: str | None = None
    deadline: Instant | None = None


class OrderAnswer(Answer):
    order_id: Id
    channel: Channel
    state: OrderState
    placed_at: Instant
    payment: PaymentAnswer | None = None
    profile_id: Id | None = None
    lines: list[OrderLine]
    fulfillments: list[FulfillmentPart]
    decision_id: str | None = Field(
        default=None, description="the latest routing; none when a hold was the plan"
    )
    version: int


def order_answer(order: Order) -> OrderAnswer:
    return OrderAnswer(
        order_id=order.order_id,
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
        fulfillments=[part_answer(found) for found in order.fulfillments],
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
    orders: list[OrderAnswer]
    next_cursor: str | None = None


class HistoryEntry(Answer):
    at: Instant
    event: str
    actor: str
    detail: dict[str, Any]


class HistoryAnswer(Answer):
    order_id: Id
    entries: list[HistoryEntry]


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
    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = Field(
        default=None, description="left out, everything that has not been handed over"
    )
    reason: Words


class ReturnedLine(Input):
    line_id: Id
    quantity: Units
    condition: Condition
    reason: Words

    def returned(self) -> Returned:
        return Returned(self.line_id, self.quantity, self.condition, self.reason)


class ReturnInput(Input):
    location_id: LocationId = Field(description="where the goods came back: any location")
    lines: Annotated[list[ReturnedLine], Field(min_length=1, max_length=MOST_LINES)]
    exchange_order_id: Id | None = Field(
        default=None,
        description="the order of what the shopper takes instead: the refund that is due names it, "
        "so that one can be set off against the other",
    )
