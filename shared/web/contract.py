"""The types that every contract uses: strict input, answers, money, identifiers, instants.

The docstring below a field is its description in the API document. A type with ``Described``
describes every field that has no docstring.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    Strict,
    StringConstraints,
    WithJsonSchema,
    model_serializer,
)
from pydantic_core import CoreSchema

from shared import instants

rfc3339 = instants.rfc3339

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("this instant is outside the calendar") from None


def _in_range(instant: datetime) -> datetime:
    if not EARLIEST <= instant < LATEST:
        raise ValueError(f"use a year from {EARLIEST.year} to {LATEST.year - 1}")
    return instant


Instant = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
InstantInput = Annotated[Instant, AfterValidator(_in_range)]
"""An instant of a request, in a range that leaves room for adding and subtracting durations."""


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("this is not an IANA time zone, such as America/Denver")
    ZoneInfo(name)
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
DAY_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}")


def _day_text(day: object) -> object:
    """pydantic alone takes an instant at midnight and a number of seconds as a day, too."""
    if isinstance(day, date) or (isinstance(day, str) and DAY_TEXT.fullmatch(day)):
        return day
    raise ValueError("use a day such as 2026-11-27")


def _day_in_range(day: date) -> date:
    if not EARLIEST.date() < day < LATEST.date() - timedelta(days=1):
        raise ValueError(f"use a year from {EARLIEST.year} to {LATEST.year - 1}")
    return day


Day = Annotated[date, BeforeValidator(_day_text), AfterValidator(_day_in_range)]
"""A local calendar day of a request."""
MOST_UNITS = 10**9


@dataclass(frozen=True, slots=True)
class Described:
    """The description of a type in the API document; the docstring of a field replaces it."""

    text: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "description": self.text}


Count = Annotated[int, Strict(), Ge(0), Le(MOST_UNITS)]
Units = Annotated[int, Strict(), Ge(1), Le(MOST_UNITS)]
Delta = Annotated[int, Strict(), Ge(-MOST_UNITS), Le(MOST_UNITS)]
ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
Id = Annotated[str, StringConstraints(pattern=f"^{ID}$")]
Sku = Annotated[Id, Described("The SKU of a product.")]
LocationId = Annotated[Id, Described("The id of a location.")]
Channel = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$"),
    Described("A selling channel, such as web or pos."),
]
Currency = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{3}$"), Described("An ISO 4217 currency code.")
]
Country = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{2}$"),
    Described("An ISO 3166-1 alpha-2 country code."),
]


class Input(BaseModel):
    """A part of a request. An unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Answer(BaseModel):
    """A part of an answer. Fields that are None are left out."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    @model_serializer(mode="wrap")
    def _present(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema of the declared fields; fields that ``_present`` drops are not required."""
        return handler(_without_serializer(schema))


def _without_serializer(schema: Any) -> Any:
    """``schema`` without its serializer, which may lie below the validators of the model."""
    rest = {name: part for name, part in schema.items() if name != "serialization"}
    if rest["type"].startswith("function-"):
        rest["schema"] = _without_serializer(rest["schema"])
    return rest


class Money(Input):
    """An amount of money."""

    amount: Annotated[int, Strict()]
    """Amount in minor units (cents) of `currency`."""
    currency: Currency


MOST_MINOR_UNITS = 10**12


class MoneyInput(Input):
    """An amount of money that can be negative."""

    amount: Annotated[int, Strict(), Ge(-MOST_MINOR_UNITS), Le(MOST_MINOR_UNITS)]
    """Amount in minor units (cents) of `currency`; it can be negative."""
    currency: Currency


class Price(Input):
    """A price, which is never negative."""

    amount: Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
    """Amount in minor units (cents) of `currency`."""
    currency: Currency
