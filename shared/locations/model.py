"""A place that holds stock, and when it is open. Pure: the instant is always an argument."""

from dataclasses import dataclass
from datetime import date, time
from typing import Literal

Kind = Literal["warehouse", "store", "vendor"]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Location:
    """``hours`` maps a day of DAYS to its (opens, closes) pairs in the location's own time zone;
    a pair whose end is not after its start runs past midnight. A location without hours is open
    at all times, a day without an entry is closed."""

    location_id: str
    name: str
    type: Kind
    latitude: float
    longitude: float
    postal_code: str
    country: str
    time_zone: str
    hours: dict[str, tuple[tuple[time, time], ...]]
    closed_on: frozenset[date]
    pickup: bool
    ship: bool
    lead_time_minutes: int
    capacity_per_hour: int
    gln: str | None = None
