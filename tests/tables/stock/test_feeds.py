"""Feed messages on the table: what is written, and what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.aws import dynamodb
from shared.errors import Busy
from shared.stock import store
from shared.stock.model.events import Announced, Counted, Event, Moved
from shared.stock.model.position import Cause, Effect
from shared.stock.store import feed_writes, feeds
from tests.support.stock_laws import Follower, assert_laws, items

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWN = Cause("norain/orders", "o1", "order.placed", "reserved", "o1")


@pytest.fixture(params=["alone", "together"], autouse=True)
def _way(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> None:
    """Every test runs on both ways of writing a position."""
    if request.param == "together":
        environment.setattr(feed_writes, "FEWEST_TOGETHER", 1)


def at(minute: float) -> datetime:
    return datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=minute)


def counted(quantity: int, minute: float, net_through: float | None = None) -> Counted:
    through = None if net_through is None else at(net_through)
    return Counted("wms", f"c{minute}", None, "A", "1", quantity, at(minute), through)


def moved(delta: int, minute: float, sequence: int | None = None) -> Moved:
    return Moved("pos", f"m{minute}", sequence, "A", "1", delta, "retail_selling", at(minute))


def feed(*events: Event) -> int:
    """The number of writes, after reading what the worker reads."""
    found = store.positions_of([("A", "1")])
    return store.apply_events(events, found.get(("A", "1")), store.applied_movements(events), NOW)


def act(on_hand: int, reserved: int, minute: float) -> None:
    _, parts = store.effect_parts([Effect("A", "1", on_hand, reserved)], OWN, at(minute))
    assert dynamodb.transact(parts) == []


def on_hand() -> int:
    return int(assert_laws_of_feed()["on_hand"])


def assert_laws_of_feed(reserved: int = 0) -> dict[str, int]:
    found = assert_laws({("A", "1"): reserved}, Follower())
    return found["A", "1"]


def test_messages_of_one_batch_are_one_write(local_tables: None) -> None:
    assert feed(counted(10, 0), moved(-1, 1, 1), moved(-2, 2, 2), moved(5, 3)) == 1
    assert on_hand() == 12


def test_a_repeated_batch_writes_nothing(local_tables: None) -> None:
    batch: list[Event] = [counted(10, 0), moved(-1, 1, 1), moved(-2, 2)]
    assert feed(*batch) == 1
    before = items()
    assert feed(*batch) == 0
    assert feed(*batch[::-1]) == 0
    assert items() == before


def test_a_repetition_is_known_even_when_the_reads_were_stale(local_tables: None) -> None:
    batch = [moved(-1, 1, 1), moved(-2, 2)]
    assert store.apply_events(batch, None, (), NOW) == 1
    assert store.apply_events(batch, None, (), NOW) == 0
    assert on_hand() == -3


def test_a_movement_without_sequence_leaves_a_mark_that_expires(local_tables: None) -> None:
    feed(moved(-1, 1))
    (mark,) = [item for item in items() if item["sk"] == "EVENT"]
    assert mark["pk"].startswith("EVENT#pos#")
    assert mark["ttl"] > (NOW + timedelta(days=365)).timestamp()


def test_a_movement_with_sequence_leaves_no_mark(local_tables: None) -> None:
    feed(moved(-1, 1, 7))
    assert [item["sk"] for item in items()] == ["LOC#1"]


def test_a_count_of_before_a_movement_keeps_it(local_tables: None) -> None:
    feed(moved(-1, 10, 1))
    feed(moved(-1, 20))
    Follower().follow()
    assert feed(counted(50, 15)) == 1
    assert on_hand() == 49
    assert feed(counted(99, 14)) == 0


def test_a_count_waits_for_the_ledger_and_gives_up_when_it_stays_behind(
    local_tables: None, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(feeds, "LEDGER_WAITS", (0.0,))
    feed(moved(-1, 10, 1))
    with pytest.raises(Busy):
        feed(counted(50, 5))
    Follower().follow()
    assert feed(counted(50, 5)) == 1
    assert on_hand() == 49


def test_a_count_moves_with_what_is_reserved(local_tables: None) -> None:
    feed(counted(10, 0))
    act(0, 3, 1)
    assert feed(counted(8, 5)) == 1
    found = assert_laws_of_feed(reserved=3)
    assert (found["on_hand"], found["available"]) == (8, 5)


def test_a_count_that_was_decided_before_a_hand_over_is_decided_anew(local_tables: None) -> None:
    feed(counted(10, 0))
    stale = store.position("A", "1")
    act(0, 3, 10)
    act(-3, -3, 10)
    Follower().follow()
    assert store.apply_events([counted(9, 5)], stale, (), NOW) == 1
    assert on_hand() == 6


def test_a_net_count_leaves_own_orders_that_it_contains(local_tables: None) -> None:
    feed(counted(50, 0))
    act(0, 3, 5)
    act(0, 2, 9)
    Follower().follow()
    feed(counted(47, 8, net_through=7))
    found = assert_laws_of_feed(reserved=5)
    assert (found["on_hand"], found["available"]) == (50, 45)


def test_a_first_net_count_of_a_reserved_position_is_decided_anew(local_tables: None) -> None:
    act(4, 0, 0)
    stale = None
    Follower().follow()
    assert store.apply_events([counted(9, 5, net_through=5)], stale, (), NOW) == 1
    assert on_hand() == 9


def test_expected_supply_replaces_what_it_said_before(local_tables: None) -> None:
    def announced(quantity: int, minute: float) -> Announced:
        return Announced("erp", f"e{minute}", None, "A", "1", at(minute), quantity, at(9999), "PO1")

    assert feed(announced(10, 1)) == 1
    assert feed(announced(12, 2)) == 1
    assert feed(announced(10, 1)) == 0
    found = store.position("A", "1")
    assert found is not None
    assert [(row.quantity, row.reference) for row in found.expected] == [(12, "PO1")]
    assert on_hand() == 0


def test_more_events_than_a_transaction_holds_are_applied_in_some_writes(
    local_tables: None,
) -> None:
    assert feed(*(moved(-1, minute) for minute in range(120))) == 3
    assert on_hand() == -120


def test_the_ledger_shows_each_movement_with_what_it_left(local_tables: None) -> None:
    feed(counted(10, 0), moved(-1, 1, 1), moved(-2, 2, 2))
    act(0, 1, 3)
    feed(moved(4, 4, 3))
    assert_laws({("A", "1"): 1}, Follower())
    rows, before = store.movements_page("A", "1", 1)
    assert [row.version for row in rows] == [3]
    assert before == 3
    rows, before = store.movements_page("A", "1", 10, before)
    assert [row.version for row in rows] == [1]
    assert before is None
    assert [entry.delta for entry in rows[0].entries] == [10, -1, -2]


@pytest.fixture(autouse=True)
def _quick(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(feeds, "LEDGER_WAITS", (0.0, 0.0))
