"""Units where, and on which day, shoppers wanted them. Pure.

A unit to collect is wanted at the location where it is collected, one to ship at the location that
is nearest to the address and ships: not where it was sent from, which says what was in stock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from shared.locations.model import Location, distance_km

NOWHERE = "-"
"""The location of units to ship to an address whose coordinates are not known."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Where and when something was wanted. The day is that of the location, UTC for NOWHERE."""

    day: date
    location_id: str
    sku: str


@dataclass(frozen=True, slots=True)
class LostDemand:
    """``units`` that ``who`` wanted, and that nobody could sell. ``who`` is a keyed hash of the
    person or of the session."""

    cell: Cell
    who: str
    units: int
    channel: str


def place_of(
    location_id: str | None, point: Point | None, locations: Mapping[str, Location]
) -> str:
    """The location at which something is wanted: the one of the pickup, else the nearest to
    ``point``."""
    if location_id is not None:
        return location_id
    ships = [location for location in locations.values() if location.ship]
    if point is None or not ships:
        return NOWHERE
    nearest = min(
        ships,
        key=lambda location: (
            distance_km(location.latitude, location.longitude, *point),
            location.location_id,
        ),
    )
    return nearest.location_id


def day_of(at: datetime, location_id: str, locations: Mapping[str, Location]) -> date:
    location = locations.get(location_id)
    return at.astimezone(ZoneInfo(location.time_zone) if location else UTC).date()
