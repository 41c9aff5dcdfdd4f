"""The routing problem of an order: its lines and the locations that could serve them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from shared.catalog.model import Product
from shared.locations.model import (
    Location,
    ServiceLevel,
    carrier_pickup,
    ready_by,
)
from shared.orders.model import Line, Order
from shared.orders.sourcing.supply import Supply, km_to
from shared.routing.model import decision as routing
from shared.routing.model.decision import Candidate, Destination, Problem

KG_UNKNOWN = 0.5
"""Of a SKU that is not in the catalog."""


def problem(order: Order, supply: Supply, now: datetime) -> Problem:
    """The routing of all units of ``order`` that no location holds."""
    wanted = [line for line in order.lines if line.unassigned]
    stock: dict[str, dict[str, int]] = {}
    passed_over = _passed_over(wanted)
    by_all = frozenset.intersection(*passed_over.values()) if passed_over else frozenset()
    for sku in sorted(passed_over):
        for place, units in supply.places(sku).items():
            # Whoever has rejected one SKU may serve the others.
            if place in by_all or place not in passed_over[sku]:
                stock.setdefault(place, {})[sku] = units
    units = sum(line.unassigned for line in wanted)
    return Problem(
        lines=tuple(routing_line(line, supply.products.get(line.sku)) for line in wanted),
        candidates=tuple(
            shelved(
                candidate(
                    supply.locations[place],
                    stock[place],
                    units,
                    supply.destination,
                    now,
                    service_level=order.service_level,
                    unpicked=supply.unpicked.get(place, 0),
                ),
                supply,
                now,
            )
            for place in sorted(stock)
        ),
        policy=supply.policy,
        now=now,
        service_level=order.service_level,
        destination=supply.destination,
        excluded=by_all,
    )


def shelved(there: Candidate, supply: Supply, now: datetime) -> Candidate:
    """With what is known of the shelves that its ``stock`` lies on."""
    place, skus = there.location_id, there.stock
    return replace(
        there,
        kept=supply.kept_at(place, skus),
        rates=supply.rates(place, skus, now),
        pulls=supply.pulls_at(place, skus, now),
        expected=supply.expected_at(place, skus, now),
        confidence=supply.confidence_at(place, skus),
    )


def _passed_over(wanted: Iterable[Line]) -> dict[str, frozenset[str]]:
    """By SKU the locations that have rejected units of it, or let an offer lapse just now."""
    found: dict[str, frozenset[str]] = {}
    for line in wanted:
        found[line.sku] = found.get(line.sku, frozenset()).union(line.excluded, line.expired)
    return found


def routing_line(line: Line, product: Product | None) -> routing.RoutingLine:
    return routing.RoutingLine(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.unassigned,
        kg=product.kg if product else KG_UNKNOWN,
        price=line.unit_price or (product.price if product else 0),
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
) -> Candidate:
    """A location as the router sees it: how far it is, and when the carrier could have ``units``
    that are picked behind ``unpicked`` others."""
    ready = ready_by(location, now, units + unpicked)
    leaves = carrier_pickup(location, ready, service_level) if ready else None
    unable: routing.Obstacle | None = None
    if leaves is None:
        unable = "closed" if location.capacity_per_hour else "no_capacity"
    delay = midnights(location, now, leaves) if leaves else 0
    most = location.most_unpicked
    return Candidate(
        location_id=location.location_id,
        kind=location.type,
        km=km_to(location, destination),
        ship=location.ship,
        pickup=location.pickup,
        stock=stock,
        unable=unable,
        delay_days=delay,
        delayed_by=_delayed_by(location, now, units, ready, leaves) if delay else None,
        free=None if most is None else max(0, most - unpicked),
    )


def _delayed_by(
    location: Location,
    now: datetime,
    units: int,
    ready: datetime | None,
    leaves: datetime | None,
) -> routing.Obstacle | None:
    """Why what is ready at ``ready`` leaves on a later day than it might."""
    if ready is None or leaves is None:
        return None
    if midnights(location, ready, leaves):
        return "cut_off"
    alone = ready_by(location, now, units)
    return "no_capacity" if alone and midnights(location, alone, ready) else None


def midnights(location: Location, start: datetime, end: datetime) -> int:
    """The midnights between two instants where the location is."""
    zone = ZoneInfo(location.time_zone)
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days
