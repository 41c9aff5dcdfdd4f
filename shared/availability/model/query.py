"""What a channel is told about availability: from packs and locations to the text of the answer.

Pure, and on the path of every page view: it loads neither pydantic nor the resolver, and writes
the JSON of the answer itself. The shapes stand in contract.py, for the API document.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import dumps
from math import cos, radians, sin

from shared.availability.model.pack import Columns
from shared.catalog.model import Life, Variant
from shared.errors import invalid
from shared.instants import rfc3339
from shared.locations.model import FOR_EVER, Location, Point, Readiness, readiness, within_radius

MOST_SKUS = 100
MOST_LOCATIONS = 500
MOST_GROUPS = 50
LIMITED = 5
"""At or below this many sellable units the stock is limited."""
MOST_ROWS = 20_000
"""Locations over all SKUs of one answer: some 3 MB, Lambda carries 6."""


@dataclass(frozen=True, slots=True)
class Question:
    """``location_ids`` and ``location_groups`` that are empty ask for every location; where both
    are given a location has to be in both. ``limit`` bounds the locations named per SKU, nearest
    first, and never what is counted as sellable.

    ``pickup_within`` (minutes) asks for locations that hand over until then."""

    skus: tuple[str, ...]
    channel: str
    location_ids: frozenset[str]
    point: Point | None
    radius_km: float | None
    limit: int
    pickup_within: int | None = None
    location_groups: frozenset[str] = frozenset()


def question(
    skus: Sequence[str],
    channel: str,
    *,
    location_ids: Sequence[str] = (),
    location_groups: Sequence[str] = (),
    near: Point | None = None,
    radius_km: float | None = None,
    limit: int = 50,
    pickup_within: int | None = None,
) -> Question:
    """Raises InvalidRequest for parameters that do not go together."""
    if radius_km is not None and near is None:
        raise invalid("query.radius_km", "needs near, or postal_code and country")
    wanted = tuple(dict.fromkeys(skus))
    if not 1 <= len(wanted) <= MOST_SKUS:
        raise invalid("query.sku", f"1 to {MOST_SKUS} different SKUs")
    if len(location_ids) > MOST_LOCATIONS:
        raise invalid("query.location_id", f"at most {MOST_LOCATIONS} locations")
    if len(location_groups) > MOST_GROUPS:
        raise invalid("query.location_group", f"at most {MOST_GROUPS} groups")
    if len(wanted) * limit > MOST_ROWS:
        raise invalid(
            "query.limit", f"{len(wanted)} SKUs leave room for {MOST_ROWS // len(wanted)} each"
        )
    return Question(
        wanted,
        channel,
        frozenset(location_ids),
        near,
        radius_km,
        limit,
        pickup_within,
        frozenset(location_groups),
    )


NONE: Mapping[str, int] = {}
UNKNOWN = 0, Readiness(FOR_EVER, None, moves=False, until=FOR_EVER)
"""Of no instant."""


class KnownPlaces(dict[str, tuple[str, str]]):
    """What is said of each location before and after its number of units, until the next minute.

    It depends on the location, the units ``unpicked`` there and the minute only, so it is made
    once, when first asked for; and what ``before`` knows of the same is not worked out again.
    """

    def __init__(
        self,
        locations: Mapping[str, Location],
        at: datetime,
        before: "KnownPlaces | None" = None,
        unpicked: Mapping[str, int] = NONE,
    ) -> None:
        super().__init__()
        self.locations, self.unpicked = locations, unpicked
        self.minute = next_minute(at)
        known = before is not None and before.locations is locations
        self._known: dict[str, tuple[int, Readiness]] = before._known if before and known else {}
        self._pickups: dict[datetime | None, str] = {None: "null"}

    def __missing__(self, location_id: str) -> tuple[str, str]:
        location = self.locations.get(location_id)
        ready = self.ready_by(location_id)
        pickup = self._pickups.get(ready)
        if pickup is None and ready is not None:
            pickup = self._pickups[ready] = f'{{"ready_by":"{rfc3339(ready)}"}}'
        ships = "true" if location and location.ship else "false"
        self[location_id] = said = (
            f'{{"location_id":{dumps(location_id)},"sellable":',
            f',"pickup":{pickup},"ship":{ships}}}',
        )
        return said

    def ready_by(self, location_id: str) -> datetime | None:
        """None when it hands nothing over to shoppers."""
        location = self.locations.get(location_id)
        if location is None or not location.pickup:
            return None
        waiting = self.unpicked.get(location_id, 0)
        behind, known = self._known.get(location_id, UNKNOWN)
        if behind != waiting or not known.at <= self.minute < known.until:
            known = readiness(location, self.minute, waiting + 1)
            self._known[location_id] = waiting, known
        return known.when(self.minute)


def next_minute(at: datetime) -> datetime:
    """Times are told in whole minutes, never too early: an answer stays the same for a minute."""
    return at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


def answer(
    asked: Question,
    packs: Mapping[str, Columns],
    places: KnownPlaces,
    at: datetime,
    floor: int = 0,
    *,
    scope: "Scope | None" = None,
    variants: Mapping[str, Sequence[Variant]] | None = None,
) -> str:
    """The JSON text that answers ``asked`` at ``at``, the SKUs in the order asked for.

    ``floor`` units of every location stay unsold. A SKU without a pack is out of stock. A location
    is named when it has something to sell, or was asked for by name. Stock at a location that is
    not (yet) known is told of, unless the question is where it is, or when it hands over.

    When nothing is sellable where it was asked for, ``instead`` says where the nearest units are,
    what is expected first, wherever that is, and which of its ``variants`` (whose packs are among
    ``packs``) are sellable there.
    """
    scope = scope or scope_of(asked, places)
    items = ",".join(
        _item(
            asked,
            sku,
            packs.get(sku, NOTHING),
            places,
            scope=scope,
            at=at,
            floor=floor,
            others=_variants(variants.get(sku, ()), packs, scope, at=at, floor=floor)
            if variants
            else "",
        )
        for sku in asked.skus
    )
    known = [packs[sku].as_of for sku in asked.skus if sku in packs]
    as_of = min(known) if known else rfc3339(next_minute(at) - timedelta(minutes=1))
    return f'{{"as_of":"{as_of}","items":[{items}]}}'


NOTHING = Columns("", [], [], [], {})


@dataclass(frozen=True, slots=True)
class Scope:
    """``order`` has the locations that are asked for, in the order of the answer; None is all of
    them by their ids. ``distances`` are in km from the point asked for."""

    order: Sequence[str] | None
    distances: Mapping[str, float] | None


def scope_of(asked: Question, places: KnownPlaces) -> Scope:
    order: Iterable[str] | None = None
    distances = None
    named = _named(asked, places.locations)
    if asked.point is not None:
        wanted: Iterable[Location] = places.locations.values()
        if named is not None:
            known = places.locations
            wanted = [known[location] for location in named if location in known]
        near = within_radius(wanted, asked.point, asked.radius_km)
        order = distances = {location.location_id: km for km, location in near}
    elif named is not None:
        order = sorted(named)
    if asked.pickup_within is not None:
        latest = places.minute + timedelta(minutes=asked.pickup_within)
        order = [
            location
            for location in (places.locations if order is None else order)
            if (ready := places.ready_by(location)) and ready <= latest
        ]
    return Scope(None if order is None else list(order), distances)


def _named(asked: Question, known: Mapping[str, Location]) -> frozenset[str] | None:
    """The locations that ids and groups ask for; None when neither was given."""
    if not asked.location_groups:
        return asked.location_ids or None
    members = frozenset(
        location_id
        for location_id, location in known.items()
        if not asked.location_groups.isdisjoint(location.groups)
    )
    return members & asked.location_ids if asked.location_ids else members


def empty(asked: Question, packs: Mapping[str, Columns], scope: Scope) -> list[str]:
    """The SKUs asked for of which nothing is sellable there."""
    return [sku for sku in asked.skus if not _any(packs.get(sku, NOTHING), scope)]


def _any(pack: Columns, scope: Scope) -> bool:
    if scope.order is None:
        return any(units > 0 for units in pack.available)
    return any(units > 0 for _, units in _counted(pack, scope, 0))


def _item(
    asked: Question,
    sku: str,
    pack: Columns,
    places: KnownPlaces,
    *,
    scope: Scope,
    at: datetime,
    floor: int,
    others: str,
) -> str:
    counted = _counted(pack, scope, floor)
    shown = [row for row in counted if row[1] > 0]
    if asked.location_ids:
        shown = [(location, max(0, units)) for location, units in counted]
    sellable = sum([units for _, units in counted if units > 0])
    rows = _rows(shown[: asked.limit], places, scope.distances, pack)
    coming = _next_expected(pack, None if scope.order is None else set(scope.order), at)
    expected = f',"next_expected":{_supply_text(*coming)}' if coming else ""
    word, begins, instead = status(sellable, pack.life, at, expected=bool(coming)), "", ""
    if word == "preorder" and pack.life.available_from:
        begins = f',"available_from":"{rfc3339(pack.life.available_from)}"'
    if not sellable:
        parts = [] if scope.order is None else _elsewhere(asked, pack, places, at=at, floor=floor)
        if others:
            parts.append(others)
        instead = f',"instead":{{{",".join(parts)}}}' if parts else ""
    return (
        f'{{"sku":{dumps(sku)},"status":"{word}","sellable":{sellable}{begins}{expected}{instead},'
        f'"locations":[{rows}]}}'
    )


def _counted(pack: Columns, scope: Scope, floor: int) -> list[tuple[str, int]]:
    """What each location asked for has to sell; below 0 where there is less than the floor."""
    if scope.order is None:
        available = [units - floor for units in pack.available] if floor else pack.available
        return list(zip(pack.locations, available, strict=True))
    has = dict(zip(pack.locations, pack.available, strict=True))
    return [(location, has.get(location, 0) - floor) for location in scope.order]


def _rows(
    shown: Iterable[tuple[str, int]],
    places: KnownPlaces,
    distances: Mapping[str, float] | None,
    pack: Columns,
) -> str:
    if distances is None and not pack.confidence:
        said = [(places[location], units) for location, units in shown]
        return ",".join([f"{head}{units}{tail}" for (head, tail), units in said])
    sure = dict(zip(pack.locations, pack.confidence, strict=False))
    if distances is None:
        told = [(places[location], units, SURE[sure.get(location)]) for location, units in shown]
        return ",".join([f"{head}{units}{known}{tail}" for (head, tail), units, known in told])
    rows = []
    for location, units in shown:
        head, tail = places[location]
        known = SURE[sure.get(location)]
        rows.append(f'{head}{units},"distance_km":{distances[location]:.3f}{known}{tail}')
    return ",".join(rows)


SURE: dict[int | None, str] = {
    None: "",
    **{known: f',"confidence":{known / 1000:g}' for known in range(1001)},
}
"""What is said of so many thousandths."""


def _variants(
    variants: Iterable[Variant],
    packs: Mapping[str, Columns],
    scope: Scope,
    *,
    at: datetime,
    floor: int,
) -> str:
    """Those that are sellable where it was asked for."""
    rows = []
    for variant in variants:
        pack = packs.get(variant.sku, NOTHING)
        counted = _counted(pack, scope, floor)
        if sellable := sum([units for _, units in counted if units > 0]):
            rows.append(
                f'{{"sku":{dumps(variant.sku)},"title":{dumps(variant.title)},'
                f'"attributes":{dumps(variant.attributes)},'
                f'"status":"{status(sellable, pack.life, at)}","sellable":{sellable}}}'
            )
    return f'"variants":[{",".join(rows)}]' if rows else ""


def _elsewhere(
    asked: Question, pack: Columns, places: KnownPlaces, *, at: datetime, floor: int
) -> list[str]:
    """The nearest location with something to sell, from the point asked for or from any location
    asked for by name or group; and the first supply, wherever it is expected."""
    known = places.locations
    having = {
        location: units - floor
        for location, units in zip(pack.locations, pack.available, strict=True)
        if units > floor and location in known
    }
    parts = []
    if having:
        origins = [asked.point] if asked.point else _points(known, _named(asked, known) or ())
        km, named = _nearest([known[location] for location in having], origins)
        distances = None if km is None else {named: km}
        parts.append(f'"nearest":{_rows([(named, having[named])], places, distances, pack)}')
    if coming := _next_expected(pack, None, at):
        parts.append(f'"next_expected":{_supply_text(*coming)}')
    return parts


def _nearest(there: Sequence[Location], origins: Sequence[Point]) -> tuple[float | None, str]:
    """How far it is to the nearest location from any of ``origins``, and which it is; the first
    without any.

    Of many pairs those that are nearest on a sphere are measured: it ranks within 0.6 % of WGS84.
    """
    if not origins:
        return None, there[0].location_id
    if len(origins) == 1:
        km, location = within_radius(there, origins[0])[0]
        return km, location.location_id
    vectors = [(_vector(origin), origin) for origin in origins]

    def closest(location: Location) -> tuple[float, Point]:
        x, y, z = _vector((location.latitude, location.longitude))
        return max((x * a + y * b + z * c, origin) for (a, b, c), origin in vectors)

    ranked = sorted(
        ((*closest(location), location) for location in there), key=lambda entry: -entry[0]
    )
    return min(
        (within_radius([location], origin)[0][0], location.location_id)
        for _, origin, location in ranked[:MEASURED]
    )


MEASURED = 8


def _vector(point: Point) -> tuple[float, float, float]:
    """Of length 1, from the middle of the sphere."""
    latitude, longitude = radians(point[0]), radians(point[1])
    return (
        cos(latitude) * cos(longitude),
        cos(latitude) * sin(longitude),
        sin(latitude),
    )


def _points(known: Mapping[str, Location], location_ids: Iterable[str]) -> list[Point]:
    return [
        (known[location].latitude, known[location].longitude)
        for location in sorted(location_ids)
        if location in known
    ]


def _supply_text(second: int, units: int) -> str:
    instant = rfc3339(datetime.fromtimestamp(second, UTC))
    return f'{{"quantity":{units},"expected_at":"{instant}"}}'


def status(sellable: int, life: Life, at: datetime, *, expected: bool = False) -> str:
    """The word of UCP and schema.org for what can be had at ``at``.

        units are sellable        `preorder` while the product is sold ahead only, or else
                                  `in_stock`, `limited_stock`: discontinued goods are sold off
        none are, discontinued    `discontinued`: no supply is promised, whatever is expected
        none are, some expected   `preorder` while it is sold ahead only, or else `backorder`
        nothing at all            `out_of_stock`; so is what was never stocked, discontinued or not

    It is judged at the instant of the answer, so that nothing has to be written when the day comes
    from which a product is sold.
    """
    if sellable <= 0 and life.discontinued:
        return "discontinued"
    if (sellable > 0 or expected) and life.ahead(at):
        return "preorder"
    if sellable > 0:
        return "in_stock" if sellable > LIMITED else "limited_stock"
    return "backorder" if expected else "out_of_stock"


def first_expected(pack: Columns, at: datetime) -> tuple[int, int] | None:
    """The first date after ``at`` with supply anywhere, and all units of that date."""
    return _next_expected(pack, None, at)


def _next_expected(pack: Columns, wanted: set[str] | None, at: datetime) -> tuple[int, int] | None:
    """The first date after ``at`` with supply at a wanted location, and all units of that date.

    Supply that is overdue is no longer told of, nor that of discontinued products.
    """
    if pack.life.discontinued:
        return None
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
