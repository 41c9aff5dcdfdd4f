"""The words every area's contract is made of: strict input, money, identifiers, instants.

Input refuses what it does not know. An answer leaves out what it does not have.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    Strict,
    StringConstraints,
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
        raise ValueError("no instant of the calendar") from None


def _of_our_time(instant: datetime) -> datetime:
    if not EARLIEST <= instant < LATEST:
        raise ValueError(f"not from {EARLIEST.year} to {LATEST.year - 1}")
    return instant


Instant = Annotated[
    AwareDatetime, AfterValidator(_in_utc), PlainSerializer(rfc3339, return_type=str)
]
InstantInput = Annotated[Instant, AfterValidator(_of_our_time)]
"""What comes from outside has room for what is added to it or taken from it."""
MOST_UNITS = 10**9
Count = Annotated[int, Strict(), Ge(0), Le(MOST_UNITS)]
Units = Annotated[int, Strict(), Ge(1), Le(MOST_UNITS)]
Delta = Annotated[int, Strict(), Ge(-MOST_UNITS), Le(MOST_UNITS)]
ID = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"
Id = Annotated[str, StringConstraints(pattern=f"^{ID}$")]
Sku = Id
LocationId = Id
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Input(BaseModel):
    """What comes from outside: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(BaseModel):
    """What goes out: frozen, and a field that is None is not there."""

    model_config = ConfigDict(frozen=True)

    @model_serializer(mode="wrap")
    def _present(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The fields as they are declared; what ``_present`` leaves out is not required anyway."""
        return handler({name: part for name, part in schema.items() if name != "serialization"})


class Money(Input):
    """``amount`` in minor units (cents) of an ISO 4217 ``currency``."""

    amount: Annotated[int, Strict()]
    currency: Currency


MOST_MINOR_UNITS = 10**12


class MoneyInput(Input):
    """``amount`` in minor units (cents) of an ISO 4217 ``currency``; it may be below 0."""

    amount: Annotated[int, Strict(), Ge(-MOST_MINOR_UNITS), Le(MOST_MINOR_UNITS)]
    currency: Currency


class Price(Input):
    """``amount`` in minor units (cents) of an ISO 4217 ``currency``."""

    amount: Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
    currency: Currency
