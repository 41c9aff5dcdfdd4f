"""The bench of confidence judges what it says it does."""

import pytest

from shared.availability.model.confidence import MEAN, probability
from tests.bench.availability import counting
from tests.bench.availability.calibration import (
    Foretold,
    brier,
    buckets,
    calibration_error,
    counted,
    simulated,
    told,
)
from tests.bench.availability.counting import Count, history

HISTORY = simulated(stores=20, groups=6, days=90, seed=7)


def test_what_is_answered_is_better_than_the_prior_and_calibrated() -> None:
    ours, prior = told([HISTORY], probability), told([HISTORY], lambda _, __: MEAN)
    assert brier(ours) < brier(prior)
    assert calibration_error(ours) < 0.03 < calibration_error(prior) + 0.02


def test_a_history_is_in_its_order_and_the_same_again() -> None:
    assert simulated(stores=20, groups=6, days=90, seed=7) == HISTORY
    assert [pick.second for pick in HISTORY] == sorted(pick.second for pick in HISTORY)


def test_the_judges_by_hand() -> None:
    rows = [Foretold(0.9, True, 1.0), Foretold(0.92, False, 1.0), Foretold(1.0, True, 1.0)]
    assert brier(rows) == pytest.approx((0.01 + 0.92**2 + 0) / 3)
    assert [(low, len(found)) for low, _, found in buckets(rows)] == [(0.9, 2), (0.95, 1)]
    assert calibration_error(rows) == pytest.approx(2 / 3 * abs(0.91 - 0.5))


def test_counts_by_plan_make_it_better_where_few_picks_are_and_copies_of_a_book_worse() -> None:
    def errors(kind: str, stores: int, days: int) -> tuple[float, float, float, float]:
        happened = [history(kind, stores, days, seed=1)]
        found = []
        for rows in (counted(happened, lambda _: False), counted(happened, lambda _: True)):
            found.append(calibration_error([row for row, _ in rows]))
            found.append(calibration_error([row for row, quiet in rows if quiet]))
        return found[0], found[1], found[2], found[3]

    every, quiet, every_taught, quiet_taught = errors(counting.IN_TURN, stores=30, days=200)
    assert every_taught <= every
    assert quiet_taught < quiet
    every, _, every_taught, _ = errors(counting.BOOK, stores=15, days=120)
    assert every_taught > every


def test_a_history_of_counts_is_in_its_order_and_the_same_again() -> None:
    happened = history(counting.AT_RANDOM, stores=3, days=30, seed=1)
    assert history(counting.AT_RANDOM, stores=3, days=30, seed=1) == happened
    assert [one.second for one in happened] == sorted(one.second for one in happened)
    assert any(isinstance(one, Count) for one in happened)
