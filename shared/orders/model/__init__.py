"""The life of an order, decided. Pure: values and instants in, values out.

An order is one document: its lines, its fulfillments and its history. Each function takes the
order as it stands and returns a Change: the order afterwards, and the effects on stock positions.
The store writes both in one transaction.

    place ──> offer ──> act, reject, hand over ──> settle ──> commit
                ^                  │
                └── route again <──┘   units that no location holds are `unassigned` in between
"""

from shared.locations.model import Method
from shared.orders.model.backorders import land, unpromise
from shared.orders.model.cancelling import cancel, cancel_fulfillment
from shared.orders.model.change import OrderChange, joined, summed
from shared.orders.model.deadlines import overdue
from shared.orders.model.fulfilling import act, allowed, asked, claim, fall_short, reject, withdraw
from shared.orders.model.laws import LawBroken, check
from shared.orders.model.offering import offer, pay, place, promised, retold, settle
from shared.orders.model.order import (
    HANDED_OVER,
    IN_HAND,
    NO_PAST,
    OPEN,
    TIME_LIMITS,
    TRANSITIONS,
    UNPICKED,
    Buyer,
    Claim,
    Condition,
    DeliveryPlace,
    Fulfillment,
    FulfillmentLine,
    FulfillmentState,
    Line,
    LocationReason,
    Order,
    OrderEntry,
    OrderState,
    Parcel,
    Past,
    Payment,
    Rejection,
    ReleaseReason,
    Returned,
    Taken,
    decision_id,
    units_held,
)
from shared.orders.model.past import outgrown
from shared.orders.model.returning import take_back

__all__ = [
    "HANDED_OVER",
    "IN_HAND",
    "NO_PAST",
    "OPEN",
    "TIME_LIMITS",
    "TRANSITIONS",
    "UNPICKED",
    "Buyer",
    "Claim",
    "Condition",
    "DeliveryPlace",
    "Fulfillment",
    "FulfillmentLine",
    "FulfillmentState",
    "LawBroken",
    "Line",
    "LocationReason",
    "Method",
    "Order",
    "OrderChange",
    "OrderEntry",
    "OrderState",
    "Parcel",
    "Past",
    "Payment",
    "Rejection",
    "ReleaseReason",
    "Returned",
    "Taken",
    "act",
    "allowed",
    "asked",
    "cancel",
    "cancel_fulfillment",
    "check",
    "claim",
    "decision_id",
    "fall_short",
    "joined",
    "land",
    "offer",
    "outgrown",
    "overdue",
    "pay",
    "place",
    "promised",
    "reject",
    "retold",
    "settle",
    "summed",
    "take_back",
    "units_held",
    "unpromise",
    "withdraw",
]
