"""Feed messages, positions and holds as they come from outside and go out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
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
from shared.stock.feed import (
    AUDITED,
    COUNTED,
    EXPECTED,
    MOVED,
    Announced,
    Counted,
    Event,
    Moved,
    Reason,
    Row,
)
from shared.stock.model import (
    MOST_HOLD,
    MOST_LINES,
    Hold,
    HoldLine,
    HoldState,
    Position,
)
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Delta,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Sku,
    Units,
)
from shared.web.idempotency import Request
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
    reason: Reason
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


class ExpectedAnswer(Answer):
    quantity: int
    expected_at: Instant
    reference: str
    promised: int | None = Field(default=None, description="of these, to orders that wait")


class PositionAnswer(Answer):
    location_id: str
    on_hand: int
    reserved: int
    available: int
    damaged: int
    expected: list[ExpectedAnswer]
    version: int
    updated_at: Instant

    @classmethod
    def of(cls, position: Position) -> "PositionAnswer":
        return cls(**_fields(position))


class OnePosition(PositionAnswer):
    sku: str

    @classmethod
    def of(cls, position: Position) -> "OnePosition":
        return cls(sku=position.sku, **_fields(position))


def _fields(position: Position) -> dict[str, Any]:
    return {
        "location_id": position.location_id,
        "on_hand": position.on_hand,
        "reserved": position.reserved,
        "available": position.available,
        "damaged": position.damaged,
        "expected": [
            ExpectedAnswer(
                quantity=row.quantity,
                expected_at=row.expected_at,
                reference=row.reference,
                promised=position.due.get(row.reference),
            )
            for row in position.expected
            if row.quantity
        ],
        "version": position.version,
        "updated_at": position.updated_at,
    }


class Positions(Answer):
    sku: str
    positions: list[PositionAnswer]
    next_cursor: str | None = None


class MovementAnswer(Answer):
    """A change of on_hand, or a count that found it right; ``on_hand_after`` is what it left."""

    id: str
    source: str
    type: str
    delta: int
    on_hand_after: int
    reason: str
    occurred_at: Instant
    reference: str | None = None

    @classmethod
    def of_row(cls, row: Row) -> "list[MovementAnswer]":
        """What a row of the ledger shows: every change, and counts also without one; newest
        first."""
        shown: list[MovementAnswer] = []
        after = row.on_hand - row.delta
        for entry in row.entries:
            delta = entry.delta or 0
            after += delta
            if delta or entry.type in {COUNTED, AUDITED}:
                shown.append(
                    cls(
                        id=entry.id,
                        source=entry.source,
                        type=entry.type,
                        delta=delta,
                        on_hand_after=after,
                        reason=entry.reason,
                        occurred_at=entry.occurred_at,
                        reference=entry.reference,
                    )
                )
        return shown[::-1]


class Movements(Answer):
    sku: str
    location_id: str
    movements: list[MovementAnswer]
    next_cursor: str | None = None


class HoldLineInput(Input):
    sku: Sku
    quantity: Units
    location_id: LocationId


Seconds = Annotated[int, Strict(), Ge(1), Le(int(MOST_HOLD.total_seconds()))]


class HoldInput(Input):
    lines: Annotated[list[HoldLineInput], MinLen(1), MaxLen(MOST_LINES)]
    channel: Channel
    expires_in_seconds: Seconds


class ExtendInput(Input):
    expires_in_seconds: Seconds


class BindInput(Input):
    """``payment_reference`` is what the order will name as its payment's."""

    payment_reference: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    expires_in_seconds: Seconds = int(MOST_HOLD.total_seconds())


class HoldAnswer(Answer):
    hold_id: str
    lines: list[HoldLineInput]
    expires_at: Instant
    payment_reference: str | None = None

    @classmethod
    def of(cls, hold: Hold) -> "HoldAnswer":
        lines = [
            HoldLineInput(sku=line.sku, quantity=line.quantity, location_id=line.location_id)
            for line in hold.lines
        ]
        return cls(
            hold_id=hold.hold_id,
            lines=lines,
            expires_at=hold.expires_at,
            payment_reference=hold.payment_reference,
        )


def hold_of(body: HoldInput, request: Request, now: datetime) -> Hold:
    """The hold that ``request`` asks for: the same request names the same hold."""
    hold = Hold(
        hold_id=f"hold-{request.name}",
        lines=tuple(HoldLine(line.sku, line.location_id, line.quantity) for line in body.lines),
        channel=body.channel,
        state=HoldState.OPEN,
        opened_at=now,
        expires_at=now + timedelta(seconds=body.expires_in_seconds),
        digest=request.digest,
        answer="",
    )
    return replace(hold, answer=HoldAnswer.of(hold).model_dump_json())
