"""Webster's rule, by which what is given back is shared over the tenders of an order."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.pricing.model.money import apportion, shares
from tests.support.profiles import examples

tenders = st.lists(st.integers(0, 150), min_size=1, max_size=9)


def cent_by_cent(total: int, weights: list[int], least: list[int]) -> list[int]:
    """The rule as it is defined, without a head start. Whoever has more than the share keeps it."""
    parts = [0] * len(weights)
    fixed: set[int] = set()
    while True:
        for at in range(len(weights)):
            parts[at] = least[at] if at in fixed else 0
        for _ in range(total - sum(parts)):
            free = [at for at in range(len(weights)) if at not in fixed]
            best = max(free, key=lambda at: (Fraction(weights[at], 2 * parts[at] + 1), -at))
            parts[best] += 1
        over = {at for at in range(len(weights)) if parts[at] < least[at]}
        if not over:
            return parts
        fixed |= over


@given(tenders, st.data())
@examples(150)
def test_the_head_start_changes_nothing(weights: list[int], data: st.DataObject) -> None:
    assume(any(weights))
    least = [data.draw(st.integers(0, weight)) for weight in weights]
    total = data.draw(st.integers(sum(least), sum(weights)))
    nothing = [0] * len(weights)
    assert apportion(total, weights, nothing) == cent_by_cent(total, weights, nothing)
    parts = apportion(total, weights, least)
    assert parts == cent_by_cent(total, weights, least)
    assert sum(parts) == total
    assert all(a <= part <= b for a, part, b in zip(least, parts, weights, strict=True))


@given(tenders, st.data())
@examples(300)
def test_more_in_all_is_less_for_nobody_and_steps_do_not_matter(
    weights: list[int], data: st.DataObject
) -> None:
    assume(any(weights))
    totals = sorted(data.draw(st.lists(st.integers(0, sum(weights)), max_size=6)))
    steps = [0] * len(weights)
    for total in [*totals, sum(weights)]:
        at_once = apportion(total, weights, [0] * len(weights))
        assert all(before <= now for before, now in zip(steps, at_once, strict=True))
        steps = apportion(total, weights, steps)
        assert steps == at_once
    assert steps == weights


def test_largest_remainder_would_take_a_cent_back() -> None:
    """The Alabama paradox: why tenders are not shared as discounts are."""
    weights = [6, 6, 2]
    assert shares(10, weights) == [4, 4, 2]
    assert shares(11, weights) == [5, 5, 1]
    assert apportion(10, weights, [0, 0, 0])[2] <= apportion(11, weights, [0, 0, 0])[2]


def test_without_tenders_nothing_is_shared() -> None:
    assert apportion(0, [], []) == []
    assert apportion(0, [0, 0], [0, 0]) == [0, 0]
