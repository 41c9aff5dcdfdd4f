"""The data of the events of orders, each with the description of its fields."""

from typing import Literal

from shared.locations.model import ServiceLevel
from shared.orders.contract.common import Words
from shared.orders.contract.payments import TenderOfOrder
from shared.orders.model import (
    ClaimOwner,
    Condition,
    Method,
    OrderState,
    PauseKind,
    ReleaseReason,
    Resolution,
    Tender,
)
from shared.orders.model.refurbishing import Refurbished
from shared.orders.model.restocking import Restock
from shared.orders.model.returns import Outcome
from shared.pricing.contract.quotes import DiscountOfLine
from shared.web.contract import Answer, Channel, Count, Id, Instant, LocationId, Money, Sku, Units


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
    net: Money
    """What all units cost after their discounts."""
    discounts: list[DiscountOfLine]
    """What promotions take off."""
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
    tenders: list[TenderOfOrder]
    """What pays, without tenders that are not there yet."""
    points: Count | None = None
    """Loyalty points that pay for a part: the discount `points` of the lines."""


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
    """The person; absent when the work was taken back, or a wave is for nobody in particular."""
    wave_id: str | None = None
    """The wave in which the fulfillment is picked, when it was taken into one."""


class Arrived(OfFulfillment):
    """The shopper has come to collect the goods."""

    place: str | None = None
    """Where the shopper waits."""


class SentToStore(OfOrder):
    """Another location sends units to the one where the shopper collects them."""

    transfer_id: str
    """The transfer that brings the units."""
    from_location_id: LocationId
    """The location that sends the units."""
    location_id: LocationId
    """The location where the shopper collects them."""
    lines: list[TouchedLine]
    """The units that are sent."""
    expected_at: Instant
    """When they are promised to arrive."""


class Substituted(OfOrder):
    """A location hands over another SKU, because units were not there."""

    fulfillment_id: str
    """The id of the fulfillment."""
    location_id: LocationId
    """The location of the fulfillment."""
    line_id: Id
    """The line of the substitute."""
    instead_of: Id
    """The line whose units were not there."""
    sku: Sku
    was_sku: Sku
    """The SKU that was not there."""
    quantity: Units
    """Number of units."""
    unit_price: Money
    """What the shopper pays for one unit of the substitute."""
    consent_by: Instant | None = None
    """Until when the shopper can agree; absent where the shopper has agreed to any substitute."""


class SubstitutionAnswered(OfOrder):
    """What the shopper has said to a substitute, or not in time."""

    line_id: Id
    """The line of the substitute."""
    instead_of: Id
    """The line whose units were not there."""
    rerouted: bool | None = None
    """After a refusal: whether the units that were not there are looked for elsewhere."""


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
    `added`, `moves`, `wanted_at`."""
    reason: str
    """Why the order was changed."""


class RestockedPart(TouchedLine):
    """Units that came back, with where the sellable ones go; nothing of it for the shelf."""

    restock: Restock | None = None
    """`send_to`: they are reserved for a transfer. `hold_back`: their owner decides."""
    transfer_id: Id | None = None
    """The transfer to another location."""
    owner: str | None = None
    """Who decides on units that are held back."""


class ReturnedPart(RestockedPart):
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
    return_id: Id | None = None
    """The return that has the units which are held back."""


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


class ReturnLabelled(OfReturn):
    """The shopper can send the goods."""

    carrier: Words | None = None
    """The carrier."""
    tracking: Words | None = None
    """The carrier's tracking number."""


class InspectedPart(RestockedPart):
    """What an inspection has found about units."""

    outcome: Outcome
    """`sellable` units are on sale, or go where `restock` says; `damaged` ones and those to
    `refurbish` are not on sale."""


class RefurbishedPart(TouchedLine):
    """What became of units that were not on sale."""

    outcome: Refurbished
    """`sellable` units are on sale; `damaged` ones stay unsellable."""


class ReturnRefurbished(OfReturn):
    """Units of an inspected return that were not on sale."""

    outcomes: list[RefurbishedPart]
    """What became of them, by line."""


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
    card_id: Id | None = None
    """The store credit that the shopper took instead of the money of `payment.refunded`."""
    card_suffix: str | None = None
    """The last characters of its code."""


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
