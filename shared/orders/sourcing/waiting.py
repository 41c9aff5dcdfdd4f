"""Expected supply that an order could wait for: where, how many units, by when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.locations.model import (
    ServiceLevel,
)
from shared.orders.model import Line, Order, Parcel, Taken
from shared.orders.sourcing.plan import carrier_days, parcel
from shared.orders.sourcing.problem import candidate, routing_line
from shared.orders.sourcing.supply import Supply, km_to
from shared.routing.model.decision import Plan, Problem
from shared.routing.model.route import route

MOST_AWAITED = 20
"""Locations whose supplies are looked at for one SKU."""


def expected_dates(order: Order, supply: Supply, now: datetime) -> dict[str, datetime]:
    """By line, when the next supply of its SKU is announced: where it is collected, or anywhere."""
    found = {}
    for line in order.lines:
        coming = next_supply(line.sku, supply, now, location_id=line.location_id)
        if coming is not None:
            found[line.line_id] = coming
    return found


def next_supply(
    sku: str, supply: Supply, now: datetime, location_id: str | None = None
) -> datetime | None:
    pack = None if supply.is_discontinued(sku) else supply.packs.get(sku)
    seconds = (
        second
        for place, row in (pack.rows.items() if pack else ())
        if location_id in (None, place)
        for second, units in row.expected
        if units > 0 and second > now.timestamp()
    )
    first = min(seconds, default=None)
    return None if first is None else datetime.fromtimestamp(first, UTC)


def locations_with_supply(sku: str, supply: Supply) -> list[str]:
    """The locations where a supply is to come that is not promised whole, the earliest first; none
    of a discontinued product."""
    pack = None if supply.is_discontinued(sku) else supply.packs.get(sku)
    coming = (
        (min(row.expected), place)
        for place, row in (pack.rows.items() if pack else ())
        if row.expected and place in supply.locations
    )
    return [place for _, place in sorted(coming)][:MOST_AWAITED]


@dataclass(frozen=True, slots=True)
class Wait:
    """``quantity`` units of a line that come to a location by ``expected_at``."""

    line: Line
    location_id: str
    expected_at: datetime
    quantity: int


def planned_waits(order: Order, supply: Supply, now: datetime) -> list[Wait] | None:
    """The supplies that the unassigned units of ``order`` would be promised of, the earliest first;
    None when too little is to come."""
    found = []
    for line in order.lines:
        left = line.unassigned
        coming = sorted(
            (second, place, units)
            for place in serving_locations(
                line, order.service_level, locations_with_supply(line.sku, supply), supply
            )
            for second, units in supply.packs[line.sku].rows[place].expected
            if second > now.timestamp()
        )
        for second, place, units in coming:
            if taken := min(left, units):
                at = datetime.fromtimestamp(second, UTC)
                found.append(Wait(line, place, at, taken))
                left -= taken
        if left:
            return None
    return found


def parcel_on_arrival(order: Order, wait: Wait, supply: Supply) -> tuple[Parcel, Plan]:
    """The offer that ``wait`` becomes when it has come, and what that costs."""
    line = replace(wait.line, unassigned=wait.quantity)
    location, at = supply.locations[wait.location_id], wait.expected_at
    there = candidate(
        location,
        {line.sku: wait.quantity},
        wait.quantity,
        supply.destination,
        at,
        service_level=order.service_level,
    )
    asked = Problem(
        lines=(routing_line(line, supply.products.get(line.sku)),),
        candidates=(there,),
        policy=supply.policy,
        now=at,
        service_level=order.service_level,
        destination=supply.destination,
    )
    taken = [Taken(line.line_id, wait.quantity)]
    idle = replace(supply, unpicked={})
    made = parcel(wait.location_id, line.method, taken, order.service_level, supply=idle, now=at)
    return made, route(asked).plan


def serving_locations(
    line: Line, service_level: ServiceLevel, places: Iterable[str], supply: Supply
) -> frozenset[str]:
    """Of ``places`` those that can serve the line: where it is collected, or that send it."""
    if line.location_id is not None:
        return frozenset(place for place in places if place == line.location_id)
    return frozenset(
        place
        for place in places
        if (location := supply.locations.get(place)) is not None
        and location.ship
        and carrier_days(supply.policy, service_level, km_to(location, supply.destination))
        is not None
    )
