"""Requests and answers of holds."""

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
    """Units of a SKU at a location."""

    sku: Sku
    quantity: Units
    """Number of units to hold."""
    location_id: LocationId
    """The location where the units are held."""


Seconds = Annotated[int, Strict(), Ge(1), Le(int(MOST_HOLD.total_seconds()))]


class HoldInput(Input):
    """A new hold."""

    lines: Annotated[list[HoldLineInput], MinLen(1), MaxLen(MOST_LINES)]
    """The units to hold."""
    channel: Channel
    """The selling channel; the client needs the scope `channel:<name>`."""
    expires_in_seconds: Seconds
    """How long to hold the units, in seconds."""


class ExtendInput(Input):
    """How long the hold should last."""

    expires_in_seconds: Seconds
    """New time to live from now, in seconds."""


class BindInput(Input):
    """The payment that a hold is bound to."""

    payment_reference: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """The reference that the order will give in `payment.reference`."""
    expires_in_seconds: Seconds = int(MOST_HOLD.total_seconds())
    """How long the payment may take, in seconds."""


class HoldAnswer(Answer):
    """A hold of stock."""

    hold_id: str
    """The id of the hold."""
    lines: list[HoldLineInput]
    """The held units."""
    expires_at: Instant
    """When the hold expires."""
    payment_reference: str | None = None
    """The payment that the hold is bound to."""

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
    """A new hold, whose id is derived from ``request``: a repeated request gets the same id."""
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
