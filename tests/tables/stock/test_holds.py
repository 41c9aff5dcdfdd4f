"""Holds on the table: opened, extended, released, swept, converted."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.aws import dynamodb
from shared.errors import Conflict, HoldClosed, OutOfStock
from shared.stock import store
from shared.stock.model.events import Counted
from shared.stock.model.position import LONGEST_HOLD, Hold, HoldLine, HoldState
from shared.stock.model.rules import RuleAmount, SellingTerms
from tests.support.stock_laws import Follower, assert_laws, items

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(minutes=20)


def stocked(quantity: int, *places: tuple[str, str]) -> None:
    for sku, location_id in places:
        count = Counted("wms", f"c-{sku}-{location_id}", None, sku, location_id, quantity, NOW)
        store.apply_events([count], None, (), NOW)


def hold(name: str, lines: Iterable[tuple[str, str, int]], minutes: int = 15) -> Hold:
    return Hold(
        hold_id=name,
        lines=tuple(HoldLine(*line) for line in lines),
        channel="web",
        state=HoldState.OPEN,
        opened_at=NOW,
        expires_at=NOW + timedelta(minutes=minutes),
        digest=f"digest of {name}",
        answer="{}",
    )


def available(sku: str = "A") -> int:
    return int(assert_laws(follower=Follower())[sku, "1"]["available"])


def state(name: str) -> HoldState:
    return store.get_hold(name).state


def test_a_hold_reserves_every_line(local_tables: None) -> None:
    stocked(5, ("A", "1"), ("B", "1"))
    store.open_hold(hold("h", [("B", "1", 1), ("A", "1", 2)]))
    found = assert_laws(follower=Follower())
    assert [found[sku, "1"]["available"] for sku in "AB"] == [3, 4]


def test_a_hold_that_lacks_one_line_reserves_none_and_names_all_that_are_short(
    local_tables: None,
) -> None:
    stocked(5, ("A", "1"), ("B", "1"))
    with pytest.raises(OutOfStock) as refused:
        store.open_hold(hold("h", [("A", "1", 1), ("B", "1", 6), ("C", "9", 1)]))
    assert refused.value.data["short"] == [
        {"sku": "B", "location_id": "1", "wanted": 6, "sellable": 5},
        {"sku": "C", "location_id": "9", "wanted": 1, "sellable": 0},
    ]
    assert available("A") == 5
    assert store.find_hold("h") is None


def test_two_lines_of_one_position_are_one_demand(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    with pytest.raises(OutOfStock) as refused:
        store.open_hold(hold("h", [("A", "1", 3), ("A", "1", 3)]))
    assert refused.value.data["short"][0]["wanted"] == 6
    store.open_hold(hold("h", [("A", "1", 3), ("A", "1", 2)]))
    assert available() == 0


def test_the_same_hold_again_is_the_first_one(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    first = store.open_hold(hold("h", [("A", "1", 3)]))
    assert store.open_hold(hold("h", [("A", "1", 1)])).lines == first.lines
    assert available() == 2


def test_a_floor_is_not_held(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    with pytest.raises(OutOfStock) as refused:
        store.open_hold(hold("h", [("A", "1", 4)]), {("A", "1"): SellingTerms(RuleAmount(2))})
    assert refused.value.data["short"][0]["sellable"] == 3


def test_a_released_hold_gives_its_units_back_once(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)]))
    for stands in (opened, opened, store.get_hold("h")):
        store.release_hold(stands, SOON)
    assert available() == 5
    assert state("h") is HoldState.RELEASED


def test_the_sweep_gives_back_what_expired_and_nothing_else(local_tables: None) -> None:
    stocked(9, ("A", "1"))
    for name, minutes in [("short", 5), ("long", 60), ("gone", 5)]:
        store.open_hold(hold(name, [("A", "1", 2)], minutes))
    store.release_hold(store.get_hold("gone"), SOON)
    due = list(store.due_holds(LATER))
    assert [found.hold_id for found in due] == ["short"]
    assert store.expire_hold(due[0], LATER)
    assert not store.expire_hold(due[0], LATER + timedelta(minutes=1))
    assert available() == 7
    assert state("short") is HoldState.EXPIRED
    assert list(store.due_holds(LATER)) == []
    store.release_hold(store.get_hold("short"), LATER)


def test_the_sweep_leaves_a_hold_that_was_extended_meanwhile(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)], minutes=5))
    store.extend_hold(opened, LATER + timedelta(hours=1), SOON)
    assert not store.expire_hold(opened, LATER)
    assert available() == 2


def test_extending_never_shortens_and_ends_a_day_after_opening(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)]))
    assert store.extend_hold(opened, SOON + timedelta(seconds=1), SOON) == opened
    longest = store.extend_hold(opened, NOW + timedelta(days=9), SOON)
    assert longest.expires_at == NOW + LONGEST_HOLD
    assert [found.hold_id for found in store.due_holds(NOW + timedelta(days=2))] == ["h"]


def test_an_expired_hold_is_not_extended_even_before_the_sweep(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)]))
    with pytest.raises(HoldClosed) as refused:
        store.extend_hold(opened, LATER + timedelta(hours=1), LATER)
    assert refused.value.data["state"] == "expired"


def test_a_converted_hold_keeps_its_units_reserved_for_the_order(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)]))
    assert dynamodb.transact([store.convert_part(opened, "o1", SOON)]) == []
    assert_laws({("A", "1"): 3}, Follower())
    stands = store.get_hold("h")
    assert (stands.state, stands.order_id, stands.closed_at) == (HoldState.CONVERTED, "o1", SOON)
    with pytest.raises(HoldClosed):
        store.release_hold(stands, SOON)
    with pytest.raises(HoldClosed):
        store.release_hold(opened, SOON)
    assert list(store.due_holds(LATER)) == []
    assert len(dynamodb.transact([store.convert_part(opened, "o2", SOON)])) == 1


def test_an_expired_hold_becomes_no_order_even_before_the_sweep(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)]))
    (refused,) = dynamodb.transact([store.convert_part(opened, "o1", LATER)])
    assert refused.item is not None
    assert store.hold_of_item(refused.item) == opened
    assert not opened.claimable(LATER)


def test_a_bound_hold_outlives_the_payment_and_becomes_the_order_of_no_other(
    local_tables: None,
) -> None:
    """saleor#14733, #15246: paid, and meanwhile the reservation has expired."""
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)], minutes=5))
    bound = store.bind_hold(opened, "pay-1", SOON + timedelta(hours=4), SOON)
    assert (bound.payment_reference, bound.expires_at) == ("pay-1", SOON + timedelta(hours=4))
    assert not store.expire_hold(opened, LATER)
    assert list(store.due_holds(LATER)) == []
    for other in (None, "pay-2"):
        parts = [store.convert_part(bound, "o2", LATER, other)]
        assert len(dynamodb.transact(parts)) == 1
    assert dynamodb.transact([store.convert_part(opened, "o1", LATER, "pay-1")]) == []
    assert_laws({("A", "1"): 3}, Follower())


def test_binding_may_be_repeated_and_never_shortens(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = store.open_hold(hold("h", [("A", "1", 3)], minutes=60))
    first = store.bind_hold(opened, "pay-1", SOON + timedelta(minutes=2), SOON)
    assert first == replace(opened, payment_reference="pay-1")
    assert store.bind_hold(first, "pay-1", SOON, SOON) == first
    with pytest.raises(Conflict, match="another payment"):
        store.bind_hold(first, "pay-2", LATER, SOON)
    longest = store.bind_hold(opened, "pay-1", NOW + timedelta(days=9), SOON)
    assert longest.expires_at == NOW + LONGEST_HOLD


def test_a_bound_hold_is_released_and_expires_at_last(local_tables: None) -> None:
    stocked(9, ("A", "1"))
    for name in ("released", "expired"):
        store.bind_hold(store.open_hold(hold(name, [("A", "1", 3)])), "pay", LATER, SOON)
    store.release_hold(store.get_hold("released"), SOON)
    end = LATER + timedelta(hours=1)
    with pytest.raises(HoldClosed):
        store.bind_hold(store.get_hold("expired"), "pay", end + timedelta(hours=1), end)
    (due,) = store.due_holds(end)
    assert store.expire_hold(due, end)
    assert available() == 9
    with pytest.raises(HoldClosed):
        store.bind_hold(due, "pay", end + timedelta(hours=1), SOON)


def test_a_hold_of_n_lines_is_one_transaction_of_n_and_one_items(local_tables: None) -> None:
    places = [(f"S{n:02}", "1") for n in range(99)]
    stocked(5, *places)
    store.open_hold(hold("h", [(*place, 1) for place in places]))
    assert len([item for item in items() if item["sk"] != "HOLD"]) == 99
    assert_laws()


def test_a_hold_is_the_same_from_its_item(local_tables: None) -> None:
    stocked(5, ("A", "1"))
    opened = hold("h", [("A", "1", 3)])
    store.open_hold(opened)
    assert store.find_hold("h") == replace(opened)
