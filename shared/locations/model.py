"""A location: its position, opening hours and distances. Pure: time is an argument."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import atan, atan2, cos, hypot, pi, radians, remainder, sin, sqrt, tan
from typing import Literal
from zoneinfo import ZoneInfo

from shared.errors import invalid
from shared.holidays import public_holidays

Kind = Literal["warehouse", "store", "vendor"]
ServiceLevel = Literal["standard", "express", "next_day", "same_day"]
Method = Literal["ship", "pickup"]
"""How the shopper gets the units of a line: a carrier brings them, or the shopper collects them."""
Language = Literal["en", "de", "fr", "es"]
"""Languages of documents such as packing slips."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAY = ((time(0), time(0)),)
HORIZON_DAYS = 400


@dataclass(frozen=True, slots=True)
class CarrierCalendar:
    """The days of DAYS on which a carrier collects and delivers. With ``holidays`` it does neither
    on public holidays: those of the location's country, and those of the destination's."""

    collects: frozenset[str] = frozenset(DAYS)
    delivers: frozenset[str] = frozenset(DAYS)
    holidays: bool = False

    def collects_on(self, day: date, country: str) -> bool:
        return DAYS[day.weekday()] in self.collects and not self._is_holiday(day, country)

    def delivers_on(self, day: date, country: str) -> bool:
        return DAYS[day.weekday()] in self.delivers and not self._is_holiday(day, country)

    def _is_holiday(self, day: date, country: str) -> bool:
        return self.holidays and day in public_holidays(country, day.year)


@dataclass(frozen=True, slots=True)
class Location:
    """``hours`` maps a day of DAYS to its (opens, closes) pairs in the location's time zone; a pair
    whose end is not after its start runs past midnight. A location without hours is always open; a
    day without an entry is closed. On a date of ``closed_on`` the location does not open; opening
    hours that began the day before end as usual.

    ``capacity_per_hour`` is the number of units that can be picked per opening hour; 0 means that
    none can. ``most_unpicked`` limits the units waiting to be picked: a full location is sent no
    more units to ship; None is no limit. ``cut_offs`` are the local times at which the carrier of a
    service level calls on each opening day; without one, a parcel leaves as soon as it is ready.
    ``calendars`` are the days of the carrier of a service level; without one it comes every day.
    With ``auto_accept`` the location accepts every offer without an answer. ``groups`` are names
    chosen by the retailer, which rules use to address many locations. ``lines``, ``city``,
    ``region`` and ``phone`` are the sender's address on labels, ``language`` is that of documents.
    """

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
    groups: frozenset[str] = frozenset()
    most_unpicked: int | None = None
    cut_offs: Mapping[ServiceLevel, time] = field(default_factory=dict)
    auto_accept: bool = False
    lines: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    phone: str | None = None
    language: Language = "en"
    calendars: Mapping[ServiceLevel, CarrierCalendar] = field(default_factory=dict)


def normalize_postal_code(code: str) -> str:
    """A postal code in the form of its key: upper case, without spaces."""
    return "".join(code.split()).upper()


def is_open(location: Location, at: datetime) -> bool:
    return any(start <= at < end for start, end in _openings(location, at, days=2))


def next_opening(location: Location, at: datetime) -> datetime | None:
    """The next opening in UTC: ``at`` itself if the location is open then; None if it stays closed
    for HORIZON_DAYS."""
    return next((start for start, _ in _openings(location, at)), None)


def add_opening_time(location: Location, at: datetime, duration: timedelta) -> datetime | None:
    """``at`` plus ``duration`` of opening time, in UTC; it may be a closing time. None if the
    location is not open that long within HORIZON_DAYS."""
    remaining = duration
    for start, end in _openings(location, at):
        if start + remaining <= end:
            return start + remaining
        remaining -= end - start
    return None


def ready_by(location: Location, at: datetime, units: int = 1) -> datetime | None:
    """The earliest instant (UTC) in opening hours at which ``units`` ordered at ``at`` are ready.

    The lead time runs while the location is open. It is longer when picking the units at
    ``capacity_per_hour`` takes longer. Units finished exactly at closing time are ready at the next
    opening. None without capacity, or without enough opening time within HORIZON_DAYS. The caller
    checks whether the location offers ``pickup``.

    A Readiness is remembered for as long as it holds: the same locations are asked for with every
    order.
    """
    key = id(location), units
    of, known = _readiness.get(key, (None, None))
    if of is not location or known is None or not known.at <= at < known.until:
        known = readiness(location, at, units)
        if len(_readiness) >= MOST_REMEMBERED:
            _readiness.clear()
        _readiness[key] = location, known
    return known.when(at)


@dataclass(frozen=True, slots=True)
class Readiness:
    """``by`` is the result of ``ready_by`` for an order at ``at``. For an order before ``until`` it
    is the same, or with ``moves`` as much later as the order is."""

    at: datetime
    by: datetime | None
    moves: bool
    until: datetime

    def when(self, at: datetime) -> datetime | None:
        """``ready_by`` for an order at ``at``, which must lie in [self.at, self.until)."""
        return self.by + (at - self.at) if self.by and self.moves else self.by


MOST_REMEMBERED = 20_000
_readiness: dict[tuple[int, int], tuple[Location, Readiness]] = {}
"""By the identity of a location and the units; the location is held so that its id stays its
own."""


def carrier_pickup(
    location: Location, ready: datetime, service_level: ServiceLevel
) -> datetime | None:
    """When the carrier collects a parcel that is ready at ``ready`` (UTC), on a day of its
    calendar: at the next cut-off on a day on which the location opens, or at once without a
    cut-off. None if there is no such day within HORIZON_DAYS."""
    cut_off = location.cut_offs.get(service_level)
    calendar = location.calendars.get(service_level)
    if cut_off is None and calendar is None:
        return ready
    zone = ZoneInfo(location.time_zone)
    first = ready.astimezone(zone).date()
    for ahead in range(HORIZON_DAYS):
        day = first + timedelta(days=ahead)
        if calendar is not None and not calendar.collects_on(day, location.country):
            continue
        calls = datetime.combine(day, cut_off or time(0), zone).astimezone(UTC)
        if cut_off is None:
            return max(ready, calls)
        if calls >= ready and day not in location.closed_on and _opening_hours(location, day):
            return calls
    return None


def delivery(
    location: Location,
    leaves: datetime,
    days: int,
    service_level: ServiceLevel,
    country: str | None = None,
) -> datetime:
    """When a parcel that leaves the location at ``leaves`` arrives in ``country`` (default: that of
    the location). ``days`` are days on which the carrier delivers, and it arrives on such a day."""
    calendar = location.calendars.get(service_level)
    if calendar is None:
        return leaves + timedelta(days=days)
    zone = ZoneInfo(location.time_zone)
    at, remaining = leaves, days
    for _ in range(HORIZON_DAYS):
        delivers = calendar.delivers_on(at.astimezone(zone).date(), country or location.country)
        if at > leaves and delivers and remaining:
            remaining -= 1
        if delivers and not remaining:
            break
        at += timedelta(days=1)
    return at


FOR_EVER = datetime.max.replace(tzinfo=UTC)


def readiness(location: Location, at: datetime, units: int = 1) -> Readiness:
    """``ready_by`` with the time until which it holds for later orders too: hours for most
    locations."""
    at = at.astimezone(UTC)
    if not location.capacity_per_hour:
        return Readiness(at, None, moves=False, until=FOR_EVER)
    picking = units * 60 / location.capacity_per_hour
    remaining = timedelta(minutes=max(location.lead_time_minutes, picking))
    if not location.hours and not location.closed_on:
        return Readiness(at, at + remaining, moves=True, until=FOR_EVER)
    changes = None
    moves = False
    for start, end in _openings(location, at):
        if changes is None:
            moves = start == at
            changes = end if moves else start
        if start + remaining < end:
            by = start + remaining
            return Readiness(at, by, moves, min(changes, at + (end - by)) if moves else changes)
        remaining -= end - start
    return Readiness(at, None, moves=False, until=at + timedelta(days=1))


def _openings(
    location: Location, at: datetime, days: int = HORIZON_DAYS
) -> Iterator[tuple[datetime, datetime]]:
    """(start, end) in UTC of each opening from ``at`` on, in order and without overlaps.

    When a clock change repeats a local time, the location opens at its first and closes at its
    second occurrence. A skipped local time has the offset before the change (RFC 5545, 3.3.5).
    """
    zone = ZoneInfo(location.time_zone)
    previous_end = at.astimezone(UTC)
    first = previous_end.astimezone(zone).date() - timedelta(days=1)
    for ahead in range(days + 1):
        day = first + timedelta(days=ahead)
        if day in location.closed_on:
            continue
        for opens, closes in sorted(_opening_hours(location, day)):
            start = datetime.combine(day, opens, zone).astimezone(UTC)
            until = datetime.combine(day + timedelta(days=closes <= opens), closes, zone)
            end = max(until.astimezone(UTC), until.replace(fold=1).astimezone(UTC))
            if max(start, previous_end) < end:
                yield max(start, previous_end), end
                previous_end = end


def _opening_hours(location: Location, day: date) -> tuple[tuple[time, time], ...]:
    if not location.hours:
        return ALL_DAY
    return location.hours.get(DAYS[day.weekday()], ())


Point = tuple[float, float]
"""Latitude and longitude in degrees."""


def parse_point(near: Sequence[float]) -> Point:
    """Raises InvalidRequest unless ``near`` is a latitude and a longitude."""
    if len(near) != 2 or not (-90 <= near[0] <= 90 and -180 <= near[1] <= 180):
        raise invalid("query.near", "latitude,longitude in degrees, such as 39.74,-104.99")
    return near[0], near[1]


def within_radius(
    locations: Iterable[Location], point: Point, radius_km: float | None = None
) -> list[tuple[float, Location]]:
    """(km, location) of the locations within ``radius_km`` of the point, the nearest first."""
    latitude, longitude = point
    reach = 180.0 if radius_km is None else radius_km / MIN_KM_PER_DEGREE
    distances = []
    for location in locations:
        if abs(location.latitude - latitude) > reach:
            continue
        km = distance_km(latitude, longitude, location.latitude, location.longitude)
        if radius_km is None or km <= radius_km:
            distances.append((km, location))
    return sorted(distances, key=lambda entry: (entry[0], entry[1].location_id))


MIN_KM_PER_DEGREE = 110.5
"""A degree of latitude is 110.574 km at the equator and longer elsewhere (WGS84)."""
EQUATOR_KM = 6378.137
FLATTENING = 1 / 298.257223563
POLE_KM = EQUATOR_KM * (1 - FLATTENING)
HALF_MERIDIAN_KM = 20003.931458625
MAX_ITERATIONS = 100
STEP_RADIANS = 1e-10
"""The iteration ends with a step that is smaller: less than a millimetre on the ground."""


def distance_km(a_lat: float, a_lon: float, b_lat: float, b_lon: float) -> float:
    """The distance on the WGS84 ellipsoid between two points in degrees, across the 180th meridian
    too.

    T. Vincenty, Direct and inverse solutions of geodesics on the ellipsoid, Survey Review 23
    (1975), inverse formula: accurate to a millimetre. It does not converge for nearly antipodal
    points; the result is then half a meridian, which is at most 0.4 % too long.
    """
    reach = radians(remainder(b_lon - a_lon, 360))
    sin_a, cos_a = _reduced_latitude(a_lat)
    sin_b, cos_b = _reduced_latitude(b_lat)
    turn = reach
    for _ in range(MAX_ITERATIONS):
        sin_turn, cos_turn = sin(turn), cos(turn)
        sin_arc = hypot(cos_b * sin_turn, cos_a * sin_b - sin_a * cos_b * cos_turn)
        cos_arc = sin_a * sin_b + cos_a * cos_b * cos_turn
        if sin_arc == 0:
            return 0.0 if cos_arc > 0 else HALF_MERIDIAN_KM
        arc = atan2(sin_arc, cos_arc)
        sin_azimuth = cos_a * cos_b * sin_turn / sin_arc
        cos2_azimuth = 1 - sin_azimuth * sin_azimuth
        middle = cos_arc - 2 * sin_a * sin_b / cos2_azimuth if cos2_azimuth > 0 else 0.0
        c = FLATTENING / 16 * cos2_azimuth * (4 + FLATTENING * (4 - 3 * cos2_azimuth))
        previous = turn
        turn = reach + (1 - c) * FLATTENING * sin_azimuth * (
            arc + c * sin_arc * (middle + c * cos_arc * (2 * middle * middle - 1))
        )
        if abs(turn) > pi:
            return HALF_MERIDIAN_KM
        if abs(turn - previous) < STEP_RADIANS:
            return _arc_km(arc, sin_arc, cos_arc, cos2_azimuth, middle)
    return HALF_MERIDIAN_KM


@lru_cache(maxsize=8192)
def _reduced_latitude(latitude: float) -> tuple[float, float]:
    """Sine and cosine of the latitude on the auxiliary sphere. They are kept, because the same
    locations are asked for again and again."""
    reduced = atan((1 - FLATTENING) * tan(radians(latitude)))
    return sin(reduced), cos(reduced)


def _arc_km(
    arc: float, sin_arc: float, cos_arc: float, cos2_azimuth: float, middle: float
) -> float:
    """The arc length by Vincenty's series A and B in Helmert's k1 (Survey Review 23, 1976)."""
    root = sqrt(1 + cos2_azimuth * ((EQUATOR_KM / POLE_KM) ** 2 - 1))
    k = (root - 1) / (root + 1)
    a = (1 + k * k / 4) / (1 - k)
    b = k * (1 - 3 / 8 * k * k)
    delta = (
        b
        * sin_arc
        * (
            middle
            + b
            / 4
            * (
                cos_arc * (2 * middle * middle - 1)
                - b / 6 * middle * (4 * sin_arc * sin_arc - 3) * (4 * middle * middle - 3)
            )
        )
    )
    return POLE_KM * a * (arc - delta)
