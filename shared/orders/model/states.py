"""The states of orders and fulfillments, and the reasons and actions that change them.

TRANSITIONS has the states of a fulfillment:

    ship     offered ─> accepted ─> picked ─> packed ─> shipped
    pickup   offered ─> accepted ─> picked ─> packed ─> ready ─> collected
             pick and pack may be skipped; every state before the hand-over may be rejected or
             cancelled

What carriers report of a parcel that was shipped, and how a claim ends: delivering.py.

Every state before the last has a deadline; deadlines.py acts on those that have passed. Only a
person releases picked units, never a deadline.
"""

from collections.abc import Mapping
from typing import Literal

from shared.locations.model import Method

FulfillmentState = Literal[
    "offered",
    "accepted",
    "picked",
    "packed",
    "ready",
    "shipped",
    "delivered",
    "lost",
    "returned_to_sender",
    "resent",
    "refunded",
    "collected",
    "rejected",
    "expired",
    "cancelled",
]


FulfillmentAction = Literal[
    "accept", "reject", "pick", "pack", "ship", "ready", "collect", "cancel"
]


LocationReason = Literal["not_found", "damaged", "no_capacity", "mismatch"]
"""Why a location rejects units."""


LapseReason = Literal["no_answer", "late"]
"""Why a deadline takes units from a location: it did not answer, or did not do the accepted work.
It may be asked again."""


ReleaseReason = Literal[LocationReason, LapseReason, "gone"]
"""All reasons. ``gone``: a count, or a sale over the counter, left too few units."""


Condition = Literal["sellable", "damaged"]


OrderState = Literal[
    "placed",
    "in_progress",
    "partially_fulfilled",
    "backordered",
    "exception",
    "fulfilled",
    "cancelled",
]


_ENDS: Mapping[FulfillmentAction, FulfillmentState] = {"reject": "rejected", "cancel": "cancelled"}


TRANSITIONS: Mapping[
    Method, Mapping[FulfillmentState, Mapping[FulfillmentAction, FulfillmentState]]
] = {
    "ship": {
        "offered": {"accept": "accepted", **_ENDS},
        "accepted": {"pick": "picked", "pack": "packed", "ship": "shipped", **_ENDS},
        "picked": {"pack": "packed", "ship": "shipped", **_ENDS},
        "packed": {"ship": "shipped", **_ENDS},
    },
    "pickup": {
        "offered": {"accept": "accepted", **_ENDS},
        "accepted": {"pick": "picked", "pack": "packed", "ready": "ready", **_ENDS},
        "picked": {"pack": "packed", "ready": "ready", **_ENDS},
        "packed": {"ready": "ready", **_ENDS},
        "ready": {"collect": "collected", **_ENDS},
    },
}


OPEN: tuple[FulfillmentState, ...] = ("offered", "accepted", "picked", "packed", "ready")
"""The states in which a location holds units for the order, least advanced first."""


UNPICKED: tuple[FulfillmentState, ...] = ("offered", "accepted")
"""The states in which the units wait to be picked."""


IN_HAND: frozenset[FulfillmentState] = frozenset({"picked", "packed", "ready"})
"""The states in which a person has the units in hand and only a person may release them."""


HANDED_OVER: frozenset[FulfillmentState] = frozenset(
    {"shipped", "collected", "delivered", "lost", "returned_to_sender"}
)
"""The states whose units count as fulfilled. Those of a claim count until it is resolved: units
that are resent or refunded do not."""


CLAIMED: frozenset[FulfillmentState] = frozenset({"lost", "returned_to_sender"})
"""The states in which somebody must resolve a claim."""


SubstitutionConsent = Literal["none", "ask", "allow"]
"""Whether a location may hand over another SKU instead: never, when the shopper agrees to the very
SKU, or always. What is handed over instead is never dearer."""


Resolution = Literal["resend", "refund", "found"]
"""How a claim ends. ``found``: the shopper has the parcel after all."""
