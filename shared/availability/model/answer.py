"""The JSON answer of GET /v1/availability, from packs and locations. Pure.

It is on the path of every page view: it loads neither pydantic nor the resolver, and writes the
JSON itself. The shapes are declared in contract/answers.py for the API document.
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
"""At or below this number of sellable units the stock is limited."""
MOST_ROWS = 20_000
"""Locations over all SKUs of one answer: about 3 MB, Lambda returns at most 6 MB."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for. Empty ``location_ids`` and ``location_groups`` ask for every location;
    where both are given a location must be in both. ``limit`` bounds the locations listed per SKU,
    nearest first; ``sellable`` always counts all of them.

    ``pickup_within`` (minutes) asks for locations that hand over within that time.
    """

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
    """The validated question. Raises InvalidRequest for parameters that do not go together."""
    if radius_km is not None and near is None:
        raise invalid("query.radius_km", "needs near, or postal_code and country")
    distinct = tuple(dict.fromkeys(skus))
    if not 1 <= len(distinct) <= MOST_SKUS:
        raise invalid("query.sku", f"1 to {MOST_SKUS} different SKUs")
    if len(location_ids) > MOST_LOCATIONS:
        raise invalid("query.location_id", f"at most {MOST_LOCATIONS} locations")
    if len(location_groups) > MOST_GROUPS:
        raise invalid("query.location_group", f"at most {MOST_GROUPS} groups")
    if len(distinct) * limit > MOST_ROWS:
        raise invalid(
            "query.limit", f"{len(distinct)} SKUs leave room for {MOST_ROWS // len(distinct)} each"
        )
    return Question(
        distinct,
        channel,
        frozenset(location_ids),
        near,
        radius_km,
        limit,
        pickup_within,
        frozenset(location_groups),
    )


NO_UNITS: Mapping[str, int] = {}
UNKNOWN_READINESS = 0, Readiness(FOR_EVER, None, moves=False, until=FOR_EVER)
"""A readiness that is valid at no instant."""


class LocationTexts(dict[str, tuple[str, str]]):
    """The JSON of each location before and after its number of units, for one minute.

    It depends only on the location, the ``unpicked`` units there and the minute, so each text is
    made once, when first needed; readiness that ``before`` has computed is reused.
    """

    def __init__(
        self,
        locations: Mapping[str, Location],
        at: datetime,
        before: "LocationTexts | None" = None,
        unpicked: Mapping[str, int] = NO_UNITS,
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
        """When an order placed now is ready; None when the location does not offer pickup."""
        location = self.locations.get(location_id)
        if location is None or not location.pickup:
            return None
        waiting = self.unpicked.get(location_id, 0)
        counted, known = self._known.get(location_id, UNKNOWN_READINESS)
        if counted != waiting or not known.at <= self.minute < known.until:
            known = readiness(location, self.minute, waiting + 1)
            self._known[location_id] = waiting, known
        return known.when(self.minute)


def next_minute(at: datetime) -> datetime:
    """The next whole minute after ``at``: times in answers are rounded up, so that an answer stays
    the same for a minute."""
    return at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


def answer_text(
    asked: Question,
    packs: Mapping[str, Columns],
    places: LocationTexts,
    at: datetime,
    floor: int = 0,
    *,
    read_at: datetime | None = None,
    scope: "Scope | None" = None,
    variants: Mapping[str, Sequence[Variant]] | None = None,
) -> str:
    """The JSON text that answers ``asked`` at ``at``, with the SKUs in the order asked for.

    ``read_at`` is when the packs were read, if that was before ``at``: an answer without any pack
    is as of then. ``floor`` units of every location stay unsold. A SKU without a pack is out of
    stock. A location is listed when it has units to sell or was asked for by id. Stock at an
    unknown location is included unless the question is about distance or pickup.

    When nothing is sellable at the locations asked for, ``instead`` names the nearest location with
    units, the first expected supply anywhere, and the ``variants`` (whose packs are among
    ``packs``) that are sellable at the locations asked for.
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
    as_ofs = [packs[sku].as_of for sku in asked.skus if sku in packs]
    as_of = min(as_ofs) if as_ofs else rfc3339(next_minute(read_at or at) - timedelta(minutes=1))
    return f'{{"as_of":"{as_of}","items":[{items}]}}'


NOTHING = Columns("", [], [], [], {})


@dataclass(frozen=True, slots=True)
class Scope:
    """``order`` has the locations asked for, in the order of the answer; None stands for all of
    them by id. ``distances`` are in km from the point asked for."""

    order: Sequence[str] | None
    distances: Mapping[str, float] | None


def scope_of(asked: Question, places: LocationTexts) -> Scope:
    """The locations that the question asks for."""
    order: Iterable[str] | None = None
    distances = None
    named = _named(asked, places.locations)
    if asked.point is not None:
        candidates: Iterable[Location] = places.locations.values()
        if named is not None:
            locations = places.locations
            candidates = [locations[location] for location in named if location in locations]
        near = within_radius(candidates, asked.point, asked.radius_km)
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


def _named(asked: Question, locations: Mapping[str, Location]) -> frozenset[str] | None:
    """The locations that ids and groups ask for; None when neither was given."""
    if not asked.location_groups:
        return asked.location_ids or None
    members = frozenset(
        location_id
        for location_id, location in locations.items()
        if not asked.location_groups.isdisjoint(location.groups)
    )
    return members & asked.location_ids if asked.location_ids else members


def unsellable_skus(asked: Question, packs: Mapping[str, Columns], scope: Scope) -> list[str]:
    """The SKUs of which nothing is sellable at the locations asked for."""
    return [sku for sku in asked.skus if not _any_sellable(packs.get(sku, NOTHING), scope)]


def _any_sellable(pack: Columns, scope: Scope) -> bool:
    if scope.order is None:
        return any(units > 0 for units in pack.available)
    return any(units > 0 for _, units in _sellable_by_location(pack, scope, 0))


def _item(
    asked: Question,
    sku: str,
    pack: Columns,
    places: LocationTexts,
    *,
    scope: Scope,
    at: datetime,
    floor: int,
    others: str,
) -> str:
    counted = _sellable_by_location(pack, scope, floor)
    shown = [row for row in counted if row[1] > 0]
    if asked.location_ids:
        shown = [(location, max(0, units)) for location, units in counted]
    sellable = sum([units for _, units in counted if units > 0])
    rows = _rows(shown[: asked.limit], places, scope.distances, pack)
    next_supply = _next_expected(pack, None if scope.order is None else set(scope.order), at)
    expected = f',"next_expected":{_supply_text(*next_supply)}' if next_supply else ""
    status_word, begins, instead = (
        status(sellable, pack.life, at, expected=bool(next_supply)),
        "",
        "",
    )
    if status_word == "preorder" and pack.life.available_from:
        begins = f',"available_from":"{rfc3339(pack.life.available_from)}"'
    if not sellable:
        parts = [] if scope.order is None else _elsewhere(asked, pack, places, at=at, floor=floor)
        if others:
            parts.append(others)
        instead = f',"instead":{{{",".join(parts)}}}' if parts else ""
    return (
        f'{{"sku":{dumps(sku)},"status":"{status_word}","sellable":{sellable}{begins}{expected}{instead},'
        f'"locations":[{rows}]}}'
    )


def _sellable_by_location(pack: Columns, scope: Scope, floor: int) -> list[tuple[str, int]]:
    """The units that each location asked for has to sell; negative where it has less than the
    floor."""
    if scope.order is None:
        available = [units - floor for units in pack.available] if floor else pack.available
        return list(zip(pack.locations, available, strict=True))
    has = dict(zip(pack.locations, pack.available, strict=True))
    return [(location, has.get(location, 0) - floor) for location in scope.order]


def _rows(
    shown: Iterable[tuple[str, int]],
    places: LocationTexts,
    distances: Mapping[str, float] | None,
    pack: Columns,
) -> str:
    if distances is None and not pack.confidence:
        texts = [(places[location], units) for location, units in shown]
        return ",".join([f"{head}{units}{tail}" for (head, tail), units in texts])
    confidences = dict(zip(pack.locations, pack.confidence, strict=False))
    if distances is None:
        rated = [
            (places[location], units, CONFIDENCE_TEXTS[confidences.get(location)])
            for location, units in shown
        ]
        return ",".join([f"{head}{units}{known}{tail}" for (head, tail), units, known in rated])
    rows = []
    for location, units in shown:
        head, tail = places[location]
        confidence = CONFIDENCE_TEXTS[confidences.get(location)]
        distance = f"{distances[location]:.3f}"
        rows.append(f'{head}{units},"distance_km":{distance}{confidence}{tail}')
    return ",".join(rows)


CONFIDENCE_TEXTS: dict[int | None, str] = {
    None: "",
    **{known: f',"confidence":{known / 1000:g}' for known in range(1001)},
}
"""The JSON of each confidence in thousandths."""


def _variants(
    variants: Iterable[Variant],
    packs: Mapping[str, Columns],
    scope: Scope,
    *,
    at: datetime,
    floor: int,
) -> str:
    """The JSON of the variants that are sellable at the locations asked for."""
    rows = []
    for variant in variants:
        pack = packs.get(variant.sku, NOTHING)
        counted = _sellable_by_location(pack, scope, floor)
        if sellable := sum([units for _, units in counted if units > 0]):
            rows.append(
                f'{{"sku":{dumps(variant.sku)},"title":{dumps(variant.title)},'
                f'"attributes":{dumps(variant.attributes)},'
                f'"status":"{status(sellable, pack.life, at)}","sellable":{sellable}}}'
            )
    return f'"variants":[{",".join(rows)}]' if rows else ""


def _elsewhere(
    asked: Question, pack: Columns, places: LocationTexts, *, at: datetime, floor: int
) -> list[str]:
    """The JSON of the nearest location with units, measured from the point or the locations asked
    for, and of the first supply expected anywhere."""
    locations = places.locations
    sellable = {
        location: units - floor
        for location, units in zip(pack.locations, pack.available, strict=True)
        if units > floor and location in locations
    }
    parts = []
    if sellable:
        origins = (
            [asked.point] if asked.point else _points(locations, _named(asked, locations) or ())
        )
        km, named = _nearest([locations[location] for location in sellable], origins)
        distances = None if km is None else {named: km}
        parts.append(f'"nearest":{_rows([(named, sellable[named])], places, distances, pack)}')
    if coming := _next_expected(pack, None, at):
        parts.append(f'"next_expected":{_supply_text(*coming)}')
    return parts


def _nearest(locations: Sequence[Location], origins: Sequence[Point]) -> tuple[float | None, str]:
    """The distance to the nearest location from any of ``origins``, and its id; the first location
    without origins.

    Of many pairs only those that are nearest on a sphere are measured: the ranking is within 0.6 %
    of WGS84.
    """
    if not origins:
        return None, locations[0].location_id
    if len(origins) == 1:
        km, location = within_radius(locations, origins[0])[0]
        return km, location.location_id
    vectors = [(_vector(origin), origin) for origin in origins]

    def closest(location: Location) -> tuple[float, Point]:
        x, y, z = _vector((location.latitude, location.longitude))
        return max((x * a + y * b + z * c, origin) for (a, b, c), origin in vectors)

    ranked = sorted(
        ((*closest(location), location) for location in locations), key=lambda entry: -entry[0]
    )
    return min(
        (within_radius([location], origin)[0][0], location.location_id)
        for _, origin, location in ranked[:MEASURED]
    )


MEASURED = 8


def _vector(point: Point) -> tuple[float, float, float]:
    """The unit vector of a point on the sphere."""
    latitude, longitude = radians(point[0]), radians(point[1])
    return (
        cos(latitude) * cos(longitude),
        cos(latitude) * sin(longitude),
        sin(latitude),
    )


def _points(locations: Mapping[str, Location], location_ids: Iterable[str]) -> list[Point]:
    return [
        (locations[location].latitude, locations[location].longitude)
        for location in sorted(location_ids)
        if location in locations
    ]


def _supply_text(second: int, units: int) -> str:
    instant = rfc3339(datetime.fromtimestamp(second, UTC))
    return f'{{"quantity":{units},"expected_at":"{instant}"}}'


def status(sellable: int, life: Life, at: datetime, *, expected: bool = False) -> str:
    """The status at ``at``, in the words of UCP and schema.org.

        units are sellable        `preorder` before the product's first day of sale, or else
                                  `in_stock`, `limited_stock`: discontinued goods are sold off
        none are, discontinued    `discontinued`: no supply is promised, whatever is expected
        none are, some expected   `preorder` before the first day of sale, or else `backorder`
        nothing at all            `out_of_stock`; also a product that was never stocked

    The instant of the answer decides, so that nothing has to be written on the first day of sale.
    """
    if sellable <= 0 and life.discontinued:
        return "discontinued"
    if (sellable > 0 or expected) and life.ahead(at):
        return "preorder"
    if sellable > 0:
        return "in_stock" if sellable > LIMITED else "limited_stock"
    return "backorder" if expected else "out_of_stock"


def first_expected(pack: Columns, at: datetime) -> tuple[int, int] | None:
    """The first date after ``at`` with supply at any location, and all units of that date."""
    return _next_expected(pack, None, at)


def _next_expected(
    pack: Columns, location_ids: set[str] | None, at: datetime
) -> tuple[int, int] | None:
    """The first date after ``at`` with supply at one of ``location_ids``, and all its units.

    Overdue supply and supply of discontinued products are left out.
    """
    if pack.life.discontinued:
        return None
    now = at.timestamp()
    units_by_second: dict[int, int] = {}
    for place, supplies in pack.expected.items():
        if location_ids is not None and pack.locations[int(place)] not in location_ids:
            continue
        for second, units in supplies:
            if second > now:
                units_by_second[second] = units_by_second.get(second, 0) + units
    return min(units_by_second.items()) if units_by_second else None


def etag(text: str) -> str:
    """A strong validator (RFC 9110, 8.8.3): different texts have different tags."""
    return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


def etag_matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller's copy (If-None-Match, RFC 9110, 13.1.2) is the current one."""
    if not if_none_match:
        return False
    tags = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return tag in tags or "*" in tags
