"""Where a demand is taken from, and how a position is split: laws of the pure part."""

from hypothesis import given
from hypothesis import strategies as st

from shared.stock.model.slots import (
    LEAST_SLOTS,
    LEAST_UNITS,
    MOST_SLOTS,
    Draw,
    NoDraw,
    Slot,
    SplitPlan,
    WholePosition,
    plan_draws,
    plan_split,
)

units = st.integers(1, 40)
floors = st.integers(-5, 60)
slots = st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=MOST_SLOTS).map(
    lambda rows: tuple(
        Slot(number, available, closed=closed) for number, (available, closed) in enumerate(rows)
    )
)
split = st.builds(WholePosition, st.integers(0, 60), st.integers(0, 60), slots)
whole = st.builds(WholePosition, st.integers(-20, 200)) | split


@given(whole, units, floors, st.integers(0, 1 << 16), st.integers(1, MOST_SLOTS))
def test_a_draw_is_the_demand_from_slots_that_have_it_and_leaves_the_floor(
    whole: WholePosition, wanted: int, floor: int, start: int, most: int
) -> None:
    drawn = plan_draws(whole, wanted, floor, start, most)
    if drawn is NoDraw.SHORT:
        assert whole.sellable - wanted < floor
        return
    assert whole.sellable - wanted >= floor
    if drawn is NoDraw.FOLD:
        assert whole.slots
        return
    assert isinstance(drawn, list)
    assert sum(one.units for one in drawn) == wanted
    assert 1 <= len(drawn) <= max(1, most)
    assert len({one.slot for one in drawn}) == len(drawn)
    for one in drawn:
        assert one.units > 0
        if one.slot is None:
            assert not whole.slots or whole.available - one.units >= max(0, floor)
            continue
        slot = whole.slots[one.slot]
        assert slot.available >= one.units
        assert not slot.closed
        assert floor <= whole.kept


@given(split, units, st.integers(0, 1 << 16))
def test_one_slot_that_has_enough_is_taken_alone(
    whole: WholePosition, wanted: int, start: int
) -> None:
    enough = any(slot.available >= wanted and not slot.closed for slot in whole.slots)
    drawn = plan_draws(whole, wanted, whole.kept, start)
    if enough:
        assert isinstance(drawn, list)
        assert [one.slot is not None for one in drawn] == [True]


@given(st.integers(1, 8), st.integers(0, 1 << 16))
def test_where_to_begin_is_spread_over_the_slots(count: int, start: int) -> None:
    whole = WholePosition(0, 0, tuple(Slot(number, 5) for number in range(count)))
    assert plan_draws(whole, 1, 0, start) == [Draw(start % count, 1)]


def test_a_demand_larger_than_any_slot_is_taken_from_the_fullest() -> None:
    whole = WholePosition(4, 0, (Slot(0, 3), Slot(1, 5), Slot(2, 1), Slot(3, 9, closed=True)))
    assert plan_draws(whole, 6, 0, 0) == [Draw(1, 5), Draw(0, 1)]
    assert plan_draws(whole, 13, 0, 0) == [Draw(1, 5), Draw(0, 3), Draw(2, 1), Draw(None, 4)]
    assert plan_draws(whole, 13, 0, 0, most=3) is NoDraw.FOLD
    assert plan_draws(whole, 14, 0, 0) is NoDraw.FOLD
    assert plan_draws(whole, 23, 0, 0) is NoDraw.SHORT


def test_dry_slots_are_folded() -> None:
    assert plan_draws(WholePosition(7, 0, (Slot(0, 0), Slot(1, 0))), 1, 0, 0) is NoDraw.FOLD
    assert plan_draws(WholePosition(0, 0, (Slot(0, 0), Slot(1, 0))), 1, 0, 0) is NoDraw.SHORT


def test_a_floor_above_what_is_kept_is_for_the_position_to_judge() -> None:
    whole = WholePosition(20, 5, (Slot(0, 30),))
    assert plan_draws(whole, 10, 5, 0) == [Draw(0, 10)]
    assert plan_draws(whole, 10, 6, 0) == [Draw(None, 10)]
    assert plan_draws(whole, 15, 6, 0) is NoDraw.FOLD
    assert plan_draws(whole, 50, 6, 0) is NoDraw.SHORT


@given(st.integers(-50, 5000), st.integers(-10, 500))
def test_a_grant_leaves_the_position_a_share(available: int, floor: int) -> None:
    granted = plan_split(available, floor)
    spare = available - max(0, floor)
    if granted is None:
        assert spare < (LEAST_SLOTS + 1) * LEAST_UNITS
        return
    assert LEAST_SLOTS <= granted.slots <= MOST_SLOTS
    assert granted.units >= LEAST_UNITS
    assert granted.kept == max(0, floor)
    assert available - granted.granted >= granted.units


def test_a_thousand_units_are_spread_over_all_slots() -> None:
    assert plan_split(1000, 0) == SplitPlan(32, 30, 0)
    assert plan_split(1100, 100) == SplitPlan(32, 30, 100)
    assert plan_split(39, 0) is None
