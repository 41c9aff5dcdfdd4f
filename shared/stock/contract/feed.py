"""Events of the stock feed, as sources send them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from biip import ParseError
from biip.gln import Gln
from biip.gtin import Gtin
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Strict,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from shared.errors import InvalidRequest, MalformedRequest
from shared.instants import must_have_passed, passed
from shared.stock.model.events import (
    COUNTED,
    EXPECTED,
    MOVED,
    Announced,
    Counted,
    Event,
    Moved,
    MovementReason,
)
from shared.web.contract import (
    Answer,
    Count,
    Delta,
    Input,
    InstantInput,
    LocationId,
    Sku,
)
from shared.web.problem import invalid

MOST_UPDATES = 100


TIME = re.compile(r"^[12]\d{3}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")


def _is_text(value: Any) -> Any:
    if not isinstance(value, str) or not TIME.match(value):
        raise ValueError("use RFC 3339 with an offset, such as 2026-03-01T09:30:00Z")
    return value


def _whole_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


When = Annotated[InstantInput, BeforeValidator(_is_text), AfterValidator(_whole_milliseconds)]


Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]


Source = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f]{1,256}$")]


Sequence = Annotated[int, Strict(), Ge(0), Le(10**18)]


def _is_gtin(sku: str) -> str:
    claimed = sku.removeprefix("gtin:")
    if claimed != sku or re.fullmatch(r"\d{13,14}", sku):
        try:
            Gtin.parse(claimed)
        except ParseError:
            raise ValueError("this is not a GTIN: check its length and check digit") from None
    return sku


def _is_gln(location_id: str) -> str:
    claimed = location_id.removeprefix("gln:")
    if claimed != location_id:
        try:
            Gln.parse(claimed)
        except ParseError:
            raise ValueError("this is not a GLN: check its length and check digit") from None
    return location_id


class _Place(Input):
    sku: Annotated[Sku, AfterValidator(_is_gtin)]
    """The SKU; a GTIN is checked for its check digit."""
    location_id: Annotated[LocationId, AfterValidator(_is_gln)]
    """The location; a `gln:` id is checked for its check digit."""


class CountedData(_Place):
    """A count of a SKU at a location."""

    quantity: Count
    """Number of counted units."""
    as_of: When
    """When the units were counted."""
    basis: Literal["physical", "net"]
    """`physical`: units on the shelf. `net`: units minus NoRain's own open orders."""
    net_through: When | None = None
    """Orders up to this time are subtracted from a `net` count; default: `as_of`."""
    reason: Literal["cycle_counting", "stock_taking"] | None = None
    """Give it when people counted by plan: such counts measure how reliable the stock is. Leave it
    out for copies of another system's stock and for counts after a suspicion."""

    @model_validator(mode="after")
    def _one_basis_only(self) -> "CountedData":
        if self.basis == "physical" and self.net_through is not None:
            raise ValueError("net_through needs basis net")
        if self.basis == "net" and self.reason is not None:
            raise ValueError("reason needs basis physical")
        return self


class MovedData(_Place):
    """Units that arrived at a location or left it."""

    delta: Delta
    """Units that arrived (above 0) or left (below 0)."""
    reason: MovementReason
    """Business step of GS1's Core Business Vocabulary."""
    occurred_at: When
    """When the units moved."""
    reference: Text | None = None
    """The source's document, such as a receipt or delivery note."""


class ExpectedData(_Place):
    """Units that are expected at a location."""

    quantity: Count
    """Number of expected units; 0 cancels the announcement."""
    expected_at: When
    """When the units are expected."""
    reference: Text
    """The supply, such as a purchase order: a later event with the same reference replaces this
    one."""


class _Envelope(Input):
    specversion: Literal["1.0"]
    """Version of CloudEvents."""
    id: Text
    """The id of the event, unique in its source."""
    source: Source
    """The system that sends the event."""
    time: When
    """When the event was created."""
    datacontenttype: Literal["application/json"] | None = None
    """Media type of `data`."""
    sequence: Sequence | None = None
    """Order of the source's events; a later event of the source wins."""


class CountedEvent(_Envelope):
    """A CloudEvent: a SKU was counted at a location."""

    type: Literal["stock.counted"]
    """The type of the event."""
    data: CountedData
    """The count."""

    def event(self) -> Event:
        data = self.data
        net = (data.net_through or data.as_of) if data.basis == "net" else None
        return Counted(
            self.source,
            self.id,
            self.sequence,
            data.sku,
            data.location_id,
            data.quantity,
            data.as_of,
            net,
            data.reason,
        )


class MovedEvent(_Envelope):
    """A CloudEvent: units arrived at a location or left it."""

    type: Literal["stock.moved"]
    """The type of the event."""
    data: MovedData
    """The movement."""

    def event(self) -> Event:
        data = self.data
        return Moved(
            self.source,
            self.id,
            self.sequence,
            data.sku,
            data.location_id,
            data.delta,
            data.reason.value,
            data.occurred_at,
            data.reference,
        )


class ExpectedEvent(_Envelope):
    """A CloudEvent: units are expected at a location."""

    type: Literal["stock.expected"]
    """The type of the event."""
    data: ExpectedData
    """The announced supply."""

    def event(self) -> Event:
        data = self.data
        return Announced(
            self.source,
            self.id,
            self.sequence,
            data.sku,
            data.location_id,
            self.time,
            data.quantity,
            data.expected_at,
            data.reference,
        )


EVENTS: Mapping[str, type[CountedEvent | MovedEvent | ExpectedEvent]] = {
    COUNTED: CountedEvent,
    MOVED: MovedEvent,
    EXPECTED: ExpectedEvent,
}


def event_of(document: Any, now: datetime) -> Event:
    """Parses a CloudEvent of the feed. An instant slightly after ``now`` becomes ``now``.

    Raises InvalidRequest naming every wrong field by its JSON path in the event.
    """
    if not isinstance(document, dict):
        raise MalformedRequest(
            "an event must be a JSON object", [{"path": "$", "message": "this is not an object"}]
        )
    kind = document.get("type")
    model = EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        types = ", ".join(EVENTS)
        raise InvalidRequest(
            "the event type is unknown", [{"path": "$.type", "message": f"use one of {types}"}]
        )
    try:
        event = model.model_validate(document).event()
    except ValidationError as error:
        raise invalid(error, "the event does not fit its schema") from None
    must_have_passed({f"$.{name}": at for name, at in _instants(event)}, now)
    return _passed(event, now)


def _passed(event: Event, now: datetime) -> Event:
    match event:
        case Counted():
            through = event.net_through and passed(event.net_through, now)
            return replace(event, as_of=passed(event.as_of, now), net_through=through)
        case Moved():
            return replace(event, occurred_at=passed(event.occurred_at, now))
        case Announced():
            return event


def _instants(event: Event) -> Iterator[tuple[str, datetime]]:
    """The instants of an event that must lie in the past, with their JSON paths."""
    match event:
        case Counted():
            yield "data.as_of", event.as_of
            if event.net_through is not None:
                yield "data.net_through", event.net_through
        case Moved():
            yield "data.occurred_at", event.occurred_at
        case Announced():
            yield "time", event.time


CloudEvent = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "object",
            "title": "CloudEvent",
            "description": "A CloudEvents 1.0 event of the stock feed.",
            "required": ["specversion", "id", "source", "type", "time", "data"],
            "properties": {
                "specversion": {"const": "1.0", "description": "Version of CloudEvents."},
                "id": {
                    "type": "string",
                    "description": "The id of the event, unique in its source.",
                },
                "source": {
                    "type": "string",
                    "format": "uri-reference",
                    "description": "The system that sends the event.",
                },
                "type": {"enum": list(EVENTS), "description": "The type of the event."},
                "time": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the event was created.",
                },
                "datacontenttype": {
                    "const": "application/json",
                    "description": "Media type of `data`.",
                },
                "sequence": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Order of the source's events; a later event wins.",
                },
                "data": {
                    "type": "object",
                    "description": "Data of the event; /v1/asyncapi.json has the fields by type.",
                },
            },
            "additionalProperties": False,
        }
    ),
]


class Updates(Input):
    """Events of the stock feed."""

    events: Annotated[list[CloudEvent], MinLen(1), MaxLen(MOST_UPDATES)]
    """CloudEvents of the types `stock.counted`, `stock.moved` and `stock.expected`."""


class RejectedEvent(Answer):
    """An event that was not queued."""

    index: int
    """Position of the event in the request, from 0."""
    code: str
    """The problem code."""
    detail: str
    """What is wrong, with its JSON path."""


class UpdatesAnswer(Answer):
    """Which events were queued."""

    accepted: int
    """Number of events that were queued."""
    rejected: list[RejectedEvent]
    """Events that were not queued."""
