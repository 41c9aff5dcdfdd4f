"""Forecasts: what days without stock, weekdays, promotions and trends do to them."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.plans.model.forecast import (
    EVEN,
    MANY,
    MOST_UPLIFT,
    STEADY,
    Calendar,
    Forecast,
    State,
    Trend,
    after_day,
    forecast,
    learnt_uplift,
    trend_after_day,
    weekday_factors,
)
from tests.support.profiles import examples

ORDINARY = Calendar(first_weekday=0)


def after(units: list[float], weights: list[float] | None = None) -> State:
    state = State()
    for number, wanted in enumerate(units):
        state = after_day(state, wanted, weights[number] if weights else 1.0)
    return state


def test_a_young_state_forecasts_the_plain_mean() -> None:
    assert after([3, 0, 0, 1]).mean == pytest.approx(1.0)


def test_a_day_without_stock_changes_nothing() -> None:
    state = after([1, 0, 2, 0, 0, 1])
    assert after_day(state, 0, weight=0) == state


def test_a_day_that_sold_out_at_noon_says_what_half_a_day_says() -> None:
    assert after([2, 1, 2, 1], [1, 0.5, 1, 0.5]).mean == pytest.approx(2.0)


def test_a_promotion_does_not_raise_the_forecast_of_ordinary_days() -> None:
    state = after([2, 6, 2, 6] * 10, [1, 3, 1, 3] * 10)
    assert state.mean == pytest.approx(2.0, rel=0.01)
    promoted = forecast(state, 2, Calendar(0, uplifts={1: 3.0}))
    assert promoted.by_day[1] == pytest.approx(3 * promoted.by_day[0])


def test_the_forecast_of_a_long_state_follows_a_lasting_change() -> None:
    state = after([1.0] * 200 + [3.0] * 200)
    assert state.mean == pytest.approx(3.0, rel=0.1)


def test_weekdays_have_a_mean_of_one_and_are_even_with_few_units() -> None:
    factors = weekday_factors([10, 10, 10, 10, 20, 30, 10_000])
    assert sum(factors) / 7 == pytest.approx(1.0)
    assert max(weekday_factors([0, 0, 0, 0, 0, 0, 1])) == pytest.approx(1.0, abs=0.1)
    assert weekday_factors([0] * 7) == EVEN


def test_the_days_of_a_forecast_have_the_factors_of_their_weekdays() -> None:
    week = forecast(after([1.0] * 20), 9, Calendar(5, (1, 1, 1, 1, 1, 2, 0.5)))
    assert week.by_day == pytest.approx([2, 0.5, 1, 1, 1, 1, 1, 2, 0.5])


def test_a_trend_over_all_locations_moves_each_of_them() -> None:
    trend = Trend()
    for units in [100.0] * 100 + [200.0] * 10:
        trend = trend_after_day(trend, units)
    assert 1.1 < trend.factor < 1.5
    assert STEADY.factor == 1.0
    state = after([1.0] * 20)
    assert forecast(state, 1, ORDINARY, trend).mean == pytest.approx(trend.factor)


def test_a_trend_of_hardly_any_units_is_nearly_none() -> None:
    trend = Trend()
    for units in [0.0] * 100 + [1.0]:
        trend = trend_after_day(trend, units)
    assert trend.factor < 1.4


def test_an_uplift_is_learnt_with_evidence_only() -> None:
    assert learnt_uplift(promoted=3, expected=1) == pytest.approx(53 / 51)
    assert learnt_uplift(promoted=3000, expected=1000) == pytest.approx(3.0, rel=0.05)
    assert learnt_uplift(promoted=10, expected=1000) == 1.0
    assert learnt_uplift(promoted=1e6, expected=10) == MOST_UPLIFT
    assert learnt_uplift(0, 0, believed=2.0) == 2.0


def test_the_quantiles_are_exactly_those_of_a_negative_binomial() -> None:
    wanted = Forecast(by_day=(1.5, 2.5), variance=10.0)
    shape = 4.0**2 / (10.0 - 4.0)
    p = shape / (shape + 4.0)
    below, distribution = 0.0, wanted.distribution()
    for k in range(30):
        below += (
            math.exp(math.lgamma(k + shape) - math.lgamma(shape) - math.lgamma(k + 1))
            * p**shape
            * (1 - p) ** k
        )
        assert distribution.above(k) == pytest.approx(1 - below, abs=1e-6)
        if below < 0.999:
            assert distribution.level(below - 1e-9) == k


def test_a_sum_of_steady_days_is_a_poisson_variable() -> None:
    distribution = Forecast((2.0,), variance=0.0).distribution()
    assert 1 - distribution.above(1) == pytest.approx(3 * math.exp(-2), abs=1e-6)


def test_nothing_is_wanted_of_what_never_sold() -> None:
    wanted = forecast(after([0.0] * 30), 28, ORDINARY)
    assert wanted.mean == 0
    assert wanted.distribution().level(0.99) == 0
    assert wanted.distribution().above(0) == 0


def test_many_units_have_nearly_the_same_quantiles_on_both_sides_of_the_limit() -> None:
    few, many = (
        Forecast((mean,), variance=4 * mean).distribution() for mean in (MANY - 1, MANY + 1)
    )
    assert many.level(0.95) - few.level(0.95) == pytest.approx(2, abs=3)
    assert many.above(MANY.__trunc__()) == pytest.approx(few.above(MANY.__trunc__()), abs=0.04)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 3)), max_size=60),
    st.integers(1, 56),
)
@pytest.mark.property
@examples(200)
def test_any_history_has_a_forecast(history: list[tuple[int, float]], days: int) -> None:
    state = State()
    for units, weight in history:
        state = after_day(state, units if weight else 0, weight)
    wanted = forecast(state, days, ORDINARY)
    assert all(math.isfinite(value) for value in (*wanted.by_day, wanted.variance))
    distribution = wanted.distribution()
    levels = [distribution.level(share) for share in (0.5, 0.9, 0.95, 0.98)]
    assert all(low <= high for low, high in pairwise(levels))


@pytest.mark.parametrize("rate", [0.4, 2.0, 6.0])
def test_hidden_stock_outs_do_not_bias_the_forecast(rate: float) -> None:
    """Shelves that are filled up once a week, too low, and sell out in the middle of days."""
    random_ = random.Random(7)
    means = []
    for _ in range(150):
        state, stock, level = State(), 0, max(1, round(4 * rate))
        for day in range(200):
            if day % 7 == 0:
                stock = level
            open_at, sold, at = bool(stock), 0, 0.0
            while stock and (at := at + random_.expovariate(rate)) < 1:
                sold, stock = sold + 1, stock - 1
            state = after_day(state, sold, (1.0 if stock else min(at, 1.0)) if open_at else 0.0)
        means.append(state.mean)
    assert sum(means) / len(means) == pytest.approx(rate, rel=0.05)
