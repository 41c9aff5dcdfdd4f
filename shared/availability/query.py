"""What a channel is told about availability: from packs and locations to the text of the answer.

Pure, and on the path of every page view: it loads neither pydantic nor the resolver, and writes
the JSON of the answer itself. The shapes stand in contract.py, for the API document.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import dumps

from shared.availability.model import Columns
from shared.errors import invalid
from shared.instants import rfc3339
from shared.locations.model import Location, Point, around, ready_by

MOST_SKUS = 100
MOST_LOCATIONS = 500
LIMITED = 5
"""At or below this many sellable units the stock is limited."""
MOST_ROWS = 20_000
"""Locations over all SKUs of one answer: some 3 MB, Lambda carries 6."""


@dataclass(frozen=True, slots=True)
class Question:
    """``location_ids`` empty asks for every location; ``limit`` bounds the locations named per
    SKU, nearest first, and never what is counted as sellable."""

    skus: tuple[str, ...]
    channel: str
    location_ids: frozenset[str]
    point: Point | None
    radius_km: float | None
    limit: int


def question(
    skus: Sequence[str],
    channel: str,
    *,
    location_ids: Sequence[str] = (),
    near: Point | None = None,
    radius_km: float | None = None,
    limit: int = 50,
) -> Question:
    """Raises InvalidRequest for parameters that do not go together."""
    if radius_km is not None and near is None:
        raise invalid("query.radius_km", "needs near, or postal_code and country")
    wanted = tuple(dict.fromkeys(skus))
    if not 1 <= len(wanted) <= MOST_SKUS:
        raise invalid("query.sku", f"1 to {MOST_SKUS} different SKUs")
    if len(location_ids) > MOST_LOCATIONS:
        raise invalid("query.location_id", f"at most {MOST_LOCATIONS} locations")
    if len(wanted) * limit > MOST_ROWS:
        raise invalid(
            "query.limit", f"{len(wanted)} SKUs leave room for {MOST_ROWS // len(wanted)} each"
        )
    return Question(wanted, channel, frozenset(location_ids), near, radius_km, limit)


class Places(dict[str, tuple[str, str]]):
    """What is said of each location before and after its number of units, until the next minute.

    It depends on the location and the minute only, so it is made once, when first asked for.
    """

    def __init__(self, locations: Mapping[str, Location], at: datetime) -> None:
        super().__init__()
        self.locations = locations
        self.minute = next_minute(at)

    def __missing__(self, location_id: str) -> tuple[str, str]:
        location = self.locations.get(location_id)
        head = f'{{"location_id":{dumps(location_id)},"sellable":'
        ready = ready_by(location, self.minute) if location and location.pickup else None
        pickup = f'{{"ready_by":"{rfc3339(ready)}"}}' if ready else "null"
        ships = "true" if location and location.ship else "false"
        self[location_id] = head, f',"pickup":{pickup},"ship":{ships}}}'
        return self[location_id]


def next_minute(at: datetime) -> datetime:
    """Times are told in whole minutes, never too early: an answer stays the same for a minute."""
    return at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


def answer(
    asked: Question,
    packs: Mapping[str, Columns],
    places: Places,
    at: datetime,
    floor: int = 0,
) -> str:
    """The JSON text that answers ``asked`` at ``at``, the SKUs in the order asked for.

    ``floor`` units of every location stay unsold. A SKU without a pack is out of stock. A location
    is named when it has something to sell, or was asked for by name. Stock at a location that is
    not (yet) known is told of, unless the question is where it is.
    """
    distances = _distances(asked, places.locations)
    items = ",".join(
        _item(asked, sku, packs.get(sku, NOTHING), places, distances=distances, at=at, floor=floor)
        for sku in asked.skus
    )
    known = [packs[sku].as_of for sku in asked.skus if sku in packs]
    as_of = min(known) if known else rfc3339(next_minute(at) - timedelta(minutes=1))
    return f'{{"as_of":"{as_of}","items":[{items}]}}'


NOTHING = Columns("", [], [], [], {})


def _distances(asked: Question, locations: Mapping[str, Location]) -> dict[str, float] | None:
    """Distance of each location that is asked for, nearest first; None without a point."""
    if asked.point is None:
        return None
    wanted: Iterable[Location] = locations.values()
    if asked.location_ids:
        wanted = [locations[named] for named in asked.location_ids if named in locations]
    near = around(wanted, asked.point, asked.radius_km)
    return {location.location_id: km for km, location in near}


def _item(
    asked: Question,
    sku: str,
    pack: Columns,
    places: Places,
    *,
    distances: dict[str, float] | None,
    at: datetime,
    floor: int,
) -> str:
    named = asked.location_ids
    has = dict(zip(pack.locations, pack.available, strict=True))
    order: Iterable[str] = has
    if distances is not None:
        order = distances
    elif named:
        order = sorted(named)
    counted = [(location, has.get(location, 0) - floor) for location in order]
    shown = counted if named else [row for row in counted if row[1] > 0]
    sellable = sum(units for _, units in counted if units > 0)
    rows = []
    for location, units in shown[: asked.limit]:
        head, tail = places[location]
        far = f',"distance_km":{distances[location]:.3f}' if distances is not None else ""
        rows.append(f"{head}{max(0, units)}{far}{tail}")
    coming = _next_expected(pack, None if distances is None and not named else set(order), at)
    expected = ""
    if coming:
        second, units = coming
        instant = rfc3339(datetime.fromtimestamp(second, UTC))
        expected = f',"next_expected":{{"quantity":{units},"expected_at":"{instant}"}}'
    return (
        f'{{"sku":{dumps(sku)},"status":"{status(sellable, expected=bool(coming))}",'
        f'"sellable":{sellable}{expected},"locations":[{",".join(rows)}]}}'
    )


def status(sellable: int, *, expected: bool) -> str:
    """The word of UCP and schema.org for what can be had."""
    if sellable > LIMITED:
        return "in_stock"
    if sellable > 0:
        return "limited_stock"
    return "backorder" if expected else "out_of_stock"


def _next_expected(pack: Columns, wanted: set[str] | None, at: datetime) -> tuple[int, int] | None:
    """The first date after ``at`` with supply at a wanted location, and all units of that date.

    Supply that is overdue is no longer told of.
    """
    now = at.timestamp()
    coming: dict[int, int] = {}
    for place, supplies in pack.expected.items():
        if wanted is not None and pack.locations[int(place)] not in wanted:
            continue
        for second, units in supplies:
            if second > now:
                coming[second] = coming.get(second, 0) + units
    return min(coming.items()) if coming else None


def etag(text: str) -> str:
    """A strong validator (RFC 9110, 8.8.3): other text, other tag."""
    return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller's copy, told by If-None-Match (RFC 9110, 13.1.2), is this one."""
    if not if_none_match:
        return False
    told = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return tag in told or "*" in told
