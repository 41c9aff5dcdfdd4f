"""The life of an order as a state machine, against a shelf kept by hand: law 6 and law 1."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import ceil
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.errors import Conflict, Refusal
from shared.orders.model import (
    HANDED_OVER,
    IN_HAND,
    DeliveryPlace,
    Fulfillment,
    FulfillmentLine,
    FulfillmentState,
    Line,
    Order,
    OrderChange,
    Parcel,
    ReceivedUnits,
    Rejection,
    Report,
    Returned,
    ReturnLine,
    Taken,
    act_on_deadlines,
    advance,
    cancel,
    cancel_fulfillment,
    check,
    complete,
    end_with_cancel,
    extend,
    follow_parcel,
    new_pause,
    offer,
    owed,
    pause,
    place,
    receive_parcel,
    reject,
    release,
    report,
    resolve_claim,
    settle,
    take_back,
)
from shared.orders.model.payments import Refund, StoreCredit
from shared.orders.model.quoted import Discount, OrderPrices, OrderQuote
from shared.orders.model.refurbishing import refurbished
from shared.orders.model.restocking import ON_SHELF, Restocking, RestockRule
from shared.orders.model.return_terms import ReturnRequest, ReturnTerms
from shared.orders.model.returns import Outcome, authorize, cancel_return, inspect, receive, scan
from shared.orders.model.revising import (
    LineRevision,
    Move,
    Revision,
    newly_unassigned,
    revise,
)
from shared.orders.model.substituting import Substitute, agree, refuse, substitute
from tests.support.clauses import at_least, equals, named, reserved_is_promised
from tests.support.pricing import book
from tests.unit.orders.orders import NOW, line, order

LOCATIONS = ("S1", "S2", "S3")
HELD_BACK = Restocking((RestockRule("hold_back", owner="quality"),))
SKUS = ("A", "B")
PRICES = OrderPrices(
    book(
        {
            "promotion_id": "order",
            "does": [{"kind": "order_amount_off", "amount": 1500}],
            "when": {"quantity": {"at_least": 3}},
            "on_return": "reprice",
        }
    ),
    {sku: {} for sku in SKUS},
)
REFUNDS = st.sampled_from(
    [
        Refund(),
        Refund("first"),
        Refund("last"),
        Refund("store_credit", StoreCredit("card-1", "WXYZ")),
    ]
)
MOST_RUNS = 30
"""Runs of the sweep at one moment, after which nothing may be due."""
REASONS = st.sampled_from(["not_found", "damaged", "no_capacity", "mismatch"])
Position = tuple[str, str]


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.on_hand: Counter[Position] = Counter(
            {(sku, location): 6 for sku in SKUS for location in LOCATIONS}
        )
        self.reserved: Counter[Position] = Counter()
        self.damaged: Counter[Position] = Counter()
        self.came_back = 0
        self.pauses = 0

    @initialize(
        quantities=st.lists(st.integers(1, 5), min_size=1, max_size=3),
        methods=st.lists(st.sampled_from(["ship", "pickup"]), min_size=3, max_size=3),
        backorder=st.booleans(),
        payment=st.sampled_from(["paid", "authorized", "pending"]),
        substitution=st.sampled_from(["none", "ask", "allow"]),
        ship_complete=st.booleans(),
        discounts=st.sampled_from([(), (Discount("sale", 333), Discount("order", 7))]),
        reprices=st.booleans(),
    )
    def placing(
        self,
        quantities: list[int],
        methods: list[Any],
        backorder: bool,
        payment: str,
        substitution: Any = "none",
        ship_complete: bool = False,
        discounts: tuple[Discount, ...] = (),
        reprices: bool = False,
    ) -> None:
        lines = tuple(
            line(
                str(index),
                SKUS[index % 2],
                quantity,
                methods[index],
                location_id="S1" if methods[index] == "pickup" else None,
                backorder=backorder,
                substitution=substitution,
                tax=7 * index,
                discounts=discounts[: index + 1],
            )
            for index, quantity in enumerate(quantities)
        )
        draft = replace(self.drafted(lines, payment), ship_complete=ship_complete)
        if reprices:
            prices = {each.line_id: each.unit_price for each in lines}
            quote = OrderQuote(NOW, 1, 1, "", unit_prices=prices)
            draft = replace(draft, quote=quote, prices=PRICES)
        self.commit(self.routed(place(draft, self.now, "web")))

    def drafted(self, lines: tuple[Line, ...], payment: str) -> Order:
        """Orders of several lines that wait for their payment are placed with a pause."""
        draft = order(*lines, status=payment)
        if len(lines) < 2 or payment == "paid":
            return draft
        return replace(draft, pauses=(new_pause("p0", "fraud", "", "risk team", self.now),))

    def routed(self, change: OrderChange) -> OrderChange:
        """The first location that has something and has not rejected it, line by line."""
        shelf = {
            position: self.on_hand[position] - self.reserved[position] for position in self.on_hand
        }
        for effect in change.effects:
            shelf[effect.sku, effect.location_id] += effect.on_hand - effect.reserved
        parcels = []
        for wanted in change.order.lines:
            left = wanted.unassigned
            for location in LOCATIONS:
                if location in wanted.excluded or wanted.location_id not in (None, location):
                    continue
                taken = min(left, max(0, shelf[wanted.sku, location]))
                if taken:
                    shelf[wanted.sku, location] -= taken
                    left -= taken
                    parcels.append(
                        Parcel(
                            location,
                            wanted.method,
                            (Taken(wanted.line_id, taken),),
                            self.now + timedelta(minutes=30),
                            self.now + timedelta(hours=2),
                        )
                    )
        return settle(offer(change, parcels, self.now), self.now)

    def commit(self, change: OrderChange) -> None:
        check(change.order)
        for effect in change.effects:
            position = (effect.sku, effect.location_id)
            self.on_hand[position] += effect.on_hand
            self.reserved[position] += effect.reserved
            self.damaged[position] += effect.damaged
            if change.cause == "return.received":
                self.came_back += effect.on_hand + effect.damaged
            if effect.floor is not None:
                available = self.on_hand[position] - self.reserved[position]
                at_least(named(position), "available", available, effect.floor)
        changed = Counter((effect.sku, effect.location_id) for effect in change.effects)
        twice = sorted(position for position, number in changed.items() if number > 1)
        assert not twice, f"several effects of one change on {twice}"
        self.order: Order = change.order

    def tried(self, decide: Callable[[], OrderChange]) -> None:
        try:
            change = decide()
        except Refusal:
            return
        self.commit(self.completed(change))

    @precondition(lambda self: self.order.fulfillments)
    @rule(
        data=st.data(),
        action=st.sampled_from(["accept", "pick", "pack", "ready", "ship", "collect"]),
    )
    def forward(self, data: st.DataObject, action: Any) -> None:
        found = data.draw(st.sampled_from(self.order.fulfillments))
        units, before = None, self.order
        if data.draw(st.booleans()):
            units = {
                held.line_id: data.draw(st.integers(1, held.quantity)) for held in found.lines[:1]
            }
        self.tried(
            lambda: advance(self.order, found.fulfillment_id, action, self.now, "x", units=units)
        )
        assert self.order is before or not before.is_paused, f"{action} in a paused order"

    @precondition(lambda self: self.order.fulfillments)
    @rule(data=st.data(), reason=REASONS)
    def rejecting(self, data: st.DataObject, reason: Any) -> None:
        found = data.draw(st.sampled_from(self.order.fulfillments))
        shelf = {p: self.on_hand[p] - self.reserved[p] for p in self.on_hand}
        rows = [
            Rejection(held.line_id, data.draw(st.integers(1, held.quantity)), reason)
            for held in found.lines
        ]
        self.tried(
            lambda: self.routed(
                reject(self.order, found.fulfillment_id, rows, shelf, now=self.now, actor="x")
            )
        )

    @precondition(lambda self: self.order.fulfillments)
    @rule(data=st.data())
    def cancelling_a_fulfillment(self, data: st.DataObject) -> None:
        found = data.draw(st.sampled_from(self.order.fulfillments))
        self.tried(lambda: cancel_fulfillment(self.order, found.fulfillment_id, "", self.now, "x"))

    @rule(data=st.data(), everything=st.booleans())
    def cancelling(self, data: st.DataObject, everything: bool) -> None:
        wanted = data.draw(st.sampled_from(self.order.lines))
        units = None if everything else {wanted.line_id: data.draw(st.integers(1, 3))}
        refund = data.draw(REFUNDS)
        self.tried(lambda: cancel(self.order, units, "", self.now, "x", refund))

    @rule(data=st.data(), condition=st.sampled_from(["sellable", "damaged"]))
    def returning(self, data: st.DataObject, condition: Any) -> None:
        wanted = data.draw(st.sampled_from(self.order.lines))
        rows = [Returned(wanted.line_id, data.draw(st.integers(1, 2)), condition, "")]
        where = data.draw(st.sampled_from(LOCATIONS))
        rules = data.draw(st.sampled_from([ON_SHELF, HELD_BACK]))
        refund, before = data.draw(REFUNDS), owed(self.order)
        self.tried(
            lambda: take_back(
                self.order, where, rows, self.now, "x", restocking=rules, refund=refund
            )
        )
        at_least("order", "owed before", before, owed(self.order))

    @precondition(lambda self: self.order.fulfillments)
    @rule(
        data=st.data(),
        status=st.sampled_from(
            ["in_transit", "delivered", "lost", "lost", "returned_to_sender", "exception"]
        ),
        late=st.integers(0, 3),
    )
    def a_carrier_reports(self, data: st.DataObject, status: Any, late: int) -> None:
        found = data.draw(st.sampled_from(self.order.fulfillments))
        at = self.now - timedelta(hours=late)
        change = follow_parcel(self.order, found.fulfillment_id, status, at, self.now, "carrier")
        if change is not None:
            self.commit(change)
            again = follow_parcel(self.order, found.fulfillment_id, status, at, self.now, "carrier")
            assert again is None, f"{status} counts twice"

    @precondition(lambda self: self.order.fulfillments)
    @rule(data=st.data())
    def the_sender_receives(self, data: st.DataObject) -> None:
        found = data.draw(st.sampled_from(self.order.fulfillments))
        rows = [
            ReceivedUnits(
                held.line_id,
                held.quantity,
                data.draw(st.sampled_from(["sellable", "damaged", None])),
            )
            for held in found.lines
        ]
        self.tried(lambda: receive_parcel(self.order, found.fulfillment_id, rows, self.now, "x"))

    @precondition(lambda self: any(found.claimed for found in self.order.fulfillments))
    @rule(data=st.data(), resolution=st.sampled_from(["resend", "refund", "found"]))
    def resolving(self, data: st.DataObject, resolution: Any) -> None:
        found = data.draw(st.sampled_from([f for f in self.order.fulfillments if f.claimed]))
        self.tried(
            lambda: self.routed(
                resolve_claim(self.order, found.fulfillment_id, resolution, self.now, "agent")
            )
        )

    @rule(kind=st.sampled_from(["fraud", "manual", "until"]), hours=st.integers(1, 200))
    def pausing(self, kind: Any, hours: int) -> None:
        self.pauses += 1
        until = self.now + timedelta(hours=hours) if kind == "until" else None
        added = new_pause(f"p{self.pauses}", kind, "", "risk team", self.now, until)
        self.tried(lambda: pause(self.order, added, self.now, "x"))

    @precondition(lambda self: self.order.pauses)
    @rule(data=st.data(), outcome=st.sampled_from(["continue", "continue", "cancel"]))
    def releasing(self, data: st.DataObject, outcome: str) -> None:
        ended = data.draw(st.sampled_from(self.order.pauses)).pause_id
        if outcome == "cancel":
            self.tried(lambda: end_with_cancel(self.order, ended, "", self.now, "x"))
        else:
            self.tried(lambda: release(self.order, ended, self.now, "x", self.renewed))

    def renewed(self, part: Fulfillment) -> Parcel:
        """What a location that accepts everything can promise now."""
        ready = self.now + timedelta(hours=2)
        return Parcel(part.location_id, part.method, (), self.now, ready, accepted=True)

    @rule(
        kind=st.sampled_from(
            ["authorized", "captured", "captured", "voided", "declined", "expired", "refunded"]
        ),
        amount=st.sampled_from([None, 500, 1000, 2500]),
        days=st.sampled_from([None, 2]),
    )
    def paying(self, kind: Any, amount: int | None, days: int | None) -> None:
        expires_at = self.now + timedelta(days=days) if days and kind == "authorized" else None
        reported = Report(kind, amount=amount, expires_at=expires_at)
        self.tried(lambda: report(self.order, reported, self.now, "x"))

    @rule(
        data=st.data(),
        quantity=st.sampled_from([None, 0, 1, 3, 5]),
        method=st.sampled_from([None, None, "ship", "pickup"]),
        price=st.sampled_from([None, None, 500, 2000]),
        elsewhere=st.booleans(),
    )
    def revising(
        self, data: st.DataObject, quantity: Any, method: Any, price: Any, elsewhere: bool
    ) -> None:
        """A change by the shopper: of a line, of the address, of an added line or of a parcel. What
        no location has is refused, as the plan refuses it."""
        wanted = data.draw(st.sampled_from(self.order.lines))
        place = "S1" if method == "pickup" else None
        revised = LineRevision(
            wanted.line_id, quantity, unit_price=price, method=method, location_id=place
        )
        added = data.draw(st.sampled_from([(), (line(f"n{self.order.version}", "B", 1),)]))
        moves = [
            Move(part.fulfillment_id, data.draw(st.sampled_from(["S2", None])), {held.line_id: 1})
            for part in self.order.fulfillments[-1:]
            for held in part.lines[:1]
            if data.draw(st.booleans())
        ]
        revision = Revision(
            "asked",
            ship_to=DeliveryPlace("10001", "US") if elsewhere else None,
            lines=(revised,),
            added=added if len(self.order.lines) < 6 else (),
            moves=tuple(moves),
        )
        self.tried(lambda: self.revised(revision))

    def revised(self, revision: Revision) -> OrderChange:
        before = self.order
        decided = revise(before, revision, self.now, "agent")
        change = self.routed(decided.change)
        short = newly_unassigned(before, change.order)
        waits = sum(line.backordered for line in change.order.lines)
        if short or waits > sum(line.backordered for line in before.lines):
            raise Conflict("out of stock")
        return change

    @precondition(lambda self: self.order.fulfillments)
    @rule(data=st.data(), reason=REASONS, price=st.sampled_from([None, 400]))
    def substituting(self, data: st.DataObject, reason: Any, price: int | None) -> None:
        """A location hands over the other SKU, of which it must have enough."""
        part = data.draw(st.sampled_from(self.order.fulfillments))
        held = data.draw(st.sampled_from(part.lines))
        units = data.draw(st.integers(1, held.quantity))
        sku = "B" if held.sku == "A" else "A"
        other = Substitute(held.line_id, units, sku, reason, price)
        before = owed(self.order)
        self.tried(lambda: self.given(part.fulfillment_id, other))
        assert owed(self.order) <= before, f"a substitute costs {owed(self.order) - before} more"

    def given(self, fulfillment_id: str, other: Substitute) -> OrderChange:
        decided = substitute(self.order, fulfillment_id, other, {}, self.now, "x")
        change, (into,) = decided.change, decided.by_hand
        place_of = other.sku, into.location_id
        if other.quantity > self.on_hand[place_of] - self.reserved[place_of]:
            raise Conflict("out of stock")
        taken = [Taken(line_id, units) for line_id, units in into.units.items()]
        return extend(change, into.into or "", taken, self.now)

    @precondition(lambda self: any(row.consent_by for row in self.order.lines))
    @rule(data=st.data(), answer=st.sampled_from(["agree", "refuse", "cancel"]))
    def consenting(self, data: st.DataObject, answer: str) -> None:
        asked = [row.line_id for row in self.order.lines if row.consent_by]
        line_id = data.draw(st.sampled_from(asked))
        if answer == "agree":
            self.tried(lambda: agree(self.order, line_id, self.now, "x"))
        else:
            again = answer == "refuse"
            self.tried(
                lambda: self.routed(refuse(self.order, line_id, self.now, "x", reroute=again))
            )

    @rule(days=st.integers(1, 9))
    def wanting_it_later(self, days: int) -> None:
        wish = Revision("away", wanted_at=self.now + timedelta(days=days))
        self.tried(lambda: revise(self.order, wish, self.now, "x").change)

    @rule(
        data=st.data(),
        fee=st.sampled_from([0, 300]),
        refund_on=st.sampled_from(["scan", "receipt", "inspection"]),
        keep=st.booleans(),
    )
    def announcing(self, data: st.DataObject, fee: int, refund_on: Any, keep: bool) -> None:
        wanted = data.draw(st.sampled_from(self.order.lines))
        units = data.draw(st.integers(1, 2))
        asked = ReturnRequest((ReturnLine(wanted.line_id, units, "too small"),), keep=keep)
        terms = ReturnTerms(fee=fee, refund_on=refund_on)
        self.tried(lambda: authorize(self.order, asked, self.now, "x", terms))

    @precondition(lambda self: self.order.returns)
    @rule(data=st.data(), action=st.sampled_from(["scan", "receive", "inspect", "sell", "cancel"]))
    def handling_a_return(self, data: st.DataObject, action: str) -> None:
        each = data.draw(st.sampled_from(self.order.returns))
        where = data.draw(st.sampled_from(LOCATIONS))
        possible: list[Outcome] = ["sellable", "damaged", "refurbish", "missing"]
        outcomes = [
            (row.line_id, 1, data.draw(st.sampled_from(possible)))
            for row in each.lines
            for _ in range(row.quantity)
        ]
        rules = data.draw(st.sampled_from([ON_SHELF, HELD_BACK]))
        decisions: dict[str, Callable[[], OrderChange]] = {
            "scan": lambda: scan(self.order, each.return_id, self.now, "x"),
            "receive": lambda: receive(self.order, each.return_id, where, self.now, "x"),
            "inspect": lambda: inspect(
                self.order, each.return_id, outcomes, self.now, "x", restocking=rules
            ),
            "sell": lambda: refurbished(self.order, each.return_id, None, self.now, "x"),
            "cancel": lambda: cancel_return(self.order, each.return_id, self.now, "x"),
        }
        self.tried(decisions[action])

    def completed(self, change: OrderChange) -> OrderChange:
        return complete(self.order, change, self.now, self.renewed)

    @rule(minutes=st.sampled_from([10, 40, 600, 5000]))
    def sweeping(self, minutes: int) -> None:
        """After some runs nothing is due any more: each deadline has something that acts on it."""
        self.now += timedelta(minutes=minutes)
        for _ in range(MOST_RUNS):
            if self.order.deadline is None or self.order.deadline > self.now:
                return
            change = act_on_deadlines(self.order, self.now, renew=self.renewed)
            assert change is not None, f"nobody acts on the deadline {self.order.deadline}"
            if self.order.is_paused:
                taken = [part.state for part in change.order.fulfillments]
                assert taken.count("expired") == _states(self.order).count("expired")
            before = _in_hand(self.order)
            self.commit(self.completed(self.routed(change)))
            after = _in_hand(self.order)
            assert after == before, f"the deadline took what is in hand: {before} became {after}"
        raise AssertionError(f"the sweep does not end: {self.order.deadline} at {self.now}")

    @invariant()
    def reserved_is_what_open_fulfillments_hold(self) -> None:
        held: Counter[Position] = Counter()
        for found in self.order.fulfillments:
            if found.is_open:
                for part in found.lines:
                    held[part.sku, found.location_id] += part.quantity
        reserved_is_promised(self.reserved, {"open fulfillments": held})

    @invariant()
    def what_is_kept_is_what_stayed_with_the_shopper(self) -> None:
        """Of what was captured, the value of the units that are neither cancelled nor credited
        stays with the fees of returns, and no more. Less stays only where the payment system has
        refunded more than was due, or where a change has made the order dearer after a refund."""
        units = {
            entry: entry.quantity - entry.cancelled - entry.credited for entry in self.order.lines
        }
        stayed = sum(
            ceil(Fraction(amount * kept, entry.quantity))
            for entry, kept in units.items()
            for amount in (entry.net, entry.tax)
        ) + sum(each.fee for each in self.order.returns if each.credited)
        stayed += self.order.repriced
        captured = sum(payment.captured for payment in self.order.payments)
        kept = sum(payment.kept for payment in self.order.payments)
        at_most = min(captured, stayed)
        assert kept <= at_most, f"kept {kept} > {at_most}"
        credited = sum(credit.amount for credit in self.order.credits)
        unasked = self.told("payment.refunded") - credited > self.told("refund.due")
        dearer = any(entry.event == "order.changed" for entry in self.order.history)
        if not unasked and not dearer:
            equals("payments", "kept", kept, {"captured and not due back": at_most})

    @invariant()
    def what_was_asked_for_was_authorized_and_handed_over(self) -> None:
        for payment in self.order.payments:
            assert payment.awaited + payment.capturable + payment.captured <= payment.authorized

    def told(self, event: str) -> int:
        """The sum of the amounts of all events of this type."""
        amounts = [e.detail["amount"] for e in self.order.history if e.event == event]
        return sum(amount if isinstance(amount, int) else amount["amount"] for amount in amounts)

    @invariant()
    def what_was_handed_over_is_fulfilled(self) -> None:
        handed = sum(
            part.quantity
            for found in self.order.fulfillments
            if found.state in HANDED_OVER
            for part in found.lines
        )
        terms = {f"line {entry.line_id}": entry.fulfilled for entry in self.order.lines}
        equals("order", "handed over", handed, terms)

    @invariant()
    def somebody_owns_what_is_not_done(self) -> None:
        units = {
            entry.line_id: (entry.open, entry.backordered)
            for entry in self.order.lines
            if entry.open or entry.backordered
        }
        claims = [found.fulfillment_id for found in self.order.fulfillments if found.claimed]
        waiting = [each for each in self.order.returns if each.deadline is not None]
        assert (self.order.deadline is None) == (not units and not waiting and not claims), (
            f"deadline {self.order.deadline}, (open, backordered) units by line: {units},"
            f" claims: {claims}"
        )

    @invariant()
    def what_came_back_is_what_was_returned(self) -> None:
        returned = {f"line {entry.line_id}": entry.returned for entry in self.order.lines}
        equals("returns", "came back", self.came_back, returned)


def _states(order: Order) -> list[FulfillmentState]:
    return [part.state for part in order.fulfillments]


def _in_hand(order: Order) -> list[tuple[str, FulfillmentState, tuple[FulfillmentLine, ...]]]:
    return [
        (part.fulfillment_id, part.state, part.lines)
        for part in order.fulfillments
        if part.state in IN_HAND
    ]
