"""The words every area's contract is made of: strict input, money, identifiers, instants.

Input refuses what it does not know. An answer leaves out what it does not have.
"""

from datetime import UTC
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

Instant = Annotated[
    AwareDatetime,
    AfterValidator(lambda instant: instant.astimezone(UTC)),
    PlainSerializer(rfc3339, return_type=str),
]
MOST_UNITS = 10**9
Count = Annotated[int, Strict(), Ge(0), Le(MOST_UNITS)]
Units = Annotated[int, Strict(), Ge(1), Le(MOST_UNITS)]
Delta = Annotated[int, Strict(), Ge(-MOST_UNITS), Le(MOST_UNITS)]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
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

    amount: int
    currency: Currency
