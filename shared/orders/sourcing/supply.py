"""The stock, products and locations that an order can be routed with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.availability.model.pack import Pack, PackRow
from shared.catalog.model import Product
from shared.errors import InvalidRequest
from shared.locations.model import (
    Location,
    distance_km,
    ready_by,
)
from shared.orders.model import Order, OrderChange
from shared.orders.model.policy import NO_RULES, OrderPolicy
from shared.routing.model.decision import Destination, Expected, FutureOrders, SkuFutureOrders
from shared.routing.model.policy import Policy
from shared.stock.model.limits import Limit
from shared.stock.model.rules import ChannelTerms, FloorFacts

MOST_DELIVERIES = 6
"""The next expected deliveries that a shelf price considers, per SKU and location."""
RATE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Supply:
    """Packs, products and demand by SKU, locations by id.

    ``learnt`` are facts of positions by (location_id, SKU), from a read or from a refused write;
    they are newer than the packs. ``selling`` has the rules of the order's channel. ``unpicked``
    are the units that wait to be picked at each location.
    """

    locations: Mapping[str, Location]
    packs: Mapping[str, Pack]
    products: Mapping[str, Product]
    policy: Policy
    destination: Destination | None = None
    learnt: Mapping[tuple[str, str], FloorFacts] = field(default_factory=dict)
    selling: ChannelTerms = field(default_factory=ChannelTerms.unrestricted)
    pulls: Mapping[str, SkuFutureOrders] = field(default_factory=dict)
    unpicked: Mapping[str, int] = field(default_factory=dict)
    order_policy: OrderPolicy = NO_RULES

    def with_facts(self, learnt: Mapping[tuple[str, str], FloorFacts]) -> "Supply":
        return replace(self, learnt={**self.learnt, **learnt})

    def row(self, sku: str, location_id: str) -> PackRow | None:
        """The position as the pack has it: seconds old."""
        pack = self.packs.get(sku)
        return pack.rows.get(location_id) if pack else None

    def is_discontinued(self, sku: str) -> bool:
        """Whether the product is discontinued, so that no expected units are promised."""
        product = self.products.get(sku)
        return product is not None and product.life.discontinued

    def facts(self, sku: str, location_id: str) -> FloorFacts:
        known = self.learnt.get((location_id, sku))
        if known is not None:
            return known
        row = self.row(sku, location_id)
        if row is None:
            return FloorFacts(0, 0)
        return FloorFacts(row.available, row.available + row.reserved, dict(row.counters))

    def sellable(self, sku: str, location_id: str) -> int:
        """Units that the order's channel may sell."""
        return self.selling[sku, location_id].sellable(self.facts(sku, location_id))

    def limit(self, sku: str, location_id: str) -> Limit:
        return self.selling[sku, location_id].limit(self.facts(sku, location_id))

    def unread_positions(self, change: OrderChange) -> list[tuple[str, str]]:
        """The positions, as (SKU, location_id), that ``change`` takes units from under a floor that
        depends on the position itself, while only their pack is known. They must be read."""
        return [
            (effect.sku, effect.location_id)
            for effect in change.effects
            if effect.floor is not None
            and effect.since is None
            and self.selling[effect.sku, effect.location_id].moves
        ]

    def ready_by(self, location_id: str, now: datetime, units: int) -> datetime | None:
        """When ``units`` are ready at the location, after those that wait to be picked."""
        waiting = self.unpicked.get(location_id, 0)
        return ready_by(self.locations[location_id], now, units + waiting)

    def available(self, sku: str, location_id: str) -> int:
        """Units that are not reserved, for all channels together."""
        known = self.learnt.get((location_id, sku)) or self.row(sku, location_id)
        return known.available if known is not None else 0

    def sale_rate(self, sku: str, location_id: str, now: datetime) -> float | None:
        """Units per day sold over the counter at the location; None where it is unknown."""
        pack = self.packs.get(sku)
        rate = pack.rate(location_id, now) if pack else None
        return None if rate is None else round(rate, RATE_DIGITS)

    def future_orders(self, sku: str, location_id: str, now: datetime) -> FutureOrders | None:
        """The online demand that the location will serve; None where it is unknown."""
        demand = self.pulls.get(sku)
        return demand.of(location_id, now) if demand else None

    def sellable_locations(self, sku: str) -> dict[str, int]:
        """By location the units of ``sku`` that the order's channel may sell, without zeros."""
        pack = self.packs.get(sku)
        learnt = {location_id for location_id, learnt_sku in self.learnt if learnt_sku == sku}
        sellable = {
            location_id: self.sellable(sku, location_id)
            for location_id in {*(pack.rows if pack else ()), *learnt} & self.locations.keys()
        }
        return {location_id: units for location_id, units in sellable.items() if units}


def next_deliveries(row: PackRow, now: datetime) -> tuple[Expected, ...]:
    """The deliveries that the location of ``row`` expects, the next ones first."""
    if not row.expected:
        return ()
    announced = sorted(Expected(*each) for each in row.expected)
    return tuple(each for each in announced if each.second > now.timestamp())[:MOST_DELIVERIES]


def check_pickup(order: Order, supply: Supply) -> None:
    """Raises InvalidRequest naming each line whose pickup location does not offer pickup."""
    errors = []
    for index, line in enumerate(order.lines):
        if line.location_id is None:
            continue
        location = supply.locations.get(line.location_id)
        if location is None or not location.pickup:
            message = (
                "there is no such location"
                if location is None
                else "this location does not offer pickup"
            )
            errors.append({"path": f"$.lines[{index}].location_id", "message": message})
    if errors:
        raise InvalidRequest("a line names a location where it cannot be collected", errors)


def nearby_pickups(order: Order, supply: Supply, most: int) -> dict[str, float]:
    """The nearest locations that offer pickup and have all units of ``order``, at most ``most``,
    with their distance in km from its pickup location or delivery place. The pickup location itself
    is left out."""
    named = order.lines[0].location_id
    start = supply.locations.get(named or "")
    origin = destination_at(start) if start else supply.destination
    if not most or origin is None:
        return {}
    wanted = {line.sku: line.quantity for line in order.lines}
    nearest = sorted(
        (km_to(location, origin), place)
        for place, location in supply.locations.items()
        if location.pickup
        and place != named
        and all(supply.sellable(sku, place) >= units for sku, units in wanted.items())
    )
    return {place: km for km, place in nearest[:most]}


def km_to(location: Location, destination: Destination | None) -> float:
    if destination is None:
        return 0.0
    return round(
        distance_km(
            location.latitude, location.longitude, destination.latitude, destination.longitude
        ),
        1,
    )


def destination_at(location: Location) -> Destination:
    return Destination(
        location.latitude, location.longitude, location.postal_code, location.country
    )
