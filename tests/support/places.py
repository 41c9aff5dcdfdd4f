"""A location to start from; a test changes what it is about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from typing import Any

from shared.locations.model import DAYS, Location

STORE = Location(
    location_id="denver",
    name="Denver",
    type="store",
    latitude=39.7392,
    longitude=-104.9903,
    postal_code="80202",
    country="US",
    time_zone="America/Denver",
    hours={},
    closed_on=frozenset(),
    pickup=True,
    ship=True,
    lead_time_minutes=60,
    capacity_per_hour=60,
)


def place(location_id: str = "denver", **changes: Any) -> Location:
    return replace(STORE, location_id=location_id, **changes)


def hours(**days: str) -> dict[str, tuple[tuple[time, time], ...]]:
    """``hours(mon="09:00-18:00")``; ``every`` stands for each day that is not named."""
    named: Mapping[str, str] = (
        {day: days.get(day, days["every"]) for day in DAYS} if "every" in days else days
    )
    return {
        day: tuple(
            (time.fromisoformat(pair[:5]), time.fromisoformat(pair[6:])) for pair in text.split()
        )
        for day, text in named.items()
    }
