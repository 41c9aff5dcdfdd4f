"""Promises: the request for a cart, the options in the answer, and the hold of an option."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, model_validator

from shared.instants import rfc3339
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import MOST_LINES, Ordered
from shared.orders.contract.contacts import ShipTo
from shared.orders.contract.fulfillments import FulfillmentPromise
from shared.orders.model import (
    DeliveryPlace,
    Line,
    Method,
    Order,
)
from shared.stock.model.position import MOST_HOLD
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Id,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Money,
    Sku,
    Units,
)


class PromiseLine(Input):
    """A line of a cart."""

    sku: Sku
    quantity: Ordered
    """Number of units."""


class PromiseInput(Input):
    """A cart, and where the shopper wants it: give `ship_to`, `pickup_at` or both."""

    channel: Channel
    """The selling channel; the client needs the scope `channel:<name>`."""
    lines: Annotated[list[PromiseLine], Field(min_length=1, max_length=MOST_LINES)]
    """The lines of the cart."""
    ship_to: ShipTo | None = None
    """Where the cart could be delivered."""
    pickup_at: LocationId | None = None
    """The location where the shopper would collect the cart."""
    session: Id | None = None
    """The shopper's session, by a name of the channel. What nobody can sell counts once a day for a
    session as lost demand; without one, once for a cart and place."""
    pickup_nearby: Annotated[int, Strict(), Ge(0), Le(10)] = 0
    """Number of additional pickup locations to offer, nearest to `pickup_at` or else `ship_to`."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.ship_to is None and self.pickup_at is None:
            raise ValueError("give ship_to, pickup_at or both")
        return self

    def delivery_place(self) -> DeliveryPlace | None:
        return self.ship_to.place() if self.ship_to else None

    def shopper(self) -> str:
        """The session, else the cart and its place: what tells the shopper from others."""
        if self.session is not None:
            return f"{self.channel}\n{self.session}"
        to = self.ship_to
        place = (self.pickup_at, to and to.postal_code, to and to.lines)
        return f"{self.channel}\n{sorted(line.sku for line in self.lines)}\n{place}"

    def cart_id(self, as_of: datetime) -> str:
        """The id of the cart in the answer of ``as_of``; a hold of its options has the same id."""
        return f"promise-{self.channel}-{rfc3339(as_of)}"

    def draft(
        self,
        method: Method,
        service_level: ServiceLevel,
        now: datetime,
        location_id: str | None = None,
    ) -> Order:
        """The cart as an order that is never placed. A pickup is at ``location_id``, or else at
        ``pickup_at``; lines of the same SKU are added up."""
        units: Counter[str] = Counter()
        for line in self.lines:
            units[line.sku] += line.quantity
        return Order(
            order_id=self.cart_id(now),
            channel=self.channel,
            placed_at=now,
            payments=(),
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
                for sku, quantity in units.items()
            ),
            service_level=service_level,
            ship_to=self.delivery_place(),
        )


class PromiseWait(Answer):
    """Units that wait for an announced supply."""

    sku: Sku
    quantity: Units
    """Number of units that wait for the supply."""
    location_id: LocationId
    """The location where the supply is expected."""
    from_location_id: LocationId | None = None
    """The location that would send the units; absent for a supply that is expected anyway."""
    expected_at: Instant
    """When the supply is expected."""


class PromiseOption(Answer):
    """One way to deliver or collect the whole cart."""

    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    service_level: ServiceLevel | None = None
    """The service level of a delivery."""
    location_id: LocationId | None = None
    """The location of a pickup."""
    distance_km: float | None = None
    """Distance of an additional pickup location from the place in the request."""
    deliver_by: Instant | None = None
    """When a delivery arrives at the latest."""
    ready_by: Instant | None = None
    """When a pickup is ready at the latest."""
    splits: Count
    """Parcels after the first one."""
    cost: Money
    """Cost of packing, picking and shipping for the retailer."""
    kg_co2e: float
    """Emissions of the delivery in kg CO2e."""
    waits: list[PromiseWait] | None = None
    """Units that are not there at once. An order needs `backorder` on these lines, or
    `ship_to_store` where another location would send them, and the option cannot be held."""


class PromiseShort(Answer):
    """A SKU of the cart without enough stock."""

    sku: Sku
    wanted: Units
    """Units in the cart."""
    sellable: Count
    """Units that can be sold now."""
    expected_at: Instant | None = None
    """When the next supply that is not promised to others arrives."""


class PromisesAnswer(Answer):
    """The options for a cart, and the units that none of them can serve at once."""

    as_of: Instant
    """The time from which the dates of the options are computed."""
    options: list[PromiseOption]
    """The options; copy one to `option` to hold it."""
    short: list[PromiseShort]
    """Units that no option can serve at once."""


HoldSeconds = Annotated[int, Strict(), Ge(1), Le(int(MOST_HOLD.total_seconds()))]


class ChosenOption(Input):
    """The chosen option, copied from the answer. The held option is the same or better."""

    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    service_level: ServiceLevel | None = None
    """`service_level` of the option."""
    location_id: LocationId | None = None
    """`location_id` of the option."""
    distance_km: float | None = None
    """`distance_km` of the option; it is not checked."""
    deliver_by: InstantInput | None = None
    """`deliver_by` of the option; the hold is never later."""
    ready_by: InstantInput | None = None
    """`ready_by` of the option; the hold is never later."""
    splits: Count | None = None
    """`splits` of the option; the hold never has more."""
    cost: Money | None = None
    """`cost` of the option; the hold never costs more."""
    kg_co2e: float | None = None
    """`kg_co2e` of the option; it is not checked."""
    waits: list[Any] | None = Field(default=None, max_length=0)
    """Must be absent or empty: an option that waits for a supply cannot be held."""

    def is_kept_by(self, current: PromiseOption) -> bool:
        """Whether ``current`` is not later, does not cost more, and has no more parcels."""
        return (
            (self.splits is None or current.splits <= self.splits)
            and _no_later(current.deliver_by, self.deliver_by)
            and _no_later(current.ready_by, self.ready_by)
            and (self.cost is None or current.cost.amount <= self.cost.amount)
        )


def _no_later(current: datetime | None, chosen: datetime | None) -> bool:
    return chosen is None or (current is not None and current <= chosen)


class PromiseHoldInput(PromiseInput):
    """The cart of POST /v1/availability/promises again, with the chosen option and the `as_of` of
    its answer."""

    option: ChosenOption
    """The chosen option, copied from the answer."""
    as_of: InstantInput
    """`as_of` of the same answer."""
    expires_in_seconds: HoldSeconds
    """How long to hold the units, in seconds."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.option.method == "ship" and self.ship_to is None:
            raise ValueError("a ship option needs ship_to")
        if self.option.method == "pickup" and not (self.option.location_id or self.pickup_at):
            raise ValueError("a pickup option needs option.location_id or pickup_at")
        return self


class HeldLine(Answer):
    """Held units of a SKU."""

    sku: Sku
    quantity: Units
    """Number of held units."""


class HeldPart(Answer):
    """The units that one location holds."""

    location_id: LocationId
    """The location that holds the units."""
    lines: list[HeldLine]
    """The held units."""
    promise: FulfillmentPromise
    """The dates promised for these units."""


class PromiseHeld(Answer):
    """A held option. An order with this `hold_id` and the same channel, goods and address gets
    exactly these units, locations, dates and cost."""

    hold_id: str
    """The id of the hold."""
    expires_at: Instant
    """When the hold expires."""
    option: PromiseOption
    """The option that is held: the chosen one or a better one."""
    parts: list[HeldPart]
    """The held units by location."""
