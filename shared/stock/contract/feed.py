"""Events of a stock feed, as sources send them."""

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
    Field,
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
        raise ValueError("an instant is RFC 3339 with an offset: 2026-03-01T09:30:00Z")
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
            raise ValueError("not a GTIN: the check digit or the length is wrong") from None
    return sku


def _is_gln(location_id: str) -> str:
    claimed = location_id.removeprefix("gln:")
    if claimed != location_id:
        try:
            Gln.parse(claimed)
        except ParseError:
            raise ValueError("not a GLN: the check digit or the length is wrong") from None
    return location_id


class _Place(Input):
    sku: Annotated[Sku, AfterValidator(_is_gtin)]
    location_id: Annotated[LocationId, AfterValidator(_is_gln)]


class CountedData(_Place):
    """``quantity`` units as of an instant. A ``net`` count has NoRain's own orders subtracted
    already, up to ``net_through`` (without it: up to ``as_of``)."""

    quantity: Count
    as_of: When
    basis: Literal["physical", "net"]
    net_through: When | None = None
    reason: Literal["cycle_counting", "stock_taking"] | None = Field(
        default=None,
        description="people went and counted, by plan: it teaches how sure a count is. Left out of "
        "what one system copies from another, and of a count made because something seemed wrong",
    )

    @model_validator(mode="after")
    def _one_basis_only(self) -> "CountedData":
        if self.basis == "physical" and self.net_through is not None:
            raise ValueError("net_through belongs to a count of basis net")
        if self.basis == "net" and self.reason is not None:
            raise ValueError("reason belongs to a count of basis physical")
        return self


class MovedData(_Place):
    """``delta`` units came (above 0) or went; ``reason`` is a word of GS1's CBV."""

    delta: Delta
    reason: MovementReason
    occurred_at: When
    reference: Text | None = None


class ExpectedData(_Place):
    """``quantity`` units will come with ``reference``; 0 cancels them."""

    quantity: Count
    expected_at: When
    reference: Text


class _Envelope(Input):
    specversion: Literal["1.0"]
    id: Text
    source: Source
    time: When
    datacontenttype: Literal["application/json"] | None = None
    sequence: Sequence | None = None


class CountedEvent(_Envelope):
    type: Literal["stock.counted"]
    data: CountedData

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
    type: Literal["stock.moved"]
    data: MovedData

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
    type: Literal["stock.expected"]
    data: ExpectedData

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
    """The feed message that a CloudEvent carries; an instant a little ahead of ``now`` is ``now``.

    Raises InvalidRequest naming every wrong place by its JSON path, relative to the event.
    """
    if not isinstance(document, dict):
        raise MalformedRequest(
            "an event is a JSON object", [{"path": "$", "message": "not an object"}]
        )
    kind = document.get("type")
    model = EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        known = ", ".join(EVENTS)
        raise InvalidRequest(
            "the type of the event is unknown", [{"path": "$.type", "message": f"one of {known}"}]
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
    """Every instant of an event at which something has happened, by its path."""
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
                "specversion": {"const": "1.0"},
                "id": {"type": "string"},
                "source": {"type": "string", "format": "uri-reference"},
                "type": {"enum": list(EVENTS)},
                "time": {"type": "string", "format": "date-time"},
                "datacontenttype": {"const": "application/json"},
                "sequence": {"type": "integer", "minimum": 0},
                "data": {"type": "object"},
            },
            "additionalProperties": False,
        }
    ),
]


class Updates(Input):
    events: Annotated[list[CloudEvent], MinLen(1), MaxLen(MOST_UPDATES)]


class RejectedEvent(Answer):
    """The event at ``index`` was not taken; ``detail`` names what is wrong by its JSON path."""

    index: int
    code: str
    detail: str


class UpdatesAnswer(Answer):
    accepted: int
    rejected: list[RejectedEvent]
