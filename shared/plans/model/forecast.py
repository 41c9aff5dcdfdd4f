"""Forecast the units that shoppers will want of a SKU at a location. Pure.

A shelf has a State of six numbers, which ``after_day`` brings forward once a day. A day counts as
many ordinary days as its ``weight``:

    weight = share of the day with units to sell * factor of the weekday * uplift of a promotion

so that a day without stock says nothing, one that sold out at noon says what half a day says, and
one of a promotion that doubles demand says what two days say:

    level   += a * (units - weight * level)                   a mean that fades
    chance  += b * ((1 if units else 0) - weight * chance)    days with demand, per ordinary day
    size    += c * (units - size)                             units of a day with demand

A young state takes plain means: no rate is below 1 / days watched. The forecast of a day is

    (level + chance * size) / 2 * trend * factor of the weekday * uplift

``trend`` is that of the SKU over all locations, a fast mean over a slow one: what one shelf sees of
a trend is mostly chance.

The units of several days are a negative binomial variable with the mean of the forecast, and the
variance of the days plus that of the mean itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Protocol

from shared.orders.model.rebalancing import demand as gamma_poisson

LEVEL_RATE = 0.02
CHANCE_RATE = 0.015
SIZE_RATE = 0.05
SPREAD_RATE = 0.01
SPREAD = 0.9
"""The part of the measured variance with which the quantiles of the negative binomial are those
that are reached (tests/bench/plans)."""
FAST, SLOW = 0.08, 0.03
TREND_POWER = 0.75
"""How much of the trend over all locations a shelf follows."""
TREND_UNITS = 0.14
"""Units a day that a trend has too few of to be told from chance."""
LEAST_DAYS = 0.5
"""A state that was watched for less forecasts too little rather than anything."""
WEEK = 7
WEEKDAY_UNITS = 100.0
"""Units of a department that weigh as much as the belief that all weekdays are alike."""
UPLIFT_UNITS = 50.0
MOST_UPLIFT = 10.0
BURST = 1e-9
MANY = 500.0
"""Means above which the negative binomial is a normal distribution to less than a unit in 100."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a shelf: the weight of the days it was watched, the number of those with
    demand, and the means above; ``spread`` is the variance of the units of an ordinary day."""

    days: float = 0.0
    hits: float = 0.0
    level: float = 0.0
    chance: float = 0.0
    size: float = 0.0
    spread: float = 0.0

    @property
    def mean(self) -> float:
        """Units of an ordinary day."""
        return (self.level + self.chance * self.size) / 2


@dataclass(frozen=True, slots=True)
class Trend:
    """The fast and the slow mean of the units of a SKU over all locations, per day."""

    days: int = 0
    fast: float = 0.0
    slow: float = 0.0

    @property
    def factor(self) -> float:
        return math.pow((self.fast + TREND_UNITS) / (self.slow + TREND_UNITS), TREND_POWER)


STEADY = Trend()


def after_day(state: State, units: float, weight: float = 1.0) -> State:
    """The state after a day on which ``units`` were wanted. A day without weight is skipped."""
    if weight <= 0:
        return state
    days = state.days + weight
    least = 1 / max(LEAST_DAYS, days)
    off = units - weight * state.mean
    hits, size = state.hits, state.size
    if units > 0:
        hits += 1
        size += max(SIZE_RATE, 1 / hits) * (units - size)
    return State(
        days,
        hits,
        state.level + max(LEVEL_RATE, least) * (units - weight * state.level),
        state.chance + max(CHANCE_RATE, least) * ((units > 0) - weight * state.chance),
        size,
        state.spread + max(SPREAD_RATE, least) * (off * off - weight * state.spread),
    )


def trend_after_day(trend: Trend, units: float) -> Trend:
    """The trend after a day on which ``units`` were wanted over all locations."""
    days = trend.days + 1
    return Trend(
        days,
        trend.fast + max(FAST, 1 / days) * (units - trend.fast),
        trend.slow + max(SLOW, 1 / days) * (units - trend.slow),
    )


def weekday_factors(units: Sequence[float]) -> tuple[float, ...]:
    """The factor of each weekday (Monday first) from the units that a department sold on each;
    their mean is 1. A department of few units is nearly even."""
    mean = sum(units) / WEEK
    even = WEEKDAY_UNITS / WEEK
    return tuple((sold + even) / (mean + even) for sold in units)


EVEN = (1.0,) * WEEK


def learnt_uplift(promoted: float, expected: float, believed: float = 1.0) -> float:
    """The factor of days with a promotion: units wanted on them over those that were expected
    without it, drawn to ``believed`` while there are few. From 1 to MOST_UPLIFT."""
    factor = (promoted + believed * UPLIFT_UNITS) / (expected + UPLIFT_UNITS)
    return min(MOST_UPLIFT, max(1.0, factor))


class Distribution(Protocol):
    """Units that will be wanted within some days."""

    def above(self, units: int) -> float:
        """P(D > units)"""

    def level(self, share: float) -> int:
        """The fewest units that suffice with a probability of ``share``."""


@dataclass(frozen=True, slots=True)
class Many:
    """Normal, for large means."""

    mean: float
    deviation: float

    def above(self, units: int) -> float:
        return 1 - NormalDist(self.mean, self.deviation).cdf(units + 0.5)

    def level(self, share: float) -> int:
        return max(0, math.ceil(NormalDist(self.mean, self.deviation).inv_cdf(share) - 0.5))


@dataclass(frozen=True, slots=True)
class Forecast:
    """Units wanted: the mean of each day, and the variance of their sum."""

    by_day: tuple[float, ...]
    variance: float

    @property
    def mean(self) -> float:
        return sum(self.by_day)

    def distribution(self) -> Distribution:
        mean = self.mean
        # A sum of counts is at least as wide as a Poisson variable.
        extra = max(self.variance - mean, BURST * mean * mean)
        if mean > MANY:
            return Many(mean, math.sqrt(mean + extra))
        shape = mean * mean / extra if mean else 0.0
        return gamma_poisson(shape, shape, mean)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the days of a forecast are: ``weekdays`` are the factors of the department, Monday
    first, and ``uplifts`` those of the days with a promotion, by the number of days from the
    first."""

    first_weekday: int
    weekdays: tuple[float, ...] = EVEN
    uplifts: Mapping[int, float] = field(default_factory=dict)

    def factor(self, day: int) -> float:
        return self.weekdays[(self.first_weekday + day) % WEEK] * self.uplifts.get(day, 1.0)


def forecast(state: State, days: int, calendar: Calendar, trend: Trend = STEADY) -> Forecast:
    """The units wanted within the next ``days``.

    The mean is uncertain itself, by the variance of a faded mean: spread * rate / (2 - rate).
    """
    daily = state.mean * trend.factor
    factors = [calendar.factor(day) for day in range(days)]
    total = sum(factors)
    rate = max(LEVEL_RATE, 1 / max(1.0, state.days))
    wide = SPREAD * state.spread * trend.factor
    return Forecast(
        by_day=tuple(daily * factor for factor in factors),
        variance=wide * total + wide * rate / (2 - rate) * total * total,
    )
