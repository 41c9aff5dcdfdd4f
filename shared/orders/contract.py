"""Orders, fulfillments and decisions as channels send and see them (api.md, Orders)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints, model_validator

from shared.customers.contract import CustomerIdentity
from shared.errors import InvalidRequest, invalid
from shared.instants import rfc3339
from shared.locations.contract import Latitude, Longitude, PostalCode
from shared.locations.model import ServiceLevel
from shared.orders import transfers
from shared.orders.model import (
    Condition,
    Fulfillment,
    Line,
    Method,
    Order,
    OrderState,
    Payment,
    Place,
    Rejection,
    Returned,
    State,
    Told,
    allowed,
    decision_id,
)
from shared.orders.rebalancing import Suggested
from shared.orders.transfers import Transfer, TransferLine
from shared.routing.explain import Considered, explain
from shared.routing.guard import breaches
from shared.routing.model import Decision, Policy
from shared.routing.table import Draft, Trial
from shared.routing.whatif import Totals, WhatIf
from shared.stock.model import MOST_HOLD
from shared.web.contract import (
    Answer,
    Channel,
    Count,
    Country,
    Id,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Money,
    Price,
    Sku,
    Units,
)

MOST_LINES = 45
"""Packs, products, pulls, the hold and the replay are one batch read of 100 keys up to 32 lines,
and two beyond."""
MOST_TRANSFER_LINES = 90
MOST_ORDERED = 100_000
Ordered = Annotated[int, Strict(), Ge(1), Le(MOST_ORDERED)]
"""Units of a line that somebody wants to buy; stock may have more."""
Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]
OrderId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,59}$",
        description="the channel's own id; derived from the Idempotency-Key when left out",
    ),
]


class KnownCustomer(Input):
    profile_id: Annotated[
        Id, Field(description="A profile that the caller may read: takes `customers:read` (403).")
    ]


class PaymentInput(Input):
    status: Literal["authorized", "paid", "pending"]
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None


class PaymentReceived(Input):
    status: Literal["authorized", "paid"]
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None
    amount: Price | None = Field(
        default=None, description="what was charged; what is left of the order when left out"
    )

    def charged(self, order: Order) -> int | None:
        """In minor units. Raises InvalidRequest for another currency than the order's."""
        if self.amount is None:
            return None
        if self.amount.currency != order.lines[0].currency:
            raise invalid("$.amount.currency", f"the order is in {order.lines[0].currency}")
        return self.amount.amount


class ShipTo(Input):
    """Latitude and longitude are of WGS84; without them the postal code's centroid is taken."""

    postal_code: PostalCode
    country: Country
    latitude: Latitude | None = None
    longitude: Longitude | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together")
        return self

    def place(self) -> Place:
        return Place(self.postal_code, self.country, self.latitude, self.longitude)


class OrderLineInput(Input):
    line_id: Id
    sku: Sku
    quantity: Ordered
    unit_price: Price
    method: Method
    location_id: LocationId | None = Field(
        default=None, description="where a pickup line is collected; a ship line names none"
    )
    backorder: bool = Field(
        default=False, description="what cannot be had now may come later, instead of a refusal"
    )

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.method == "pickup" and self.location_id is None:
            raise ValueError("a pickup line names its location_id")
        if self.method == "ship" and self.location_id is not None:
            raise ValueError("where a ship line comes from is for the router to say")
        return self


class OrderInput(Input):
    order_id: OrderId | None = None
    channel: Channel
    customer: KnownCustomer | CustomerIdentity | None = Field(
        default=None, description="a profile, or what the channel knows of the person; else a guest"
    )
    hold_id: Id | None = Field(
        default=None, description="the order takes exactly what is held, where it is held"
    )
    payment: PaymentInput
    lines: Annotated[list[OrderLineInput], Field(min_length=1, max_length=MOST_LINES)]
    ship_to: ShipTo | None = None
    service_level: ServiceLevel = "standard"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        twice = [name for name, n in Counter(line.line_id for line in self.lines).items() if n > 1]
        if twice:
            raise ValueError(f"line_id is there more than once: {', '.join(twice)}")
        if self.ship_to is None and any(line.method == "ship" for line in self.lines):
            raise ValueError("ship lines need ship_to")
        return self

    def order(self, order_id: str, now: datetime) -> Order:
        """The order as a draft: no line is open yet.

        Raises InvalidRequest for each line in another currency than the first.
        """
        currency = self.lines[0].unit_price.currency
        errors = [
            {
                "path": f"$.lines[{number}].unit_price.currency",
                "message": f"an order has one currency: {currency}",
            }
            for number, line in enumerate(self.lines)
            if line.unit_price.currency != currency
        ]
        if errors:
            raise InvalidRequest("the order is in two currencies", errors)
        return Order(
            order_id=order_id,
            channel=self.channel,
            placed_at=now,
            payment=Payment(self.payment.status, self.payment.reference),
            lines=tuple(
                Line(
                    line_id=line.line_id,
                    sku=line.sku,
                    quantity=line.quantity,
                    unit_price=line.unit_price.amount,
                    currency=line.unit_price.currency,
                    method=line.method,
                    open=0,
                    location_id=line.location_id,
                    backorder=line.backorder,
                )
                for line in self.lines
            ),
            service_level=self.service_level,
            ship_to=self.ship_to.place() if self.ship_to else None,
            hold_id=self.hold_id,
        )


class Awaited(Answer):
    """Units of a supply that are promised to the line."""

    quantity: Units
    location_id: LocationId
    expected_at: Instant


class OrderLine(Answer):
    """quantity = open + fulfilled + cancelled + backordered. ``unassigned`` units are open, and no
    location has them yet: the line is an exception, looked at again at ``deadline``."""

    line_id: Id
    sku: Sku
    quantity: Units
    method: Method
    location_id: LocationId | None = None
    open: Count
    fulfilled: Count
    cancelled: Count
    backordered: Count
    returned: Count
    unassigned: Count | None = None
    expected_at: Instant | None = Field(
        default=None, description="by when all that is backordered is promised"
    )
    awaits: list[Awaited] | None = None
    deadline: Instant | None = None


class PartLine(Answer):
    line_id: Id
    sku: Sku
    quantity: Units


class FulfillmentPromise(Answer):
    ready_by: Instant | None = None
    deliver_by: Instant | None = None


class FulfillmentPart(Answer):
    fulfillment_id: str
    location_id: LocationId
    method: Method
    state: State
    lines: list[PartLine]
    promise: FulfillmentPromise
    deadline: Instant | None = None
    allowed: list[str] = Field(description="the actions that its state allows")
    carrier: str | None = None
    tracking: str | None = None
    rivals: list[LocationId] | None = Field(
        default=None, description="who else may accept it: the first that does has it"
    )


class PaymentAnswer(Answer):
    """An order that is still pending at its ``deadline`` is cancelled."""

    status: Literal["authorized", "paid", "pending"]
    reference: str | None = None
    deadline: Instant | None = None


class OrderAnswer(Answer):
    order_id: Id
    channel: Channel
    state: OrderState
    placed_at: Instant
    payment: PaymentAnswer | None = None
    profile_id: Id | None = None
    lines: list[OrderLine]
    fulfillments: list[FulfillmentPart]
    decision_id: str | None = Field(
        default=None, description="the latest routing; none when a hold was the plan"
    )
    version: int


def order_answer(order: Order) -> OrderAnswer:
    return OrderAnswer(
        order_id=order.order_id,
        channel=order.channel,
        state=order.state,
        placed_at=order.placed_at,
        payment=PaymentAnswer(
            status=order.payment.status,
            reference=order.payment.reference,
            deadline=order.payment.deadline if order.unpaid else None,
        ),
        profile_id=order.buyer.profile_id,
        lines=[_line_answer(line) for line in order.lines],
        fulfillments=[part_answer(found) for found in order.fulfillments],
        decision_id=decision_id(order.decisions[-1]) if order.decisions else None,
        version=order.version,
    )


def _line_answer(line: Line) -> OrderLine:
    waiting = bool(line.unassigned or line.backordered)
    return OrderLine(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.quantity,
        method=line.method,
        location_id=line.location_id,
        open=line.open,
        fulfilled=line.fulfilled,
        cancelled=line.cancelled,
        backordered=line.backordered,
        returned=line.returned,
        unassigned=line.unassigned or None,
        expected_at=line.expected_at if line.backordered else None,
        awaits=[
            Awaited(
                quantity=claim.quantity,
                location_id=claim.location_id,
                expected_at=claim.expected_at,
            )
            for claim in line.claims
        ]
        or None,
        deadline=line.deadline if waiting else None,
    )


def part_answer(found: Fulfillment) -> FulfillmentPart:
    return FulfillmentPart(
        fulfillment_id=found.fulfillment_id,
        location_id=found.location_id,
        method=found.method,
        state=found.state,
        lines=[
            PartLine(line_id=held.line_id, sku=held.sku, quantity=held.quantity)
            for held in found.lines
        ],
        promise=FulfillmentPromise(
            ready_by=found.ready_by if found.method == "pickup" else None,
            deliver_by=found.deliver_by,
        ),
        deadline=found.deadline if found.is_open else None,
        allowed=list(allowed(found)),
        carrier=found.carrier,
        tracking=found.tracking,
        rivals=list(found.rivals) or None,
    )


class OrdersAnswer(Answer):
    orders: list[OrderAnswer]
    next_cursor: str | None = None


class HistoryEntry(Answer):
    at: Instant
    event: str
    actor: str
    detail: dict[str, Any]


class HistoryAnswer(Answer):
    order_id: Id
    entries: list[HistoryEntry]


def history_answer(order: Order) -> HistoryAnswer:
    return HistoryAnswer(
        order_id=order.order_id,
        entries=[
            HistoryEntry(
                at=entry.at, event=entry.event, actor=entry.actor, detail=dict(entry.detail)
            )
            for entry in order.history
        ],
    )


# What is done to an order


class LineUnits(Input):
    line_id: Id
    quantity: Units


class CancelInput(Input):
    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = Field(
        default=None, description="left out, everything that has not been handed over"
    )
    reason: Words


class ReturnedLine(Input):
    line_id: Id
    quantity: Units
    condition: Condition
    reason: Words

    def returned(self) -> Returned:
        return Returned(self.line_id, self.quantity, self.condition, self.reason)


class ReturnInput(Input):
    location_id: LocationId = Field(description="where the goods came back: any location")
    lines: Annotated[list[ReturnedLine], Field(min_length=1, max_length=MOST_LINES)]
    exchange_order_id: Id | None = Field(
        default=None,
        description="the order of what the shopper takes instead: the refund that is due names it, "
        "so that one can be set off against the other",
    )


class RejectedLine(Input):
    line_id: Id
    quantity: Units
    reason: Told

    def rejection(self) -> Rejection:
        return Rejection(self.line_id, self.quantity, self.reason)


class RejectInput(Input):
    lines: Annotated[list[RejectedLine], Field(min_length=1, max_length=MOST_LINES)]


class AcceptInput(Input):
    location_id: LocationId | None = Field(
        default=None, description="who accepts; left out, the location that it was offered to"
    )


class HandOverInput(Input):
    """Without ``lines`` all is handed over; units left out stay as a fulfillment of their own."""

    lines: Annotated[list[LineUnits], Field(min_length=1, max_length=MOST_LINES)] | None = None


class ShipInput(HandOverInput):
    carrier: Words
    tracking: Words


class CancelFulfillmentInput(Input):
    reason: Words = "cancelled"


def units(lines: Sequence[LineUnits] | None) -> dict[str, int] | None:
    """Units by line, lines that are there twice added up."""
    if lines is None:
        return None
    total: Counter[str] = Counter()
    for line in lines:
        total[line.line_id] += line.quantity
    return dict(total)


class FulfillmentAnswer(FulfillmentPart):
    order_id: Id
    channel: Channel


class FulfillmentsAnswer(Answer):
    fulfillments: list[FulfillmentAnswer]
    next_cursor: str | None = None


def fulfillment_answer(order_id: str, channel: str, found: Fulfillment) -> FulfillmentAnswer:
    return FulfillmentAnswer(order_id=order_id, channel=channel, **dict(part_answer(found)))


# Decisions


class CandidateAnswer(Answer):
    """``terms`` of the cost in minor units, which only `policy:read` shows; ``short`` what it
    lacks to serve all lines itself."""

    location_id: LocationId
    chosen: bool
    reason: str
    sentence: str
    cost: Money | None = None
    terms: dict[str, int] | None = None
    short: dict[str, int]


class PlanAnswer(Answer):
    """``units`` by location and line. No plan costs less than ``lower_bound``. Only `policy:read`
    shows what it costs."""

    units: dict[str, dict[str, int]]
    unfilled: dict[str, int]
    cost: Money | None = None
    terms: dict[str, int] | None = None
    lower_bound: Money | None = None
    proven_optimal: bool
    km: float
    kg_co2e: float


class DecisionAnswer(Answer):
    decision_id: str
    order_id: Id | None = None
    decided_at: Instant
    policy_version: int
    service_level: str
    summary: str
    plan: PlanAnswer
    candidates: list[CandidateAnswer]
    decisions: list[str] | None = Field(
        default=None, description="every routing that shaped the order, the oldest first"
    )


def decision_answer(data: bytes, order: Order | None = None, *, costs: bool) -> DecisionAnswer:
    """``data`` as it is stored, which its id is made of; ``order`` is the one that it is stored in,
    None for a quote. Without ``costs`` it says where and why, and not what that costs the
    retailer."""
    decision = Decision.from_bytes(data)
    problem, plan, told = decision.problem, decision.plan, explain(decision)
    currency = problem.policy.currency
    return DecisionAnswer(
        decision_id=decision_id(data),
        order_id=order.order_id if order else None,
        decided_at=problem.now,
        policy_version=problem.policy.version,
        service_level=problem.service_level,
        summary=told.summary if costs else told.words,
        plan=PlanAnswer(
            units=plan.units,
            unfilled={name: quantity for name, quantity in plan.unfilled.items() if quantity},
            cost=Money(amount=plan.cost, currency=currency) if costs else None,
            terms=plan.terms if costs else None,
            lower_bound=Money(amount=plan.lower_bound, currency=currency) if costs else None,
            proven_optimal=plan.proven,
            km=round(plan.km, 1),
            kg_co2e=round(plan.kg_co2e, 3),
        ),
        candidates=[_candidate_answer(row, currency, costs) for row in told.considered],
        decisions=[decision_id(kept) for kept in order.decisions] if order else None,
    )


def _candidate_answer(row: Considered, currency: str, costs: bool) -> CandidateAnswer:
    priced = costs and row.total is not None
    return CandidateAnswer(
        location_id=row.location_id,
        chosen=row.chosen,
        reason=row.reason,
        sentence=row.sentence if costs else row.words,
        cost=Money(amount=row.total or 0, currency=currency) if priced else None,
        terms=row.terms if costs else None,
        short=row.short,
    )


class QuoteAnswer(DecisionAnswer):
    fulfillments: list[FulfillmentPart]
    short: list[dict[str, Any]]


class WhatIfInput(Input):
    days: Annotated[int, Strict(), Ge(1), Le(366)] = Field(
        description="orders placed in the last so many days"
    )
    cursor: str | None = Field(default=None, description="next_cursor of the page before")


class WhatIfTotals(Answer):
    """``splits`` are parcels after an order's first, ``load`` is units by location."""

    orders: Count
    parcels: Count
    splits: Count
    late_parcels: Count
    unfilled_units: Count
    overstock_units: Count = Field(
        description="taken where they would more likely than not have been left over"
    )
    paid: Money = Field(description="for packing, picking and carrying")
    km: float
    kg_co2e: float
    load: dict[str, int]


class OrderDifference(Answer):
    order_id: Id
    before: list[LocationId]
    after: list[LocationId]
    paid: Money = Field(description="more than before; below 0, less")
    kg_co2e: float


class Broken(Answer):
    guard_rail: str
    limit: float
    measured: float
    sentence: str
    location_id: LocationId | None = None


class TrialAnswer(Answer):
    """What the pages so far have found together."""

    days: int
    through: bool = Field(description="all pages have been asked for")
    before: WhatIfTotals
    after: WhatIfTotals
    broken: list[Broken] = Field(description="the guard-rails of the draft that this breaks")


class WhatIfAnswer(Answer):
    """Of one page of orders: the totals of several pages add up."""

    draft_revision: int
    before: WhatIfTotals
    after: WhatIfTotals
    differences: list[OrderDifference]
    trial: TrialAnswer | None = Field(
        default=None, description="absent when another what-if has begun meanwhile"
    )
    next_cursor: str | None = None


def what_if_answer(
    found: WhatIf, draft: Draft, next_cursor: str | None, trial: Trial | None
) -> WhatIfAnswer:
    currency = draft.policy.currency
    return WhatIfAnswer(
        draft_revision=draft.revision,
        before=_totals(found.before, currency),
        after=_totals(found.after, currency),
        differences=[
            OrderDifference(
                order_id=row.order_id,
                before=list(row.before),
                after=list(row.after),
                paid=Money(amount=row.paid, currency=currency),
                kg_co2e=row.kg_co2e,
            )
            for row in found.differences
        ],
        trial=_trial(trial, draft.policy) if trial else None,
        next_cursor=next_cursor,
    )


def _trial(found: Trial, policy: Policy) -> TrialAnswer:
    rails = policy.guard_rails
    broken = breaches(rails, found.before, found.after) if rails else []
    return TrialAnswer(
        days=found.days,
        through=found.cursor is None,
        before=_totals(found.before, policy.currency),
        after=_totals(found.after, policy.currency),
        broken=[Broken(**asdict(row)) for row in broken],
    )


def _totals(found: Totals, currency: str) -> WhatIfTotals:
    return WhatIfTotals(
        orders=found.orders,
        parcels=found.parcels,
        splits=found.splits,
        late_parcels=found.late,
        unfilled_units=found.unfilled,
        overstock_units=found.overstock,
        paid=Money(amount=found.paid, currency=currency),
        km=round(found.km, 1),
        kg_co2e=round(found.kg_co2e, 3),
        load=dict(sorted(found.load.items())),
    )


# Transfers


class TransferLineInput(Input):
    sku: Sku
    quantity: Units


class TransferInput(Input):
    from_location_id: LocationId
    to_location_id: LocationId
    lines: Annotated[list[TransferLineInput], Field(min_length=1, max_length=MOST_TRANSFER_LINES)]
    expected_at: InstantInput = Field(description="when it should be there")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.from_location_id == self.to_location_id:
            raise ValueError("a transfer goes from one location to another")
        return self

    def transfer(self, transfer_id: str, now: datetime) -> Transfer:
        """Lines of one SKU are added up."""
        total: Counter[str] = Counter()
        for line in self.lines:
            total[line.sku] += line.quantity
        return Transfer(
            transfer_id=transfer_id,
            from_location_id=self.from_location_id,
            to_location_id=self.to_location_id,
            lines=tuple(TransferLine(sku, units, units) for sku, units in sorted(total.items())),
            requested_at=now,
            expected_at=self.expected_at,
        )


class ArrivedLine(Input):
    sku: Sku
    quantity: Count


class ReceiveInput(Input):
    """Without ``lines`` all that is under way has arrived."""

    lines: Annotated[list[ArrivedLine], Field(max_length=MOST_TRANSFER_LINES)] | None = None
    final: bool = Field(
        default=True, description="what has not arrived is missing; false: it is still under way"
    )

    def units(self) -> dict[str, int] | None:
        if self.lines is None:
            return None
        total: Counter[str] = Counter()
        for line in self.lines:
            total[line.sku] += line.quantity
        return dict(total)


class CancelTransferInput(Input):
    reason: Words = "cancelled"


class TransferLineAnswer(Answer):
    """quantity = open + received + missing + cancelled."""

    sku: Sku
    quantity: Units
    open: Count = Field(description="reserved at the donor, or under way once it is shipped")
    received: Count
    missing: Count
    cancelled: Count


class TransferAnswer(Answer):
    transfer_id: Id
    state: Literal["requested", "shipped", "received", "cancelled"]
    from_location_id: LocationId
    to_location_id: LocationId
    lines: list[TransferLineAnswer]
    requested_at: Instant
    expected_at: Instant
    deadline: Instant | None = None
    allowed: list[str] = Field(description="the actions that its state allows")
    history: list[HistoryEntry]
    version: int


class SuggestedTransfer(Answer):
    sku: Sku
    from_location_id: LocationId
    to_location_id: LocationId
    quantity: int
    gain: int = Field(description="margin expected in addition, minor units")
    cost: int = Field(description="of the transfer, minor units")


class Unjudged(Answer):
    sku: Sku
    reason: str


class SuggestionsAnswer(Answer):
    currency: str
    suggestions: list[SuggestedTransfer] = Field(description="what pays most comes first")
    unjudged: list[Unjudged]


def suggestions_answer(found: Suggested) -> SuggestionsAnswer:
    return SuggestionsAnswer(
        currency=found.currency,
        suggestions=[SuggestedTransfer(**asdict(one)) for one in found.suggestions],
        unjudged=[Unjudged(sku=sku, reason=why) for sku, why in found.unjudged.items()],
    )


def transfer_answer(transfer: Transfer) -> TransferAnswer:
    return TransferAnswer(
        transfer_id=transfer.transfer_id,
        state=transfer.state,
        from_location_id=transfer.from_location_id,
        to_location_id=transfer.to_location_id,
        lines=[TransferLineAnswer(**asdict(line)) for line in transfer.lines],
        requested_at=transfer.requested_at,
        expected_at=transfer.expected_at,
        deadline=transfer.deadline,
        allowed=list(transfers.allowed(transfer)),
        history=[
            HistoryEntry(
                at=entry.at, event=entry.event, actor=entry.actor, detail=dict(entry.detail)
            )
            for entry in transfer.history
        ],
        version=transfer.version,
    )


# Promises


class PromiseLine(Input):
    sku: Sku
    quantity: Ordered


class PromiseInput(Input):
    channel: Channel
    lines: Annotated[list[PromiseLine], Field(min_length=1, max_length=MOST_LINES)]
    ship_to: ShipTo | None = None
    pickup_at: LocationId | None = None
    pickup_nearby: Annotated[int, Strict(), Ge(0), Le(10)] = Field(
        default=0,
        description="so many more locations where all of it can be collected, those nearest to "
        "pickup_at, or else to ship_to",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.ship_to is None and self.pickup_at is None:
            raise ValueError("say where: ship_to, pickup_at or both")
        return self

    def cart_id(self, as_of: datetime) -> str:
        """A name of the cart as it was told at ``as_of``: the same when an option of it is held."""
        return f"promise-{self.channel}-{rfc3339(as_of)}"

    def draft(
        self,
        method: Method,
        service_level: ServiceLevel,
        now: datetime,
        location_id: str | None = None,
    ) -> Order:
        """The cart as an order that is never placed, collected at ``location_id`` or where it says;
        lines of one SKU are added up."""
        cart: Counter[str] = Counter()
        for line in self.lines:
            cart[line.sku] += line.quantity
        return Order(
            order_id=self.cart_id(now),
            channel=self.channel,
            placed_at=now,
            payment=Payment("pending"),
            lines=tuple(
                Line(
                    line_id=sku,
                    sku=sku,
                    quantity=quantity,
                    unit_price=0,
                    currency="USD",
                    method=method,
                    open=0,
                    location_id=(location_id or self.pickup_at) if method == "pickup" else None,
                )
                for sku, quantity in cart.items()
            ),
            service_level=service_level,
            ship_to=self.ship_to.place() if self.ship_to else None,
        )


class PromiseWait(Answer):
    """Units that are sent, or lie ready, when an announced supply has come."""

    sku: Sku
    quantity: Units
    location_id: LocationId
    expected_at: Instant


class PromiseOption(Answer):
    method: Method
    service_level: ServiceLevel | None = None
    location_id: LocationId | None = None
    distance_km: float | None = Field(
        default=None, description="of a location nearby, from where it was asked for"
    )
    deliver_by: Instant | None = None
    ready_by: Instant | None = None
    splits: Count = Field(description="parcels after the first")
    cost: Money = Field(description="of packing, picking and carrying")
    kg_co2e: float
    waits: list[PromiseWait] | None = Field(
        default=None,
        description="what is not there yet: an order whose lines are `backorder` waits for it. "
        "Such an option cannot be held",
    )


class PromiseShort(Answer):
    sku: Sku
    wanted: Units
    sellable: Count
    expected_at: Instant | None = Field(
        default=None, description="when the next supply comes that is promised to nobody"
    )


class PromisesAnswer(Answer):
    as_of: Instant = Field(description="from when the dates of the options are counted")
    options: list[PromiseOption]
    short: list[PromiseShort] = Field(description="what no option serves at once")


HoldSeconds = Annotated[int, Strict(), Ge(1), Le(int(MOST_HOLD.total_seconds()))]


class ChosenOption(Input):
    """An option as it was answered. What is held is the same or better, never worse."""

    method: Method
    service_level: ServiceLevel | None = None
    location_id: LocationId | None = None
    distance_km: float | None = None
    deliver_by: InstantInput | None = None
    ready_by: InstantInput | None = None
    splits: Count | None = None
    cost: Money | None = None
    kg_co2e: float | None = None
    waits: list[Any] | None = Field(
        default=None, max_length=0, description="an option that waits cannot be held"
    )

    def is_kept_by(self, found: PromiseOption) -> bool:
        """Whether ``found`` is nowhere later, no dearer, and in no more parcels."""
        return (
            (self.splits is None or found.splits <= self.splits)
            and _no_later(found.deliver_by, self.deliver_by)
            and _no_later(found.ready_by, self.ready_by)
            and (self.cost is None or found.cost.amount <= self.cost.amount)
        )


def _no_later(found: datetime | None, chosen: datetime | None) -> bool:
    return chosen is None or (found is not None and found <= chosen)


class PromiseHoldInput(PromiseInput):
    """The cart of POST /v1/availability/promises again, with the option that was chosen from its
    answer and the ``as_of`` of that answer."""

    option: ChosenOption
    as_of: InstantInput
    expires_in_seconds: HoldSeconds

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.option.method == "ship" and self.ship_to is None:
            raise ValueError("an option that is shipped needs ship_to")
        if self.option.method == "pickup" and not (self.option.location_id or self.pickup_at):
            raise ValueError("an option that is collected needs its location_id, or pickup_at")
        return self


class HeldLine(Answer):
    sku: Sku
    quantity: Units


class HeldPart(Answer):
    location_id: LocationId
    lines: list[HeldLine]
    promise: FulfillmentPromise


class PromiseHeld(Answer):
    """An order with this ``hold_id``, of the same channel, goods and address, becomes exactly
    this: these units at these locations, with these dates and this cost."""

    hold_id: str
    expires_at: Instant
    option: PromiseOption
    parts: list[HeldPart]
