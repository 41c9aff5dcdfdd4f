"""Locations and postal codes, table ``config``.

    pk LOCATION            sk <location_id>   a location       find, page
    pk LOCATIONS           sk SLICE#<n>       all locations    all_locations (directory.py)
    pk POSTAL#<country>    sk <postal code>   its centroid     point_of_postal_code: 0.5 read units

``all_locations`` is one Query (2,000 locations: about 10 read units). The process caches it for
KEPT_SECONDS, so it sees the changes of other processes after at most that time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.clients import dynamodb
from shared.aws.items import Item, to_item
from shared.aws.settings import table_name
from shared.errors import Busy
from shared.locations.model import Kind, Location, normalize_postal_code
from shared.locations.store import directory
from shared.locations.store.items import location_of_item

__all__ = [
    "KEPT_SECONDS",
    "LocationPage",
    "all_locations",
    "find",
    "location_of_item",
    "locations_cache",
    "page",
    "point_of_postal_code",
    "put",
    "put_postal_codes",
]
KEPT_SECONDS = 30
PAGE = 100
WRITES = 25


@dataclass(slots=True)
class CachedLocations:
    """The cache of this process: all locations, read together; postal codes, read one by one."""

    locations: dict[str, Location] = field(default_factory=dict)
    points: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)


locations_cache = Cached(CachedLocations, KEPT_SECONDS)


def all_locations() -> dict[str, Location]:
    """All locations by id, in the order of the ids; at most KEPT_SECONDS old."""
    cached = locations_cache.get()
    if not cached.locations:
        listed = directory.read_complete()
        cached.locations = (
            {location.location_id: location for location in _query()} if listed is None else listed
        )
    return cached.locations


def find(location_id: str) -> Location | None:
    """The location, read with strong consistency."""
    item = tables.get(table_name("config"), "LOCATION", location_id, consistent=True)
    return location_of_item(item) if item else None


def put(location: Location) -> bool:
    """Creates or replaces the location. Returns whether it is new.

    Raises Busy as ``directory.put``.
    """
    created = directory.put(location)
    locations_cache.clear()
    return created


@dataclass(frozen=True, slots=True)
class LocationPage:
    locations: list[Location]
    after: str | None
    """The next page starts after this location_id."""


def page(limit: int, *, kind: Kind | None = None, after: str | None = None) -> LocationPage:
    """At most ``limit`` locations of one kind, or of all kinds, in the order of their ids."""
    locations: list[Location] = []
    for location in _query(after):
        if kind is None or location.type == kind:
            locations.append(location)
        if len(locations) > limit:
            return LocationPage(locations[:limit], locations[limit - 1].location_id)
    return LocationPage(locations, None)


def _query(after: str | None = None) -> Iterator[Location]:
    condition = "pk = :location"
    values: Item = {":location": {"S": "LOCATION"}}
    if after is not None:
        condition += " AND sk > :after"
        values[":after"] = {"S": after}
    for item in tables.query(table_name("config"), condition, values):
        yield location_of_item(item)


def point_of_postal_code(country: str, code: str) -> tuple[float, float] | None:
    """Latitude and longitude of a postal code: its stored centroid, else the mean position of the
    locations that have it; None if there are none."""
    key = country, normalize_postal_code(code)
    cached = locations_cache.get()
    if key not in cached.points:
        item = tables.get(table_name("config"), f"POSTAL#{country}", key[1])
        if item:
            cached.points[key] = item["latitude"], item["longitude"]
        elif matching := [
            location
            for location in all_locations().values()
            if (location.country, normalize_postal_code(location.postal_code)) == key
        ]:
            cached.points[key] = (
                sum(location.latitude for location in matching) / len(matching),
                sum(location.longitude for location in matching) / len(matching),
            )
    return cached.points.get(key)


def put_postal_codes(country: str, points: Mapping[str, tuple[float, float]]) -> None:
    """Store the centroids (latitude, longitude) of postal codes.

    Raises Busy when the table does not accept all of them.
    """
    rows: list[Any] = [
        {
            "PutRequest": {
                "Item": to_item(
                    {
                        "pk": f"POSTAL#{country}",
                        "sk": normalize_postal_code(code),
                        "latitude": float(latitude),
                        "longitude": float(longitude),
                    }
                )
            }
        }
        for code, (latitude, longitude) in points.items()
    ]
    name = table_name("config")
    for start in range(0, len(rows), WRITES):
        unwritten = rows[start : start + WRITES]
        for _ in tables.attempts():
            answer: Any = dynamodb().batch_write_item(RequestItems={name: unwritten})
            unwritten = answer.get("UnprocessedItems", {}).get(name, [])
            if not unwritten:
                break
        else:
            raise Busy("the table accepts no more postal codes for now; try again later")
