"""Locations as channels and operators send and see them."""

from datetime import date, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from annotated_types import Ge, Le
from biip import ParseError
from biip.gln import Gln
from pydantic import AfterValidator, BaseModel, Field, Strict, StringConstraints

from shared.locations.model import Kind, Location, ServiceLevel, normalize_postal_code
from shared.web.contract import Answer, Country, Id, Input, LocationId


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not an IANA time zone")
    ZoneInfo(name)
    return name


def _checked_gln(value: str) -> str:
    try:
        Gln.parse(value)
    except ParseError as error:
        raise ValueError(f"not a GLN: {error}") from error
    return value


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Hours = dict[Day, Annotated[list[tuple[Clock, Clock]], Field(max_length=8)]]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
CheckedGln = Annotated[str, StringConstraints(pattern=r"^\d{13}$"), AfterValidator(_checked_gln)]
Latitude = Annotated[float, Ge(-90), Le(90), Field(allow_inf_nan=False)]
Longitude = Annotated[float, Ge(-180), Le(180), Field(allow_inf_nan=False)]
PostalCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,15}$")]


class _Place(BaseModel):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    type: Kind
    latitude: Latitude
    longitude: Longitude
    postal_code: PostalCode
    country: Country
    time_zone: TimeZone = Field(description="IANA name, such as America/Denver")
    hours: Hours = Field(
        default_factory=dict,
        description="opening and closing per day, HH:MM in the location's own time zone; an end "
        "that is not after its start is on the next day. A day left out is closed; without any "
        "hours it is always open",
    )
    closed_on: Annotated[list[date], Field(max_length=400)] = Field(
        default_factory=list, description="dates on which it does not open"
    )
    pickup: Annotated[bool, Strict()] = Field(description="hands over to shoppers")
    ship: Annotated[bool, Strict()] = Field(description="ships parcels")
    lead_time_minutes: Annotated[int, Strict(), Ge(0), Le(60 * 24 * 30)] = Field(
        description="opening time from an order to its being ready"
    )
    capacity_per_hour: Annotated[int, Strict(), Ge(0), Le(10**6)] = Field(
        description="units it can pick in an hour of opening; 0 takes no orders"
    )
    most_unpicked: Annotated[int, Strict(), Ge(0), Le(10**6)] | None = Field(
        default=None,
        description="units that may wait there to be picked, before nothing more is sent from it; "
        "left out, they only wait longer",
    )
    cut_offs: dict[ServiceLevel, Clock] = Field(
        default_factory=dict,
        description="when the carrier of a service level calls, HH:MM in the location's own time "
        "zone, on each day it opens; of a level left out it calls whenever a parcel is ready",
    )
    auto_accept: Annotated[bool, Strict()] = Field(
        default=False, description="it accepts what it is offered at once, and nobody has to answer"
    )
    gln: CheckedGln | None = Field(default=None, description="GS1 Global Location Number")
    groups: Annotated[list[Id], Field(max_length=50)] = Field(
        default_factory=list,
        description="names of your own, such as a region: rules speak of many locations by them",
    )


class PutLocation(Input, _Place):
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
        )


class LocationAnswer(Answer, _Place):
    location_id: LocationId
    distance_km: float | None = Field(default=None, description="from the point asked for")

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
            distance_km=None if distance_km is None else round(distance_km, 3),
        )


class LocationsAnswer(Answer):
    locations: list[LocationAnswer]
    next_cursor: str | None = None


MOST_CODES = 1000


class PostalCodeInput(Input):
    postal_code: PostalCode
    latitude: Latitude
    longitude: Longitude


class PostalCodesInput(Input):
    """Centroids; a code that is known already is replaced."""

    codes: Annotated[list[PostalCodeInput], Field(min_length=1, max_length=MOST_CODES)]

    def points(self) -> dict[str, tuple[float, float]]:
        """By the code as it is looked up; of a code that stands twice the last one."""
        return {
            normalize_postal_code(one.postal_code): (one.latitude, one.longitude)
            for one in self.codes
        }


class PostalCodesAnswer(Answer):
    country: Country
    stored: int


class PostalCodeAnswer(Answer):
    country: Country
    postal_code: PostalCode
    latitude: float
    longitude: float


def _clock(text: str) -> time:
    return time.fromisoformat(text)
