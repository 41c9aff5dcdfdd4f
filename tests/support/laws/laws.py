"""The laws over the tables of a retailer, held against the truth that is kept beside them.

The truth is: the newest count, the movements after it, each once, and
what own orders did since. ``Laws`` keeps it; shared by whoever makes things happen (machine.py).
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant

from functions.stock import audit
from shared.aws import settings
from shared.errors import Busy, Refusal
from shared.orders import changing, placing, shortfalls
from shared.orders.contract.orders import order_answer
from shared.orders.model import Line, Order, Payment, owed
from shared.orders.model.payments import authorized
from shared.orders.store import order_of_item
from shared.stock import store as stock_store
from shared.stock.model.events import Counted, Event, Moved
from shared.stock.model.position import Hold, Position
from shared.stock.store import feed_writes, feeds
from tests.support import clauses, shop
from tests.support.laws.weather import Storm, Weather
from tests.support.stock_laws import Follower
from tests.support.tables import make_tables

SKUS = ("A", "B")
STORES = ("denver", "boulder")
PLACES = [(sku, store) for sku in SKUS for store in STORES]
API = "functions.orders.api.handler"
HOLDS = "functions.stock.api.handler"
FEED = "functions.stock.apply_feed.handler"
LEDGER = "functions.stock.record_movements.handler"


class Own(NamedTuple):
    """What orders did to a position at an instant of the clock of who did it, in a step."""

    at: datetime
    step: int
    on_hand: int
    reserved: int


@dataclass
class Truth:
    """What is known of one position without looking at it."""

    events: dict[tuple[str, str], Event]
    own: list[Own]
    """What orders did; holds stand in ``Laws.holds``."""
    heard: dict[tuple[str, str], int]
    """When each event was heard, as the number of steps before it."""


class Laws(RuleBasedStateMachine):
    """``steps`` are all that were taken, by all machines; ``outcomes`` are of what they did, and
    ``events`` those in the histories of their orders."""

    steps: ClassVar[Counter[str]] = Counter()
    events: ClassVar[Counter[str]] = Counter()
    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        make_tables(self.patch, prefix=uuid.uuid4().hex[:8])
        settings.setting.cache_clear()
        self.patch.setattr(shortfalls, "BEHIND_SECONDS", 0.0)
        self.patch.setattr(audit, "_measure", lambda *_: None)
        self.patch.setattr(feeds, "LEDGER_WAITS", ())  # a late ledger is another rule's business
        self.weather = Weather(self.patch)
        self.coming: tuple[Storm, int, int] | None = None
        self.now = shop.NOW
        self.skew = timedelta(0)
        self.number = 0
        self.follower = Follower()
        self.truth = {place: Truth({}, [], {}) for place in PLACES}
        self.waiting: list[Event] = []
        self.sent: list[Event] = []
        self.holds: dict[str, Hold] = {}
        self.converted: dict[str, tuple[datetime, int]] = {}
        self.step = 0
        self.open: set[str] = set()
        self.placed: dict[str, tuple[Callable[[], Any], str]] = {}
        self.acted: list[tuple[Callable[[], Any], Any]] = []
        self.before: dict[tuple[str, str], dict[str, Any]] = {}
        self.mine = False

    @property
    def theirs(self) -> datetime:
        """Now by the clock of whoever sends events, which may be off. Ours agree with each other
        (the cloud's time service keeps them within a millisecond), and what is ahead of them is
        taken for now (shared/instants.py)."""
        return min(self.now + self.skew, self.now - timedelta(milliseconds=self.number % 1000))

    def teardown(self) -> None:
        self.ledger_follows()
        self.every_ledger_is_whole()
        self.everything_comes_to_rest()
        self.patch.undo()
        settings.setting.cache_clear()

    # The laws

    @invariant()
    def no_role_lacks_a_permission(self) -> None:
        assert self.weather.denied == [], f"denied by policies.json: {self.weather.denied}"

    @invariant()
    def laws_hold(self) -> None:
        stock = shop.items("stock")
        documents = shop.items("orders")
        places = [
            stock_store.position_of_item(row) for row in stock if row["sk"].startswith("LOC#")
        ]
        placed = [order_of_item(row) for row in documents if row["sk"] == "ORDER"]
        promised = shop.promised(placed, documents, places)
        shop.supplies(places, placed, documents)
        positions = {
            (row["sku"], row["location_id"]): row for row in stock if row["sk"].startswith("LOC#")
        }
        unsold: Counter[tuple[str, str]] = Counter()
        self.open = set()
        for row in stock:
            if row["sk"] == "HOLD" and row["state"] == "open":
                self.open.add(row["pk"].removeprefix("HOLD#"))
            elif row["sk"] == "SLOT":
                place = row["sku"], row["location_id"]
                subject = f"slot {row['pk']} of {clauses.named(place)}"
                clauses.at_least(subject, "available", row["available"], 0)
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
            clauses.available_is_what_is_not_reserved(place, found)
            self.never_oversold(place, found)
        clauses.reserved_is_promised(
            {place: found["reserved"] for place, found in after.items()},
            {"open holds": clauses.of_open_holds(stock), **promised},
        )
        self.note(after)
        for place, found in after.items():
            self.tells_the_truth(place, found)

    def never_oversold(self, place: tuple[str, str], found: dict[str, Any]) -> None:
        before = self.before.get(place)
        if self.mine and before and found["available"] < before["available"]:
            clauses.at_least(
                f"oversold: {clauses.named(place)}", "available", found["available"], 0
            )

    def note(self, after: dict[tuple[str, str], dict[str, Any]]) -> None:
        """What orders did since the last look happened now: only holds and feeds do else."""
        held = self.held_by_holds()
        for place, found in after.items():
            before = self.before.get(place, {"on_hand": 0, "by_orders": 0})
            by_orders = found["reserved"] - held[place]
            moved = found["on_hand"] - before["on_hand"] if self.by_order else 0
            taken = by_orders - before["by_orders"]
            if self.by_order and (moved or taken):
                self.truth[place].own.append(Own(self.now, self.step, moved, taken))
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
        """Law 5, by its definition. A count contains what is older, and nothing that was done when
        it had been heard: clocks differ, and its own may be ahead."""
        truth = self.truth[place]
        counts = [event for event in truth.events.values() if isinstance(event, Counted)]
        newest = max(counts, key=lambda count: count.stamp, default=None)
        moves = sum(
            event.delta
            for event in truth.events.values()
            if isinstance(event, Moved) and (newest is None or event.occurred_at > newest.as_of)
        )
        if newest is None or newest.net_through is None:
            own = sum(
                done.on_hand for done in self.after(truth, newest, newest.as_of if newest else None)
            )
            terms = {
                "newest count": newest.quantity if newest else 0,
                "movements after it": moves,
                "own orders after it": own,
            }
            clauses.equals(clauses.named(place), "on_hand", found["on_hand"], terms)
        else:
            through = newest.net_through
            after = self.after(truth, newest, through)
            own = sum(done.on_hand - done.reserved for done in after)
            heard = truth.heard[newest.source, newest.id]
            for name, hold in self.holds.items():
                at, step = self.converted.get(name, (None, 0))
                holds = (at > through or step > heard) if at is not None else name in self.open
                if holds:
                    own -= sum(
                        line.quantity
                        for line in hold.lines
                        if (line.sku, line.location_id) == place
                    )
            terms = {
                f"newest count, net of orders through {through}": newest.quantity,
                "movements after it": moves,
                "own orders and holds after it": own,
            }
            clauses.equals(clauses.named(place), "available", found["available"], terms)

    @staticmethod
    def after(truth: Truth, newest: Counted | None, since: datetime | None) -> Iterator[Own]:
        heard = truth.heard[newest.source, newest.id] if newest else -1
        return (done for done in truth.own if since is None or done.at > since or done.step > heard)

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
            clauses.ledger_is_whole(row, rows[row["sku"], row["location_id"]])

    def everything_comes_to_rest(self) -> None:
        """What the streams bring is another's business, which may stand beside these."""

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
        self.storm_begins()
        by_place: dict[tuple[str, str], list[Event]] = defaultdict(list)
        for event in events:
            by_place[event.sku, event.location_id].append(event)
        try:
            with self.weather.role(FEED):
                found = stock_store.positions_of(by_place)
                applied = stock_store.applied_movements(events)
                self.apply(by_place, found, applied)
        except Busy:
            self.storm_ends()
            self.deliver(events)
            return
        self.weather.clear()
        self.waiting = [
            event
            for event in self.waiting
            if (event.source, event.id) not in self.truth[event.sku, event.location_id].events
        ]

    def apply(
        self,
        batch: dict[tuple[str, str], list[Event]],
        known: dict[tuple[str, str], Position],
        applied: Any,
    ) -> None:
        """Also a lone position is written by a statement, and by a call of its own when that is
        refused."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(feed_writes, "FEWEST_TOGETHER", 1)
            results = stock_store.apply_batch(batch, known, applied, self.now)
        busy = [place for place, result in results.items() if isinstance(result, Busy)]
        for place, result in results.items():
            if isinstance(result, int):
                self.heard(place, batch[place])
            elif place not in busy:
                raise result
        if busy and self.weather.storm is not None:
            raise Busy("a storm")
        self.outcomes["Busy"] += len(busy)

    def heard(self, place: tuple[str, str], events: list[Event]) -> None:
        for event in events:
            self.truth[place].events[event.source, event.id] = event
            self.truth[place].heard.setdefault((event.source, event.id), self.step)
            self.sent.append(event)

    def settle(self) -> None:
        self.ledger_follows()
        for sku in SKUS:
            shop.project(sku)

    def ledger_follows(self) -> None:
        with self.weather.role(LEDGER):
            self.follower.follow()

    def storm_begins(self) -> None:
        if self.coming is not None:
            self.weather.brew(*self.coming)
            self.coming = None

    def storm_ends(self) -> None:
        """Whoever was told that it is busy asks again."""
        assert self.weather.storm is not None
        self.outcomes[f"Busy, {self.weather.storm}"] += 1
        self.weather.clear()

    def done(self, act: Callable[[], Any], role: str = API) -> Any:
        """What ``act`` answers; a refusal of ours is an answer too."""
        self.storm_begins()
        try:
            with self.weather.role(role):
                answer = act()
        except Busy:
            self.storm_ends()
            return self.done(act, role)
        except Refusal as refusal:
            self.outcomes[type(refusal).__name__] += 1
            return None
        finally:
            self.weather.clear()
        self.outcomes["done"] += 1
        return answer if answer is not None else True

    def buy(
        self,
        lines: tuple[Line, ...],
        hold_id: str | None,
        reference: str | None,
        *,
        payment: str = "paid",
        complete: bool = False,
    ) -> bool:
        name = f"o-{self.name()}"
        order = shop.order(name, *lines, hold_id=hold_id, reference=reference)
        now = self.now
        draft = replace(order, placed_at=now, ship_complete=complete)
        if payment == "authorized":
            held = authorized(owed(order), reference=reference)
            draft = replace(draft, payments=(replace(held, expires_at=now + timedelta(days=2)),))
        elif payment == "pending":
            draft = replace(draft, payments=(Payment("1", reference=reference),))

        def place() -> str:
            return placing.place(draft, shop.request(name, name), "web", now, answer)

        self.by_order = self.mine = True
        first = self.done(place)
        if first:
            self.placed[name] = place, first
        return bool(first)

    def changed(self, which: int, decide: Callable[[Order], Any], *, takes: bool = False) -> None:
        """Change an order. What ``takes`` units takes none that are not there, as a buyer."""
        order_id, key = self.order(which), self.name()
        now = self.now

        def change() -> str | None:
            return changing.change(order_id, decide, now, request=shop.request(key), answer=answer)

        self.by_order = True
        self.mine = takes
        if (first := self.done(change)) is not None:
            self.acted.append((change, first))

    def check_invariants(self, *args: Any, **kwargs: Any) -> None:
        super().check_invariants(*args, **kwargs)
        Laws.steps["all"] += 1
        self.step += 1
        # No two things happen at one instant: which of them a count contains would be unsaid.
        self.now += timedelta(seconds=1)


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()
