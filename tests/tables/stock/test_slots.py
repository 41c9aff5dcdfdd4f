"""A split position on the table: what it costs, and who sees the whole of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.aws import clients, dynamodb
from shared.errors import Busy, OutOfStock
from shared.stock import store
from shared.stock.model.events import Counted
from shared.stock.model.position import Cause, Effect
from shared.stock.model.slots import LEAST_SALES, REST_AFTER_FOLD, SPLIT_CHECK
from shared.stock.store import slot_sales, slots
from tests.support.stock_laws import Follower, assert_laws
from tests.tables.stock.test_holds import hold

pytestmark = pytest.mark.usefixtures("local_tables")

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
PLACE = ("A", "1")


@pytest.fixture
def calls() -> Iterator[list[str]]:
    made: list[str] = []

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    client = clients.dynamodb()
    client.meta.events.register("before-call.dynamodb", note)
    yield made
    client.meta.events.unregister("before-call.dynamodb", note)


def stocked(quantity: int) -> None:
    store.apply_events([Counted("wms", "c0", None, *PLACE, quantity, NOW)], None, (), NOW)


def split(at: datetime = NOW) -> bool:
    item, whole = slots.read_whole(*PLACE)
    assert item is not None
    done = slots.split(item, 0, at)
    slots.cache_slots(*PLACE, slots.read_whole(*PLACE)[1] if done else whole)
    return done


def order(number: int, at: datetime, units: int = 1) -> None:
    cause = Cause("norain/orders", f"o{number}", "order.placed", "reserved", f"o{number}")
    assert store.commit_effects([Effect(*PLACE, 0, units, floor=0)], cause, at).written


def image() -> Any:
    found = dynamodb.get(store.stock_table(), "SKU#A", "LOC#1", consistent=True)
    assert found is not None
    return store.position_of_item(found)


def test_a_cold_hold_is_one_call_and_so_is_a_hold_from_a_slot(calls: list[str]) -> None:
    stocked(100)
    calls.clear()
    store.open_hold(hold("h", [(*PLACE, 1)]))
    assert calls == ["TransactWriteItems"]
    split()
    calls.clear()
    store.open_hold(hold("i", [(*PLACE, 1)]))
    assert calls == ["TransactWriteItems"]
    assert sum(slot.sales for slot in slots.read_whole(*PLACE)[1].slots) == 1


def test_a_cold_position_is_read_with_one_call(calls: list[str]) -> None:
    stocked(100)
    calls.clear()
    store.position(*PLACE)
    assert calls == ["GetItem"]


def test_every_read_shows_the_whole_of_a_split_position() -> None:
    stocked(100)
    split()
    store.open_hold(hold("h", [(*PLACE, 3)]))
    shown = [
        store.position(*PLACE),
        *store.positions("A"),
        *store.positions_page("A", 5)[0],
        *store.positions_of([PLACE], consistent=True).values(),
    ]
    assert [(row.on_hand, row.reserved, row.available) for row in shown if row] == [
        (100, 3, 97)
    ] * 4
    assert_laws(follower=Follower())


def test_who_follows_the_stream_sees_the_whole_once_it_has_been_settled() -> None:
    stocked(100)
    split()
    assert image().available == 100
    for number in range(4):
        store.open_hold(hold(f"h{number}", [(*PLACE, 1)]))
    assert image().available == 100
    before = image().version
    Follower().follow()
    assert (image().available, image().reserved) == (96, 4)
    assert image().version > before
    assert not slots.refresh_granted(*PLACE, NOW)


def test_a_fold_gives_back_what_was_not_sold_and_keeps_no_slot() -> None:
    stocked(100)
    split()
    for number in range(7):
        store.open_hold(hold(f"h{number}", [(*PLACE, 2)]))
    assert slots.fold(*PLACE, NOW)
    found = assert_laws(follower=Follower())[*PLACE]
    assert (found["available"], found["reserved"], found.get("slots")) == (86, 14, None)
    assert slots.fold(*PLACE, NOW)


def test_a_position_rests_after_a_fold() -> None:
    stocked(100)
    assert split()
    slots.fold(*PLACE, NOW)
    assert not split(NOW + REST_AFTER_FOLD / 2)
    assert split(NOW + REST_AFTER_FOLD)


def test_holds_are_released_whatever_was_split_or_folded_meanwhile() -> None:
    stocked(100)
    split()
    from_slot = store.open_hold(hold("a", [(*PLACE, 3)]))
    slots.fold(*PLACE, NOW)
    from_position = store.open_hold(hold("b", [(*PLACE, 2)]))
    split(NOW + REST_AFTER_FOLD)
    store.release_hold(from_slot, NOW)
    store.release_hold(from_position, NOW)
    assert assert_laws(follower=Follower())[*PLACE]["available"] == 100


def test_what_is_short_is_told_of_the_whole() -> None:
    stocked(100)
    split()
    with pytest.raises(OutOfStock) as refused:
        store.open_hold(hold("h", [(*PLACE, 101)]))
    assert refused.value.data["short"][0]["sellable"] == 100


def test_a_position_that_sells_little_is_folded_and_one_that_sells_much_is_not() -> None:
    stocked(300)
    split()
    assert list(slots.split_positions_due(NOW)) == []
    assert list(slots.split_positions_due(NOW + SPLIT_CHECK)) == [PLACE]
    for number in range(LEAST_SALES):
        order(number, NOW)
    assert not slots.fold_if_cool(*PLACE, NOW + SPLIT_CHECK)
    assert list(slots.split_positions_due(NOW + SPLIT_CHECK)) == []
    order(LEAST_SALES, NOW + SPLIT_CHECK)
    assert slots.fold_if_cool(*PLACE, NOW + 2 * SPLIT_CHECK)
    assert list(slots.split_positions_due(NOW + 9 * SPLIT_CHECK)) == []
    assert assert_laws({PLACE: LEAST_SALES + 1}, Follower())[*PLACE]["available"] == 239


def test_a_movement_that_the_position_bears_needs_no_fold_and_one_that_it_does_not_folds() -> None:
    stocked(100)
    split()
    own = slots.read_whole(*PLACE)[1].available
    count = Counted("wms", "c1", None, *PLACE, 100 - own, NOW + timedelta(minutes=1))
    store.apply_events([count], store.position(*PLACE), (), NOW)
    assert slots.read_whole(*PLACE)[1].slots
    less = Counted("wms", "c2", None, *PLACE, 50, NOW + timedelta(minutes=2))
    store.apply_events([less], store.position(*PLACE), (), NOW)
    assert not slots.read_whole(*PLACE)[1].slots
    assert assert_laws(follower=Follower())[*PLACE]["available"] == 50


def test_a_net_count_knows_what_the_slots_have_sold_before_and_after_it() -> None:
    """The source says 90 of what it had after it heard of the orders before noon: two of five."""
    stocked(100)
    split(NOW + timedelta(minutes=1))
    noon = NOW + timedelta(hours=2)
    for number in range(5):
        order(number, noon + timedelta(minutes=10 * (number - 2) + 5))
    net = Counted("erp", "n1", None, *PLACE, 90, noon, net_through=noon)
    follower = Follower()
    follower.follow()
    with pytest.MonkeyPatch.context() as patch:
        # The stream brings the row of the fold while the count waits for it.
        patch.setattr("time.sleep", lambda _: follower.follow())
        store.apply_events([net], store.position(*PLACE), (), noon + timedelta(hours=1))
    found = assert_laws({PLACE: 5}, follower)[*PLACE]
    assert (found["available"], found["on_hand"]) == (87, 92)


def test_a_lost_row_of_a_slot_does_not_block_a_net_count_for_ever() -> None:
    """The row of the first sale, which the source has heard of, and that of the fold."""
    stocked(100)
    split(NOW + timedelta(minutes=1))
    noon = NOW + timedelta(hours=2)
    for number in range(5):
        order(number, noon + timedelta(minutes=10 * (number - 2) + 5))
    assert slots.fold(*PLACE, noon + timedelta(minutes=50))
    Follower().follow()
    rows = [row for row in slot_sales.all_sales(*PLACE) if row["entries"][0]["id"] == "o0"]
    ledger = list(store.ledger_rows(*PLACE, consistent=True))
    assert ledger[0].entries[0].type == slots.FOLDED
    keys = [(rows[0]["pk"], rows[0]["sk"]), ("SKU#A", f"MOVE#1#{ledger[0].version:012d}")]
    for key in keys:
        clients.dynamodb().delete_item(TableName=store.stock_table(), Key=dynamodb.key(*key))
    net = Counted("erp", "n1", None, *PLACE, 90, noon, net_through=noon)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _: None)
        with pytest.raises(Busy):
            store.apply_events([net], store.position(*PLACE), (), noon + timedelta(hours=1))
    store.apply_events([net], store.position(*PLACE), (), noon + timedelta(days=2))
    found = store.position(*PLACE)
    assert found is not None
    assert (found.available, found.on_hand) == (87, 92)
