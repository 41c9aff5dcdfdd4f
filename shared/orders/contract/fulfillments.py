"""Fulfillments as locations send and see them."""

from typing import Annotated

from pydantic import Field

from shared.orders.contract.common import MOST_LINES, LineUnits, Words
from shared.orders.model import (
    Fulfillment,
    FulfillmentState,
    LocationReason,
    Method,
    Rejection,
    allowed_actions,
)
from shared.web.contract import (
    Answer,
    Channel,
    Id,
    Input,
    Instant,
    LocationId,
    Sku,
    Units,
)


class PartLine(Answer):
    line_id: Id
    sku: Sku
    quantity: Units


class FulfillmentPromise(Answer):
    ready_by: Instant | None = None
    deliver_by: Instant | None = None


class FulfillmentPart(Answer):
    fulfillment_id: str
    location_id: LocationId
    method: Method
    state: FulfillmentState
    lines: list[PartLine]
    promise: FulfillmentPromise
    deadline: Instant | None = None
    allowed: list[str] = Field(description="the actions that its state allows")
    carrier: str | None = None
    tracking: str | None = None
    rivals: list[LocationId] | None = Field(
        default=None, description="who else may accept it: the first that does has it"
    )


def part_answer(found: Fulfillment) -> FulfillmentPart:
    return FulfillmentPart(
        fulfillment_id=found.fulfillment_id,
        location_id=found.location_id,
        method=found.method,
        state=found.state,
        lines=[
            PartLine(line_id=held.line_id, sku=held.sku, quantity=held.quantity)
            for held in found.lines
        ],
        promise=FulfillmentPromise(
            ready_by=found.ready_by if found.method == "pickup" else None,
            deliver_by=found.deliver_by,
        ),
        deadline=found.deadline if found.is_open else None,
        allowed=list(allowed_actions(found)),
        carrier=found.carrier,
        tracking=found.tracking,
        rivals=list(found.rivals) or None,
    )


class RejectedLine(Input):
    line_id: Id
    quantity: Units
    reason: LocationReason

    def rejection(self) -> Rejection:
        return Rejection(self.line_id, self.quantity, self.reason)


class RejectInput(Input):
    lines: Annotated[list[RejectedLine], Field(min_length=1, max_length=MOST_LINES)]


class AcceptInput(Input):
    location_id: LocationId | None = Field(
        default=None, description="who accepts; left out, the location that it was offered to"
    )


class HandOverInput(Input):
    """Without ``lines`` all is handed over; units left out stay as a fulfillment of their own."""

    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = None


class ShipInput(HandOverInput):
    carrier: Words
    tracking: Words


class CancelFulfillmentInput(Input):
    reason: Words = "cancelled"


class FulfillmentAnswer(FulfillmentPart):
    order_id: Id
    channel: Channel


class FulfillmentsAnswer(Answer):
    fulfillments: list[FulfillmentAnswer]
    next_cursor: str | None = None


def fulfillment_answer(order_id: str, channel: str, found: Fulfillment) -> FulfillmentAnswer:
    return FulfillmentAnswer(order_id=order_id, channel=channel, **dict(part_answer(found)))
