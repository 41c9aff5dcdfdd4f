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
from shared.orders.model.balancing import missing
from shared.orders.model.broken import LawBroken
from shared.orders.model.cancelling import cancel, cancel_fulfillment
from shared.orders.model.change import OrderChange, combine, sum_effects, with_fulfillment
from shared.orders.model.contacts import NO_CONTACTS, Collector, Contacts
from shared.orders.model.deadlines import act_on_deadlines
from shared.orders.model.delivering import (
    ClaimOwner,
    ReceivedUnits,
    follow_parcel,
    owner_of_claim,
    parcel_actions,
    receive_parcel,
    resolve_claim,
)
from shared.orders.model.fulfilling import (
    accept_as_rival,
    advance,
    allowed_actions,
    open_offer_to,
    reject,
    release_missing,
    withdraw_units,
)
from shared.orders.model.laws import check
from shared.orders.model.offering import extend, offer, place, promised_dates, record_delays, settle
from shared.orders.model.order import (
    NO_PAST,
    Buyer,
    Claim,
    DeliveryPlace,
    Fulfillment,
    FulfillmentLine,
    Line,
    Order,
    OrderEntry,
    Parcel,
    Past,
    Pause,
    PauseKind,
    Rejection,
    Return,
    Returned,
    ReturnLine,
    ReturnState,
    Taken,
    UnsoldUnits,
    decision_id,
    units_held,
)
from shared.orders.model.past import split_past
from shared.orders.model.pausing import (
    as_promised,
    complete,
    end_with_cancel,
    new_pause,
    pause,
    record_pauses,
    release,
)
from shared.orders.model.paying import Report, report
from shared.orders.model.payments import Payment, PaymentStatus, ReportKind, Tender
from shared.orders.model.returning import take_back
from shared.orders.model.states import (
    CLAIMED,
    HANDED_OVER,
    IN_HAND,
    OPEN,
    TRANSITIONS,
    UNPICKED,
    Condition,
    FulfillmentState,
    LocationReason,
    OrderState,
    ReleaseReason,
    Resolution,
    SubstitutionConsent,
)
from shared.orders.model.time_limits import (
    TIME_LIMITS,
)
from shared.orders.model.value import Totals, owed, placed_totals, remaining_totals

__all__ = [
    "CLAIMED",
    "HANDED_OVER",
    "IN_HAND",
    "NO_CONTACTS",
    "NO_PAST",
    "OPEN",
    "TIME_LIMITS",
    "TRANSITIONS",
    "UNPICKED",
    "Buyer",
    "Claim",
    "ClaimOwner",
    "Collector",
    "Condition",
    "Contacts",
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
    "PaymentStatus",
    "ReceivedUnits",
    "Rejection",
    "ReleaseReason",
    "Report",
    "ReportKind",
    "Resolution",
    "Return",
    "ReturnLine",
    "ReturnState",
    "Returned",
    "SubstitutionConsent",
    "Taken",
    "Tender",
    "Totals",
    "UnsoldUnits",
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
    "complete",
    "decision_id",
    "end_with_cancel",
    "extend",
    "follow_parcel",
    "missing",
    "new_pause",
    "offer",
    "open_offer_to",
    "owed",
    "owner_of_claim",
    "parcel_actions",
    "pause",
    "place",
    "placed_totals",
    "promised_dates",
    "receive_parcel",
    "receive_supply",
    "record_delays",
    "record_pauses",
    "reject",
    "release",
    "release_missing",
    "remaining_totals",
    "report",
    "resolve_claim",
    "settle",
    "split_past",
    "sum_effects",
    "take_back",
    "units_held",
    "with_fulfillment",
    "withdraw_units",
]
