"""The values of an order: lines, fulfillments, payment, history; and the states they pass.

The life of a fulfillment is the table TRANSITIONS:

    ship     offered ─> accepted ─> picked ─> packed ─> shipped
    pickup   offered ─> accepted ─> picked ─> packed ─> ready ─> collected
             pick and pack may be left out; every state before the hand-over may be rejected
             or cancelled

Every state before the last has a deadline; deadlines.py decides what follows when it has passed.
Picked units are released by a person, never by a clock."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.errors import Conflict, NotFound
from shared.locations.model import Method, ServiceLevel
from shared.stock.model.limits import NO_LIMIT, Limit

FulfillmentState = Literal[
    "offered",
    "accepted",
    "picked",
    "packed",
    "ready",
    "shipped",
    "collected",
    "rejected",
    "expired",
    "cancelled",
]


FulfillmentAction = Literal[
    "accept", "reject", "pick", "pack", "ship", "ready", "collect", "cancel"
]


LocationReason = Literal["not_found", "damaged", "no_capacity", "mismatch"]
"""What a location says of units that it does not serve."""


LapseReason = Literal["no_answer", "late"]
"""Why the units of a location are taken from it: it has not answered, or not done what it took on.
It may be asked again."""


ReleaseReason = Literal[LocationReason, LapseReason, "gone"]
"""The same, and what a count or a sale over the counter has said of them."""


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
"""The states in which somebody has the units in their hands: nothing of it is released by a clock,
only by a person."""


HANDED_OVER: frozenset[FulfillmentState] = frozenset({"shipped", "collected"})


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long each state may last before ``overdue`` acts on it."""

    work: timedelta = timedelta(hours=24)
    """From acceptance to hand-over, when the promise names no earlier instant."""
    warning: timedelta = timedelta(minutes=30)
    """Before the promise would break, the location is reminded."""
    escalate: timedelta = timedelta(hours=4)
    """Between two reminders to a location that is late; after ``patience`` it is passed over, or
    is an exception when it has picked."""
    patience: int = 4
    exception: timedelta = timedelta(days=1)
    """Between two alarms about units that are in somebody's hands, and not handed over."""
    collect: timedelta = timedelta(days=7)
    retry: timedelta = timedelta(minutes=30)
    """Between the first attempts to find stock for units that no location holds, and two reminders
    of an offer that nobody else can take."""
    restock: timedelta = timedelta(hours=6)
    """The longest between two attempts, and that for backordered units without announced supply."""
    payment: timedelta = timedelta(days=3)
    """How long an order waits for its payment."""
    give_up: timedelta = timedelta(days=2)
    give_up_backorder: timedelta = timedelta(days=30)


TIME_LIMITS = TimeLimits()


@dataclass(frozen=True, slots=True)
class Claim:
    """Backordered units that are promised of one supply: that of ``reference``, expected at a
    location by its date."""

    location_id: str
    reference: str
    quantity: int
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """What was bought. ``unit_price`` in minor units of ``currency``.

    quantity = open + fulfilled + cancelled + backordered, always (law 6). ``unassigned`` is the
    part of ``open`` that no location holds: a line with any is in exception, and ``deadline`` is
    when that is acted on next. ``since`` is when the exception or the backorder began, which ends
    when a location accepts, and not when one is asked. ``claims``
    are of backordered units; ``expected_at`` is when all of these should have come. ``excluded``
    locations have rejected units of it; ``expired`` ones have let an offer lapse or have sold the
    units meanwhile, and are asked again when the next attempt is made.
    """

    line_id: str
    sku: str
    quantity: int
    unit_price: int
    currency: str
    method: Method
    open: int
    location_id: str | None = None
    backorder: bool = False
    fulfilled: int = 0
    cancelled: int = 0
    backordered: int = 0
    returned: int = 0
    unassigned: int = 0
    excluded: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    expected_at: datetime | None = None
    since: datetime | None = None
    deadline: datetime | None = None
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class FulfillmentLine:
    """Units of one order line in one fulfillment; ``counters`` of the position count them."""

    line_id: str
    sku: str
    quantity: int
    counters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fulfillment:
    """The part of an order that one location ships or hands over."""

    fulfillment_id: str
    location_id: str
    method: Method
    state: FulfillmentState
    lines: tuple[FulfillmentLine, ...]
    offered_at: datetime
    ready_by: datetime | None = None
    deliver_by: datetime | None = None
    deadline: datetime | None = None
    escalations: int = 0
    carrier: str | None = None
    tracking: str | None = None
    rivals: tuple[str, ...] = ()
    """Who else may accept it, while it is offered."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def stuck(self) -> bool:
        """Whether its units are in somebody's hands, who has not handed them over in time: an
        exception that a person has to end."""
        patience = 0 if self.state == "ready" else TIME_LIMITS.patience
        return self.state in IN_HAND and self.escalations > patience


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """What happened. ``event`` is the name under which it leaves the system (`order.placed`)."""

    at: datetime
    event: str
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Payment:
    """``deadline`` is when an order that is still ``pending`` is given up. ``charged`` is what was
    authorized or paid, in minor units, and ``refunded`` what of it was said to be due back; charged
    is None in orders of older code, in which nothing bounds what is due back."""

    status: Literal["authorized", "paid", "pending"]
    reference: str | None = None
    deadline: datetime | None = None
    charged: int | None = None
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whose order it is; nothing for a guest. ``home`` and ``record_key`` say with which record
    of the person it came, so that it follows that record when a merge is undone."""

    profile_id: str | None = None
    home: str | None = None
    record_key: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryPlace:
    """Where parcels go: WGS84 degrees where the channel knows them."""

    postal_code: str
    country: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What lies beside an order that has grown long: so many ``entries`` of its history, all before
    those that it has; ``fulfillments`` that are closed, which have ``handed`` over so many units by
    line; in so many ``parts``."""

    entries: int = 0
    fulfillments: int = 0
    handed: Mapping[str, int] = field(default_factory=dict)
    parts: int = 0


NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class Order:
    """``version`` is the one that was read; 0 is an order that is not stored yet.

    ``decisions`` are the routings that shaped it, each re-runnable from its bytes; or its
    decision_id, when these lie beside the order (table.decision reads them). ``past`` is what of
    it lies beside the order (table.whole reads it).
    """

    order_id: str
    channel: str
    placed_at: datetime
    payment: Payment
    lines: tuple[Line, ...]
    service_level: ServiceLevel = "standard"
    buyer: Buyer = Buyer()
    ship_to: DeliveryPlace | None = None
    hold_id: str | None = None
    fulfillments: tuple[Fulfillment, ...] = ()
    history: tuple[OrderEntry, ...] = ()
    decisions: tuple[bytes | str, ...] = ()
    version: int = 0
    past: Past = NO_PAST

    @property
    def state(self) -> OrderState:
        """What is most worth knowing about the order as a whole."""
        left = sum(line.open + line.backordered for line in self.lines)
        fulfilled = any(line.fulfilled for line in self.lines)
        if not left:
            return "fulfilled" if fulfilled else "cancelled"
        if any(line.unassigned for line in self.lines) or any(f.stuck for f in self.fulfillments):
            return "exception"
        if not any(line.open for line in self.lines):
            return "backordered"
        if fulfilled:
            return "partially_fulfilled"
        begun = any(f.is_open and f.state != "offered" for f in self.fulfillments)
        return "in_progress" if begun else "placed"

    @property
    def deadline(self) -> datetime | None:
        """The earliest instant at which somebody has to act, None when all is done."""
        open_ones = [f.deadline for f in self.fulfillments if f.is_open]
        waiting = [line.deadline for line in self.lines if line.unassigned or line.backordered]
        if self.unpaid:
            waiting.append(self.payment.deadline)
        return min((at for at in (*open_ones, *waiting) if at is not None), default=None)

    @property
    def unpaid(self) -> bool:
        """Whether something of it waits to be paid before it may be given up."""
        left = any(line.open or line.backordered for line in self.lines)
        return self.payment.status == "pending" and left

    def line(self, line_id: str) -> Line:
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise NotFound(f"order {self.order_id} has no line {line_id}")

    @property
    def history_length(self) -> int:
        """Entries of its whole history."""
        return self.past.entries + len(self.history)

    @property
    def next_fulfillment_id(self) -> str:
        return f"{self.order_id}.{self.past.fulfillments + len(self.fulfillments) + 1}"

    def since(self, before: "Order | None") -> tuple[tuple[int, OrderEntry], ...]:
        """The entries that were not there ``before``, each with its number in the whole history."""
        known = before.history_length if before else 0
        numbered = enumerate(self.history, self.past.entries)
        return tuple((number, entry) for number, entry in numbered if number >= known)

    def fulfillment(self, fulfillment_id: str) -> Fulfillment:
        """Raises NotFound, and Conflict for one that was closed long ago."""
        for found in self.fulfillments:
            if found.fulfillment_id == fulfillment_id:
                return found
        number = fulfillment_id.removeprefix(f"{self.order_id}.")
        made = self.past.fulfillments + len(self.fulfillments)
        if self.past.fulfillments and number.isdecimal() and 0 < int(number) <= made:
            raise Conflict(f"{fulfillment_id} is closed")
        raise NotFound(f"there is no fulfillment {fulfillment_id}")


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of a line to be taken at a location, within the ``limit`` of the order's channel."""

    line_id: str
    quantity: int
    limit: Limit = NO_LIMIT


@dataclass(frozen=True, slots=True)
class Parcel:
    """One location's part of a plan. ``answer_by`` is when it must have accepted."""

    location_id: str
    method: Method
    lines: tuple[Taken, ...]
    answer_by: datetime
    ready_by: datetime | None = None
    deliver_by: datetime | None = None
    rivals: tuple[str, ...] = ()
    accepted: bool = False
    """The location accepts by itself whatever it is offered."""


@dataclass(frozen=True, slots=True)
class Rejection:
    line_id: str
    quantity: int
    reason: ReleaseReason


@dataclass(frozen=True, slots=True)
class Returned:
    line_id: str
    quantity: int
    condition: Condition
    reason: str


def decision_id(kept: bytes | str) -> str:
    return kept if isinstance(kept, str) else hashlib.sha256(kept).hexdigest()[:16]


def units_held(fulfillments: Iterable[Fulfillment]) -> Counter[tuple[str, str]]:
    """Units that are reserved for an order, by (SKU, location)."""
    units: Counter[tuple[str, str]] = Counter()
    for found in fulfillments:
        if found.is_open:
            for part in found.lines:
                units[part.sku, found.location_id] += part.quantity
    return units
