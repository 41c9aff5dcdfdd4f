"""A large limit spread over slots: the sum never exceeds it, and uses alone reach it exactly."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.model.slots import (
    NOTHING,
    PORTIONS,
    SLOTS,
    Counted,
    Step,
    Wanted,
    most_at_once,
    next_step,
    rotation,
    total,
)
from shared.pricing.model.uses import Limits, Use


class Spread:
    """The counters of one limit, with the conditions of the table."""

    def __init__(self, uses: int | None, budget: int | None) -> None:
        self.uses, self.budget = uses, budget
        self.limit = NOTHING
        self.slots = dict.fromkeys(range(SLOTS), NOTHING)

    @property
    def used(self) -> Counted:
        return total([self.limit, *self.slots.values()])

    def count(self, slot: int, amount: int) -> int | None:
        """The slot that has counted the use; None when the limit has been reached."""
        wanted = Wanted(amount, self.uses, self.budget)
        while not wanted.fits(self.slots[slot]):
            asked = {number: self.slots[number] for number in rotation(slot)}
            step = next_step(wanted, self.limit, asked)
            if step is None:
                return None
            slot = step.slot
            if step.portion is not None:
                self.limit = plus(self.limit, step.portion)
                self.slots[slot] = plus(self.slots[slot], step.portion, -1)
        self.slots[slot] = plus(self.slots[slot], Counted(1, amount))
        return slot

    def give_back(self, slot: int | None, amount: int) -> None:
        if slot is None:
            self.limit = plus(self.limit, Counted(1, amount), -1)
        else:
            self.slots[slot] = plus(self.slots[slot], Counted(1, amount), -1)


def plus(one: Counted, other: Counted, times: int = 1) -> Counted:
    return Counted(one.uses + times * other.uses, one.spent + times * other.spent)


@pytest.mark.property
@given(
    uses=st.none() | st.integers(1, 300),
    budget=st.none() | st.integers(1, 20_000),
    orders=st.lists(
        st.tuples(st.integers(0, SLOTS - 1), st.integers(1, 900), st.booleans()), max_size=400
    ),
)
def test_the_sum_is_what_was_used_and_never_more_than_the_limit(
    uses: int | None, budget: int | None, orders: list[tuple[int, int, bool]]
) -> None:
    spread = Spread(uses, budget)
    kept: list[tuple[int, int]] = []
    for slot, amount, gives_back in orders:
        room = most_at_once(budget, spread.limit, list(spread.slots.values())) if budget else 0
        counted = spread.count(slot, amount)
        if counted is None:
            assert (uses is not None and len(kept) == uses) or (budget and amount > room)
        else:
            kept.append((counted, amount))
        if gives_back and kept:
            spread.give_back(*kept.pop(0))
        assert spread.used == Counted(len(kept), sum(amount for _, amount in kept))
        assert uses is None or (spread.limit.uses <= uses and len(kept) <= uses)
        assert budget is None or max(spread.limit.spent, spread.used.spent) <= budget


@pytest.mark.parametrize("slot_of", [lambda n: n % SLOTS, lambda n: 3], ids=["even", "one slot"])
def test_uses_alone_reach_the_limit_exactly(slot_of: Callable[[int], int]) -> None:
    spread = Spread(1_001, None)
    counted = [spread.count(slot_of(number), 5) for number in range(1_200)]
    assert [slot is not None for slot in counted] == [True] * 1_001 + [False] * 199
    assert spread.used == Counted(1_001, 5_005)


def test_at_most_an_eighth_of_the_limit_waits_in_slots() -> None:
    spread = Spread(6_400, None)
    for slot in range(SLOTS):
        spread.count(slot, 1)
    portion = 6_400 // PORTIONS
    assert spread.limit.uses == SLOTS * portion == 800
    assert {slot.uses for slot in spread.slots.values()} == {1 - portion}


def test_the_own_slot_comes_first_then_what_others_have_left() -> None:
    wanted = Wanted(100, uses=1_000)
    empty = dict.fromkeys(rotation(5), NOTHING)
    assert list(empty) == [5, 6, 7, 0, 1, 2, 3, 4]
    assert next_step(wanted, NOTHING, empty) == Step(5, Counted(15, 0))
    left = {**empty, 7: Counted(-2, -200), 1: Counted(-1, -50)}
    assert next_step(wanted, Counted(993, 0), left) == Step(5, Counted(7, 0))
    assert next_step(wanted, Counted(1_000, 0), left) == Step(7)
    assert next_step(wanted, Counted(1_000, 0), empty) is None


def test_what_is_left_of_a_budget_and_of_a_slot_is_put_together() -> None:
    wanted = Wanted(100, budget=1_000_000)
    slots = {**dict.fromkeys(rotation(0), NOTHING), 6: Counted(9, -60)}
    limit = Counted(0, 1_000_000 - 40)
    assert most_at_once(1_000_000, limit, list(slots.values())) == 100
    assert next_step(wanted, limit, slots) == Step(6, Counted(9, 40))
    assert next_step(Wanted(101, budget=1_000_000), limit, slots) is None


@pytest.mark.parametrize(
    ("use", "spread"),
    [
        (Use("p", 1, Limits(uses=999, per_day=999, budget=9_999_999), "2026-11-29"), ()),
        (Use("p", 1, Limits(uses=1_000)), ("uses",)),
        (Use("p", 1, Limits(budget=1_000_000)), ("uses",)),
        (Use("p", 1, Limits(budget=999_999, per_person=5_000)), ()),
        (Use("p", 1, Limits(per_day=1_000), "2026-11-29"), ("per_day",)),
        (Use("p", 1, Limits(per_day=1_000)), ()),
        (Use("p", 1, code="C", code_uses=1_000), ("code",)),
        (Use("p", 1, code="C", code_uses=999), ()),
    ],
)
def test_large_limits_have_a_slot(use: Use, spread: tuple[str, ...]) -> None:
    counted = use.spread(21)
    assert counted.slots == tuple((name, 5) for name in spread)
    # Where it is counted is no part of what is used; an order without slots reads as before.
    assert counted == use
    assert Use.from_json(counted.to_json()).slots == counted.slots
    assert ("slots" in counted.to_json()) is bool(spread)
    assert Use.from_json(use.to_json()).slots == ()


def test_one_limit_moves_to_another_slot() -> None:
    use = Use("p", 1, Limits(uses=1_000), code="C", code_uses=2_000).spread(2).in_slot("code", 7)
    assert (use.slot("uses"), use.slot("code"), use.slot("per_day")) == (2, 7, None)
