"""Requests and answers of locations and postal codes."""

from datetime import date, time
from typing import Annotated, Literal, Self, get_args

from annotated_types import Ge, Le
from biip import ParseError
from biip.gln import Gln
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

from shared.locations.model import (
    DAYS,
    CarrierCalendar,
    Kind,
    Language,
    Location,
    ServiceLevel,
    normalize_postal_code,
)
from shared.web.contract import Answer, Country, Id, Input, LocationId, TimeZone


def _checked_gln(value: str) -> str:
    try:
        Gln.parse(value)
    except ParseError as error:
        raise ValueError(f"this is not a GLN: {error}") from error
    return value


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Hours = dict[Day, Annotated[list[tuple[Clock, Clock]], Field(max_length=8)]]
CheckedGln = Annotated[str, StringConstraints(pattern=r"^\d{13}$"), AfterValidator(_checked_gln)]
Latitude = Annotated[float, Ge(-90), Le(90), Field(allow_inf_nan=False)]
Longitude = Annotated[float, Ge(-180), Le(180), Field(allow_inf_nan=False)]
PostalCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,15}$")]


AddressLine = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Phone = Annotated[str, StringConstraints(pattern=r"^[+0-9 ()./-]{3,30}$")]


class CalendarInput(BaseModel):
    """The days on which a carrier collects and delivers."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    collects: Annotated[list[Day], Field(min_length=1, max_length=7)] = list(get_args(Day))
    """Weekdays on which it collects at the location."""
    delivers: Annotated[list[Day], Field(min_length=1, max_length=7)] = list(get_args(Day))
    """Weekdays on which it delivers; the days of a delivery are counted in these."""
    holidays: Annotated[bool, Strict()] = False
    """Whether it rests on the public holidays of the location's country (collecting) and of the
    destination's country (delivering)."""

    def calendar(self) -> CarrierCalendar:
        return CarrierCalendar(frozenset(self.collects), frozenset(self.delivers), self.holidays)


class _Place(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """Name of the location."""
    type: Kind
    """Type of the location."""
    latitude: Latitude
    """WGS84 latitude."""
    longitude: Longitude
    """WGS84 longitude."""
    postal_code: PostalCode
    """Postal code of the location."""
    country: Country
    """Country of the location."""
    time_zone: TimeZone
    """IANA time zone, such as America/Denver."""
    hours: Hours = Field(default_factory=dict)
    """Opening and closing times per weekday, HH:MM in the location's time zone. An end that is not
    after its start is on the next day. A weekday that is left out is closed; without any hours the
    location is always open."""
    closed_on: Annotated[list[date], Field(max_length=400)] = Field(default_factory=list)
    """Dates on which the location is closed."""
    pickup: Annotated[bool, Strict()]
    """Whether the location offers pickup."""
    ship: Annotated[bool, Strict()]
    """Whether the location ships parcels."""
    lead_time_minutes: Annotated[int, Strict(), Ge(0), Le(60 * 24 * 30)]
    """Minutes of opening time from an order until it is ready."""
    capacity_per_hour: Annotated[int, Strict(), Ge(0), Le(10**6)]
    """Units that the location can pick per opening hour; 0: it takes no orders."""
    most_unpicked: Annotated[int, Strict(), Ge(0), Le(10**6)] | None = None
    """Largest backlog of units to pick; above it nothing more is routed here. Default: no limit."""
    cut_offs: dict[ServiceLevel, Clock] = Field(default_factory=dict)
    """When the carrier collects, HH:MM in the location's time zone, by service level. Default:
    whenever a parcel is ready."""
    calendars: dict[ServiceLevel, CalendarInput] = Field(default_factory=dict)
    """The days of the carrier, by service level. Default: it comes every day."""
    auto_accept: Annotated[bool, Strict()] = False
    """Whether offers are accepted automatically."""
    gln: CheckedGln | None = None
    """GS1 Global Location Number."""
    groups: Annotated[list[Id], Field(max_length=50)] = Field(default_factory=list)
    """Your own names for groups of locations, such as a region; rules can refer to them."""
    lines: Annotated[list[AddressLine], Field(max_length=4)] = Field(default_factory=list)
    """Street and number, as the sender's address on labels."""
    city: AddressLine | None = None
    """Town of the location."""
    region: AddressLine | None = None
    """State or province, where the country's addresses have one."""
    phone: Phone | None = None
    """Telephone number for carriers."""
    language: Language = "en"
    """Language of packing slips and pick lists."""


class PutLocation(Input, _Place):
    """A location."""

    def named(self, location_id: str) -> Location:
        return Location(
            location_id=location_id,
            name=self.name,
            type=self.type,
            latitude=self.latitude,
            longitude=self.longitude,
            postal_code=self.postal_code,
            country=self.country,
            time_zone=self.time_zone,
            hours={
                day: tuple((_clock(opens), _clock(closes)) for opens, closes in pairs)
                for day, pairs in self.hours.items()
            },
            closed_on=frozenset(self.closed_on),
            pickup=self.pickup,
            ship=self.ship,
            lead_time_minutes=self.lead_time_minutes,
            capacity_per_hour=self.capacity_per_hour,
            gln=self.gln,
            groups=frozenset(self.groups),
            most_unpicked=self.most_unpicked,
            cut_offs={level: _clock(at) for level, at in self.cut_offs.items()},
            auto_accept=self.auto_accept,
            calendars={level: row.calendar() for level, row in self.calendars.items()},
            lines=tuple(self.lines),
            city=self.city,
            region=self.region,
            phone=self.phone,
            language=self.language,
        )


class LocationAnswer(Answer, _Place):
    """A location."""

    location_id: LocationId
    distance_km: float | None = None
    """Distance from the point in the request."""

    @classmethod
    def of(cls, location: Location, distance_km: float | None = None) -> Self:
        return cls(
            location_id=location.location_id,
            name=location.name,
            type=location.type,
            latitude=location.latitude,
            longitude=location.longitude,
            postal_code=location.postal_code,
            country=location.country,
            time_zone=location.time_zone,
            hours={
                day: [(f"{opens:%H:%M}", f"{closes:%H:%M}") for opens, closes in pairs]
                for day, pairs in location.hours.items()
            },
            closed_on=sorted(location.closed_on),
            pickup=location.pickup,
            ship=location.ship,
            lead_time_minutes=location.lead_time_minutes,
            capacity_per_hour=location.capacity_per_hour,
            gln=location.gln,
            groups=sorted(location.groups),
            most_unpicked=location.most_unpicked,
            cut_offs={level: f"{at:%H:%M}" for level, at in location.cut_offs.items()},
            auto_accept=location.auto_accept,
            calendars={
                level: CalendarInput.model_validate(
                    {
                        "collects": [day for day in DAYS if day in calendar.collects],
                        "delivers": [day for day in DAYS if day in calendar.delivers],
                        "holidays": calendar.holidays,
                    }
                )
                for level, calendar in location.calendars.items()
            },
            lines=list(location.lines),
            city=location.city,
            region=location.region,
            phone=location.phone,
            language=location.language,
            distance_km=None if distance_km is None else round(distance_km, 3),
        )


class LocationsAnswer(Answer):
    """A page of locations."""

    locations: list[LocationAnswer]
    """The locations of this page."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


MOST_CODES = 1000


class PostalCodeInput(Input):
    """The centroid of a postal code."""

    postal_code: PostalCode
    """The postal code."""
    latitude: Latitude
    """WGS84 latitude of the centroid."""
    longitude: Longitude
    """WGS84 longitude of the centroid."""


class PostalCodesInput(Input):
    """Centroids to store; stored centroids of the same codes are replaced."""

    codes: Annotated[list[PostalCodeInput], Field(min_length=1, max_length=MOST_CODES)]
    """The centroids to store."""

    def points(self) -> dict[str, tuple[float, float]]:
        """Latitude and longitude by look-up key; the last one of a repeated code."""
        return {
            normalize_postal_code(code.postal_code): (code.latitude, code.longitude)
            for code in self.codes
        }


class PostalCodesAnswer(Answer):
    """How many centroids were stored."""

    country: Country
    stored: int
    """Number of stored centroids."""


class PostalCodeAnswer(Answer):
    """The coordinates of a postal code."""

    country: Country
    postal_code: PostalCode
    """The postal code."""
    latitude: float
    """WGS84 latitude."""
    longitude: float
    """WGS84 longitude."""


def _clock(text: str) -> time:
    return time.fromisoformat(text)
