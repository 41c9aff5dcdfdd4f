"""What orders and holds do to positions, on the table."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.aws import dynamodb
from shared.stock import store
from shared.stock.model.events import Counted
from shared.stock.model.position import Cause, Effect
from tests.support.stock_laws import Follower, assert_laws

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
ORDER = Cause("norain/orders", "o1", "order.placed", "reserved", "o1")


def stocked(*places: tuple[str, str], quantity: int = 10) -> None:
    for sku, location_id in places:
        count = Counted("wms", f"c-{sku}-{location_id}", None, sku, location_id, quantity, NOW)
        assert store.apply_events([count], None, (), NOW) == 1


def do(*effects: Effect) -> list[Effect]:
    """Carries the effects out; the effects that were refused."""
    whole, parts = store.effect_parts(effects, ORDER, NOW)
    return [whole[refused.index] for refused in dynamodb.transact(parts)]


def test_reserved_units_leave_available_and_stay_on_hand(local_tables: None) -> None:
    stocked(("A", "1"))
    assert do(Effect("A", "1", 0, 3, floor=0)) == []
    found = assert_laws({("A", "1"): 3}, Follower())
    assert (found["A", "1"]["on_hand"], found["A", "1"]["available"]) == (10, 7)


def test_units_handed_over_leave_both(local_tables: None) -> None:
    stocked(("A", "1"))
    do(Effect("A", "1", 0, 3, floor=0))
    do(Effect("A", "1", -3, -3))
    found = assert_laws(follower=Follower())
    assert (found["A", "1"]["on_hand"], found["A", "1"]["available"]) == (7, 7)


def test_lines_of_one_position_are_checked_as_a_whole(local_tables: None) -> None:
    stocked(("A", "1"))
    (refused,) = do(Effect("A", "1", 0, 6, floor=0), Effect("A", "1", 0, 5, floor=0))
    assert refused.reserved == 11
    assert assert_laws()["A", "1"]["available"] == 10


@pytest.mark.parametrize(("wanted", "floor", "sold"), [(8, 2, True), (9, 2, False), (10, 0, True)])
def test_the_floor_is_never_passed(
    local_tables: None, wanted: int, floor: int, *, sold: bool
) -> None:
    stocked(("A", "1"))
    assert (do(Effect("A", "1", 0, wanted, floor=floor)) == []) is sold
    assert_laws({("A", "1"): wanted} if sold else None)


def test_the_refused_are_all_named_with_what_they_have(local_tables: None) -> None:
    stocked(("A", "1"), ("B", "1"), quantity=2)
    effects = [
        Effect("C", "1", 0, 1, floor=0),
        Effect("B", "1", 0, 3, floor=1),
        Effect("A", "1", 0, 2, floor=0),
    ]
    whole, parts = store.effect_parts(effects, ORDER, NOW)
    short = [store.shortage(whole[at.index], at.item) for at in dynamodb.transact(parts)]
    assert short == [
        {"sku": "B", "location_id": "1", "wanted": 3, "sellable": 1},
        {"sku": "C", "location_id": "1", "wanted": 1, "sellable": 0},
    ]
    assert_laws()


def test_nothing_is_taken_from_where_nothing_has_been(local_tables: None) -> None:
    assert len(do(Effect("A", "1", -1, -1))) == 1
    assert assert_laws() == {}


def test_goods_may_come_back_to_where_none_have_been(local_tables: None) -> None:
    assert do(Effect("A", "1", 2, 0)) == []
    found = assert_laws(follower=Follower())
    assert (found["A", "1"]["on_hand"], found["A", "1"]["version"]) == (2, 1)


def test_damaged_units_are_not_on_hand(local_tables: None) -> None:
    stocked(("A", "1"))
    do(Effect("A", "1", -2, 0, damaged=2))
    found = assert_laws(follower=Follower())["A", "1"]
    assert (found["on_hand"], found["damaged"]) == (8, 2)


def test_a_position_is_the_same_from_its_item_and_from_a_query(local_tables: None) -> None:
    stocked(("A", "2"), ("A", "1"), ("B", "1"))
    assert [row.location_id for row in store.positions("A")] == ["1", "2"]
    assert store.position("A", "1") == next(store.positions("A"))
    assert store.positions_of([("A", "1"), ("B", "1"), ("C", "1")]).keys() == {
        ("A", "1"),
        ("B", "1"),
    }
    assert store.position("C", "1") is None


def test_positions_are_paged_by_location(local_tables: None) -> None:
    names = ["1", "1-a", "10", "2", "a"]
    stocked(*(("A", name) for name in names))
    seen: list[str] = []
    after = None
    while True:
        rows, after = store.positions_page("A", 2, after)
        seen += [row.location_id for row in rows]
        if after is None:
            break
    assert seen == sorted(names, key=str)


def test_a_write_leaves_who_did_it_for_the_ledger(local_tables: None) -> None:
    stocked(("A", "1"))
    later = NOW + timedelta(seconds=5)
    _, parts = store.effect_parts([Effect("A", "1", -1, 0)], ORDER, later)
    dynamodb.transact(parts)
    Follower().follow()
    newest, first = store.ledger_rows("A", "1")
    assert (newest.version, newest.delta, newest.on_hand) == (2, -1, 9)
    (entry,) = newest.entries
    assert (entry.id, entry.type, entry.own, entry.occurred_at) == (
        "o1",
        "order.placed",
        True,
        later,
    )
    assert [(entry.type, entry.delta) for entry in first.entries] == [("stock.counted", 10)]
