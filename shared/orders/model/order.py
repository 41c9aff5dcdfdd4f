"""The values of an order: lines, fulfillments, payment, history. Their states: states.py."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared.errors import Conflict, NotFound
from shared.locations.model import Method, ServiceLevel
from shared.orders.model.contacts import NO_CONTACTS, Contacts
from shared.orders.model.payments import Payment, RefundTo, StoreCredit
from shared.orders.model.quoted import Discount, OrderPrices, OrderQuote, PointsPaid, total
from shared.orders.model.states import (
    CLAIMED,
    IN_HAND,
    OPEN,
    Condition,
    FulfillmentState,
    OrderState,
    ReleaseReason,
    Resolution,
    SubstitutionConsent,
)
from shared.orders.model.time_limits import TIME_LIMITS, TimeLimits
from shared.stock.model.limits import NO_LIMIT, Limit


@dataclass(frozen=True, slots=True)
class Claim:
    """Backordered units that are promised from the supply ``reference``, which a location expects
    at ``expected_at``. ``source`` is the location that sends the units for this order alone: the
    supply is a transfer that was requested with the order (sourcing/to_store.py)."""

    location_id: str
    reference: str
    quantity: int
    expected_at: datetime
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one SKU in an order. ``unit_price`` is in minor units of ``currency``, before
    ``discounts``. ``tax`` is what is added for all units of the line together: 0 where prices
    include it; ``tax_within`` is what ``net`` contains, where a quote says so.

    quantity = open + fulfilled + cancelled + backordered, always (law 6).

    - ``unassigned`` is the part of ``open`` that no location holds. A line with any is in
      exception, and ``deadline`` is the next attempt to find a location.
    - ``since`` is when the exception or the backorder began. It ends when a location accepts, not
      when one is asked.
    - ``credited`` units were handed over, and the shopper does not owe them: they came back, will
      come back, or are a present.
    - ``claims`` are on supply for backordered units, all of which should arrive by ``expected_at``.
    - ``ship_to_store`` units of a pickup line may be sent to the location by another one.
    - ``substitution`` says whether a location may hand over another SKU instead. Its units are a
      line of their own, which is ``instead_of`` this one; the shopper may refuse them until
      ``consent_by``, and pays ``agreed_price`` for each from the consent on (substituting.py).
    - ``excluded`` locations have rejected units of the line. ``expired`` locations did not answer
      in time or have sold the units meanwhile; the next attempt may ask them again.
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
    tax: int = 0
    credited: int = 0
    gift_wrap: bool = False
    ship_to_store: bool = False
    substitution: SubstitutionConsent = "none"
    instead_of: str | None = None
    consent_by: datetime | None = None
    agreed_price: int | None = None
    discounts: tuple[Discount, ...] = ()
    tax_within: int = 0
    card_id: str | None = None
    """The gift card that the line sells (selling_cards.py)."""

    @property
    def net(self) -> int:
        """What all units of the line cost, in minor units."""
        return self.unit_price * self.quantity - total(self.discounts)


@dataclass(frozen=True, slots=True)
class FulfillmentLine:
    """Units of one order line in one fulfillment. ``counters`` of the position include them: they
    count what channels have taken (stock/model/rules.py)."""

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
    """Other locations that may accept it while it is offered."""
    scans: tuple[str, ...] | None = None
    """What carriers have reported of the parcel under way, each once; None: nothing yet."""
    delivered_at: datetime | None = None
    lost_at: datetime | None = None
    returned_at: datetime | None = None
    """The dates of carriers: the first delivery, the latest loss and return to the sender."""
    received_at: datetime | None = None
    """When the sender has received the returned parcel."""
    resolution: Resolution | None = None
    handed_over_at: datetime | None = None
    former_addresses: int = 0
    """How often the address or the service has changed: a label is for one of them."""
    assignee: str | None = None
    """The person who does the work."""
    wave: str | None = None
    """The wave (waves.py) in which it is picked."""
    code: str | None = None
    """What the shopper is told when the goods are ready, and says when collecting them."""
    arrived_at: datetime | None = None
    """When the shopper came to collect the goods."""
    wrong_codes: int | None = None
    """Wrong codes that were said since the shopper was told the last one; None: none."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def claimed(self) -> bool:
        """Whether the parcel is lost or came back, and nobody has resolved that yet."""
        return self.state in CLAIMED

    @property
    def stuck(self) -> bool:
        """Whether picked units were not handed over in time: an exception for a person to end."""
        patience = 0 if self.state == "ready" else TIME_LIMITS.patience
        return self.state in IN_HAND and self.escalations > patience


ReturnState = Literal[
    "authorized", "scanned", "received", "inspected", "kept", "cancelled", "expired"
]


@dataclass(frozen=True, slots=True)
class ReturnLine:
    line_id: str
    quantity: int
    reason: str


@dataclass(frozen=True, slots=True)
class UnsoldUnits:
    """Units that came back and are not on sale yet: ``owner`` decides on them, or they are to be
    refurbished (None)."""

    line_id: str
    quantity: int
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """A return that was authorized (returns.py). ``location_id`` is where the goods are expected,
    or were received. ``credited``: the refund is due; ``fee`` is kept of it, in minor units."""

    return_id: str
    state: ReturnState
    lines: tuple[ReturnLine, ...]
    refund_on: Literal["scan", "receipt", "inspection"]
    fee: int = 0
    location_id: str | None = None
    photos: tuple[str, ...] = ()
    exchange_order_id: str | None = None
    deadline: datetime | None = None
    credited: bool = False
    unsold: tuple[UnsoldUnits, ...] | None = None
    """Units of an inspected return that are not on sale yet; None for none."""
    carrier: str | None = None
    tracking: str | None = None
    """Carrier and tracking number of the label that was bought for the return."""
    refund_to: RefundTo = "proportional"
    credit: StoreCredit | None = None
    """The shopper's card that gets the store credit; None for a new one."""


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """An entry of the history. ``event`` is the type of its CloudEvent (`order.placed`)."""

    at: datetime
    event: str
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Buyer:
    """The profile that bought; all None for a guest. ``home`` and ``record_key`` name the record of
    the person that came with the order, so that the order follows it when a merge is undone."""

    profile_id: str | None = None
    home: str | None = None
    record_key: str | None = None


PauseKind = Literal["fraud", "manual", "until"]


@dataclass(frozen=True, slots=True)
class Pause:
    """A reason why nobody works on an order (pausing.py). ``paused_since`` is when the order was
    paused, by this pause or one before it."""

    pause_id: str
    kind: PauseKind
    reason: str
    owner: str
    began_at: datetime
    paused_since: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class DeliveryPlace:
    """Where parcels go. Coordinates are WGS84 degrees, where the channel knows them."""

    postal_code: str
    country: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The size of what is stored beside a long order, in ``parts`` items: the first ``entries`` of
    its history, and closed ``fulfillments``, which have ``handed`` over units by line."""

    entries: int = 0
    fulfillments: int = 0
    handed: Mapping[str, int] = field(default_factory=dict)
    parts: int = 0


NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class Order:
    """``version`` is the stored version that was read, 0 for an order that is not stored yet.

    ``decisions`` are the routings of the order: bytes that can be run again, or the decision_id of
    bytes that are stored beside the order (store.decision reads them). ``past`` describes history
    and fulfillments that are stored beside the order (store.with_past reads them). ``contacts``,
    the persons of the order, are stored beside it as well: lists and streams do not have them.

    ``shipping`` and ``shipping_tax`` are in minor units of the currency of the lines. While the
    payments cover less than the shopper owes, the order waits until ``payment_due_by``.

    ``reference`` is what the channel calls the order; several may have the same. ``buyer_keys`` and
    ``contact_keys`` are keyed hashes of the e-mail addresses and phone numbers of the buyer and of
    ``contacts``, by which the order is found.
    """

    order_id: str
    channel: str
    placed_at: datetime
    payments: tuple[Payment, ...]
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
    shipping: int = 0
    shipping_tax: int = 0
    payment_due_by: datetime | None = None
    contacts: Contacts = NO_CONTACTS
    returns: tuple[Return, ...] = ()
    reference: str | None = None
    buyer_keys: tuple[str, ...] = ()
    contact_keys: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()
    """Those that have not ended, the oldest first."""
    ship_complete: bool = False
    """Whether the shopper wants all units together: while some have no location, the others are
    neither picked nor shipped."""
    quote: OrderQuote | None = None
    """The price quote that the order was placed with."""
    points: PointsPaid | None = None
    """The loyalty points that paid for a part of it."""
    repriced: int = 0
    """What the shopper owes for what stays beyond its frozen nets, because units came back and it
    was priced again; below 0 where it has become cheaper (repricing.py)."""
    credits: tuple[StoreCredit, ...] = ()
    """Store credit that the shopper took instead of money."""
    prices: OrderPrices | None = None
    """Read beside the order when it is priced again."""

    @property
    def state(self) -> OrderState:
        """The state of the whole order: the first that applies, exceptions before progress."""
        unfinished = sum(line.open + line.backordered for line in self.lines)
        fulfilled = any(line.fulfilled for line in self.lines)
        if any(part.claimed for part in self.fulfillments):
            return "exception"
        if not unfinished:
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
        """The earliest deadline of the order; None when nothing is unfinished, and no return, claim
        or delivery is. The deadlines of fulfillments and lines rest while the order is paused."""
        deadlines: list[datetime | None] = [each.deadline for each in self.returns]
        deadlines += [
            part.deadline for part in self.fulfillments if part.claimed or part.state == "shipped"
        ]
        if self.is_paused:
            deadlines += [pause.deadline for pause in self.pauses]
        else:
            deadlines += [
                part.deadline for part in self.fulfillments if part.is_open and not self.rests(part)
            ]
            deadlines += [
                line.deadline for line in self.lines if line.unassigned or line.backordered
            ]
            deadlines += [line.consent_by for line in self.lines if line.open]
        if self.is_unfinished:
            deadlines.append(self.payment_due_by)
            deadlines += [payment.acts_at for payment in self.payments]
        return min((at for at in deadlines if at is not None), default=None)

    @property
    def is_unfinished(self) -> bool:
        return any(line.open or line.backordered for line in self.lines)

    @property
    def unpaid(self) -> bool:
        """Whether unfinished units wait for a payment."""
        return self.payment_due_by is not None and self.is_unfinished

    @property
    def is_paused(self) -> bool:
        """Whether nobody may work on what is unfinished. The pauses of a finished order are of no
        account."""
        return bool(self.pauses) and self.is_unfinished

    @property
    def is_incomplete(self) -> bool:
        """Whether units wait for others of the order that no location has."""
        return self.ship_complete and any(
            line.unassigned or line.backordered for line in self.lines
        )

    def rests(self, part: Fulfillment) -> bool:
        """Whether nobody may work on the fulfillment, because the order is incomplete. Offers are
        answered, and what is ready is collected."""
        return self.is_incomplete and part.state in {"accepted", "picked", "packed"}

    def line(self, line_id: str) -> Line:
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise NotFound(f"order {self.order_id} has no line {line_id}")

    @property
    def history_length(self) -> int:
        """The number of entries of the whole history, with the past."""
        return self.past.entries + len(self.history)

    @property
    def next_fulfillment_id(self) -> str:
        return f"{self.order_id}.{self.past.fulfillments + len(self.fulfillments) + 1}"

    def since(self, before: "Order | None") -> tuple[tuple[int, OrderEntry], ...]:
        """The entries after those of ``before``, each with its number in the whole history."""
        first = before.history_length if before else 0
        numbered = enumerate(self.history, self.past.entries)
        return tuple((number, entry) for number, entry in numbered if number >= first)

    def fulfillment(self, fulfillment_id: str) -> Fulfillment:
        """Raises NotFound; Conflict for a closed fulfillment that is stored beside the order."""
        for part in self.fulfillments:
            if part.fulfillment_id == fulfillment_id:
                return part
        number = fulfillment_id.removeprefix(f"{self.order_id}.")
        made = self.past.fulfillments + len(self.fulfillments)
        if self.past.fulfillments and number.isdecimal() and 0 < int(number) <= made:
            raise Conflict(f"{fulfillment_id} is closed")
        raise NotFound(f"there is no fulfillment {fulfillment_id}")


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of a line to reserve at a location, within the ``limit`` of the order's channel."""

    line_id: str
    quantity: int
    limit: Limit = NO_LIMIT


@dataclass(frozen=True, slots=True)
class Parcel:
    """The part of a routing plan that one location serves. An offer of it expires at
    ``answer_by``."""

    location_id: str
    method: Method
    lines: tuple[Taken, ...]
    answer_by: datetime
    ready_by: datetime | None = None
    deliver_by: datetime | None = None
    rivals: tuple[str, ...] = ()
    accepted: bool = False
    """Whether the location accepts every offer by itself."""
    limits: TimeLimits = TIME_LIMITS
    """The time limits of the location."""


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


def decision_id(decision: bytes | str) -> str:
    """The id of a decision, from its bytes; an id is returned as it is."""
    return decision if isinstance(decision, str) else hashlib.sha256(decision).hexdigest()[:16]


def units_held(fulfillments: Iterable[Fulfillment]) -> Counter[tuple[str, str]]:
    """Units that open fulfillments have reserved, by (SKU, location_id)."""
    units: Counter[tuple[str, str]] = Counter()
    for part in fulfillments:
        if part.is_open:
            for line in part.lines:
                units[line.sku, part.location_id] += line.quantity
    return units
