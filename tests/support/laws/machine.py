"""A retailer to which anything may happen in any order, and the laws over it after every step.

On DynamoDB Local, with streams that lag, clocks that differ, an index that is behind, calls that
are throttled, lost or doubled, roles that may do no more than the templates say, and strangers.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, get_args

from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as Settings  # noqa: N812
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.stock import audit
from shared.errors import FromTheFuture
from shared.instants import rfc3339
from shared.locations import store as locations
from shared.orders import changing, model, shortfalls
from shared.orders import store as orders
from shared.orders.model import Line, Order, Rejection
from shared.stock import store as stock_store
from shared.stock.contract.feed import event_of
from shared.stock.model.audit import LEDGER_LAG, find_drifts
from shared.stock.model.events import Counted, Moved
from shared.stock.model.position import Hold, HoldLine, HoldState
from shared.stock.store import audit as audit_store
from shared.stock.store import slots
from tests.support import shop
from tests.support.laws import strangers
from tests.support.laws.laws import API, HOLDS, PLACES, SKUS, STORES
from tests.support.laws.orders import OrderRules
from tests.support.laws.weather import Storm
from tests.support.notes import establish_notes
from tests.support.requests import Context

EXPIRES = "functions.stock.expire_holds.handler"
COVERS = "functions.orders.keep_promises.handler"
AUDITS = "functions.stock.audit.handler"
FOLDS = "functions.stock.fold_slots.handler"
ACTIONS = ("accept", "pick", "pack", "ship", "ready", "collect")
REASONS = ("not_found", "damaged", "no_capacity", "mismatch")

any_of = st.integers(0, 999)
places = st.sampled_from(PLACES)
units = st.integers(1, 3)
minutes = st.integers(0, 240)


class Machine(OrderRules):
    """What happens; every rule is one step."""

    @initialize(
        quantities=st.lists(st.integers(2, 14), min_size=4, max_size=4),
        older_code_runs=st.booleans(),
    )
    def opens(self, quantities: list[int], older_code_runs: bool) -> None:
        if older_code_runs:
            establish_notes(older_until=self.now + timedelta(hours=1))
        for store in STORES:
            locations.put(shop.PLACES[store])
        for place, quantity in zip(PLACES, quantities, strict=True):
            start = self.now - timedelta(hours=5)
            self.deliver([Counted("wms", f"c0-{place}", None, *place, quantity, start)])
        self.settle()

    @rule(place=places, quantity=st.integers(0, 12), age=minutes)
    def count(self, place: tuple[str, str], quantity: int, age: int) -> None:
        as_of = self.theirs - timedelta(minutes=age)
        self.say(Counted("wms", self.name(), None, *place, quantity, as_of))

    @rule(place=places, quantity=st.integers(0, 12), age=minutes, behind=minutes)
    def net_count(self, place: tuple[str, str], quantity: int, age: int, behind: int) -> None:
        as_of = self.theirs - timedelta(minutes=age)
        through = as_of - timedelta(minutes=behind)
        self.say(Counted("erp", self.name(), None, *place, quantity, as_of, through))

    @rule(place=places, delta=st.integers(-3, 6), age=minutes, sequenced=st.booleans())
    def move(self, place: tuple[str, str], delta: int, age: int, *, sequenced: bool) -> None:
        if delta:
            at = self.theirs - timedelta(minutes=age)
            name = self.name()
            sequence = self.number if sequenced else None
            source = "pos" if sequenced else "till"
            self.say(Moved(source, name, sequence, *place, delta, "retail_selling", at))

    @rule(which=any_of)
    def count_as_it_stands(self, which: int) -> None:
        """A count that changes nothing is only noted, and still hides what is older."""
        place = PLACES[which % len(PLACES)]
        found = stock_store.position(*place)
        if found is not None and found.on_hand >= 0:
            self.say(Counted("wms", self.name(), None, *place, found.on_hand, self.theirs))

    @rule(start=any_of, most=st.integers(1, 4))
    def hear(self, start: int, most: int) -> None:
        """Messages arrive late and in another order than they were sent."""
        if self.waiting:
            at = start % len(self.waiting)
            chosen = (self.waiting[at:] + self.waiting[:at])[:most]
            self.deliver(chosen)

    @rule(start=any_of, most=st.integers(1, 4))
    def hear_again(self, start: int, most: int) -> None:
        if self.sent:
            self.deliver([self.sent[(start + n * 7) % len(self.sent)] for n in range(most)])

    @rule(who=st.sampled_from(["ledger", *SKUS]))
    def stream_follows(self, who: str) -> None:
        if who == "ledger":
            self.ledger_follows()
            self.every_ledger_is_whole()
        else:
            shop.project(who)

    @rule(lines=st.lists(st.tuples(places, units), min_size=1, max_size=3), life=minutes)
    def open_hold(self, lines: list[tuple[tuple[str, str], int]], life: int) -> None:
        name = self.name()
        hold = Hold(
            hold_id=name,
            lines=tuple(HoldLine(*place, quantity) for place, quantity in lines),
            channel="web",
            state=HoldState.OPEN,
            opened_at=self.now,
            expires_at=self.now + timedelta(minutes=1 + life),
            digest="digest",
            answer="{}",
        )
        self.mine = True
        if self.done(partial(stock_store.open_hold, hold), HOLDS):
            self.holds[name] = hold

    @precondition(lambda self: self.holds)
    @rule(which=any_of, life=minutes)
    def extend(self, which: int, life: int) -> None:
        extend = partial(stock_store.extend_hold, self.hold(which), self.later(life), self.now)
        self.done(extend, HOLDS)

    @precondition(lambda self: self.holds)
    @rule(which=any_of, payment=st.sampled_from(["p1", "p2"]), life=minutes)
    def bind(self, which: int, payment: str, life: int) -> None:
        hold = self.hold(which)
        self.done(partial(stock_store.bind_hold, hold, payment, self.later(life), self.now), HOLDS)

    @precondition(lambda self: self.holds)
    @rule(which=any_of)
    def release(self, which: int) -> None:
        self.done(partial(stock_store.release_hold, self.hold(which), self.now), HOLDS)

    @rule(
        lines=st.lists(
            st.tuples(
                st.sampled_from(SKUS), units, st.sampled_from([None, *STORES]), st.booleans()
            ),
            min_size=1,
            max_size=3,
        ),
        payment=st.sampled_from(["paid", "paid", "authorized", "pending"]),
        substitution=st.sampled_from(["none", "ask", "allow"]),
        sent=st.booleans(),
        complete=st.sampled_from([False, False, False, True]),
    )
    def place(
        self,
        lines: list[tuple[str, int, str | None, bool]],
        payment: str,
        substitution: Any,
        *,
        sent: bool,
        complete: bool,
    ) -> None:
        made = tuple(
            Line(
                str(number),
                sku,
                quantity,
                1000,
                "USD",
                "pickup" if store else "ship",
                0,
                location_id=store,
                backorder=backorder,
                ship_to_store=sent and store is not None,
                substitution=substitution,
            )
            for number, (sku, quantity, store, backorder) in enumerate(lines, 1)
        )
        self.buy(made, None, None, payment=payment, complete=complete)

    @precondition(lambda self: self.holds)
    @rule(which=any_of, payment=st.sampled_from([None, "p1", "p2"]))
    def place_what_is_held(self, which: int, payment: str | None) -> None:
        hold = self.hold(which)
        made = tuple(
            Line(str(number), line.sku, line.quantity, 1000, "USD", "ship", 0)
            for number, line in enumerate(hold.lines, 1)
        )
        if self.buy(made, hold.hold_id, payment):
            assert hold.hold_id not in self.converted
            self.converted[hold.hold_id] = self.now, self.step

    @precondition(lambda self: self.placed)
    @rule(which=any_of, part=any_of, action=st.sampled_from(ACTIONS))
    def act(self, which: int, part: int, action: Any) -> None:
        """The next step of a fulfillment; now and then one that its state does not allow."""

        def decide(order: Order) -> model.OrderChange:
            name = self.part(order, part)
            steps = [
                step for step in model.allowed_actions(order.fulfillment(name)) if step in ACTIONS
            ]
            step: Any = steps[part % len(steps)] if steps and part % 5 else action
            return model.advance(order, name, step, self.now, "store")

        self.changed(which, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, part=any_of, reason=st.sampled_from(REASONS))
    def reject(self, which: int, part: int, reason: Any) -> None:
        now = self.now

        def decide(order: Order) -> model.OrderChange:
            name = self.part(order, part)
            found = order.fulfillment(name)
            rows = [Rejection(found.lines[0].line_id, 1, reason)] if found.lines else []
            shelf = changing.believed_available(order, name, rows)
            return model.reject(order, name, rows, shelf, now=now, actor="store")

        self.changed(which, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, quantity=st.integers(1, 2), whole=st.booleans())
    def cancel(self, which: int, quantity: int, *, whole: bool) -> None:
        wanted = None if whole else {"1": quantity}
        self.changed(which, lambda order: model.cancel(order, wanted, "changed", self.now, "web"))

    @rule(place=places)
    def cover(self, place: tuple[str, str]) -> None:
        """Whoever bought last gives way where more is promised than there is, until it is even or
        nobody is left who could. An index that is behind does not show all of them."""
        for order in shop.all_orders():
            orders.project_pick_rows(order, None)
        self.by_order = True
        covered = self.done(partial(shortfalls.cover, *place, self.now), COVERS)
        found = stock_store.position(*place)
        short = covered is not None and found is not None and found.available < 0
        if short and not self.weather.index_is_behind:
            parts = (part for order in shop.all_orders() for part in order.fulfillments)
            waiting = [part for part in parts if part.state in model.UNPICKED]
            assert not model.units_held(waiting)[place], found

    @precondition(lambda self: self.placed or self.holds)
    @rule(which=any_of)
    def repeat(self, which: int) -> None:
        """A request that was answered is answered again, and does nothing more."""
        if self.holds:
            hold = self.hold(which)
            assert stock_store.open_hold(hold).hold_id == hold.hold_id
        if self.placed:
            again, first = self.placed[self.order(which)]
            assert again() == first
        if self.acted:
            again, first = self.acted[which % len(self.acted)]
            assert again() == first

    @rule(place=places)
    def heat_up_or_cool_down(self, place: tuple[str, str]) -> None:
        """Its units are spread over slots, as when it runs hot; or folded back."""
        item, whole = slots.read_whole(*place)
        if whole.slots:
            with self.weather.role(FOLDS):
                slots.fold(*place, self.now)
        elif item is not None:
            with self.weather.role(API):
                slots.split(item, 0, self.now)

    @rule()
    def audit(self) -> None:
        """Nothing has drifted; what the stream still brings is not taken for lost. A stream and an
        index that are behind at once look like a drift, which no repair believes for a while."""
        if self.weather.index_is_behind:
            self.ledger_follows()
        positions = [
            found for place in PLACES if (found := stock_store.position(*place)) is not None
        ]
        with self.weather.role(AUDITS):
            promised = audit_store.promised_units(orders.reserved_by_open, positions)
            for found in positions:
                now = min(
                    self.now, found.updated_at + LEDGER_LAG / 2
                )  # the stream is not that late
                ledger = audit_store.read_ledger(found, now)
                units = promised[found.sku, found.location_id]
                assert (
                    find_drifts(found, units, ledger, now, now - stock_store.LEDGER_KEPT) == []
                ), (
                    found,
                    ledger,
                )

    @rule(sku=st.sampled_from(SKUS))
    def repair(self, sku: str) -> None:
        """There is nothing to mend, also when an index is behind and shows fewer promises."""
        self.ledger_follows()
        self.patch.setattr(audit, "_now", lambda: self.now)
        with self.weather.role(AUDITS):
            asked = {"sku": sku, "repair": True, "settle_seconds": 0}
            found = audit.handler({"audit": asked}, Context())
        assert found["drifts"] == found["mended"] == []

    @rule(seconds=st.sampled_from([1, 20, 40, 300, 1800, 7200]), swept=st.booleans())
    def wait(self, seconds: int, *, swept: bool) -> None:
        """Time passes, and what is due is acted on, or not yet."""
        self.now += timedelta(seconds=seconds)
        if not swept:
            return
        with self.weather.role(EXPIRES):
            for hold in list(stock_store.due_holds(self.now)):
                assert stock_store.expire_hold(hold, self.now)
                assert not stock_store.expire_hold(hold, self.now)
        self.deadlines_pass(self.now)

    # A bad day

    @rule(
        storm=st.sampled_from(get_args(Storm)),
        first=st.integers(1, 6),
        calls=st.sampled_from([1, 2, 12, 40]),
    )
    def storm(self, storm: Storm, first: int, calls: int) -> None:
        """Some of the calls to AWS in the next step are struck."""
        self.coming = storm, first, calls

    @rule(behind=st.booleans())
    def index(self, *, behind: bool) -> None:
        if behind:
            self.weather.index_falls_behind()
        else:
            self.weather.index_catches_up()

    @rule(seconds=st.integers(-90, 90))
    def clock(self, seconds: int) -> None:
        """The next events are sent by a system whose clock is off."""
        self.number += 1
        # Milliseconds of its own keep any two instants apart.
        self.skew = timedelta(seconds=seconds, milliseconds=self.number)

    @rule(place=places, quantity=st.integers(0, 12), ahead=st.integers(1, 900))
    def count_ahead(self, place: tuple[str, str], quantity: int, ahead: int) -> None:
        """A counter's clock is ahead: five minutes of it pass, more is refused."""
        as_of = self.now + timedelta(seconds=ahead)
        name = self.name()
        document = {
            "specversion": "1.0",
            "id": name,
            "source": "wms",
            "type": "stock.counted",
            "time": rfc3339(self.now),
            "data": {
                "sku": place[0],
                "location_id": place[1],
                "quantity": quantity,
                "as_of": rfc3339(as_of),
                "basis": "physical",
            },
        }
        try:
            counted = event_of(document, self.now)
        except FromTheFuture:
            assert as_of > self.now + timedelta(minutes=5)
            return
        assert as_of <= self.now + timedelta(minutes=5)
        self.say(counted)

    @precondition(lambda self: self.placed or self.holds)
    @rule(which=any_of, what=st.sampled_from(["order", "fulfillment", "hold"]))
    def stranger(self, which: int, what: str) -> None:
        """A client asks for what is not its own: it is refused, and nothing is changed."""
        before = shop.items("stock"), shop.items("orders")
        status = None
        with self.weather.role(HOLDS if what == "hold" else API):
            if what == "hold" and self.holds:
                status = strangers.on_a_hold(which, self.hold(which).hold_id)
            elif what == "order" and self.placed:
                status = strangers.on_an_order(which, self.order(which))
            elif what == "fulfillment" and self.placed:
                order = orders.find(self.order(which))
                assert order is not None
                part = self.part(order, which)
                at = next(
                    (row.location_id for row in order.fulfillments if row.fulfillment_id == part),
                    None,
                )
                elsewhere = next(store for store in STORES if store != at)
                status = strangers.on_a_fulfillment(which, part, elsewhere)
        assert status in {None, *strangers.REFUSED}
        assert before == (shop.items("stock"), shop.items("orders"))
        self.outcomes["stranger refused"] += status is not None


EXAMPLE = 80
"""Steps of one example, at most."""
ROUND = 5
"""Examples of one seed; the first of them is the simplest there is."""


def run(at_least: int, first: int = 0, tell: Callable[[int], None] = lambda _: None) -> int:
    """Steps taken, seed by seed from ``first`` on, until there are ``at_least`` so many.

    Raises AssertionError with every step that led to a broken law.
    """
    before = Machine.steps["all"]
    how = Settings(
        max_examples=ROUND,
        stateful_step_count=EXAMPLE,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    taken = 0
    number = first
    while taken < at_least:
        try:
            run_state_machine_as_test(seed(number)(type("Seeded", (Machine,), {})), settings=how)
        except BaseException as error:
            error.add_note(f"seed {number}")
            raise
        number += 1
        taken = Machine.steps["all"] - before
        tell(taken)
    return taken
