"""What would sell better elsewhere: levels, gains, and that no location is left short."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.orders.model.rebalancing import (
    DONOR_LEVEL,
    RECEIVER_LEVEL,
    ShelfDemand,
    StoreShelf,
    demand,
    suggestions,
)
from tests.support.profiles import examples

QUIET, BUSY = demand(0.5, 40, 7), demand(40, 20, 7)


def free(donor: str, receiver: str, units: int) -> int:
    return 0


def test_the_tails_are_those_of_a_negative_binomial() -> None:
    shape, watched, days = 2.0, 10.0, 5.0
    p = watched / (watched + days)
    below = 0.0
    for k, tail in enumerate(demand(shape, watched, days).tails[:10]):
        below += (
            math.exp(math.lgamma(k + shape) - math.lgamma(shape) - math.lgamma(k + 1))
            * p**shape
            * (1 - p) ** k
        )
        assert tail == pytest.approx(1 - below, abs=1e-9)


def test_the_mean_of_the_tails_is_that_of_the_rate() -> None:
    assert sum(demand(6, 3, 7).tails) == pytest.approx(14, rel=1e-3)


def test_a_level_suffices_as_often_as_it_says_and_one_less_does_not() -> None:
    level = BUSY.level(RECEIVER_LEVEL)
    assert BUSY.above(level) <= 1 - RECEIVER_LEVEL < BUSY.above(level - 1)


def test_what_lies_idle_goes_to_where_it_sells() -> None:
    idle, empty = StoreShelf("idle", 30, 0, QUIET), StoreShelf("empty", 0, 0, BUSY)
    (found,) = suggestions("A", [idle, empty], 500, free)
    assert (found.from_location_id, found.to_location_id) == ("idle", "empty")
    assert found.quantity == min(BUSY.level(RECEIVER_LEVEL), 30 - QUIET.level(DONOR_LEVEL))
    assert found.gain > 0


def test_what_comes_within_the_days_is_not_sent_again() -> None:
    idle = StoreShelf("idle", 30, 0, QUIET)
    assert suggestions("A", [idle, StoreShelf("b", 0, 40, BUSY)], 500, free) == []


def test_what_costs_more_than_it_gains_stays() -> None:
    idle, empty = StoreShelf("idle", 30, 0, QUIET), StoreShelf("empty", 0, 0, BUSY)
    assert suggestions("A", [idle, empty], 500, lambda *_: 1_000_000) == []


def test_where_nothing_goes_nothing_is_suggested() -> None:
    idle, empty = StoreShelf("idle", 30, 0, QUIET), StoreShelf("empty", 0, 0, BUSY)
    assert suggestions("A", [idle, empty], 500, lambda *_: None) == []


def test_units_on_their_way_are_not_given_away() -> None:
    coming = StoreShelf("coming", 2, 40, QUIET)
    (found,) = suggestions("A", [coming, StoreShelf("empty", 0, 0, BUSY)], 500, free)
    assert found.quantity == 2


def test_a_fixed_cost_is_paid_once_for_many_units() -> None:
    idle, empty = StoreShelf("idle", 40, 0, QUIET), StoreShelf("empty", 0, 0, BUSY)
    found = suggestions("A", [idle, empty], 500, lambda *_: 900)
    assert [one.quantity for one in found] == [BUSY.level(RECEIVER_LEVEL)]


demands = st.builds(demand, st.floats(0.05, 30), st.floats(1, 40), st.integers(1, 14).map(float))
shelves = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 10), demands), min_size=2, max_size=8
).map(lambda rows: [StoreShelf(f"s{n}", *row) for n, row in enumerate(rows)])


@examples(200)
@given(shelves, st.integers(1, 2_000), st.integers(0, 3_000))
def test_each_pays_and_nobody_gives_what_he_may_need(
    shelves: list[StoreShelf], margin: int, fixed: int
) -> None:
    found = suggestions("A", shelves, margin, lambda *_: fixed)
    after = {shelf.location_id: shelf.available for shelf in shelves}
    for one in found:
        assert one.quantity > 0
        assert one.gain > one.cost
        after[one.from_location_id] -= one.quantity
        after[one.to_location_id] += one.quantity
    givers = {one.from_location_id for one in found}
    takers = {one.to_location_id for one in found}
    assert not givers & takers
    assert sum(after.values()) == sum(shelf.available for shelf in shelves)
    for shelf in shelves:
        units = after[shelf.location_id]
        assert units >= 0
        if shelf.location_id in givers:
            assert units + shelf.coming >= shelf.demand.level(DONOR_LEVEL)
        if shelf.location_id in takers:
            assert units + shelf.coming <= shelf.demand.level(RECEIVER_LEVEL)


def test_no_demand_needs_nothing() -> None:
    assert demand(0, 10, 7) == ShelfDemand(())
    assert demand(0, 10, 7).level(DONOR_LEVEL) == 0
