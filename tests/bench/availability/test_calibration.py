"""The bench of confidence judges what it says it does."""

import pytest

from shared.availability.confidence import MEAN, probability
from tests.bench.availability.calibration import (
    Foretold,
    brier,
    buckets,
    calibration_error,
    simulated,
    told,
)

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
