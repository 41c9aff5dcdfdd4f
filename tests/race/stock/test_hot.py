"""A position that runs hot: split, sold from slots and folded back. No law is broken on the way.

DynamoDB Local has no conflicts between transactions; tests/support/contention.py adds those of
DynamoDB.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.config import Config

from shared.aws import clients, dynamodb
from shared.aws.items import from_item
from shared.errors import Busy, OutOfStock
from shared.stock import store
from shared.stock.model.events import Counted, Event, Moved
from shared.stock.model.position import Cause, Effect, Hold, HoldState
from shared.stock.model.rules import RuleAmount, SellingTerms
from shared.stock.store import slots as slots_store
from tests.race.stock.test_races import NOW, START, apply, following, hold, moved, race
from tests.support.contention import contended
from tests.support.stock_laws import Follower, assert_laws, items

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]

PLACE = ("A", "1")
THREADS = 48
Work = Callable[[], bool]
"""Whether something was sold."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 requests wait for one another here, maybe longer than an API could."""
    monkeypatch.setattr(clients, "CONFIG", clients.CONFIG.merge(Config(read_timeout=60)))
    clients.client.cache_clear()


def stocked(quantity: int) -> None:
    apply(Counted("wms", "c0", 0, *PLACE, quantity, START))


def split(floor: int = 0, at: datetime = NOW) -> bool:
    item, _ = slots_store.read_whole(*PLACE)
    assert item is not None
    return slots_store.split(item, floor, at)


def is_split() -> bool:
    found = store.position(*PLACE)
    return found is not None and found.slots > 0


def bought(wanted: Hold, floor: int = 0) -> Hold | None:
    try:
        terms = SellingTerms(RuleAmount(floor))
        return store.open_hold(
            wanted, {(line.sku, line.location_id): terms for line in wanted.lines}
        )
    except OutOfStock:
        return None


def buys(name: str, units: int = 1, floor: int = 0, at: datetime = NOW) -> Work:
    """Some while after ``at``: as long as this test has run."""
    began = time.monotonic()

    def buy() -> bool:
        now = at + timedelta(seconds=time.monotonic() - began)
        return bought(hold(name, ("A", units), opened_at=now), floor) is not None

    return buy


def buyers(count: int) -> list[Work]:
    return [buys(f"h{number}") for number in range(count)]


def feeds(event: Event) -> Work:
    def feed() -> bool:
        apply(event)
        return False

    return feed


def received(number: int) -> Moved:
    when = START + timedelta(seconds=number + 1)
    return Moved("wms", f"r{number}", number + 1, *PLACE, 1, "receiving", when)


@contextmanager
def watched() -> Iterator[None]:
    """Reads the position and its slots in one transaction all the time, and checks laws 1 and 2."""
    seen: list[int] = []
    broken: list[Any] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if snapshot := _snapshot():
                base, slots = snapshot
                unsold = base.get("kept", 0) + sum(slot["available"] for slot in slots)
                seen.append(base["available"] + unsold)
                if (
                    seen[-1] < 0
                    or base["available"] != base["on_hand"] - base["reserved"]
                    or base["reserved"] < unsold
                    or (slots and base["available"] < 0)
                ):
                    broken.append(snapshot)
            stop.wait(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    assert broken == []
    assert len(seen) > 3


def _snapshot() -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """None when it was split or folded before all could be read at one instant."""
    item = dynamodb.get(store.stock_table(), "SKU#A", "LOC#1", consistent=True)
    assert item is not None
    keys = [("SKU#A", "LOC#1")]
    for number in range(item.get("slots", 0)):
        slot = slots_store.slot_key(*PLACE, number)
        keys.append((slot.pk, slot.sk))
    try:
        answer: Any = clients.dynamodb().transact_get_items(
            TransactItems=[
                {"Get": {"TableName": store.stock_table(), "Key": dynamodb.key(*key)}}
                for key in keys
            ]
        )
    except clients.dynamodb().exceptions.TransactionCanceledException:
        return None
    base, *slots = [from_item(row["Item"]) for row in answer["Responses"] if "Item" in row]
    same = base.get("epoch") == item.get("epoch") and len(slots) == len(keys) - 1
    return (base, slots) if same else None


def test_a_flash_sale_sells_every_unit_once_and_refuses_all_others() -> None:
    """180 buyers, 80 units: 10 of them arrive while it runs, and a count that knows of none."""
    stocked(70)
    events: list[Event] = [received(number) for number in range(10)]
    events.append(Counted("wms", "c1", 1, *PLACE, 70, START))
    work = buyers(180)
    for number, event in enumerate(events):
        work.insert(number * 5, feeds(event))
    with contended(clients.dynamodb()), following() as follower, watched():
        won = race(work, THREADS)
        # Those that arrived when everybody had been refused already.
        won += [buys(f"late{number}")() for number in range(20)]
    assert sum(won) == 80
    found = assert_laws(follower=follower)[PLACE]
    assert (found["on_hand"], found["available"]) == (80, 0)
    entries = {entry["type"] for row in items() for entry in row.get("entries", ())}
    assert {slots_store.SPLIT, slots_store.FOLDED} <= entries


def test_a_storm_ends_in_sold_or_refused_without_anybody_coming_again() -> None:
    """As the flash sale, but nobody tries again who was told Busy. How many are told so depends on
    the load of the machine, up to 20 of 160; with 2 attempts at a sale in place of 12 they are 64,
    with one 142. That the slots are used shows in the ledger."""
    stocked(80)

    def once(number: int) -> str:
        try:
            return "sold" if buys(f"h{number}")() else "refused"
        except Busy:
            return "busy"

    with contended(clients.dynamodb()):
        told = race([partial(once, number) for number in range(160)], THREADS)
    assert told.count("busy") <= 40
    assert assert_laws(follower=Follower())[PLACE]["available"] == 80 - told.count("sold")
    entries = {entry["type"] for row in items() for entry in row.get("entries", ())}
    assert slots_store.SPLIT in entries
    if "busy" not in told:
        assert told.count("sold") == 80


def test_a_sale_without_conflicts_is_never_split() -> None:
    stocked(200)
    assert all(buy() for buy in buyers(20))
    assert not is_split()
    assert not [row for row in items() if row["pk"].startswith(("SLOT", "HEAT"))]


def test_nobody_is_kept_waiting_when_all_is_sold() -> None:
    """A conflict storm on nothing: each of 150 is refused, none is told to come again."""
    stocked(1)
    assert buys("first")()
    refused = 0

    def refuse(number: int) -> bool:
        with pytest.raises(OutOfStock):
            store.open_hold(hold(f"h{number}", ("A", 1)))
        return True

    with contended(clients.dynamodb()):
        refused = sum(race([partial(refuse, number) for number in range(150)], THREADS))
    assert refused == 150
    assert assert_laws()[PLACE]["available"] == 0


def test_splitting_and_folding_race_with_buyers_and_sellers() -> None:
    stocked(400)
    steps = [NOW + timedelta(seconds=5 * number) for number in range(10)]

    def release(number: int) -> bool:
        won = bought(hold(f"r{number}", ("A", 2)))
        assert won
        store.release_hold(won, NOW)
        return False

    def step(number: int) -> bool:
        if number % 2:
            slots_store.fold(*PLACE, steps[number])
        else:
            split(0, steps[number])
        return False

    work: list[Work] = [partial(step, number) for number in range(10)]
    work += [feeds(moved(number, sequenced=number % 2 == 0)) for number in range(16)]
    work += [buys(f"h{number}", 1 + number % 3) for number in range(120)]
    work += [partial(release, number) for number in range(16)]
    random.Random(3).shuffle(work)
    with contended(clients.dynamodb()), following() as follower, watched():
        won = race(work, THREADS)
    assert sum(won) == 120
    found = assert_laws(follower=follower)[PLACE]
    assert (found["on_hand"], found["available"]) == (384, 144)


def test_demands_of_many_sizes_leave_nothing_that_somebody_wanted() -> None:
    stocked(100)
    sizes = [1, 2, 3, 5, 8, 13] * 15
    work = [buys(f"h{number}", size) for number, size in enumerate(sizes)]
    with contended(clients.dynamodb()), watched():
        race(work, THREADS)
    assert assert_laws(follower=Follower())[PLACE]["available"] == 0


def test_buyers_with_a_floor_and_without_sell_down_to_it_and_no_further() -> None:
    stocked(150)
    assert split(floor=0)
    work = [buys(f"h{number}", floor=50 if number % 2 else 0) for number in range(80)]
    with contended(clients.dynamodb()), watched():
        race(work, THREADS)
        assert assert_laws()[PLACE]["available"] == 70
        assert not buys("large", 21, floor=50)()
        assert buys("fits", 20, floor=50)()
        assert not buys("more", 1, floor=50)()
        race([buys(f"n{number}") for number in range(60)], THREADS)
    assert assert_laws(follower=Follower())[PLACE]["available"] == 0


def test_units_that_are_kept_for_a_floor_are_sold_to_whom_it_does_not_bind() -> None:
    stocked(200)
    assert split(floor=120)
    assert sum(buys(f"h{number}", floor=120)() for number in range(90)) == 80
    assert sum(buys(f"n{number}", 10)() for number in range(20)) == 12
    assert assert_laws(follower=Follower())[PLACE]["available"] == 0


def test_holds_expire_while_the_position_is_split() -> None:
    stocked(100)
    assert split()
    opened = [bought(hold(f"h{number}", ("A", 1), minutes=5)) for number in range(60)]
    assert all(opened)
    late = NOW + timedelta(minutes=6)
    expired: list[Work] = [partial(store.expire_hold, one, late) for one in opened if one]
    bought_late = [buys(f"n{number}", at=late) for number in range(70)]
    work: list[Work] = [*expired, *bought_late, partial(slots_store.fold, *PLACE, late)]
    random.Random(5).shuffle(work)
    with contended(clients.dynamodb()), following() as follower, watched():
        race(work, THREADS)
    states = [store.get_hold(f"h{number}").state for number in range(60)]
    assert states == [HoldState.EXPIRED] * 60
    sold = sum(store.find_hold(f"n{number}") is not None for number in range(70))
    assert sold >= 40
    assert assert_laws(follower=follower)[PLACE]["available"] == 100 - sold


def test_units_that_leave_without_asking_are_not_taken_from_under_a_slot() -> None:
    """A location finds 90 of 100 units missing while the position is split and selling."""
    stocked(100)
    assert split()
    cause = Cause("norain/orders", "o", "fulfillment.rejected", "stock_taking")

    def lose() -> bool:
        assert store.commit_effects([Effect(*PLACE, -90, 0)], cause, NOW).written
        return False

    with contended(clients.dynamodb()):
        won = race([lose, *buyers(100)], THREADS)
    found = assert_laws(follower=Follower())[PLACE]
    assert (found["on_hand"], found["available"]) == (10, 10 - sum(won))
    assert buys("late", max(1, found["available"] + 1))() is False


def test_a_count_below_what_the_slots_have_is_not_oversold_from_then_on() -> None:
    stocked(100)
    assert split()
    later = Counted("wms", "c1", 1, *PLACE, 5, START + timedelta(hours=1))
    with contended(clients.dynamodb()):
        race([*buyers(20), feeds(later), *buyers(60)[20:]], THREADS)
    found = assert_laws(follower=Follower())[PLACE]
    assert found["on_hand"] == 5
    assert buys("late", max(1, found["available"] + 1))() is False


def test_the_same_request_of_many_threads_is_one_hold_while_split() -> None:
    stocked(100)
    assert split()
    with contended(clients.dynamodb()):
        answers = race([lambda: store.open_hold(hold("h", ("A", 2)))] * 32)
    assert {answer.hold_id for answer in answers} == {"h"}
    assert assert_laws(follower=Follower())[PLACE]["available"] == 98


def test_the_same_request_for_the_last_unit_is_answered_with_its_hold() -> None:
    """The second of two equal requests finds nothing left, and its own hold standing."""
    stocked(1)
    with contended(clients.dynamodb()):
        answers = race([lambda: store.open_hold(hold("h", ("A", 1)))] * 32)
    assert {answer.hold_id for answer in answers} == {"h"}


def test_carts_over_split_positions_are_all_or_nothing() -> None:
    for sku in ("A", "B"):
        store.apply_events([Counted("wms", "c0", None, sku, "1", 50, START)], None, (), NOW)
    assert split()

    def buy(number: int) -> bool:
        return bought(hold(f"h{number}", ("A", 1), ("B", 1))) is not None

    with contended(clients.dynamodb()):
        won = race([partial(buy, number) for number in range(70)], THREADS)
    assert sum(won) == 50
    found = assert_laws(follower=Follower())
    assert [found[sku, "1"]["available"] for sku in "AB"] == [0, 0]


def test_a_fold_that_died_half_way_is_finished_by_the_next() -> None:
    stocked(100)
    assert split()
    for number in range(3):
        key = slots_store.slot_key(*PLACE, number)
        clients.dynamodb().update_item(
            TableName=key.table,
            Key=dynamodb.key(key.pk, key.sk),
            UpdateExpression="SET closed_at = :at",
            ExpressionAttributeValues={":at": {"S": "2026-03-01T12:00:00.000Z"}},
        )
    assert sum(race(buyers(120))) == 100
    assert assert_laws(follower=Follower())[PLACE]["available"] == 0
    assert not is_split()
