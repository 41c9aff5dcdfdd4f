"""The expected supply that an order could wait for: location, units and date."""

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
"""The most locations whose expected supply is considered for one SKU."""


def expected_dates(order: Order, supply: Supply, now: datetime) -> dict[str, datetime]:
    """By line the date of the next supply: at its pickup location, or at any location."""
    dates = {}
    for line in order.lines:
        date = next_supply(line.sku, supply, now, location_id=line.location_id)
        if date is not None:
            dates[line.line_id] = date
    return dates


def next_supply(
    sku: str, supply: Supply, now: datetime, location_id: str | None = None
) -> datetime | None:
    """The date of the next supply of the SKU, at one location or any; None for a discontinued
    product."""
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
    """The locations that expect supply with unpromised units, the earliest supply first; none for a
    discontinued product."""
    pack = None if supply.is_discontinued(sku) else supply.packs.get(sku)
    expected = (
        (min(row.expected), place)
        for place, row in (pack.rows.items() if pack else ())
        if row.expected and place in supply.locations
    )
    return [place for _, place in sorted(expected)][:MOST_AWAITED]


@dataclass(frozen=True, slots=True)
class Wait:
    """``quantity`` units of a line that a location expects at ``expected_at``."""

    line: Line
    location_id: str
    expected_at: datetime
    quantity: int


def planned_waits(order: Order, supply: Supply, now: datetime) -> list[Wait] | None:
    """The supplies that the unassigned units of ``order`` would be promised from, the earliest
    first; None when too little is expected."""
    planned = []
    for line in order.lines:
        remaining = line.unassigned
        expected = sorted(
            (second, place, units)
            for place in serving_locations(
                line, order.service_level, locations_with_supply(line.sku, supply), supply
            )
            for second, units in supply.packs[line.sku].rows[place].expected
            if second > now.timestamp()
        )
        for second, place, units in expected:
            if taken := min(remaining, units):
                planned.append(Wait(line, place, datetime.fromtimestamp(second, UTC), taken))
                remaining -= taken
        if remaining:
            return None
    return planned


def parcel_on_arrival(order: Order, wait: Wait, supply: Supply) -> tuple[Parcel, Plan]:
    """The offer to make when the supply of ``wait`` has arrived, and the plan with its cost."""
    line = replace(wait.line, unassigned=wait.quantity)
    location, at = supply.locations[wait.location_id], wait.expected_at
    at_location = candidate(
        location,
        {line.sku: wait.quantity},
        wait.quantity,
        supply.destination,
        at,
        service_level=order.service_level,
        policy=supply.policy,
    )
    asked = Problem(
        lines=(routing_line(line, supply.products.get(line.sku)),),
        candidates=(at_location,),
        policy=supply.policy,
        now=at,
        service_level=order.service_level,
        destination=supply.destination,
    )
    taken = [Taken(line.line_id, wait.quantity)]
    # The units that wait to be picked today say nothing about the day of the arrival.
    idle = replace(supply, unpicked={})
    offer = parcel(wait.location_id, line.method, taken, order.service_level, supply=idle, now=at)
    return offer, route(asked).plan


def serving_locations(
    line: Line, service_level: ServiceLevel, places: Iterable[str], supply: Supply
) -> frozenset[str]:
    """The ``places`` that can serve the line: its pickup location, or those that can ship it."""
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
