"""An order, and everything that may happen to it. Pure: values and instants in, values out.

One document is an order's whole truth: its lines, its fulfillments, its history. Each function
takes the order as it stands and returns a Change: the order afterwards, and what that does to
stock positions. The table writes both in one transaction or neither.

    place ──> offer ──> act, reject, hand over ──> settle ──> commit
                ^                  │
                └── route again <──┘   units that nobody holds are `unassigned` in between

The life of a fulfillment is the table TRANSITIONS, and nothing else:

    ship     offered ─> accepted ─> picked ─> packed ─> shipped
    pickup   offered ─> accepted ─> picked ─> packed ─> ready ─> collected
             pick and pack may be left out; every state before the hand-over may be rejected
             or cancelled

Every state before the last has a deadline, and ``overdue`` says what follows when it has passed.
What is picked is released by a person and by no clock.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from shared.errors import Conflict, InvalidRequest, InvalidTransition, NotFound
from shared.instants import rfc3339
from shared.locations.model import ServiceLevel
from shared.stock import model as stock
from shared.stock.limits import FREE, Limit
from shared.stock.model import Effect, Supplied, released, take

Method = Literal["ship", "pickup"]
State = Literal[
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
Action = Literal["accept", "reject", "pick", "pack", "ship", "ready", "collect", "cancel"]
Told = Literal["not_found", "damaged", "no_capacity", "mismatch"]
"""What a location says of units that it does not serve."""
Lapse = Literal["no_answer", "late"]
"""Why the units of a location are taken from it: it has not answered, or not done what it took on.
It may be asked again."""
Reason = Literal[Told, Lapse, "gone"]
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

_ENDS: Mapping[Action, State] = {"reject": "rejected", "cancel": "cancelled"}

TRANSITIONS: Mapping[Method, Mapping[State, Mapping[Action, State]]] = {
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
OPEN: tuple[State, ...] = ("offered", "accepted", "picked", "packed", "ready")
"""The states in which a location holds units for the order, least advanced first."""
UNPICKED: tuple[State, ...] = ("offered", "accepted")
"""The states in which the units wait to be picked."""
IN_HAND: frozenset[State] = frozenset({"picked", "packed", "ready"})
"""The states in which somebody has the units in their hands: nothing of it is released by a clock,
only by a person."""
HANDED_OVER: frozenset[State] = frozenset({"shipped", "collected"})


@dataclass(frozen=True, slots=True)
class Terms:
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


TERMS = Terms()


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
class Held:
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
    state: State
    lines: tuple[Held, ...]
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
        patience = 0 if self.state == "ready" else TERMS.patience
        return self.state in IN_HAND and self.escalations > patience


@dataclass(frozen=True, slots=True)
class Entry:
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
class Place:
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
    ship_to: Place | None = None
    hold_id: str | None = None
    fulfillments: tuple[Fulfillment, ...] = ()
    history: tuple[Entry, ...] = ()
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
    def told(self) -> int:
        """Entries of its whole history."""
        return self.past.entries + len(self.history)

    @property
    def next_fulfillment_id(self) -> str:
        return f"{self.order_id}.{self.past.fulfillments + len(self.fulfillments) + 1}"

    def since(self, before: "Order | None") -> tuple[tuple[int, Entry], ...]:
        """The entries that were not there ``before``, each with its number in the whole history."""
        known = before.told if before else 0
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
class Change:
    """``order`` as it is to be stored, and what that does to stock, one Effect per position."""

    order: Order
    effects: tuple[Effect, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of a line to be taken at a location, within the ``limit`` of the order's channel."""

    line_id: str
    quantity: int
    limit: Limit = FREE


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
    reason: Reason


@dataclass(frozen=True, slots=True)
class Returned:
    line_id: str
    quantity: int
    condition: Condition
    reason: str


def decision_id(kept: bytes | str) -> str:
    return kept if isinstance(kept, str) else hashlib.sha256(kept).hexdigest()[:16]


class LawBroken(AssertionError):
    """An order that does not conserve its units: a fault of ours, never stored."""


# ----------------------------------------------------------------------------- placing and offering


def place(order: Order, now: datetime, actor: str, terms: Terms = TERMS) -> Change:
    """A new order whose units nobody holds yet."""
    lines = tuple(
        replace(line, open=line.quantity, unassigned=line.quantity) for line in order.lines
    )
    payment = order.payment
    if payment.status == "pending":
        payment = replace(payment, deadline=now + terms.payment)
    elif payment.charged is None:
        payment = replace(payment, charged=_worth(lines))
    placed = Entry(now, "order.placed", actor, {"channel": order.channel})
    new = replace(order, payment=payment, lines=lines, history=(placed,))
    return Change(new, cause="order.placed")


def pay(
    order: Order,
    status: Literal["authorized", "paid"],
    reference: str | None,
    now: datetime,
    actor: str,
    amount: int | None = None,
) -> Change:
    """The payment that the order waited for. ``amount`` is what was charged, in minor units: what
    is left of the order when it is None. Of more than that the rest is due back.

    Raises InvalidTransition when it is further already.
    """
    before = order.payment
    steps = {"pending": ["authorized", "paid"], "authorized": ["paid"], "paid": []}
    if status not in steps[before.status]:
        raise InvalidTransition(status, before.status, steps[before.status])
    owed = _worth(order.lines, gone=True)
    charged = before.charged
    if before.status == "pending":
        charged = owed if amount is None else amount
    elif amount is not None:
        charged = max(amount, charged or 0)
    paid = Payment(status, reference or before.reference, None, charged, before.refunded)
    order = replace(order, payment=paid)
    detail: dict[str, Any] = {"status": status}
    if paid.reference is not None:
        detail["reference"] = paid.reference
    if charged is not None:
        detail["charged"] = {"amount": charged, "currency": order.lines[0].currency}
    order = _noted(order, now, "payment.received", actor, detail)
    if before.status == "pending" and amount is not None and amount > owed:
        order = _due_back(order, amount - owed, now, "more was charged than is left of the order")
    return Change(order, cause="payment.received")


def _worth(lines: Iterable[Line], *, gone: bool = False) -> int:
    """In minor units; with ``gone`` without what is cancelled or has come back."""
    return sum(
        line.unit_price * (line.quantity - (line.cancelled + line.returned if gone else 0))
        for line in lines
    )


def offer(
    change: Change, parcels: Iterable[Parcel], now: datetime, *, reserve: bool = True
) -> Change:
    """Unassigned units become fulfillments, each offered to its location, or accepted by it.

    With ``reserve`` the units are reserved; without, a hold has already reserved them.
    """
    order = change.order
    effects: list[Effect] = []
    accepted: list[str] = []
    for parcel in parcels:
        fulfillment = Fulfillment(
            fulfillment_id=order.next_fulfillment_id,
            location_id=parcel.location_id,
            method=parcel.method,
            state="offered",
            lines=tuple(
                Held(
                    taken.line_id,
                    order.line(taken.line_id).sku,
                    taken.quantity,
                    taken.limit.counters,
                )
                for taken in parcel.lines
            ),
            offered_at=now,
            ready_by=parcel.ready_by,
            deliver_by=parcel.deliver_by,
            deadline=parcel.answer_by,
            rivals=parcel.rivals,
        )
        for taken in parcel.lines:
            line = order.line(taken.line_id)
            order = _with_line(order, replace(line, unassigned=line.unassigned - taken.quantity))
            if reserve:
                effects.append(take(taken.limit, line.sku, parcel.location_id, taken.quantity))
        order = replace(order, fulfillments=(*order.fulfillments, fulfillment))
        dates = {"ready_by": fulfillment.ready_by, "deliver_by": fulfillment.deliver_by}
        detail = _detail(fulfillment) | {name: rfc3339(at) for name, at in dates.items() if at}
        order = _noted(order, now, "fulfillment.offered", "router", detail)
        if parcel.accepted:
            accepted.append(fulfillment.fulfillment_id)
    for fulfillment_id in accepted:
        order = act(order, fulfillment_id, "accept", now, "router").order
    return _also(change, order, effects)


def settle(
    change: Change,
    now: datetime,
    terms: Terms = TERMS,
    expected: Mapping[str, datetime] | None = None,
    claims: Mapping[str, Sequence[Claim]] | None = None,
) -> Change:
    """What is still unassigned gets an owner: it is backordered where the line allows that, or an
    exception with a deadline. ``claims`` are the supplies that it is promised of, by line;
    ``expected`` says by line without any when supply arrives. Another date than the one that was
    promised is told.
    """
    order = change.order
    for line in order.lines:
        if line.backordered or (line.backorder and line.unassigned):
            found = _waiting(line, (claims or {}).get(line.line_id, ()), expected or {}, now, terms)
            if line.unassigned and line.deadline is None:
                order = _noted(order, now, "order.backordered", "router", _units(line))
            elif found.expected_at != line.expected_at:
                order = _noted(order, now, "order.repromised", "router", _dates(line, found))
        elif not line.unassigned:
            found = replace(line, deadline=None)
        else:
            since = line.since or now
            found = replace(line, since=since, deadline=now + _until_next(now - since, terms))
            if line.deadline is None:
                order = _noted(order, now, "order.exception", "router", _units(line))
        order = _with_line(order, found)
    return replace(change, order=order)


def _until_next(waited: timedelta, terms: Terms) -> timedelta:
    """Between two attempts to find stock: longer the longer it has been looked for."""
    return min(max(terms.retry, waited / 8), terms.restock)


def retold(before: Order, change: Change, now: datetime) -> Change:
    """With word of each line whose units will arrive, or be ready, later than was told."""
    order = change.order
    told, held = promised(before.fulfillments), promised(order.fulfillments)
    for line in order.lines:
        was, at = told.get(line.line_id), held.get(line.line_id)
        if was is not None and at is not None and at > was:
            detail = {
                "line_id": line.line_id,
                "sku": line.sku,
                "quantity": line.open,
                "expected_at": rfc3339(at),
                "was": rfc3339(was),
            }
            order = _noted(order, now, "order.repromised", "router", detail)
    return replace(change, order=order)


def promised(parts: Iterable[Fulfillment]) -> dict[str, datetime]:
    """By line, when the last of what locations hold of it arrives, or lies ready."""
    found: dict[str, datetime] = {}
    for part in parts:
        at = part.deliver_by if part.method == "ship" else part.ready_by
        if part.is_open and at is not None:
            for held in part.lines:
                found[held.line_id] = max(at, found.get(held.line_id, at))
    return found


def _waiting(
    line: Line,
    claims: Sequence[Claim],
    expected: Mapping[str, datetime],
    now: datetime,
    terms: Terms,
) -> Line:
    """``line`` with its unassigned units backordered, and with more ``claims``."""
    if not (line.unassigned or line.claims):
        return line
    merged: dict[tuple[str, str], Claim] = {}
    for claim in (*line.claims, *claims):
        key = claim.location_id, claim.reference
        units = merged[key].quantity if key in merged else 0
        merged[key] = replace(claim, quantity=claim.quantity + units)
    backordered = line.backordered + line.unassigned
    due = _due_of(merged.values(), backordered) if merged else expected.get(line.line_id)
    found = replace(
        line,
        open=line.open - line.unassigned,
        backordered=backordered,
        unassigned=0,
        expected_at=due,
        since=line.since or now,
        claims=tuple(claim for _, claim in sorted(merged.items())),
    )
    if not line.unassigned and due == line.expected_at:
        return found
    return replace(found, deadline=due if due and due > now else now + terms.restock)


def _due_of(claims: Collection[Claim], units: int) -> datetime | None:
    """When all of ``units`` should have come; None when not all are promised of a supply."""
    if not claims or sum(claim.quantity for claim in claims) < units:
        return None
    return max(claim.expected_at for claim in claims)


def _dates(line: Line, found: Line) -> dict[str, Any]:
    told = {
        "line_id": line.line_id,
        "sku": line.sku,
        "quantity": found.backordered,
        "expected_at": found.expected_at,
        "was": line.expected_at,
    }
    return {name: value for name, value in told.items() if value is not None}


def land(order: Order, line_id: str, reference: str, units: int, parcel: Parcel) -> Change:
    """``units`` of a supply have come, and are reserved where ``parcel`` is to begin: they are the
    line's now."""
    line = order.line(line_id)
    place = parcel.location_id, reference
    order = _with_line(
        order,
        replace(
            line,
            open=line.open + units,
            unassigned=line.unassigned + units,
            backordered=line.backordered - units,
            claims=_less_claimed(line.claims, {place: units}),
        ),
    )
    taken = Supplied(reference, landed=-units)
    effect = Effect(line.sku, parcel.location_id, 0, 0, supply=(taken,))
    return Change(order, (effect,), cause="order.filled")


def unpromise(order: Order, line_id: str, location_id: str, reference: str, units: int) -> Change:
    """The promise of ``units`` of a supply is broken: they are free to be routed, or promised of
    another."""
    line = order.line(line_id)
    freed = replace(
        line,
        open=line.open + units,
        unassigned=line.unassigned + units,
        backordered=line.backordered - units,
        excluded=(),
        expired=(),
        claims=_less_claimed(line.claims, {(location_id, reference): units}),
    )
    return Change(_with_line(order, freed), cause="order.repromised")


def _less_claimed(
    claims: Iterable[Claim], units: Mapping[tuple[str, str], int]
) -> tuple[Claim, ...]:
    left = (
        replace(
            claim,
            quantity=claim.quantity - units.get((claim.location_id, claim.reference), 0),
        )
        for claim in claims
    )
    return tuple(claim for claim in left if claim.quantity > 0)


def _within(claims: Iterable[Claim], units: int) -> tuple[Claim, ...]:
    """Claims of at most ``units``: the latest are given up first."""
    kept = []
    for claim in sorted(claims, key=lambda claim: claim.expected_at):
        if taken := min(units, claim.quantity):
            kept.append(replace(claim, quantity=taken))
            units -= taken
    return tuple(sorted(kept, key=lambda claim: (claim.location_id, claim.reference)))


# ---------------------------------------------------------------------------------- fulfillments


def act(
    order: Order,
    fulfillment_id: str,
    action: Literal["accept", "pick", "pack", "ready", "ship", "collect"],
    now: datetime,
    actor: str,
    *,
    units: Mapping[str, int] | None = None,
    carrier: str | None = None,
    tracking: str | None = None,
    terms: Terms = TERMS,
) -> Change:
    """One step forward. A hand-over of fewer ``units`` (by line) leaves the rest where it was.

    Raises InvalidTransition, with what the state allows; Conflict for a hand-over of what nobody
    has paid, or is bound to pay.
    """
    found = order.fulfillment(fulfillment_id)
    state = _next(found, action)
    if state in HANDED_OVER and order.payment.status == "pending":
        raise Conflict(
            f"order {order.order_id} waits to be paid: nothing of it is handed over",
            payment=order.payment.status,
        )
    if units is not None and state in HANDED_OVER:
        order = _split(order, found, units)
        found = order.fulfillment(fulfillment_id)
    moved = replace(
        found,
        state=state,
        deadline=_deadline(found, state, now, terms),
        escalations=0,
        carrier=carrier or found.carrier,
        tracking=tracking or found.tracking,
        rivals=(),
    )
    order = _with_fulfillment(order, moved)
    if action == "accept":
        order = _served(order, moved)
    effects: list[Effect] = []
    if state in HANDED_OVER:
        for held in found.lines:
            line = order.line(held.line_id)
            order = _with_line(
                order,
                replace(
                    line,
                    open=line.open - held.quantity,
                    fulfilled=line.fulfilled + held.quantity,
                ),
            )
            effects.append(Effect(held.sku, found.location_id, -held.quantity, -held.quantity))
    event = f"fulfillment.{state}"
    order = _noted(order, now, event, actor, _detail(moved))
    return _also(Change(order, cause=event), order, effects)


def _served(order: Order, accepted: Fulfillment) -> Order:
    """The lines of which all units are with somebody have waited to the end."""
    for held in accepted.lines:
        line = order.line(held.line_id)
        if not line.unassigned and not line.backordered:
            order = _with_line(order, replace(line, since=None))
    return order


def asked(order: Order, fulfillment_id: str, location_id: str) -> Fulfillment:
    """What the location is asked to accept.

    Raises InvalidTransition when somebody was faster, Conflict when it was not asked.
    """
    found = order.fulfillment(fulfillment_id)
    _next(found, "accept")
    if location_id not in (found.location_id, *found.rivals):
        raise Conflict(
            f"{fulfillment_id} was not offered to {location_id}",
            offered_to=[found.location_id, *found.rivals],
        )
    return found


def claim(
    order: Order,
    fulfillment_id: str,
    location_id: str,
    taken: Sequence[Taken],
    now: datetime,
    actor: str,
    terms: Terms = TERMS,
) -> Change:
    """A rival accepts: its own units are reserved instead of those of whom it was offered to. What
    was promised to the shopper stays.

    Raises InvalidTransition when somebody was faster, Conflict when it was not asked.
    """
    found = asked(order, fulfillment_id, location_id)
    effects = [
        released(held.sku, found.location_id, held.quantity, held.counters) for held in found.lines
    ]
    skus = {held.line_id: held.sku for held in found.lines}
    lines = tuple(
        Held(one.line_id, skus[one.line_id], one.quantity, one.limit.counters) for one in taken
    )
    effects += [take(one.limit, skus[one.line_id], location_id, one.quantity) for one in taken]
    moved = replace(found, location_id=location_id, lines=lines)
    accepted = act(
        _with_fulfillment(order, moved), fulfillment_id, "accept", now, actor, terms=terms
    )
    return _also(accepted, accepted.order, effects)


def withdraw(
    order: Order, units: Mapping[str, Mapping[str, int]], now: datetime, actor: str
) -> Change:
    """``units``, by fulfillment and line, are taken back, and free to be routed elsewhere. What a
    location keeps stays in its state, with its dates."""
    change = Change(order, cause="fulfillment.withdrawn")
    for fulfillment_id, taken in units.items():
        found = change.order.fulfillment(fulfillment_id)
        _next(found, "cancel")
        kept = _less(found, taken)
        moved = (
            replace(found, lines=kept)
            if kept
            else replace(found, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        taken_back = _with_fulfillment(change.order, moved)
        counted = {held.line_id: held for held in found.lines}
        gone = [replace(counted[name], quantity=quantity) for name, quantity in taken.items()]
        for held in gone:
            line = taken_back.line(held.line_id)
            taken_back = _with_line(
                taken_back, replace(line, unassigned=line.unassigned + held.quantity)
            )
        told = _detail(replace(found, lines=tuple(gone)))
        taken_back = _noted(taken_back, now, "fulfillment.withdrawn", actor, told)
        effects = (
            released(held.sku, found.location_id, held.quantity, held.counters) for held in gone
        )
        change = _also(change, taken_back, effects)
    return change


def reject(
    order: Order,
    fulfillment_id: str,
    rejections: Sequence[Rejection],
    shelf: Mapping[tuple[str, str], int],
    *,
    now: datetime,
    actor: str,
    event: str = "fulfillment.rejected",
) -> Change:
    """A location does not serve some units; they are unassigned and not offered to it again, or
    not at once when its offer has only lapsed.

    What it says corrects its stock, by the units of this order and no others: one order says
    nothing of what others may still find. ``shelf`` is the available count by (sku, location_id) as
    the system believes it: where units are not found beside others that should be there, the
    location is asked to count them (`stock.count_requested`).

        not_found     on_hand -units, reserved -units
        damaged       on_hand -units, reserved -units, damaged +units
        mismatch      on_hand -units, reserved -units
        no_capacity   reserved -units
        no_answer     reserved -units; it may be asked again with the next attempt
        late          reserved -units; the same
        gone          reserved -units; the same: more may have come by then. Asked at once it
                      would get just the units that it is to be rid of
    """
    found = order.fulfillment(fulfillment_id)
    _next(found, "reject")
    units: Counter[str] = Counter()
    for rejection in rejections:
        units[rejection.line_id] += rejection.quantity
    lapsed = {row.line_id for row in rejections if row.reason in get_args(Lapse)}
    later = lapsed | {row.line_id for row in rejections if row.reason == "gone"}
    kept = _less(found, units)
    held_by = {held.line_id: held for held in found.lines}
    effects = [
        _correction(held_by[rejection.line_id], found.location_id, rejection)
        for rejection in rejections
    ]
    for line_id, quantity in units.items():
        line = order.line(line_id)
        here = {found.location_id}
        excluded = {*line.excluded, *(() if line_id in later else here)}
        expired = {*line.expired, *(here if line_id in later else ())}
        order = _with_line(
            order,
            replace(
                line,
                unassigned=line.unassigned + quantity,
                excluded=tuple(sorted(excluded)),
                expired=tuple(sorted(expired)),
            ),
        )
    moved = (
        replace(found, lines=kept)
        if kept
        else replace(
            found,
            state="expired" if lapsed else "rejected",
            deadline=None,
            escalations=0,
            rivals=(),
        )
    )
    order = _with_fulfillment(order, moved)
    detail = {
        "fulfillment_id": fulfillment_id,
        "location_id": found.location_id,
        "lines": [
            {"line_id": r.line_id, "quantity": r.quantity, "reason": r.reason} for r in rejections
        ],
    }
    order = _noted(order, now, event, actor, detail)
    missing: Counter[str] = Counter()
    for rejection in rejections:
        if rejection.reason == "not_found":
            missing[held_by[rejection.line_id].sku] += rejection.quantity
    for sku, quantity in missing.items():
        if (believed := shelf.get((sku, found.location_id), 0)) > 0:
            asked = {
                "fulfillment_id": fulfillment_id,
                "location_id": found.location_id,
                "sku": sku,
                "not_found": quantity,
                "believed": believed,
            }
            order = _noted(order, now, "stock.count_requested", actor, asked)
    return _also(Change(order, cause=event), order, effects)


def fall_short(
    order: Order, fulfillment_id: str, sku: str, units: int, now: datetime
) -> Change | None:
    """``units`` of ``sku`` at the location are promised and not there: what it has not picked of
    them is to come from elsewhere. None when it has picked, or holds none of them."""
    found = order.fulfillment(fulfillment_id)
    if found.state not in UNPICKED:
        return None
    rows = []
    for held in found.lines:
        if held.sku == sku and (taken := min(units, held.quantity)):
            rows.append(Rejection(held.line_id, taken, "gone"))
            units -= taken
    if not rows:
        return None
    event = "fulfillment.short"
    return reject(order, fulfillment_id, rows, {}, now=now, actor="norain", event=event)


def cancel_fulfillment(
    order: Order, fulfillment_id: str, reason: str, now: datetime, actor: str
) -> Change:
    """Its units are released and cancelled: the shopper does not get them."""
    found = order.fulfillment(fulfillment_id)
    _next(found, "cancel")
    units = Counter({held.line_id: held.quantity for held in found.lines})
    return _cancelled(order, Counter(), [(found, units)], reason, now=now, actor=actor)


# -------------------------------------------------------------------- cancelling and taking back


def cancel(
    order: Order,
    wanted: Mapping[str, int] | None,
    reason: str,
    now: datetime,
    actor: str,
) -> Change:
    """Units by line, or everything that has not been handed over.

    Those that nobody works on go first: unassigned, backordered, then the fulfillments from the
    least to the most advanced.

    Raises InvalidTransition when nothing can be cancelled any more, Conflict when less can.
    """
    possible = {line.line_id: line.open + line.backordered for line in order.lines}
    if not any(possible.values()):
        raise InvalidTransition("cancel", order.state, [])
    asked = Counter(possible if wanted is None else wanted)
    for line_id, quantity in asked.items():
        order.line(line_id)
        if quantity > possible[line_id]:
            raise Conflict(
                f"of line {line_id} {possible[line_id]} can still be cancelled",
                line_id=line_id,
                cancellable=possible[line_id],
            )
    loose: Counter[str] = Counter()
    for line in order.lines:
        taken = min(asked[line.line_id], line.unassigned + line.backordered)
        loose[line.line_id] = taken
        asked[line.line_id] -= taken
    parts: list[tuple[Fulfillment, Counter[str]]] = []
    for found in sorted(
        (f for f in order.fulfillments if f.is_open), key=lambda f: OPEN.index(f.state)
    ):
        units = Counter({held.line_id: held.quantity for held in found.lines}) & asked
        if units:
            asked -= units
            parts.append((found, units))
    return _cancelled(order, +loose, parts, reason, now=now, actor=actor)


def take_back(
    order: Order,
    location_id: str,
    returns: Sequence[Returned],
    now: datetime,
    actor: str,
    exchange_order_id: str | None = None,
) -> Change:
    """Units come back at any location: sellable ones are on sale there at once. The refund names
    the order of what the shopper takes instead.

    Raises Conflict when more comes back than was handed over.
    """
    effects: list[Effect] = []
    for entry in returns:
        line = order.line(entry.line_id)
        possible = line.fulfilled - line.returned
        if entry.quantity > possible:
            raise Conflict(
                f"of line {entry.line_id} {possible} can be returned",
                line_id=entry.line_id,
                returnable=possible,
            )
        order = _with_line(order, replace(line, returned=line.returned + entry.quantity))
        sellable = entry.quantity if entry.condition == "sellable" else 0
        effects.append(
            Effect(line.sku, location_id, sellable, 0, damaged=entry.quantity - sellable)
        )
    detail = {
        "location_id": location_id,
        "lines": [
            {
                "line_id": entry.line_id,
                "quantity": entry.quantity,
                "condition": entry.condition,
                "reason": entry.reason,
            }
            for entry in returns
        ],
    }
    order = _noted(order, now, "return.received", actor, detail)
    units = Counter[str]()
    for entry in returns:
        units[entry.line_id] += entry.quantity
    order = _refund(order, units, now, "returned", exchange_order_id)
    return _also(Change(order, cause="return.received"), order, effects)


# ------------------------------------------------------------------------------------------ time


Opened = Callable[[str, datetime, timedelta], datetime]
"""The instant at which a location, by its id, has been open for so long since then."""


def always(_: str, at: datetime, passes: timedelta) -> datetime:
    """Of locations that never close."""
    return at + passes


def overdue(
    order: Order, now: datetime, terms: Terms = TERMS, opened: Opened = always
) -> Change | None:
    """What follows from the deadlines that have passed; None when none has.

    Reminders count the time that a location has been open. An offer without an answer goes
    elsewhere, unless the shopper collects there: then the location is reminded, as one that is late
    or about to be, and passed over when that does not help. What is picked stays with who has it:
    after the reminders, and when it is not collected or never paid, it is an exception, and
    somebody is told again and again. Units that nobody holds are free to be routed once more, and
    are given up, with a refund due, when that has gone on for too long. What is never paid is
    cancelled. Of a long order some lines are acted on at a time: the others are still due then.
    """
    left = MOST_AT_ONCE
    if order.unpaid and _due(order.payment.deadline, now):
        return _never_paid(order, now, terms)
    change = Change(order, cause="order.overdue")
    for found in order.fulfillments:
        if left > 0 and found.is_open and _due(found.deadline, now):
            change = _overdue_fulfillment(change, found, now, terms, opened)
            left -= len(found.lines)
    for line in order.lines:
        if left > 0 and _due(line.deadline, now) and (line.unassigned or line.backordered):
            change = _overdue_line(change, line.line_id, now, terms)
            left -= 1
    return None if change.order is order else change


def _never_paid(order: Order, now: datetime, terms: Terms) -> Change:
    in_hand = [found for found in order.fulfillments if found.state in IN_HAND]
    waiting = Counter({line.line_id: line.open + line.backordered for line in order.lines})
    for found in in_hand:
        waiting.subtract({held.line_id: held.quantity for held in found.lines})
    if some := dict(list((+waiting).items())[:MOST_AT_ONCE]):
        return cancel(order, some, "not paid", now, "sweep")
    for found in in_hand:
        stuck = replace(found, escalations=max(found.escalations, terms.patience + 1))
        order = _with_fulfillment(order, stuck)
        order = _noted(order, now, "fulfillment.exception", "sweep", _detail(stuck))
    payment = replace(order.payment, deadline=now + terms.exception)
    return Change(replace(order, payment=payment), cause="order.overdue")


MOST_AT_ONCE = 16
"""Lines that are routed again in one transaction: each may come from four places then."""


def _due(deadline: datetime | None, now: datetime) -> bool:
    return deadline is not None and deadline <= now


def _overdue_fulfillment(
    change: Change, found: Fulfillment, now: datetime, terms: Terms, opened: Opened
) -> Change:
    order = change.order
    fulfillment_id = found.fulfillment_id
    if found.state in IN_HAND:
        return replace(change, order=_still_in_hand(order, found, now, terms, opened))
    alone = found.state == "offered" and found.method == "pickup"
    if (found.state == "offered" and not alone) or found.escalations >= terms.patience:
        why: Lapse = "no_answer" if found.state == "offered" else "late"
        all_of_it = [Rejection(held.line_id, held.quantity, why) for held in found.lines]
        event = "fulfillment.expired"
        return joined(
            change,
            reject(order, fulfillment_id, all_of_it, {}, now=now, actor="sweep", event=event),
        )
    again = opened(found.location_id, now, terms.retry if alone else terms.escalate)
    if not alone and found.ready_by is not None and found.ready_by > now:
        again = found.ready_by
    late = replace(found, deadline=again, escalations=found.escalations + 1)
    order = _with_fulfillment(order, late)
    order = _noted(order, now, "fulfillment.late", "sweep", _detail(late))
    return replace(change, order=order)


def _still_in_hand(
    order: Order, found: Fulfillment, now: datetime, terms: Terms, opened: Opened
) -> Order:
    late = replace(found, escalations=found.escalations + 1)
    again = now + terms.exception
    if not late.stuck:
        again = opened(found.location_id, now, terms.escalate)
    if not late.stuck and found.ready_by is not None and found.ready_by > now:
        again = found.ready_by
    order = _with_fulfillment(order, replace(late, deadline=again))
    event = "fulfillment.exception" if late.stuck else "fulfillment.late"
    return _noted(order, now, event, "sweep", _detail(late))


def _overdue_line(change: Change, line_id: str, now: datetime, terms: Terms) -> Change:
    order = change.order
    line = order.line(line_id)
    # Who was only silent may have the units: that is looked into for as long as a backorder.
    longer = line.backordered or line.expired
    patience = terms.give_up_backorder if longer else terms.give_up
    waited = max(filter(None, (line.since, line.expected_at)), default=None)
    if waited is not None and waited + patience <= now:
        units = Counter({line_id: line.unassigned + line.backordered})
        return joined(change, _cancelled(order, units, [], "not available", now=now, actor="sweep"))
    freed = replace(
        line,
        open=line.open + line.backordered,
        unassigned=line.unassigned + line.backordered,
        backordered=0,
        # Who waits for a supply, and who collects, has nobody else to ask.
        excluded=() if line.backordered or line.method == "pickup" else line.excluded,
        expired=(),
        claims=(),
    )
    return replace(change, order=_with_line(order, freed))


# ------------------------------------------------------------------------------------------ laws


def check(order: Order) -> None:
    """Law 6: no unit of an order is made or lost. Raises LawBroken."""
    held: Counter[str] = Counter()
    handed: Counter[str] = Counter(order.past.handed)
    for found in order.fulfillments:
        into = held if found.is_open else handed if found.state in HANDED_OVER else None
        for part in found.lines:
            if into is not None:
                into[part.line_id] += part.quantity
    for line in order.lines:
        parts = (line.open, line.fulfilled, line.cancelled, line.backordered)
        unowned = (line.unassigned or line.backordered) and line.deadline is None
        if (
            sum(parts) != line.quantity
            or min(*parts, line.unassigned, line.returned) < 0
            or line.open != held[line.line_id] + line.unassigned
            or line.fulfilled != handed[line.line_id]
            or line.returned > line.fulfilled
            or sum(claim.quantity for claim in line.claims) > line.backordered
            or unowned
        ):
            raise LawBroken(f"order {order.order_id}, line {line.line_id}: {line}")
    for found in order.fulfillments:
        if found.is_open and (found.deadline is None or not found.lines):
            raise LawBroken(f"fulfillment {found.fulfillment_id} is owned by nobody")
    if order.unpaid and order.payment.deadline is None:
        raise LawBroken(f"the payment of order {order.order_id} is owned by nobody")


KEPT_ENTRIES = 20
"""Of the history, at least, when the rest moves beside the order."""


def outgrown(before: Order, order: Order) -> tuple[Order, Order]:
    """The order without what is closed, and that: with nothing in it but the entries of its history
    and the fulfillments. What this change has added or closed stays, so that whoever follows the
    changes of the document sees it."""
    new = order.told - before.told
    kept = max(KEPT_ENTRIES, new)
    old = {found.fulfillment_id: found for found in before.fulfillments}
    gone = [
        found
        for found in order.fulfillments
        if not found.is_open and old.get(found.fulfillment_id) == found
    ]
    names = {found.fulfillment_id for found in gone}
    left = tuple(one for one in order.fulfillments if one.fulfillment_id not in names)
    entries = order.history[: max(0, len(order.history) - kept)]
    handed = Counter(order.past.handed)
    for found in gone:
        if found.state in HANDED_OVER:
            handed.update({held.line_id: held.quantity for held in found.lines})
    past = Past(
        order.past.entries + len(entries),
        order.past.fulfillments + len(gone),
        dict(sorted(handed.items())),
        order.past.parts + 1,
    )
    shorter = replace(order, fulfillments=left, history=order.history[len(entries) :], past=past)
    return shorter, replace(order, fulfillments=tuple(gone), history=entries)


def units_held(fulfillments: Iterable[Fulfillment]) -> Counter[tuple[str, str]]:
    """Units that are reserved for an order, by (SKU, location)."""
    units: Counter[tuple[str, str]] = Counter()
    for found in fulfillments:
        if found.is_open:
            for part in found.lines:
                units[part.sku, found.location_id] += part.quantity
    return units


def summed(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """One Effect per position, in the order of positions; what cancels out is left away.

    A floor is kept only where the sum takes from what is available.
    """
    return tuple(
        effect if effect.reserved > effect.on_hand else effect.unconditional()
        for effect in stock.summed(effects)
    )


# ----------------------------------------------------------------------------------------- parts


def allowed(found: Fulfillment) -> tuple[Action, ...]:
    return tuple(sorted(TRANSITIONS[found.method].get(found.state, {})))


def _next(found: Fulfillment, action: Action) -> State:
    to = TRANSITIONS[found.method].get(found.state, {}).get(action)
    if to is None:
        raise InvalidTransition(action, found.state, allowed(found))
    return to


def _deadline(found: Fulfillment, state: State, now: datetime, terms: Terms) -> datetime | None:
    if state in HANDED_OVER:
        return None
    if state == "ready":
        return now + terms.collect
    if found.ready_by is not None and found.ready_by > now:
        warned = found.ready_by - terms.warning
        return warned if warned > now else found.ready_by
    return now + terms.work


def _correction(held: Held, location_id: str, rejection: Rejection) -> Effect:
    units = rejection.quantity
    back = released(held.sku, location_id, units, held.counters)
    match rejection.reason:
        case "no_capacity" | "no_answer" | "late" | "gone":
            return back
        case "damaged":
            return replace(back, on_hand=-units, damaged=units)
        case "not_found" | "mismatch":
            return replace(back, on_hand=-units)


def _cancelled(
    order: Order,
    loose: Mapping[str, int],
    parts: Iterable[tuple[Fulfillment, Mapping[str, int]]],
    reason: str,
    *,
    now: datetime,
    actor: str,
) -> Change:
    """``loose`` units are held by nobody; ``parts`` are units of fulfillments, to be released."""
    effects: list[Effect] = []
    total: Counter[str] = Counter()
    for line_id, quantity in loose.items():
        line = order.line(line_id)
        unassigned = min(quantity, line.unassigned)
        order = _with_line(
            order,
            replace(
                line,
                open=line.open - unassigned,
                unassigned=line.unassigned - unassigned,
                backordered=line.backordered - (quantity - unassigned),
                cancelled=line.cancelled + quantity,
                claims=_within(line.claims, line.backordered - (quantity - unassigned)),
            ),
        )
        total[line_id] += quantity
    for found, units in parts:
        kept = _less(found, units)
        moved = (
            replace(found, lines=kept)
            if kept
            else replace(found, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        order = _with_fulfillment(order, moved)
        counted = {held.line_id: held.counters for held in found.lines}
        for line_id, quantity in units.items():
            line = order.line(line_id)
            order = _with_line(
                order,
                replace(line, open=line.open - quantity, cancelled=line.cancelled + quantity),
            )
            effects.append(released(line.sku, found.location_id, quantity, counted[line_id]))
            total[line_id] += quantity
        if not kept:
            order = _noted(order, now, "fulfillment.cancelled", actor, _detail(moved))
    for line_id in total:
        line = order.line(line_id)
        if not line.unassigned and not line.backordered:
            order = _with_line(order, replace(line, since=None, deadline=None, expected_at=None))
        elif line.backordered and line.claims:
            due = _due_of(line.claims, line.backordered)
            sooner = replace(line, expected_at=due, deadline=due or line.deadline)
            order = _with_line(order, sooner)
    detail = {
        "reason": reason,
        "lines": [{"line_id": name, "quantity": quantity} for name, quantity in total.items()],
    }
    order = _noted(order, now, "order.cancelled", actor, detail)
    order = _refund(order, total, now, reason)
    return _also(Change(order, cause="order.cancelled"), order, effects)


def _refund(
    order: Order,
    units: Mapping[str, int],
    now: datetime,
    reason: str,
    exchange_order_id: str | None = None,
) -> Order:
    """What was paid or authorized is due back, in the order's currency."""
    if order.payment.status == "pending":
        return order
    amount = sum(order.line(name).unit_price * quantity for name, quantity in units.items())
    return _due_back(order, amount, now, reason, exchange_order_id)


def _due_back(
    order: Order, amount: int, now: datetime, reason: str, exchange_order_id: str | None = None
) -> Order:
    """No more than was charged, however often."""
    payment = order.payment
    if payment.charged is not None:
        left = payment.charged - payment.refunded
        if amount and not left:
            return order
        amount = min(amount, left)
        order = replace(order, payment=replace(payment, refunded=payment.refunded + amount))
    detail = {"amount": amount, "currency": order.lines[0].currency, "reason": reason}
    if exchange_order_id is not None:
        detail["exchange_order_id"] = exchange_order_id
    return _noted(order, now, "refund.due", "norain", detail)


def _less(found: Fulfillment, units: Mapping[str, int]) -> tuple[Held, ...]:
    """The lines of ``found`` without ``units``, by line."""
    there = {held.line_id: held.quantity for held in found.lines}
    errors = [
        {
            "path": "$.lines",
            "message": f"{found.fulfillment_id} has {there.get(name, 0)} units of line {name}",
        }
        for name, quantity in units.items()
        if quantity > there.get(name, 0)
    ]
    if errors:
        raise InvalidRequest("more units than the fulfillment has", errors)
    left = (
        replace(held, quantity=held.quantity - units.get(held.line_id, 0)) for held in found.lines
    )
    return tuple(held for held in left if held.quantity)


def _split(order: Order, found: Fulfillment, units: Mapping[str, int]) -> Order:
    """``found`` keeps ``units``; the rest becomes a fulfillment of its own, in the same state."""
    rest = _less(found, units)
    if not rest:
        return order
    kept = tuple(
        replace(held, quantity=units[held.line_id])
        for held in found.lines
        if units.get(held.line_id)
    )
    if not kept:
        raise InvalidRequest(
            "nothing is handed over", [{"path": "$.lines", "message": "no units are named"}]
        )
    other = replace(found, fulfillment_id=order.next_fulfillment_id, lines=rest)
    order = _with_fulfillment(order, replace(found, lines=kept))
    return replace(order, fulfillments=(*order.fulfillments, other))


def _with_line(order: Order, changed: Line) -> Order:
    lines = tuple(changed if line.line_id == changed.line_id else line for line in order.lines)
    return replace(order, lines=lines)


def _with_fulfillment(order: Order, changed: Fulfillment) -> Order:
    return replace(
        order,
        fulfillments=tuple(
            changed if found.fulfillment_id == changed.fulfillment_id else found
            for found in order.fulfillments
        ),
    )


def _also(change: Change, order: Order, effects: Iterable[Effect]) -> Change:
    return replace(change, order=order, effects=summed((*change.effects, *effects)))


def joined(change: Change, following: Change) -> Change:
    """Both, one after the other."""
    return _also(change, following.order, following.effects)


def _noted(order: Order, at: datetime, event: str, actor: str, detail: Mapping[str, Any]) -> Order:
    return replace(order, history=(*order.history, Entry(at, event, actor, detail)))


def _detail(found: Fulfillment) -> dict[str, Any]:
    told = {
        "fulfillment_id": found.fulfillment_id,
        "location_id": found.location_id,
        "method": found.method,
        "lines": [{"line_id": held.line_id, "quantity": held.quantity} for held in found.lines],
        "carrier": found.carrier,
        "tracking": found.tracking,
    }
    return {name: value for name, value in told.items() if value is not None}


def _units(line: Line) -> dict[str, Any]:
    return {"line_id": line.line_id, "sku": line.sku, "quantity": line.unassigned}
