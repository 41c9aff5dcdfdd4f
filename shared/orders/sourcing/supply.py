"""What is known of stock, products and locations when an order is routed."""

from collections.abc import Iterable, Mapping
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
from shared.routing.model.decision import Destination, Expected, FutureOrders, SkuFutureOrders
from shared.routing.model.policy import Policy
from shared.stock.model.limits import Limit
from shared.stock.model.rules import ChannelTerms, FloorFacts

MOST_DELIVERIES = 6
"""Announced ones that a price looks at, per SKU and location."""


RATE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Supply:
    """What a routing looks at: packs and products by SKU, locations by id.

    ``learnt`` are positions by (location_id, sku) that were read, or that a refused write has
    told; they are newer than the packs. ``selling`` is what the order's channel leaves of each.
    ``unpicked`` are the units that wait at each location to be picked, before any of this order.
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

    def with_facts(self, learnt: Mapping[tuple[str, str], FloorFacts]) -> "Supply":
        return replace(self, learnt={**self.learnt, **learnt})

    def row(self, sku: str, location_id: str) -> PackRow | None:
        """What the pack says of a position."""
        pack = self.packs.get(sku)
        return pack.rows.get(location_id) if pack else None

    def is_discontinued(self, sku: str) -> bool:
        """Whether the product is discontinued: nobody is promised units that are to come."""
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
        """Units that the order's channel may take."""
        return self.selling[sku, location_id].sellable(self.facts(sku, location_id))

    def limit(self, sku: str, location_id: str) -> Limit:
        return self.selling[sku, location_id].limit(self.facts(sku, location_id))

    def unread_positions(self, change: OrderChange) -> list[tuple[str, str]]:
        """The (sku, location_id) that ``change`` takes from under a floor that depends on the
        position, which only a pack has told of: it must be read, and decided anew."""
        return [
            (effect.sku, effect.location_id)
            for effect in change.effects
            if effect.floor is not None
            and effect.since is None
            and self.selling[effect.sku, effect.location_id].moves
        ]

    def ready_by(self, location_id: str, now: datetime, units: int) -> datetime | None:
        """When ``units`` more lie ready there, behind those that wait to be picked."""
        waiting = self.unpicked.get(location_id, 0)
        return ready_by(self.locations[location_id], now, units + waiting)

    def sale_rates(self, location_id: str, skus: Iterable[str], now: datetime) -> dict[str, float]:
        """Units per day that are sold over the counter there, of the SKUs of which it is known."""
        known = ((sku, self.packs[sku].rate(location_id, now)) for sku in skus if sku in self.packs)
        return {sku: round(rate, RATE_DIGITS) for sku, rate in known if rate is not None}

    def online_demand(
        self, location_id: str, skus: Iterable[str], now: datetime
    ) -> dict[str, FutureOrders]:
        """The orders to come from there, of the SKUs of which they are known."""
        known = ((sku, self.pulls[sku].of(location_id, now)) for sku in skus if sku in self.pulls)
        return {sku: pull for sku, pull in known if pull is not None}

    def expected_at(
        self, location_id: str, skus: Iterable[str], now: datetime
    ) -> dict[str, tuple[Expected, ...]]:
        """The deliveries that are announced for there, the next ones first."""
        found = {}
        for sku in skus:
            row = self.row(sku, location_id)
            later = [Expected(*each) for each in (row.expected if row else ())]
            coming = tuple(each for each in sorted(later) if each.second > now.timestamp())
            if coming:
                found[sku] = coming[:MOST_DELIVERIES]
        return found

    def kept_for_others(self, location_id: str, stock: Mapping[str, int]) -> dict[str, int]:
        """The units there beside ``stock``: the order's channel must leave them to others."""
        kept = {sku: self.facts(sku, location_id).available - n for sku, n in stock.items()}
        return {sku: units for sku, units in kept.items() if units > 0}

    def confidence_at(self, location_id: str, skus: Iterable[str]) -> dict[str, float]:
        """The share of picks there that find what the stock shows, of the SKUs that were picked."""
        rows = ((sku, self.row(sku, location_id)) for sku in skus)
        return {
            sku: row.confidence / 1000
            for sku, row in rows
            if row is not None and row.confidence is not None
        }

    def sellable_locations(self, sku: str) -> dict[str, int]:
        """Every known location that has ``sku`` to sell, and how much."""
        pack = self.packs.get(sku)
        known = {place for place, learnt in self.learnt if learnt == sku}
        found = {
            place: self.sellable(sku, place) for place in {*(pack.rows if pack else ()), *known}
        }
        return {place: units for place, units in found.items() if units and place in self.locations}


def check_pickup(order: Order, supply: Supply) -> None:
    """Raises InvalidRequest for each line that is to be collected where nothing is handed over."""
    errors = []
    for index, line in enumerate(order.lines):
        if line.location_id is None:
            continue
        location = supply.locations.get(line.location_id)
        if location is None or not location.pickup:
            why = "there is no such location" if location is None else "it hands over no orders"
            errors.append({"path": f"$.lines[{index}].location_id", "message": why})
    if errors:
        raise InvalidRequest("a line cannot be collected where it says", errors)


def nearby_pickups(order: Order, supply: Supply, most: int) -> dict[str, float]:
    """The ``most`` locations nearest to where ``order`` is collected, or else sent to, that have
    all of it to hand over, and how far they are in km; without the one that it names."""
    named = order.lines[0].location_id
    start = supply.locations.get(named or "")
    origin = destination_at(start) if start else supply.destination
    if not most or origin is None:
        return {}
    wanted = {line.sku: line.quantity for line in order.lines}
    found = sorted(
        (km_to(location, origin), place)
        for place, location in supply.locations.items()
        if location.pickup
        and place != named
        and all(supply.sellable(sku, place) >= units for sku, units in wanted.items())
    )
    return {place: km for km, place in found[:most]}


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
