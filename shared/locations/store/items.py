"""A location as attributes of an item, and back."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from datetime import date, time
from functools import lru_cache
from typing import Any

from shared.locations.model import DAYS, CarrierCalendar, Location


def attributes_of(location: Location) -> dict[str, Any]:
    """The attributes of the item of a location, without its partition."""
    return {
        "sk": location.location_id,
        "name": location.name,
        "type": location.type,
        "latitude": float(location.latitude),
        "longitude": float(location.longitude),
        "postal_code": location.postal_code,
        "country": location.country,
        "time_zone": location.time_zone,
        "hours": {
            day: " ".join(f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in pairs)
            for day, pairs in location.hours.items()
        },
        "closed_on": sorted(day.isoformat() for day in location.closed_on),
        "pickup": location.pickup,
        "ship": location.ship,
        "lead_time_minutes": location.lead_time_minutes,
        "capacity_per_hour": location.capacity_per_hour,
        "gln": location.gln,
        "groups": sorted(location.groups) or None,
        "most_unpicked": location.most_unpicked,
        "cut_offs": {level: f"{at:%H:%M}" for level, at in location.cut_offs.items()} or None,
        "auto_accept": location.auto_accept or None,
        "lines": list(location.lines) or None,
        "city": location.city,
        "region": location.region,
        "phone": location.phone,
        "calendars": {
            level: {
                "collects": _days(calendar.collects),
                "delivers": _days(calendar.delivers),
                "holidays": calendar.holidays,
            }
            for level, calendar in location.calendars.items()
        }
        or None,
        "language": None if location.language == "en" else location.language,
    }


def _days(days: Collection[str]) -> str:
    return " ".join(day for day in DAYS if day in days)


@lru_cache(maxsize=10_000)
def _parse_hours(text: str) -> tuple[tuple[time, time], ...]:
    """The (opens, closes) pairs of one day, stored as ``"09:00-12:00 13:00-18:00"``."""
    return tuple(
        (time.fromisoformat(opens), time.fromisoformat(closes))
        for opens, _, closes in (pair.partition("-") for pair in text.split())
    )


PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "latitude": float,
    "longitude": float,
    "hours": lambda hours: {day: _parse_hours(text) for day, text in hours.items()},
    "closed_on": lambda days: frozenset(map(date.fromisoformat, days)),
    "groups": lambda groups: frozenset(groups or ()),
    "cut_offs": lambda cut_offs: {
        level: time.fromisoformat(text) for level, text in (cut_offs or {}).items()
    },
    "auto_accept": bool,
    "lines": lambda lines: tuple(lines or ()),
    "calendars": lambda calendars: {
        level: CarrierCalendar(
            frozenset(row["collects"].split()), frozenset(row["delivers"].split()), row["holidays"]
        )
        for level, row in (calendars or {}).items()
    },
    "language": lambda language: language or "en",
}
"""How a stored value, None when it is missing, becomes that of a location; other values stay as
they are. Locations may share sets and dictionaries: nobody changes them."""
FIELDS = tuple(field.name for field in fields(Location))


def attribute_of(field: str) -> str:
    """The attribute that stores a field of a location."""
    return "sk" if field == "location_id" else field


def location_of_item(item: Mapping[str, Any]) -> Location:
    values: dict[str, Any] = {field: item.get(attribute_of(field)) for field in FIELDS}
    for field, parse in PARSERS.items():
        values[field] = parse(values[field])
    return Location(**values)
