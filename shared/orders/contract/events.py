"""Events of orders: one CloudEvent for each new entry of their history.

An event id has the id of the order, the version of the change, and the index of the entry in the
change, so a repeated event has the same id. ``sequence`` is (order_version, index) as text: it
sorts the events of one order.
"""

from collections.abc import Mapping
from typing import Any

from shared.instants import rfc3339
from shared.orders.contract.event_shapes import (
    Arrived,
    Assigned,
    Cancelled,
    Changed,
    ClaimOpen,
    ClaimResolved,
    ClaimWithdrawn,
    CountRequested,
    Noted,
    Offered,
    OfFulfillment,
    OfOrder,
    OfPause,
    OfPayment,
    OfReturn,
    Paused,
    PauseReleased,
    PaymentDue,
    PaymentReceived,
    Placed,
    Ready,
    ReceivedBack,
    RefundDue,
    Rejected,
    Reported,
    Repromised,
    ReturnInspected,
    ReturnLabelled,
    ReturnReceived,
    ReturnRefurbished,
    SentToStore,
    Substituted,
    SubstitutionAnswered,
    Waiting,
)
from shared.orders.model import (
    Order,
    OrderEntry,
)
from shared.web.contract import Answer

SOURCE = "norain/orders"


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
    "fulfillment.extended": (
        OfFulfillment,
        "Units were added to a fulfillment that nobody had begun to pick; `lines` has all of them.",
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
    "fulfillment.unreported": (
        Reported,
        "Nobody has reported the delivery of a parcel that should be there: ask the carrier.",
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
    "fulfillment.code_refused": (
        OfFulfillment,
        "Somebody who came for the goods has said a wrong code.",
    ),
    "fulfillment.code_renewed": (Ready, "The shopper gets another code for goods that are ready."),
    "fulfillment.assigned": (Assigned, "A person was given the work of a fulfillment."),
    "shopper.arrived": (Arrived, "The shopper has come to collect the goods."),
    "substitution.proposed": (
        Substituted,
        "Units were not there. The shopper is asked whether another SKU will do.",
    ),
    "substitution.made": (Substituted, "Units were not there. The shopper gets another SKU."),
    "substitution.agreed": (SubstitutionAnswered, "The shopper takes the substitute."),
    "substitution.refused": (
        SubstitutionAnswered,
        "The shopper does not take the substitute: its units are on sale again.",
    ),
    "order.sent_to_store": (
        SentToStore,
        "Another location sends units to the one where the shopper collects them.",
    ),
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
    "order.erased": (
        OfOrder,
        "The person of the order is erased: forget what was read of the person.",
    ),
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
    "return.labelled": (ReturnLabelled, "A carrier's label was bought for the goods of a return."),
    "return.kept": (OfReturn, "The shopper is refunded and keeps the goods."),
    "return.scanned": (OfReturn, "The carrier has the goods of a return."),
    "return.arrived": (
        OfReturn,
        "A location has the goods of a return; they are not inspected yet.",
    ),
    "return.inspected": (ReturnInspected, "The goods of a return are inspected."),
    "return.refurbished": (
        ReturnRefurbished,
        "Units that were refurbished or held back are on sale, or damaged for good.",
    ),
    "return.cancelled": (OfReturn, "The shopper keeps and pays for the goods."),
    "return.expired": (OfReturn, "The goods of a return did not come in time."),
    "return.late": (
        OfReturn,
        "Goods are under way, wait to be inspected, or stay unsold for too long: a daily reminder.",
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
                        "net": {"amount": line.net, "currency": line.currency},
                        "discounts": [
                            {"promotion_id": one.promotion_id, "amount": one.amount}
                            for one in line.discounts
                        ],
                        "method": line.method,
                        "location_id": line.location_id,
                    }
                    for line in order.lines
                ],
                "tenders": [
                    {
                        "payment_id": payment.payment_id,
                        "tender": payment.tender,
                        "amount": {
                            "amount": payment.authorized,
                            "currency": order.lines[0].currency,
                        },
                    }
                    for payment in order.payments
                    if payment.authorized
                ],
                "points": order.points.points if order.points else None,
            }
        case "refund.due":
            money = {"amount": detail.pop("amount"), "currency": detail.pop("currency")}
            return {**detail, "refund": money}
        case "payment.due" | "capture.due" | "release.due":
            money = {"amount": detail.pop("amount"), "currency": detail.pop("currency")}
            return {**detail, "amount": money}
    return detail
