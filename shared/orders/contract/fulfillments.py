"""Requests and answers of fulfillments."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from shared.orders.contract.common import MOST_LINES, LineUnits, Words
from shared.orders.contract.pauses import PauseAnswer, pauses_answer
from shared.orders.model import (
    ClaimOwner,
    Fulfillment,
    FulfillmentState,
    LocationReason,
    Method,
    Pause,
    ReceivedUnits,
    Rejection,
    Resolution,
    owner_of_claim,
    parcel_actions,
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
    """Units of an order line in a fulfillment."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    sku: Sku
    quantity: Units
    """Number of units of the line in this fulfillment."""


class FulfillmentPromise(Answer):
    """The promised dates."""

    ready_by: Instant | None = None
    """When a pickup is promised to be ready."""
    deliver_by: Instant | None = None
    """When the delivery is promised."""


class ClaimAnswer(Answer):
    """An open claim: somebody decides what happens with the units of the parcel."""

    reason: Literal["lost", "returned_to_sender"]
    """Why the claim is open."""
    owner: ClaimOwner
    """Who must act: `location` receives the returned parcel, `customer_service` resolves the
    claim."""
    deadline: Instant
    """When the owner is reminded."""
    received_at: Instant | None = None
    """When the location has received the returned parcel."""


class FulfillmentPart(Answer):
    """The part of an order that one location serves."""

    fulfillment_id: str
    """The id of the fulfillment."""
    location_id: LocationId
    """The location that serves the units."""
    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    state: FulfillmentState
    """State of the fulfillment."""
    lines: list[PartLine]
    """The units of the fulfillment."""
    promise: FulfillmentPromise
    """The dates that were promised to the shopper."""
    deadline: Instant | None = None
    """When the fulfillment is escalated if nothing happens; only while it is open."""
    allowed: list[str]
    """Actions that are possible in this state."""
    waits_for_units: bool | None = None
    """Whether nobody works on it yet, because the shopper wants all units of the order together and
    some wait for stock."""
    carrier: str | None = None
    """The carrier, once shipped."""
    tracking: str | None = None
    """The carrier's tracking number, once shipped."""
    rivals: list[LocationId] | None = None
    """Other locations that may accept it; the first one to accept gets it."""
    assignee: str | None = None
    """The person who does the work."""
    wave_id: str | None = None
    """The wave in which it is picked."""
    code: str | None = None
    """The code that the shopper says when collecting the goods; for callers who may read orders."""
    arrived_at: Instant | None = None
    """When the shopper came to collect the goods."""
    delivered_at: Instant | None = None
    """When the carrier delivered the parcel."""
    claim: ClaimAnswer | None = None
    """The open claim of a parcel that is lost or came back."""


def part_answer(
    fulfillment: Fulfillment, *, code: bool = False, paused: bool = False, rests: bool = False
) -> FulfillmentPart:
    """The answer; with ``code`` for callers who tell it to the shopper. Of a paused order nothing
    is due, and a fulfillment can be cancelled only; one that ``rests``, because it waits for other
    units, can be rejected too."""
    allowed = list(parcel_actions(fulfillment))
    if paused or rests:
        possible = {"cancel"} if paused else {"cancel", "reject"}
        allowed = [action for action in allowed if action in possible]
    return FulfillmentPart(
        fulfillment_id=fulfillment.fulfillment_id,
        location_id=fulfillment.location_id,
        method=fulfillment.method,
        state=fulfillment.state,
        lines=[
            PartLine(line_id=line.line_id, sku=line.sku, quantity=line.quantity)
            for line in fulfillment.lines
        ],
        promise=FulfillmentPromise(
            ready_by=fulfillment.ready_by if fulfillment.method == "pickup" else None,
            deliver_by=fulfillment.deliver_by,
        ),
        deadline=fulfillment.deadline if fulfillment.is_open and not (paused or rests) else None,
        allowed=allowed,
        waits_for_units=rests or None,
        carrier=fulfillment.carrier,
        tracking=fulfillment.tracking,
        rivals=list(fulfillment.rivals) or None,
        assignee=fulfillment.assignee,
        wave_id=fulfillment.wave,
        code=fulfillment.code if code else None,
        arrived_at=fulfillment.arrived_at if fulfillment.is_open else None,
        delivered_at=fulfillment.delivered_at,
        claim=_claim_answer(fulfillment),
    )


def _claim_answer(part: Fulfillment) -> ClaimAnswer | None:
    if not part.claimed or part.deadline is None:
        return None
    return ClaimAnswer(
        reason="lost" if part.state == "lost" else "returned_to_sender",
        owner=owner_of_claim(part),
        deadline=part.deadline,
        received_at=part.received_at,
    )


class RejectedLine(Input):
    """Units that the location does not serve, with the reason."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units that the location does not serve."""
    reason: LocationReason
    """Why the location does not serve the units; the reason corrects its stock."""

    def rejection(self) -> Rejection:
        return Rejection(self.line_id, self.quantity, self.reason)


class RejectInput(Input):
    """The units that the location does not serve."""

    lines: Annotated[list[RejectedLine], Field(min_length=1, max_length=MOST_LINES)]
    """The units that the location does not serve."""


class AcceptInput(Input):
    """Which location accepts the fulfillment."""

    location_id: LocationId | None = None
    """The location that accepts; default: the location that the fulfillment was offered to."""


class HandOverInput(Input):
    """The units that are handed over."""

    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = None
    """The units handed over; default: all. Units left out stay as a fulfillment of their own."""


class CollectInput(HandOverInput):
    """The units that the shopper collects."""

    code: Words | None = None
    """The code that the shopper was told when the goods were ready; required where the order policy
    says so."""


class AssignInput(Input):
    """Who does the work."""

    to: Words | None = None
    """The person; leave it out to take the work back."""


class ArrivedInput(Input):
    """Where the shopper waits."""

    place: Words | None = None
    """A bay or counter, or the car."""


class ShipInput(HandOverInput):
    """The parcel that is handed to the carrier."""

    carrier: Words | None = None
    """Name of the carrier; default: that of the label that was bought."""
    tracking: Words | None = None
    """The carrier's tracking number; default: that of the label that was bought."""


class ReceivedLine(LineUnits):
    """Units of a returned parcel."""

    condition: Literal["sellable", "damaged", "missing"] = "sellable"
    """Whether the units can be sold again; `missing`: they are not in the parcel."""

    def received(self) -> ReceivedUnits:
        condition = None if self.condition == "missing" else self.condition
        return ReceivedUnits(self.line_id, self.quantity, condition)


class ReceiveParcelInput(Input):
    """A returned parcel that its sender has received."""

    lines: Annotated[list[ReceivedLine], Field(min_length=1, max_length=MOST_LINES)] | None = None
    """Each unit of the parcel with its condition; default: all units, sellable."""


class ResolveInput(Input):
    """What happens with the units of a parcel that is lost or came back."""

    resolution: Resolution
    """`resend`: the units are routed again, in the same order. `refund`: they count as cancelled,
    and what was charged for them is due back. `found`: the shopper has the parcel after all."""


class CancelFulfillmentInput(Input):
    """Why the fulfillment is cancelled."""

    reason: Words = "cancelled"
    """Why the fulfillment is cancelled."""


class FulfillmentAnswer(FulfillmentPart):
    """A fulfillment in a pick list."""

    order_id: Id
    """The id of the order."""
    channel: Channel
    """The channel of the order."""
    pauses: list[PauseAnswer] | None = None
    """Why nobody works on the order now, and who may end it."""


class FulfillmentsAnswer(Answer):
    """A page of fulfillments."""

    fulfillments: list[FulfillmentAnswer]
    """The fulfillments of this page, most urgent first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def fulfillment_answer(
    order_id: str,
    channel: str,
    fulfillment: Fulfillment,
    pauses: Sequence[Pause] = (),
    *,
    rests: bool = False,
) -> FulfillmentAnswer:
    part = part_answer(fulfillment, paused=bool(pauses), rests=rests)
    return FulfillmentAnswer(
        order_id=order_id,
        channel=channel,
        pauses=pauses_answer(pauses),
        **dict(part),
    )
