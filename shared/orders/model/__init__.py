"""Decide what happens to an order. Pure: values and instants in, values out.

An order is one document: its lines, its fulfillments and its history. Each function takes the
stored order and returns an OrderChange: the order afterwards, and the effects on stock positions.
The store writes both in one transaction.

    place ──> offer ──> advance, reject ──> settle ──> commit
                ^              │
                └─ route again ┘   units without a location are `unassigned` in between
"""

from shared.locations.model import Method
from shared.orders.model.backorders import break_promise, receive_supply
from shared.orders.model.cancelling import cancel, cancel_fulfillment
from shared.orders.model.change import OrderChange, combine, sum_effects
from shared.orders.model.deadlines import act_on_deadlines
from shared.orders.model.fulfilling import (
    accept_as_rival,
    advance,
    allowed_actions,
    open_offer_to,
    reject,
    release_missing,
    withdraw_units,
)
from shared.orders.model.laws import LawBroken, check
from shared.orders.model.offering import offer, pay, place, promised_dates, record_delays, settle
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
    Pause,
    PauseKind,
    Payment,
    Rejection,
    ReleaseReason,
    Returned,
    Taken,
    decision_id,
    units_held,
)
from shared.orders.model.past import split_past
from shared.orders.model.pausing import (
    as_promised,
    end_with_cancel,
    new_pause,
    pause,
    record_pauses,
    release,
)
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
    "Pause",
    "PauseKind",
    "Payment",
    "Rejection",
    "ReleaseReason",
    "Returned",
    "Taken",
    "accept_as_rival",
    "act_on_deadlines",
    "advance",
    "allowed_actions",
    "as_promised",
    "break_promise",
    "cancel",
    "cancel_fulfillment",
    "check",
    "combine",
    "decision_id",
    "end_with_cancel",
    "new_pause",
    "offer",
    "open_offer_to",
    "pause",
    "pay",
    "place",
    "promised_dates",
    "receive_supply",
    "record_delays",
    "record_pauses",
    "reject",
    "release",
    "release_missing",
    "settle",
    "split_past",
    "sum_effects",
    "take_back",
    "units_held",
    "withdraw_units",
]
