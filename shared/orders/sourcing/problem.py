"""Make the routing problem of an order: its lines and the locations that could serve them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.catalog.model import Product
from shared.locations.model import (
    Location,
    ServiceLevel,
    carrier_pickup,
    delivery,
    ready_by,
)
from shared.orders.model import Line, Order
from shared.orders.model.value import unit_value
from shared.orders.sourcing.plan import carrier_days
from shared.orders.sourcing.supply import Supply, km_to, next_deliveries
from shared.routing.model import decision as routing
from shared.routing.model.decision import Candidate, Destination, Problem
from shared.routing.model.policy import Policy

KG_UNKNOWN = 0.5
"""The mass of a SKU that is not in the catalog."""
NO_FACTS: Mapping[str, Any] = {}


def problem(order: Order, supply: Supply, now: datetime) -> Problem:
    """The problem of routing the unassigned units of ``order``."""
    lines = [line for line in order.lines if line.unassigned]
    stock: dict[str, dict[str, int]] = {}
    passed_over = _passed_over(lines)
    for_all_skus = frozenset.intersection(*passed_over.values()) if passed_over else frozenset()
    for sku in sorted(passed_over):
        for location_id, sellable in supply.sellable_locations(sku).items():
            # A location that has rejected one SKU may serve the others.
            if location_id in for_all_skus or location_id not in passed_over[sku]:
                stock.setdefault(location_id, {})[sku] = sellable
    units = sum(line.unassigned for line in lines)
    return Problem(
        lines=tuple(routing_line(line, supply.products.get(line.sku)) for line in lines),
        candidates=tuple(
            candidate(
                supply.locations[location_id],
                stock[location_id],
                units,
                supply.destination,
                now,
                service_level=order.service_level,
                unpicked=supply.unpicked.get(location_id, 0),
                shelf=shelf_facts(location_id, stock[location_id], supply, now),
                policy=supply.policy,
            )
            for location_id in sorted(stock)
        ),
        policy=supply.policy,
        now=now,
        service_level=order.service_level,
        destination=supply.destination,
        excluded=for_all_skus,
    )


def with_shelf_facts(known: Candidate, supply: Supply, now: datetime) -> Candidate:
    """The candidate with the facts of the shelves of its ``stock``."""
    return replace(known, **shelf_facts(known.location_id, known.stock, supply, now))


def shelf_facts(
    location_id: str, stock: dict[str, int], supply: Supply, now: datetime
) -> dict[str, Any]:
    """Demand, deliveries and confidence of each SKU of ``stock``, as fields of a Candidate. The
    units that the order's channel must leave to others are those beside ``stock``; confidence is
    the share of picks that found their units."""
    kept, rates, pulls, expected, confidence = {}, {}, {}, {}, {}
    for sku, sellable in stock.items():
        if (others := supply.available(sku, location_id) - sellable) > 0:
            kept[sku] = others
        if (rate := supply.sale_rate(sku, location_id, now)) is not None:
            rates[sku] = rate
        if (orders := supply.future_orders(sku, location_id, now)) is not None:
            pulls[sku] = orders
        if (row := supply.row(sku, location_id)) is None:
            continue
        if deliveries := next_deliveries(row, now):
            expected[sku] = deliveries
        if row.confidence is not None:
            confidence[sku] = row.confidence / 1000
    return {
        "kept": kept,
        "rates": rates,
        "pulls": pulls,
        "expected": expected,
        "confidence": confidence,
    }


def _passed_over(lines: Iterable[Line]) -> dict[str, frozenset[str]]:
    """By SKU the locations that have rejected units of it, or did not answer the last offer."""
    by_sku: dict[str, frozenset[str]] = {}
    for line in lines:
        by_sku[line.sku] = by_sku.get(line.sku, frozenset()).union(line.excluded, line.expired)
    return by_sku


def routing_line(line: Line, product: Product | None) -> routing.RoutingLine:
    return routing.RoutingLine(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.unassigned,
        kg=product.kg if product else KG_UNKNOWN,
        price=unit_value(line) or (product.price if product else 0),
        method=line.method,
        location_id=line.location_id,
        margin=product.margin if product else None,
        salvage=product.salvage if product else None,
        season_ends_at=product.season_ends_at if product else None,
    )


def candidate(
    location: Location,
    stock: dict[str, int],
    units: int,
    destination: Destination | None,
    now: datetime,
    *,
    service_level: ServiceLevel = "standard",
    unpicked: int = 0,
    shelf: Mapping[str, Any] = NO_FACTS,
    policy: Policy,
) -> Candidate:
    """A location as the router sees it: its distance, and when the carrier could have ``units``
    that are picked after the ``unpicked`` units before them; with the ``shelf_facts``. Days on
    which the carrier does not deliver are a delay as well."""
    ready = ready_by(location, now, units + unpicked)
    leaves = carrier_pickup(location, ready, service_level) if ready else None
    unable: routing.Obstacle | None = None
    if leaves is None:
        unable = "closed" if location.capacity_per_hour else "no_capacity"
    delay = midnights(location, now, leaves) if leaves else 0
    km = km_to(location, destination)
    if leaves and service_level in location.calendars:
        delay += _days_of_rest(location, leaves, service_level, destination, km, policy)
    most = location.most_unpicked
    return Candidate(
        location_id=location.location_id,
        kind=location.type,
        km=km,
        ship=location.ship,
        pickup=location.pickup,
        stock=stock,
        unable=unable,
        delay_days=delay,
        delayed_by=_delayed_by(location, now, units, ready, leaves) if delay else None,
        free=None if most is None else max(0, most - unpicked),
        **shelf,
    )


def _days_of_rest(
    location: Location,
    leaves: datetime,
    service_level: ServiceLevel,
    destination: Destination | None,
    km: float,
    policy: Policy,
) -> int:
    """The days until the delivery on which the carrier does not deliver."""
    days = carrier_days(policy, service_level, km)
    if days is None:
        return 0
    country = destination.country if destination else None
    arrives = delivery(location, leaves, days, service_level, country)
    return midnights(location, leaves, arrives) - days


def _delayed_by(
    location: Location,
    now: datetime,
    units: int,
    ready: datetime | None,
    leaves: datetime | None,
) -> routing.Obstacle | None:
    """Why units that are ready at ``ready`` leave on a later day than today."""
    if ready is None or leaves is None:
        return None
    if midnights(location, ready, leaves):
        return "cut_off"
    alone = ready_by(location, now, units)
    return "no_capacity" if alone and midnights(location, alone, ready) else None


def midnights(location: Location, start: datetime, end: datetime) -> int:
    """The number of midnights between two instants in the location's time zone."""
    zone = ZoneInfo(location.time_zone)
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days
