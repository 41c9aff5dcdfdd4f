"""Holds as channels send and see them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import (
    Strict,
    StringConstraints,
)

from shared.stock.model.position import MOST_HOLD, MOST_LINES, Hold, HoldLine, HoldState
from shared.web.contract import (
    Answer,
    Channel,
    Input,
    Instant,
    LocationId,
    Sku,
    Units,
)
from shared.web.idempotency import Request


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
