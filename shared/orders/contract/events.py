"""Events of orders: one CloudEvent for each new entry of their history.

An event id has the id of the order, the version of the change, and the index of the entry in the
change, so a repeated event has the same id. ``sequence`` is (order_version, index) as text: it
sorts the events of one order.
"""

from collections.abc import Mapping
from typing import Any, Literal

from shared.instants import rfc3339
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import Words
from shared.orders.model import (
    ClaimOwner,
    Condition,
    Method,
    Order,
    OrderEntry,
    OrderState,
    PauseKind,
    ReleaseReason,
    Resolution,
    Tender,
)
from shared.orders.model.returns import Outcome
from shared.web.contract import Answer, Channel, Count, Id, Instant, LocationId, Money, Sku, Units

SOURCE = "norain/orders"


class OfOrder(Answer):
    """What every event of an order has."""

    order_id: Id
    """The id of the order."""
    order_version: Count
    """Version of the order after this change."""
    channel: Channel
    state: OrderState
    """State of the order after this change."""
    profile_id: Id | None = None
    """The id of the customer's profile."""
    actor: str
    """The person, client or part of NoRain that did this."""


class BoughtLine(Answer):
    """A line of the order."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    sku: Sku
    quantity: Units
    """Number of ordered units."""
    unit_price: Money
    """Price of one unit."""
    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    location_id: LocationId | None = None
    """The location where a pickup line is collected."""


class Placed(OfOrder):
    """The order is stored and its units are reserved."""

    reference: str | None = None
    """What the channel calls the order."""
    placed_at: Instant
    """When the order was placed."""
    service_level: ServiceLevel
    """The service level of the delivery."""
    lines: list[BoughtLine]
    """The lines of the order."""


class TouchedLine(Answer):
    """The units of a line that an event is about."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units that the event is about."""


class OfFulfillment(OfOrder):
    """What every event of a fulfillment has."""

    fulfillment_id: str
    """The id of the fulfillment."""
    location_id: LocationId
    """The location of the fulfillment."""
    method: Method
    """How the shopper gets the units: `ship` or `pickup`."""
    lines: list[TouchedLine]
    """The units of the fulfillment."""
    carrier: Words | None = None
    """The carrier, once shipped."""
    tracking: Words | None = None
    """The carrier's tracking number, once shipped."""


class Ready(OfFulfillment):
    """Goods wait to be collected. Whoever tells the shopper tells the code as well."""

    code: str | None = None
    """What the shopper says when collecting the goods."""


class Assigned(OfFulfillment):
    """Somebody does the work of the fulfillment."""

    assignee: str | None = None
    """The person; absent when the work was taken back."""


class Arrived(OfFulfillment):
    """The shopper has come to collect the goods."""

    place: str | None = None
    """Where the shopper waits."""


class Noted(OfOrder):
    """A note of the service."""

    text: str
    """The note."""


class Offered(OfFulfillment):
    """A location is asked to serve units, with the dates that were promised."""

    ready_by: Instant | None = None
    """When a pickup is promised to be ready."""
    deliver_by: Instant | None = None
    """When the delivery is promised."""


class Reported(OfFulfillment):
    """What became of a parcel, as its carrier reports it."""

    deliver_by: Instant | None = None
    """When the delivery was promised."""
    delivered_at: Instant | None = None
    """When the parcel was delivered."""
    in_time: bool | None = None
    """Whether the promise was kept; absent when no date was promised."""


class ReceivedPart(TouchedLine):
    """Units of a returned parcel."""

    condition: Literal["sellable", "damaged", "missing"]
    """Whether the units can be sold again; `missing`: they were not in the parcel."""


class ReceivedBack(OfOrder):
    """The sender has received a returned parcel."""

    fulfillment_id: str
    """The id of the fulfillment."""
    location_id: LocationId
    """The location that sent the parcel and has received it."""
    lines: list[ReceivedPart]
    """The units of the parcel."""


class ClaimOpen(OfFulfillment):
    """A parcel is lost or came back, and somebody must decide what happens with its units."""

    reason: Literal["lost", "returned_to_sender"]
    """Why the claim is open."""
    owner: ClaimOwner
    """Who must act: `location` receives the returned parcel, `customer_service` resolves the
    claim."""
    deadline: Instant
    """When the owner is reminded."""
    reminders: Count
    """How often the owner was reminded."""


class ClaimResolved(OfFulfillment):
    """The end of a claim."""

    resolution: Resolution
    """`resend`: the units are routed again. `refund`: they count as cancelled."""


class ClaimWithdrawn(OfFulfillment):
    """The shopper has the parcel after all."""

    reason: Literal["delivered", "found"]
    """Who says so: the carrier (`delivered`), or an agent (`found`)."""


class RejectedPart(TouchedLine):
    """Units that a location does not serve, with the reason."""

    reason: ReleaseReason
    """Why the location does not serve the units."""


class Rejected(OfOrder):
    """A location does not serve units. They are routed again at once: an offer, a backorder or an
    exception follows."""

    fulfillment_id: str
    """The id of the fulfillment."""
    location_id: LocationId
    """The location that does not serve the units."""
    lines: list[RejectedPart]
    """The units that the location does not serve."""


class CountRequested(OfOrder):
    """A picker did not find `not_found` units although the stock shows `believed` units there."""

    fulfillment_id: str
    """The id of the fulfillment."""
    location_id: LocationId
    """The location that should count."""
    sku: Sku
    not_found: Units
    """Units that were looked for and not found."""
    believed: Units
    """Units that the stock still shows on sale there."""


class Waiting(OfOrder):
    """Units of a line that wait."""

    line_id: Id
    """The id of the order line, as the channel named it."""
    sku: Sku
    quantity: Units
    """Number of units that wait."""


class Repromised(Waiting):
    """`quantity` units of the line have a new promised date: they wait for another supply or come
    from another location."""

    expected_at: Instant | None = None
    """The new promised date; absent when no supply is known."""
    was: Instant | None = None
    """The previous promised date; absent when there was none."""


class OfPause(OfOrder):
    """What every event of a pause has."""

    pause_id: str
    """The id of the pause."""
    kind: PauseKind
    """Why the order is paused."""
    owner: str
    """The person or team that decides."""


class Paused(OfPause):
    """Nobody works on the order any more, and no further location is asked."""

    reason: str
    """Why the order is paused, in words."""
    deadline: Instant
    """When the pause ends (`until`), or is reported as overdue."""


class PauseReleased(OfPause):
    """A pause has ended."""

    goes_on: bool
    """Whether the order goes on: no other pause remains, and it was not cancelled."""


class Cancelled(OfOrder):
    """Units of the order are cancelled."""

    lines: list[TouchedLine]
    """The cancelled units."""
    reason: str
    """Why the units were cancelled."""


class Changed(OfOrder):
    """What somebody has changed about the order. The events of its fulfillments and payments
    follow; GET /v1/orders/{order_id} has the new state."""

    changed: list[str]
    """The names of what changed: `ship_to`, `contacts`, `service_level`, `shipping`, `lines`,
    `added`, `moves`."""
    reason: str
    """Why the order was changed."""


class ReturnedPart(TouchedLine):
    """Returned units of a line."""

    condition: Condition
    """Whether the units can be sold again."""
    reason: str
    """Why the shopper returned the units."""


class ReturnReceived(OfOrder):
    """A location has received returned units."""

    location_id: LocationId
    """The location that received the units."""
    lines: list[ReturnedPart]
    """The returned units."""


class ReasonedPart(TouchedLine):
    """Units that the shopper returns."""

    reason: str
    """Why the shopper returns the units."""


class OfReturn(OfOrder):
    """What every event of an authorized return has."""

    return_id: str
    """The id of the return."""
    location_id: LocationId | None = None
    """Where the goods are expected, or were received."""
    lines: list[ReasonedPart]
    """The units of the return."""
    exchange_order_id: str | None = None
    """The order of the goods that the shopper takes instead."""


class InspectedPart(TouchedLine):
    """What an inspection has found about units."""

    outcome: Outcome
    """`sellable` units are on sale; `damaged` ones and those to `refurbish` are not."""


class ReturnInspected(OfReturn):
    """Every unit of a return has an outcome."""

    outcomes: list[InspectedPart]
    """The outcomes by line."""


class OfPayment(OfOrder):
    """What every event of a payment has."""

    payment_id: Id
    """The id of the payment in the order."""
    tender: Tender
    """How the shopper pays."""
    amount: Money
    """The amount that the event is about."""
    reference: str | None = None
    """The payment provider's reference."""
    expires_at: Instant | None = None
    """When the authorization runs out."""


class PaymentDue(OfOrder):
    """The payments of the order cover less than the shopper owes. Nothing is handed over until they
    do; what is not picked by `due_by` is cancelled."""

    amount: Money
    """What is missing."""
    due_by: Instant
    """When the order is cancelled without payment."""
    reason: str
    """Why it is missing."""


class RefundDue(OfOrder):
    """Money that was captured is due back. The payment system pays it once per event id."""

    payment_id: Id | None = None
    """The payment that is paid back; absent in events of before 2026-11-29."""
    tender: Tender | None = None
    """How the shopper paid."""
    refund: Money
    """The amount to pay back."""
    reason: str
    """Why the refund is due."""
    exchange_order_id: str | None = None
    """The order that replaces the returned units, when there is one."""


class PaymentReceived(OfOrder):
    """A pending order was paid or authorized."""

    status: str
    """Whether the payment is authorized or paid."""
    reference: str | None = None
    """The payment provider's reference."""
    charged: Money | None = None
    """The amount that was authorized or paid."""
    payment_id: Id | None = None
    """The id of the payment in the order; absent in events of before 2026-11-29."""
    tender: Tender | None = None
    """How the shopper pays."""
    expires_at: Instant | None = None
    """When the authorization runs out."""


EVENTS: Mapping[str, tuple[type[OfOrder], str]] = {
    "order.placed": (Placed, "An order is stored and its units are reserved."),
    "fulfillment.offered": (Offered, "A location is asked to serve units of an order."),
    "fulfillment.accepted": (OfFulfillment, "The location will serve the units."),
    "fulfillment.rejected": (Rejected, "The location does not serve units and gives the reason."),
    "fulfillment.expired": (
        Rejected,
        "The location did not answer in time, or was late for too long.",
    ),
    "fulfillment.short": (
        Rejected,
        "A count or a sale in the store shows that units of the fulfillment are gone.",
    ),
    "stock.count_requested": (
        CountRequested,
        "A picker did not find units that the stock shows; please count.",
    ),
    "fulfillment.withdrawn": (
        OfFulfillment,
        "The units move to another location because that costs less.",
    ),
    "fulfillment.late": (OfFulfillment, "The location is late or will be late: a reminder."),
    "fulfillment.exception": (
        OfFulfillment,
        "Picked units are late. The event repeats daily until a person hands over or cancels.",
    ),
    "fulfillment.picked": (OfFulfillment, "The units are picked."),
    "fulfillment.packed": (OfFulfillment, "The units are packed."),
    "fulfillment.shipped": (OfFulfillment, "The carrier has collected the parcel."),
    "fulfillment.labelled": (OfFulfillment, "A carrier's label was bought for the parcel."),
    "fulfillment.label_void": (
        OfFulfillment,
        "The address or the service has changed: the label must not be used; buy another.",
    ),
    "fulfillment.in_transit": (OfFulfillment, "The carrier has scanned the parcel."),
    "fulfillment.out_for_delivery": (OfFulfillment, "The carrier delivers the parcel today."),
    "fulfillment.carrier_exception": (OfFulfillment, "The carrier reports a difficulty."),
    "fulfillment.delivered": (
        Reported,
        "The shopper has the parcel. Closes the promise, in time or late.",
    ),
    "fulfillment.lost": (Reported, "The carrier has lost the parcel; `claim.open` follows."),
    "fulfillment.returned_to_sender": (
        Reported,
        "The carrier brings the parcel back to its sender; `claim.open` follows.",
    ),
    "fulfillment.received_back": (
        ReceivedBack,
        "The sender has received the returned parcel; sellable units are on sale there.",
    ),
    "claim.open": (
        ClaimOpen,
        "A parcel is lost or came back. The event repeats daily until the claim is resolved.",
    ),
    "claim.resolved": (ClaimResolved, "The units of the parcel are sent again or refunded."),
    "claim.withdrawn": (ClaimWithdrawn, "The shopper has the parcel after all."),
    "fulfillment.ready": (Ready, "The units are ready for pickup."),
    "fulfillment.assigned": (Assigned, "A person was given the work of a fulfillment."),
    "shopper.arrived": (Arrived, "The shopper has come to collect the goods."),
    "order.noted": (Noted, "The service has written a note."),
    "fulfillment.collected": (OfFulfillment, "The shopper has collected the units."),
    "fulfillment.cancelled": (
        OfFulfillment,
        "The fulfillment is cancelled: the location no longer serves its units.",
    ),
    "order.changed": (Changed, "The order was changed after it was placed."),
    "order.backordered": (Waiting, "Units wait for a later supply."),
    "order.repromised": (
        Repromised,
        "The promised date of units has changed.",
    ),
    "order.exception": (Waiting, "No location can serve open units; the router tries again."),
    "order.paused": (Paused, "Nobody works on the order until its pauses are released."),
    "order.pause_released": (PauseReleased, "A pause of the order has ended."),
    "order.pause_overdue": (
        OfPause,
        "The owner of a pause has not decided in time. The event repeats daily.",
    ),
    "order.cancelled": (Cancelled, "Units are cancelled; reserved ones are on sale again."),
    "payment.received": (PaymentReceived, "A payment is authorized, or paid at once."),
    "payment.captured": (OfPayment, "Money that was authorized is captured."),
    "payment.voided": (OfPayment, "An authorization is withdrawn."),
    "payment.declined": (OfPayment, "A payment is declined."),
    "payment.expiring": (OfPayment, "An authorization runs out soon: authorize again."),
    "payment.expired": (OfPayment, "An authorization has run out."),
    "payment.refunded": (OfPayment, "Money is paid back."),
    "payment.due": (PaymentDue, "The payments cover less than the shopper owes."),
    "capture.due": (OfPayment, "Goods are handed over: capture their value."),
    "release.due": (OfPayment, "The order does not need the rest of an authorization."),
    "return.received": (ReturnReceived, "A location has received returned units."),
    "return.authorized": (OfReturn, "A return is authorized; its goods are expected."),
    "return.kept": (OfReturn, "The shopper is refunded and keeps the goods."),
    "return.scanned": (OfReturn, "The carrier has the goods of a return."),
    "return.arrived": (
        OfReturn,
        "A location has the goods of a return; they are not inspected yet.",
    ),
    "return.inspected": (ReturnInspected, "The goods of a return are inspected."),
    "return.cancelled": (OfReturn, "The shopper keeps and pays for the goods."),
    "return.expired": (OfReturn, "The goods of a return did not come in time."),
    "return.late": (
        OfReturn,
        "Goods are under way, or wait to be inspected, for too long: a daily reminder.",
    ),
    "refund.due": (RefundDue, "Money is due back to the shopper."),
}


def of_change(before: Order | None, after: Order) -> list[dict[str, Any]]:
    """The CloudEvents between two versions of an order, oldest first."""
    return [
        _event(after, entry, index)
        for index, (_, entry) in enumerate(after.since(before))
        if entry.event in EVENTS
    ]


def _event(order: Order, entry: OrderEntry, index: int) -> dict[str, Any]:
    shape, _ = EVENTS[entry.event]
    data = shape.model_validate({**_of_order(order, entry), **_detail(order, entry)})
    return cloud_event(SOURCE, order.order_id, order.version, index, entry, data)


def cloud_event(
    source: str, subject: str, version: int, index: int, entry: OrderEntry, data: Answer
) -> dict[str, Any]:
    """The CloudEvent of an entry of an order or a transfer (``subject``)."""
    return {
        "specversion": "1.0",
        "id": f"{subject}@{version}.{index}",
        "source": source,
        "type": entry.event,
        "subject": subject,
        "time": rfc3339(entry.at),
        "sequence": f"{version:010d}.{index:04d}",
        "datacontenttype": "application/json",
        "data": data.model_dump(mode="json"),
    }


def _of_order(order: Order, entry: OrderEntry) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "order_version": order.version,
        "channel": order.channel,
        "state": order.state,
        "profile_id": order.buyer.profile_id,
        "actor": entry.actor,
    }


def _detail(order: Order, entry: OrderEntry) -> dict[str, Any]:
    detail = dict(entry.detail)
    match entry.event:
        case "order.placed":
            return {
                "reference": order.reference,
                "placed_at": order.placed_at,
                "service_level": order.service_level,
                "lines": [
                    {
                        "line_id": line.line_id,
                        "sku": line.sku,
                        "quantity": line.quantity,
                        "unit_price": {"amount": line.unit_price, "currency": line.currency},
                        "method": line.method,
                        "location_id": line.location_id,
                    }
                    for line in order.lines
                ],
            }
        case "refund.due":
            money = {"amount": detail.pop("amount"), "currency": detail.pop("currency")}
            return {**detail, "refund": money}
        case "payment.due" | "capture.due" | "release.due":
            money = {"amount": detail.pop("amount"), "currency": detail.pop("currency")}
            return {**detail, "amount": money}
    return detail
