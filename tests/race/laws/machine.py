"""A retailer to which anything may happen in any order, and the laws over it after every step.

The truth is kept beside the tables, as design.md defines it: the newest count, the movements after
it, each once, and what own orders did since. On DynamoDB Local, with streams that lag.
"""

import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as Settings  # noqa: N812
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.aws import settings
from shared.errors import Busy, Conflict, HoldClosed, OutOfStock, Refusal
from shared.locations import table as locations
from shared.orders import model, placing, shortfalls
from shared.orders import table as orders
from shared.orders.contract import order_answer
from shared.orders.model import Line, Order, Payment, Rejection, Returned
from shared.stock import audit_table, slot_table, table
from shared.stock.audit import LATE, drifts
from shared.stock.feed import Counted, Event, Moved
from shared.stock.model import Hold, HoldLine, HoldState
from shared.stock.table import feeds
from tests.conftest import make_tables
from tests.tables.orders import shop
from tests.tables.stock.laws import Follower

SKUS = ("A", "B")
STORES = ("denver", "boulder")
PLACES = [(sku, store) for sku in SKUS for store in STORES]
ACTIONS = ("accept", "pick", "pack", "ship", "ready", "collect")
REASONS = ("not_found", "damaged", "no_capacity", "mismatch")

any_of = st.integers(0, 999)
places = st.sampled_from(PLACES)
units = st.integers(1, 3)
minutes = st.integers(0, 240)


@dataclass
class Truth:
    """What is known of one position without looking at it."""

    events: dict[tuple[str, str], Event]
    own: list[tuple[datetime, int, int]]
    """(instant, on_hand, reserved) of what orders did; holds stand in ``Machine.holds``."""


class Machine(RuleBasedStateMachine):
    """``steps`` are all that were taken, by all machines, by the name of what was done."""

    steps: ClassVar[Counter[str]] = Counter()
    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        make_tables(self.patch, prefix=uuid.uuid4().hex[:8])
        settings.setting.cache_clear()
        self.patch.setattr(shortfalls, "BEHIND_SECONDS", 0.0)
        self.patch.setattr(feeds, "LEDGER_WAITS", ())  # a late ledger is another rule's business
        self.now = shop.NOW
        self.number = 0
        self.follower = Follower()
        self.truth = {place: Truth({}, []) for place in PLACES}
        self.waiting: list[Event] = []
        self.sent: list[Event] = []
        self.holds: dict[str, Hold] = {}
        self.converted: dict[str, datetime] = {}
        self.open: set[str] = set()
        self.placed: dict[str, tuple[Callable[[], Any], str]] = {}
        self.acted: list[tuple[Callable[[], Any], Any]] = []
        self.before: dict[tuple[str, str], dict[str, Any]] = {}
        self.mine = False

    def teardown(self) -> None:
        self.follower.follow()
        self.every_ledger_is_whole()
        self.patch.undo()
        settings.setting.cache_clear()

    # What happens

    @initialize(quantities=st.lists(st.integers(2, 14), min_size=4, max_size=4))
    def opens(self, quantities: list[int]) -> None:
        for store in STORES:
            locations.put(shop.PLACES[store])
        for place, quantity in zip(PLACES, quantities, strict=True):
            start = self.now - timedelta(hours=5)
            self.deliver([Counted("wms", f"c0-{place}", None, *place, quantity, start)])
        self.settle()

    @rule(place=places, quantity=st.integers(0, 12), age=minutes)
    def count(self, place: tuple[str, str], quantity: int, age: int) -> None:
        as_of = self.now - timedelta(minutes=age)
        self.say(Counted("wms", self.name(), None, *place, quantity, as_of))

    @rule(place=places, quantity=st.integers(0, 12), age=minutes, behind=minutes)
    def net_count(self, place: tuple[str, str], quantity: int, age: int, behind: int) -> None:
        as_of = self.now - timedelta(minutes=age)
        through = as_of - timedelta(minutes=behind)
        self.say(Counted("erp", self.name(), None, *place, quantity, as_of, through))

    @rule(place=places, delta=st.integers(-3, 6), age=minutes, sequenced=st.booleans())
    def move(self, place: tuple[str, str], delta: int, age: int, *, sequenced: bool) -> None:
        if delta:
            at = self.now - timedelta(minutes=age)
            name = self.name()
            sequence = self.number if sequenced else None
            source = "pos" if sequenced else "till"
            self.say(Moved(source, name, sequence, *place, delta, "retail_selling", at))

    @rule(which=any_of)
    def count_as_it_stands(self, which: int) -> None:
        """A count that changes nothing is only noted, and still hides what is older."""
        place = PLACES[which % len(PLACES)]
        found = table.position(*place)
        if found is not None and found.on_hand >= 0:
            self.say(Counted("wms", self.name(), None, *place, found.on_hand, self.now))

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
            self.follower.follow()
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
        if self.done(partial(table.open_hold, hold)):
            self.holds[name] = hold

    @precondition(lambda self: self.holds)
    @rule(which=any_of, life=minutes)
    def extend(self, which: int, life: int) -> None:
        self.done(partial(table.extend_hold, self.hold(which), self.later(life), self.now))

    @precondition(lambda self: self.holds)
    @rule(which=any_of, payment=st.sampled_from(["p1", "p2"]), life=minutes)
    def bind(self, which: int, payment: str, life: int) -> None:
        hold = self.hold(which)
        self.done(partial(table.bind_hold, hold, payment, self.later(life), self.now))

    @precondition(lambda self: self.holds)
    @rule(which=any_of)
    def release(self, which: int) -> None:
        self.done(partial(table.release_hold, self.hold(which), self.now))

    @rule(
        lines=st.lists(
            st.tuples(
                st.sampled_from(SKUS), units, st.sampled_from([None, *STORES]), st.booleans()
            ),
            min_size=1,
            max_size=3,
        )
    )
    def place(self, lines: list[tuple[str, int, str | None, bool]]) -> None:
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
            )
            for number, (sku, quantity, store, backorder) in enumerate(lines, 1)
        )
        self.buy(made, None, Payment("paid"))

    @precondition(lambda self: self.holds)
    @rule(which=any_of, payment=st.sampled_from([None, "p1", "p2"]))
    def place_what_is_held(self, which: int, payment: str | None) -> None:
        hold = self.hold(which)
        made = tuple(
            Line(str(number), line.sku, line.quantity, 1000, "USD", "ship", 0)
            for number, line in enumerate(hold.lines, 1)
        )
        if self.buy(made, hold.hold_id, Payment("paid", payment)):
            assert hold.hold_id not in self.converted
            self.converted[hold.hold_id] = self.now

    @precondition(lambda self: self.placed)
    @rule(which=any_of, part=any_of, action=st.sampled_from(ACTIONS))
    def act(self, which: int, part: int, action: Any) -> None:
        """The next step of a fulfillment; now and then one that its state does not allow."""

        def decide(order: Order) -> model.Change:
            name = self.part(order, part)
            steps = [step for step in model.allowed(order.fulfillment(name)) if step in ACTIONS]
            step: Any = steps[part % len(steps)] if steps and part % 5 else action
            return model.act(order, name, step, self.now, "store")

        self.changed(which, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, part=any_of, reason=st.sampled_from(REASONS))
    def reject(self, which: int, part: int, reason: Any) -> None:
        now = self.now

        def decide(order: Order) -> model.Change:
            name = self.part(order, part)
            found = order.fulfillment(name)
            rows = [Rejection(found.lines[0].line_id, 1, reason)] if found.lines else []
            shelf = placing.shelf(order, name, rows)
            return model.reject(order, name, rows, shelf, now=now, actor="store")

        self.changed(which, decide)

    @precondition(lambda self: self.placed)
    @rule(which=any_of, quantity=st.integers(1, 2), whole=st.booleans())
    def cancel(self, which: int, quantity: int, *, whole: bool) -> None:
        wanted = None if whole else {"1": quantity}
        self.changed(which, lambda order: model.cancel(order, wanted, "changed", self.now, "web"))

    @precondition(lambda self: self.placed)
    @rule(which=any_of, store=st.sampled_from(STORES), damaged=st.booleans())
    def take_back(self, which: int, store: str, *, damaged: bool) -> None:
        rows = [Returned("1", 1, "damaged" if damaged else "sellable", "no")]
        self.changed(which, lambda order: model.take_back(order, store, rows, self.now, "web"))

    @rule(place=places)
    def cover(self, place: tuple[str, str]) -> None:
        """Whoever bought last gives way where more is promised than there is, until it is even or
        nobody is left who could."""
        for order in shop.all_orders():
            orders.project(order, None)
        self.by_order = True
        covered = self.done(partial(shortfalls.cover, *place, self.now))
        found = table.position(*place)
        if covered is not None and found is not None and found.available < 0:
            parts = (part for order in shop.all_orders() for part in order.fulfillments)
            waiting = [part for part in parts if part.state in model.UNPICKED]
            assert not model.units_held(waiting)[place], found

    @precondition(lambda self: self.placed or self.holds)
    @rule(which=any_of)
    def repeat(self, which: int) -> None:
        """A request that was answered is answered again, and does nothing more."""
        if self.holds:
            hold = self.hold(which)
            assert table.open_hold(hold).hold_id == hold.hold_id
        if self.placed:
            again, first = self.placed[self.order(which)]
            assert again() == first
        if self.acted:
            again, first = self.acted[which % len(self.acted)]
            assert again() == first

    @rule(place=places)
    def heat_up_or_cool_down(self, place: tuple[str, str]) -> None:
        """Its units are spread over slots, as when it runs hot; or folded back."""
        item, whole = slot_table.look(*place)
        if whole.slots:
            slot_table.fold(*place, self.now)
        elif item is not None:
            slot_table.split(item, 0, self.now)

    @rule()
    def audit(self) -> None:
        """Nothing has drifted; what the stream still brings is not taken for lost."""
        promised = audit_table.promised_now(orders.open_units)
        for place in PLACES:
            found = table.position(*place)
            if found is not None:
                now = min(self.now, found.updated_at + LATE / 2)  # the stream is not that late
                ledger = audit_table.ledger(found, now)
                units = promised[place]
                assert drifts(found, units, ledger, now, now - table.KEPT) == [], (found, ledger)

    @rule(seconds=st.sampled_from([1, 20, 40, 300, 1800, 7200]), swept=st.booleans())
    def wait(self, seconds: int, *, swept: bool) -> None:
        """Time passes, and what is due is acted on, or not yet."""
        self.now += timedelta(seconds=seconds)
        if not swept:
            return
        for hold in list(table.due_holds(self.now)):
            assert table.expire_hold(hold, self.now)
            assert not table.expire_hold(hold, self.now)
        now = self.now
        self.by_order = True
        for order_id in list(orders.due(now, 5)):
            overdue = partial(model.overdue, now=now)
            self.done(partial(placing.change, order_id, overdue, now))

    # The laws

    @invariant()
    def laws_hold(self) -> None:
        stock = shop.items("stock")
        stored = shop.all_orders()
        promised: Counter[tuple[str, str]] = Counter()
        for order in stored:
            model.check(order)
            promised.update(model.units_held(order.fulfillments))
        positions = {
            (row["sku"], row["location_id"]): row for row in stock if row["sk"].startswith("LOC#")
        }
        unsold: Counter[tuple[str, str]] = Counter()
        self.open = set()
        for row in stock:
            if row["sk"] == "HOLD" and row["state"] == "open":
                self.open.add(row["pk"].removeprefix("HOLD#"))
                for line in row["lines"]:
                    promised[line["sku"], line["location_id"]] += line["quantity"]
            elif row["sk"] == "SLOT":
                assert row["available"] >= 0
                unsold[row["sku"], row["location_id"]] += row["available"]
        after = {}
        for place, row in positions.items():
            if "slots" in row:
                unsold[place] += row["kept"]
            found = {
                "on_hand": row["on_hand"],
                "reserved": row["reserved"] - unsold[place],
                "available": row["available"] + unsold[place],
            }
            after[place] = found
            assert found["available"] == found["on_hand"] - found["reserved"], place
            assert found["reserved"] == promised.pop(place, 0), place
            self.never_oversold(place, found)
        assert not +promised
        self.note(after)
        for place, found in after.items():
            self.tells_the_truth(place, found)

    def never_oversold(self, place: tuple[str, str], found: dict[str, Any]) -> None:
        before = self.before.get(place)
        if self.mine and before and found["available"] < before["available"]:
            assert found["available"] >= 0, place

    def note(self, after: dict[tuple[str, str], dict[str, Any]]) -> None:
        """What orders did since the last look happened now: only holds and feeds do else."""
        held = self.held_by_holds()
        for place, found in after.items():
            before = self.before.get(place, {"on_hand": 0, "by_orders": 0})
            by_orders = found["reserved"] - held[place]
            moved = found["on_hand"] - before["on_hand"] if self.by_order else 0
            taken = by_orders - before["by_orders"]
            if self.by_order and (moved or taken):
                self.truth[place].own.append((self.now, moved, taken))
            found["by_orders"] = by_orders
        self.before = after
        self.by_order = self.mine = False

    by_order = False

    def held_by_holds(self) -> Counter[tuple[str, str]]:
        """Units of open holds, and of those that have become orders: both are theirs."""
        held: Counter[tuple[str, str]] = Counter()
        for name, hold in self.holds.items():
            if name in self.converted or name in self.open:
                for line in hold.lines:
                    held[line.sku, line.location_id] += line.quantity
        return held

    def tells_the_truth(self, place: tuple[str, str], found: dict[str, Any]) -> None:
        """Law 5, by its definition."""
        truth = self.truth[place]
        counts = [event for event in truth.events.values() if isinstance(event, Counted)]
        newest = max(counts, key=lambda count: count.stamp, default=None)
        moves = sum(
            event.delta
            for event in truth.events.values()
            if isinstance(event, Moved) and (newest is None or event.occurred_at > newest.as_of)
        )
        if newest is None or newest.net_through is None:
            since = newest.as_of if newest else datetime.min.replace(tzinfo=self.now.tzinfo)
            own = sum(on_hand for at, on_hand, _ in truth.own if at > since)
            expected = (newest.quantity if newest else 0) + moves + own
            assert found["on_hand"] == expected, (place, newest)
        else:
            through = newest.net_through
            own = sum(on_hand - taken for at, on_hand, taken in truth.own if at > through)
            for name, hold in self.holds.items():
                converted = self.converted.get(name)
                holds = converted > through if converted else name in self.open
                if holds:
                    own -= sum(
                        line.quantity
                        for line in hold.lines
                        if (line.sku, line.location_id) == place
                    )
            assert found["available"] == newest.quantity + moves + own, (place, newest)

    def every_ledger_is_whole(self) -> None:
        """With the stream at its end, the rows of a position lead to what it is."""
        rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        positions = []
        for row in shop.items("stock"):
            if row["pk"].startswith("SKU#") and row["sk"].startswith("MOVE#"):
                rows[row["sku"], row["location_id"]].append(row)
            elif row["sk"].startswith("LOC#"):
                positions.append(row)
        for row in positions:
            moved = rows[row["sku"], row["location_id"]]
            versions = sorted(found["version"] for found in moved)
            assert versions == list(range(1, row["version"] + 1))
            assert sum(found["delta"] for found in moved) == row["on_hand"]

    # How it is done

    def name(self) -> str:
        self.number += 1
        return f"n{self.number}"

    def later(self, life: int) -> datetime:
        return self.now + timedelta(minutes=1 + life)

    def hold(self, which: int) -> Hold:
        return list(self.holds.values())[which % len(self.holds)]

    def order(self, which: int) -> str:
        return list(self.placed)[which % len(self.placed)]

    @staticmethod
    def part(order: Order, which: int) -> str:
        parts = [one for one in order.fulfillments if one.is_open] or order.fulfillments
        return parts[which % len(parts)].fulfillment_id if parts else f"{order.order_id}.1"

    def say(self, event: Event) -> None:
        self.waiting.append(event)
        if self.number % 3:
            self.deliver([event])

    def deliver(self, events: list[Event]) -> None:
        """One batch: each position's messages folded together; what is Busy comes again."""
        by_place: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in events:
            by_place[event.sku, event.location_id].append(event)
        found = table.positions_of(by_place)
        applied = table.applied_of(events)
        for place, batch in by_place.items():
            try:
                table.apply(batch, found.get(place), applied, self.now)
            except Busy:
                self.outcomes["Busy"] += 1
                continue
            for event in batch:
                self.truth[place].events[event.source, event.id] = event
                self.sent.append(event)
        self.waiting = [
            event
            for event in self.waiting
            if (event.source, event.id) not in self.truth[event.sku, event.location_id].events
        ]

    def settle(self) -> None:
        self.follower.follow()
        for sku in SKUS:
            shop.project(sku)

    def done(self, act: Callable[[], Any]) -> Any:
        """What ``act`` answers; a refusal of ours is an answer too."""
        try:
            answer = act()
        except (OutOfStock, HoldClosed, Conflict, Refusal) as refusal:
            self.outcomes[type(refusal).__name__] += 1
            return None
        self.outcomes["done"] += 1
        return answer if answer is not None else True

    def buy(self, lines: tuple[Line, ...], hold_id: str | None, payment: Payment) -> bool:
        name = f"o-{self.name()}"
        draft = replace(
            shop.order(name, *lines, hold_id=hold_id), payment=payment, placed_at=self.now
        )
        now = self.now

        def place() -> str:
            return placing.place(draft, shop.request(name, name), "web", now, answer)

        self.by_order = self.mine = True
        first = self.done(place)
        if first:
            self.placed[name] = place, first
        return bool(first)

    def changed(self, which: int, decide: Callable[[Order], Any]) -> None:
        order_id, key = self.order(which), self.name()
        now = self.now

        def change() -> str | None:
            return placing.change(order_id, decide, now, request=shop.request(key), answer=answer)

        self.by_order = True
        if (first := self.done(change)) is not None:
            self.acted.append((change, first))

    def check_invariants(self, *args: Any, **kwargs: Any) -> None:
        super().check_invariants(*args, **kwargs)
        Machine.steps["all"] += 1
        # No two things happen at one instant: which of them a count contains would be unsaid.
        self.now += timedelta(seconds=1)


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


EXAMPLE = 80
"""Steps of one example, at most."""
ROUND = 5
"""Examples of one seed; the first of them is the simplest there is."""


def run(
    seconds: float, at_least: int, first: int = 0, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Steps taken, seed by seed, until both the time and the number are reached.

    Raises AssertionError with every step that led to a broken law.
    """
    before = Machine.steps["all"]
    until = time.monotonic() + seconds
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
    while time.monotonic() < until or taken < at_least:
        run_state_machine_as_test(seed(number)(type("Seeded", (Machine,), {})), settings=how)
        number += 1
        taken = Machine.steps["all"] - before
        tell(taken)
    return taken
