"""Promises: what a cart asks, the options offered, and the hold of a chosen option."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, model_validator

from shared.instants import rfc3339
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, Ordered
from shared.orders.contract.fulfillments import FulfillmentPromise
from shared.orders.contract.orders import ShipTo
from shared.orders.model import (
    Line,
    Method,
    Order,
    Payment,
)
from shared.stock.model.position import MOST_HOLD
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Money,
    Sku,
    Units,
)


class PromiseLine(Input):
    sku: Sku
    quantity: Ordered


class PromiseInput(Input):
    channel: Channel
    lines: Annotated[list[PromiseLine], Field(min_length=1, max_length=MOST_LINES)]
    ship_to: ShipTo | None = None
    pickup_at: LocationId | None = None
    pickup_nearby: Annotated[int, Strict(), Ge(0), Le(10)] = Field(
        default=0,
        description="so many more locations where all of it can be collected, those nearest to "
        "pickup_at, or else to ship_to",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.ship_to is None and self.pickup_at is None:
            raise ValueError("say where: ship_to, pickup_at or both")
        return self

    def cart_id(self, as_of: datetime) -> str:
        """A name of the cart as it was told at ``as_of``: the same when an option of it is held."""
        return f"promise-{self.channel}-{rfc3339(as_of)}"

    def draft(
        self,
        method: Method,
        service_level: ServiceLevel,
        now: datetime,
        location_id: str | None = None,
    ) -> Order:
        """The cart as an order that is never placed, collected at ``location_id`` or where it says;
        lines of one SKU are added up."""
        cart: Counter[str] = Counter()
        for line in self.lines:
            cart[line.sku] += line.quantity
        return Order(
            order_id=self.cart_id(now),
            channel=self.channel,
            placed_at=now,
            payment=Payment("pending"),
            lines=tuple(
                Line(
                    line_id=sku,
                    sku=sku,
                    quantity=quantity,
                    unit_price=0,
                    currency="USD",
                    method=method,
                    open=0,
                    location_id=(location_id or self.pickup_at) if method == "pickup" else None,
                )
                for sku, quantity in cart.items()
            ),
            service_level=service_level,
            ship_to=self.ship_to.place() if self.ship_to else None,
        )


class PromiseWait(Answer):
    """Units that are sent, or lie ready, when an announced supply has come."""

    sku: Sku
    quantity: Units
    location_id: LocationId
    expected_at: Instant


class PromiseOption(Answer):
    method: Method
    service_level: ServiceLevel | None = None
    location_id: LocationId | None = None
    distance_km: float | None = Field(
        default=None, description="of a location nearby, from where it was asked for"
    )
    deliver_by: Instant | None = None
    ready_by: Instant | None = None
    splits: Count = Field(description="parcels after the first")
    cost: Money = Field(description="of packing, picking and carrying")
    kg_co2e: float
    waits: list[PromiseWait] | None = Field(
        default=None,
        description="what is not there yet: an order whose lines are `backorder` waits for it. "
        "Such an option cannot be held",
    )


class PromiseShort(Answer):
    sku: Sku
    wanted: Units
    sellable: Count
    expected_at: Instant | None = Field(
        default=None, description="when the next supply comes that is promised to nobody"
    )


class PromisesAnswer(Answer):
    as_of: Instant = Field(description="from when the dates of the options are counted")
    options: list[PromiseOption]
    short: list[PromiseShort] = Field(description="what no option serves at once")


HoldSeconds = Annotated[int, Strict(), Ge(1), Le(int(MOST_HOLD.total_seconds()))]


class ChosenOption(Input):
    """An option as it was answered. What is held is the same or better, never worse."""

    method: Method
    service_level: ServiceLevel | None = None
    location_id: LocationId | None = None
    distance_km: float | None = None
    deliver_by: InstantInput | None = None
    ready_by: InstantInput | None = None
    splits: Count | None = None
    cost: Money | None = None
    kg_co2e: float | None = None
    waits: list[Any] | None = Field(
        default=None, max_length=0, description="an option that waits cannot be held"
    )

    def is_kept_by(self, found: PromiseOption) -> bool:
        """Whether ``found`` is nowhere later, no dearer, and in no more parcels."""
        return (
            (self.splits is None or found.splits <= self.splits)
            and _no_later(found.deliver_by, self.deliver_by)
            and _no_later(found.ready_by, self.ready_by)
            and (self.cost is None or found.cost.amount <= self.cost.amount)
        )


def _no_later(found: datetime | None, chosen: datetime | None) -> bool:
    return chosen is None or (found is not None and found <= chosen)


class PromiseHoldInput(PromiseInput):
    """The cart of POST /v1/availability/promises again, with the option that was chosen from its
    answer and the ``as_of`` of that answer."""

    option: ChosenOption
    as_of: InstantInput
    expires_in_seconds: HoldSeconds

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.option.method == "ship" and self.ship_to is None:
            raise ValueError("an option that is shipped needs ship_to")
        if self.option.method == "pickup" and not (self.option.location_id or self.pickup_at):
            raise ValueError("an option that is collected needs its location_id, or pickup_at")
        return self


class HeldLine(Answer):
    sku: Sku
    quantity: Units


class HeldPart(Answer):
    location_id: LocationId
    lines: list[HeldLine]
    promise: FulfillmentPromise


class PromiseHeld(Answer):
    """An order with this ``hold_id``, of the same channel, goods and address, becomes exactly
    this: these units at these locations, with these dates and this cost."""

    hold_id: str
    expires_at: Instant
    option: PromiseOption
    parts: list[HeldPart]
