"""What orders and transfers tell other systems: a CloudEvent for each new entry of their history.

The id of an event is the order's id, the version that the entry came with, and its place among the
new entries: a repeated event has the id it had before, and the pair (order_version, index), which
``sequence`` is a text of, puts the events of one order in order.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from shared.instants import rfc3339
from shared.locations.model import ServiceLevel
from shared.orders.contract.common import Words
from shared.orders.model import Condition, Method, Order, OrderEntry, OrderState, ReleaseReason
from shared.orders.model.transfers import SOURCE as TRANSFERS
from shared.orders.model.transfers import Transfer
from shared.web.contract import Answer, Channel, Count, Id, Instant, LocationId, Money, Sku, Units

SOURCE = "norain/orders"


class OfOrder(Answer):
    """``order_version`` and ``state`` are of the order after the change that the event is of."""

    order_id: Id
    order_version: Count
    channel: Channel
    state: OrderState
    profile_id: Id | None = None
    actor: str = Field(description="the client, or the part of NoRain, that did it")


class BoughtLine(Answer):
    line_id: Id
    sku: Sku
    quantity: Units
    unit_price: Money
    method: Method
    location_id: LocationId | None = None


class Placed(OfOrder):
    placed_at: Instant
    service_level: ServiceLevel
    lines: list[BoughtLine]


class TouchedLine(Answer):
    line_id: Id
    quantity: Units


class OfFulfillment(OfOrder):
    fulfillment_id: str
    location_id: LocationId
    method: Method
    lines: list[TouchedLine]
    carrier: Words | None = None
    tracking: Words | None = None


class Offered(OfFulfillment):
    """``ready_by`` and ``deliver_by`` are the promise that goes with it."""

    ready_by: Instant | None = None
    deliver_by: Instant | None = None


class RejectedPart(TouchedLine):
    reason: ReleaseReason


class Rejected(OfOrder):
    """The units are routed elsewhere at once: an offer follows, a backorder or an exception."""

    fulfillment_id: str
    location_id: LocationId
    lines: list[RejectedPart]


class CountRequested(OfOrder):
    """``not_found`` units were looked for in vain, though ``believed`` more should be on sale."""

    fulfillment_id: str
    location_id: LocationId
    sku: Sku
    not_found: Units
    believed: Units


class Waiting(OfOrder):
    line_id: Id
    sku: Sku
    quantity: Units


class Repromised(Waiting):
    """``quantity`` units of the line, which wait for a supply or come from elsewhere. Without
    ``expected_at`` no supply is known; without ``was`` none was promised before."""

    expected_at: Instant | None = None
    was: Instant | None = None


class Cancelled(OfOrder):
    lines: list[TouchedLine]
    reason: str


class ReturnedPart(TouchedLine):
    condition: Condition
    reason: str


class ReturnReceived(OfOrder):
    location_id: LocationId
    lines: list[ReturnedPart]


class RefundDue(OfOrder):
    """Of what was paid or authorized; whoever holds the money pays it back, once per event id."""

    refund: Money
    reason: str
    exchange_order_id: str | None = None


class PaymentReceived(OfOrder):
    status: str
    reference: str | None = None
    charged: Money | None = None


EVENTS: Mapping[str, tuple[type[OfOrder], str]] = {
    "order.placed": (Placed, "An order is stored, and its units are reserved."),
    "fulfillment.offered": (Offered, "A location is asked to serve units of an order."),
    "fulfillment.accepted": (OfFulfillment, "The location will serve them."),
    "fulfillment.rejected": (Rejected, "The location does not serve units, for a reason."),
    "fulfillment.expired": (Rejected, "The location has not answered, or stayed late too long."),
    "fulfillment.short": (
        Rejected,
        "A count, or a sale over the counter, says that units which it was to serve are gone.",
    ),
    "stock.count_requested": (
        CountRequested,
        "Units were not found where more should lie: the location is asked to count them.",
    ),
    "fulfillment.withdrawn": (OfFulfillment, "Its units go elsewhere: that costs less."),
    "fulfillment.late": (OfFulfillment, "The location is reminded: it is late, or will be."),
    "fulfillment.exception": (
        OfFulfillment,
        "Units that are picked are late: told every day, until a person hands over or cancels.",
    ),
    "fulfillment.picked": (OfFulfillment, "The units are picked."),
    "fulfillment.packed": (OfFulfillment, "The units are packed."),
    "fulfillment.shipped": (OfFulfillment, "The carrier has the parcel."),
    "fulfillment.ready": (OfFulfillment, "The units wait for the shopper."),
    "fulfillment.collected": (OfFulfillment, "The shopper has the units."),
    "fulfillment.cancelled": (OfFulfillment, "The location need not serve them any more."),
    "order.backordered": (Waiting, "Units are to come with a later supply."),
    "order.repromised": (
        Repromised,
        "Units are promised for another date than they were.",
    ),
    "order.exception": (Waiting, "Units are open, and no location has them: looked at again."),
    "order.cancelled": (Cancelled, "Units are cancelled; those that were reserved are on sale."),
    "payment.received": (PaymentReceived, "A pending order is authorized or paid."),
    "return.received": (ReturnReceived, "Units have come back."),
    "refund.due": (RefundDue, "Money is due back to the shopper."),
}


class SkuUnits(Answer):
    sku: Sku
    quantity: Units


class OfTransfer(Answer):
    transfer_id: Id
    transfer_version: Count
    state: str
    from_location_id: LocationId
    to_location_id: LocationId
    expected_at: Instant
    actor: str
    open: list[SkuUnits] = Field(description="reserved at the donor, or under way")
    received: list[SkuUnits] | None = Field(default=None, description="with this delivery")
    missing: list[SkuUnits] | None = None
    shrunk: list[SkuUnits] | None = Field(
        default=None, description="stay at the donor: a customer came first"
    )
    reason: str | None = None


TRANSFER_EVENTS: Mapping[str, tuple[type[OfTransfer], str]] = {
    "transfer.requested": (OfTransfer, "Units are reserved, to go to another location."),
    "transfer.shipped": (OfTransfer, "They have left."),
    "transfer.shrunk": (OfTransfer, "Units that had not left go to a customer instead."),
    "transfer.received": (OfTransfer, "Units have arrived, or are missing."),
    "transfer.cancelled": (OfTransfer, "They stay where they are, and are on sale there."),
    "transfer.late": (OfTransfer, "They should have been there; somebody has to look for them."),
}


def of_transfer(before: Transfer | None, after: Transfer) -> list[dict[str, Any]]:
    """The CloudEvents of what has happened between two images of a transfer."""
    known = len(before.history) if before else 0
    return [
        _cloud_event(
            TRANSFERS,
            after.transfer_id,
            after.version,
            index,
            entry,
            OfTransfer(
                transfer_id=after.transfer_id,
                transfer_version=after.version,
                state=after.state,
                from_location_id=after.from_location_id,
                to_location_id=after.to_location_id,
                expected_at=after.expected_at,
                actor=entry.actor,
                open=[
                    SkuUnits(sku=line.sku, quantity=line.open) for line in after.lines if line.open
                ],
                **entry.detail,
            ),
        )
        for index, entry in enumerate(after.history[known:])
    ]


def of_change(before: Order | None, after: Order) -> list[dict[str, Any]]:
    """The CloudEvents of what has happened between two images of an order, the oldest first."""
    return [
        _event(after, entry, index)
        for index, (_, entry) in enumerate(after.since(before))
        if entry.event in EVENTS
    ]


def _event(order: Order, entry: OrderEntry, index: int) -> dict[str, Any]:
    shape, _ = EVENTS[entry.event]
    data = shape.model_validate({**_of_order(order, entry), **_detail(order, entry)})
    return _cloud_event(SOURCE, order.order_id, order.version, index, entry, data)


def _cloud_event(
    source: str, subject: str, version: int, index: int, entry: OrderEntry, data: Answer
) -> dict[str, Any]:
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
    return detail
