"""Many threads on one position: nothing is lost, nothing is sold twice (laws 1, 2 and 4)."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from shared.aws import dynamodb
from shared.errors import Busy, HoldClosed, OutOfStock
from shared.stock import store
from shared.stock.model.events import Counted, Event, Moved
from shared.stock.model.position import Cause, Effect, Hold, HoldLine, HoldState
from shared.stock.store import feed_writes
from tests.support.stock_laws import Follower, assert_laws

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

THREADS = 32


@pytest.fixture(params=["alone", "together"])
def way(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> None:
    """Feeds write each position by a call of its own, or by statements."""
    if request.param == "together":
        environment.setattr(feed_writes, "FEWEST_TOGETHER", 1)


START = datetime(2026, 3, 1, 8, tzinfo=UTC)
NOW = START + timedelta(hours=4)
T = TypeVar("T")


def race(work: Sequence[Callable[[], T]], threads: int = THREADS) -> list[T]:
    """The results of all ``work``, started at one moment; what is Busy comes again for a minute."""
    until = time.monotonic() + 60
    gate = threading.Barrier(min(threads, len(work)))
    started = threading.local()

    def run(one: Callable[[], T]) -> T:
        if not getattr(started, "yes", False):
            started.yes = True
            gate.wait(timeout=30)
        while True:
            try:
                return one()
            except Busy:
                if time.monotonic() > until:
                    raise

    with ThreadPoolExecutor(min(threads, len(work))) as pool:
        return list(pool.map(run, work))


@contextmanager
def following() -> Iterator[Follower]:
    """The ledger is written meanwhile, as in the cloud."""
    follower = Follower()
    stop = threading.Event()

    def stream() -> None:
        while not stop.is_set():
            follower.follow()
            stop.wait(0.05)

    ledger = threading.Thread(target=stream)
    ledger.start()
    try:
        yield follower
    finally:
        stop.set()
        ledger.join()


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def stocked(quantity: int, *skus: str) -> None:
    for sku in skus:
        store.apply_events([Counted("wms", "c0", None, sku, "1", quantity, START)], None, (), NOW)


def moved(number: int, *, sequenced: bool) -> Moved:
    sequence = number if sequenced else None
    return Moved("pos", f"m{number}", sequence, "A", "1", -1, "retail_selling", at(number + 1))


def apply(*events: Event) -> int:
    found = store.positions_of([("A", "1")]).get(("A", "1"))
    return store.apply_events(events, found, store.applied_movements(events), NOW)


def brought(event: Event) -> int:
    """Applied, and brought again by the queue while there are too many writers."""
    for _ in range(10):
        with suppress(Busy):
            return apply(event)
    return apply(event)


def hold(name: str, *lines: tuple[str, int], minutes: int = 15, opened_at: datetime = NOW) -> Hold:
    return Hold(
        hold_id=name,
        lines=tuple(HoldLine(sku, "1", quantity) for sku, quantity in lines),
        channel="web",
        state=HoldState.OPEN,
        opened_at=opened_at,
        expires_at=opened_at + timedelta(minutes=minutes),
        digest="digest",
        answer="{}",
    )


def bought(wanted: Hold) -> bool:
    try:
        return store.open_hold(wanted) is not None
    except OutOfStock:
        return False


@pytest.mark.parametrize("sequenced", [True, False])
def test_no_movement_of_many_writers_is_lost(*, sequenced: bool) -> None:
    stocked(100, "A")
    writers = 40 if sequenced else THREADS
    with following() as follower:
        race([lambda n=n: brought(moved(n, sequenced=sequenced)) for n in range(writers)])  # type: ignore[misc]
    found = assert_laws(follower=follower)
    assert found["A", "1"]["on_hand"] == 100 - writers


@pytest.mark.parametrize("sequenced", [True, False])
def test_one_event_from_many_threads_counts_once(*, sequenced: bool) -> None:
    stocked(10, "A")
    event = moved(1, sequenced=sequenced)
    writes = race([lambda: apply(event)] * THREADS)
    assert sum(writes) == 1
    assert assert_laws(follower=Follower())["A", "1"]["on_hand"] == 9


def test_fifty_buyers_of_the_last_unit_are_one_owner() -> None:
    stocked(1, "A")
    won = race([lambda n=n: bought(hold(f"h{n}", ("A", 1))) for n in range(50)], 50)  # type: ignore[misc]
    assert sum(won) == 1
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 0


def test_many_buyers_buy_exactly_what_is_there() -> None:
    stocked(20, "A")
    won = race([lambda n=n: bought(hold(f"h{n}", ("A", 1))) for n in range(48)])  # type: ignore[misc]
    assert sum(won) == 20
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 0


def test_two_lines_of_one_sku_are_never_checked_apart() -> None:
    stocked(10, "A")
    won = race([lambda n=n: bought(hold(f"h{n}", ("A", 3), ("A", 3))) for n in range(THREADS)])  # type: ignore[misc]
    assert sum(won) == 1
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 4


def test_carts_in_opposite_order_all_end() -> None:
    stocked(16, "A", "B")
    carts = [
        hold(f"h{n}", *((("A", 1), ("B", 1)) if n % 2 else (("B", 1), ("A", 1))))
        for n in range(THREADS)
    ]
    won = race([lambda cart=cart: bought(cart) for cart in carts])  # type: ignore[misc]
    assert sum(won) == 16
    found = assert_laws(follower=Follower())
    assert [found[sku, "1"]["available"] for sku in "AB"] == [0, 0]


def test_the_same_request_of_many_threads_is_one_hold() -> None:
    stocked(10, "A")
    answers = race([lambda: store.open_hold(hold("h", ("A", 2)))] * THREADS)
    assert {answer.hold_id for answer in answers} == {"h"}
    assert assert_laws(follower=Follower())["A", "1"]["available"] == 8


def test_release_expiry_and_order_of_one_hold_have_one_winner() -> None:
    """Whoever is first has the units; nobody gives them back twice."""
    stocked(100, "A")
    for round_ in range(4):
        opened = store.open_hold(hold(f"h{round_}", ("A", 5)))
        late = opened.expires_at

        def release(opened: Hold = opened) -> str:
            try:
                store.release_hold(opened, NOW)
            except HoldClosed:
                return ""
            return "released"

        def sweep(opened: Hold = opened, late: datetime = late) -> str:
            return "expired" if store.expire_hold(opened, late) else ""

        def convert(opened: Hold = opened) -> str:
            parts = [store.convert_part(opened, "o1", NOW)]
            return "" if dynamodb.transact(parts) else "converted"

        work: list[Callable[[], str]] = [release, sweep, convert] * 11
        random.Random(round_).shuffle(work)
        results = race(work)
        state = store.get_hold(opened.hold_id).state
        assert results.count("converted") == (state is HoldState.CONVERTED)
        assert results.count("expired") == (state is HoldState.EXPIRED)
        assert results.count("released") >= (state is HoldState.RELEASED)
    converted = sum(
        5 for round_ in range(4) if store.get_hold(f"h{round_}").state is HoldState.CONVERTED
    )
    assert_laws({("A", "1"): converted}, Follower())


def test_counts_sales_holds_and_repetitions_at_once_break_no_law(way: None) -> None:
    """The truth of the feed is known beforehand; buyers must not change it, nor be oversold."""
    stocked(1000, "A")
    counts: list[Event] = [
        Counted("wms", f"c{n}", n, "A", "1", 500 + n, at(100 * n)) for n in range(1, 6)
    ]
    sales: list[Event] = [moved(n * 10, sequenced=n % 2 == 0) for n in range(40)]
    messages = [*counts, *sales, *sales[::3], *counts[::2]]
    random.Random(7).shuffle(messages)

    def feed(message: Event) -> Any:
        return apply(message)

    def buy(number: int) -> Any:
        opened = hold(f"h{number}", ("A", 1))
        assert bought(opened)
        if number % 2:
            store.release_hold(opened, NOW)

    with following() as follower:
        race(
            [
                *(lambda message=message: feed(message) for message in messages),
                *(lambda n=n: buy(n) for n in range(24)),
            ]
        )
    found = assert_laws(follower=follower)["A", "1"]
    later = sum(1 for n in range(40) if at(n * 10 + 1) > at(500))
    assert found["on_hand"] == 505 - later
    assert found["reserved"] == 12


def test_hand_overs_during_counts_are_neither_lost_nor_counted_twice(way: None) -> None:
    """Counts as of long ago arrive while units leave: all of them left after every count."""
    stocked(1000, "A")
    cause = Cause("norain/orders", "o", "order.shipped", "shipping")

    def hand_over(number: int) -> Any:
        at_ = NOW + timedelta(seconds=number)
        _, parts = store.effect_parts([Effect("A", "1", -1, 0, floor=0)], cause, at_)
        return dynamodb.transact(parts)

    counts = [Counted("wms", f"c{n}", None, "A", "1", 500 + n, at(n)) for n in range(1, 9)]
    with following() as follower:
        race(
            [
                *(lambda n=n: hand_over(n) for n in range(40)),
                *(lambda count=count: apply(count) for count in counts),
            ]
        )
    found = assert_laws(follower=follower)["A", "1"]
    assert found["on_hand"] == 508 - 40
