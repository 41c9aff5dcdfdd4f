"""Units per day that walk-in customers take from a shelf, learnt from the sales of feeds. Pure.

All numbers fade with HALF_LIFE. ``sold`` is the faded sum of the units sold, ``days`` the faded sum
of the days with units to sell: an empty shelf says nothing about demand. A shelf with few sales
borrows from the other shelves of its SKU (empirical Bayes), with a gamma prior over the shelves of
mean ``mean`` and a weight of ``weight`` days of watching:

    rate = (mean * weight + sold) / (weight + days)

The prior's two moments are matched to the data: Var(sold) = mean * days + days^2 * Var(rate).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

HALF_LIFE = 28.0
"""Days after which a sale counts half: as fast as a season's pace can be told from chance."""
LIFE = HALF_LIFE / math.log(2)
"""The limit of ``days`` on a shelf that is never empty."""
DAY_SECONDS = 86_400
LEAST_DAYS = 7
LEAST_WEIGHT = 1.0
MOST_WEIGHT = 10 * LIFE


class Sales(NamedTuple):
    """The sales of one shelf, faded to ``second`` (epoch)."""

    sold: float
    days: float
    second: int


@dataclass(frozen=True, slots=True)
class Prior:
    """All shelves of a SKU together, faded to ``second`` and watched since ``since``: the sums over
    them, the number of shelves with units to sell, and the weight of the prior."""

    since: int
    second: int
    sold: float
    days: float
    shelves: int
    weight: float

    def is_old_enough(self, second: int) -> bool:
        """Whether the SKU has been watched for long enough: watching begins with a sale, not with
        the wait for one."""
        return second - self.since >= LEAST_DAYS * DAY_SECONDS

    def mean(self, second: int) -> float:
        """Units per day of a shelf, at a later ``second`` without another sale."""
        fading = _faded(second - self.second)
        days = self.days * fading + self.shelves * LIFE * (1 - fading)
        return self.sold * fading / max(LEAST_WEIGHT, days)


@dataclass(frozen=True, slots=True)
class Sale:
    units: int
    second: int


def never_sold(since: int, second: int) -> Sales:
    """A shelf that was never empty and sold nothing from ``since`` to ``second``."""
    return Sales(0.0, LIFE * (1 - _faded(second - since)), second)


def faded_to(sales: Sales, second: int, *, stocked: bool) -> Sales:
    """The sales at a later ``second`` without another sale; ``stocked`` when there were units to
    sell in between."""
    if second <= sales.second:
        return sales
    fading = _faded(second - sales.second)
    days = sales.days * fading + (LIFE * (1 - fading) if stocked else 0.0)
    return Sales(sales.sold * fading, days, second)


def with_sales(sales: Sales, more: Iterable[Sale]) -> Sales:
    """``sales`` with more sales, each with its weight at ``sales.second``: an earlier sale has
    faded since, a later one has yet to fade."""
    units = sum(
        sale.units * 0.5 ** ((sales.second - sale.second) / (HALF_LIFE * DAY_SECONDS))
        for sale in more
    )
    return Sales(sales.sold + units, sales.days, sales.second)


def prior(since: int, second: int, shelves: Iterable[tuple[Sales, bool]]) -> Prior:
    """The prior of all shelves as they are at ``second``, each with whether it has units to
    sell."""
    seen = list(shelves)
    sold, days = sum(shelf.sold for shelf, _ in seen), sum(shelf.days for shelf, _ in seen)
    mean = sold / max(LEAST_WEIGHT, days)
    spread = sum((shelf.sold - mean * shelf.days) ** 2 - mean * shelf.days for shelf, _ in seen)
    squares = sum(shelf.days**2 for shelf, _ in seen)
    weight = mean * squares / spread if spread > 0 else MOST_WEIGHT
    return Prior(
        since=since,
        second=second,
        sold=sold,
        days=days,
        shelves=sum(stocked for _, stocked in seen),
        weight=min(MOST_WEIGHT, max(LEAST_WEIGHT, weight)),
    )


def rate(prior: Prior, sales: Sales | None, second: int, *, stocked: bool) -> float:
    """Units per day of a shelf, at ``second``."""
    shape, days = posterior(prior, sales, second, stocked=stocked)
    return shape / days


def posterior(
    prior: Prior, sales: Sales | None, second: int, *, stocked: bool
) -> tuple[float, float]:
    """The gamma distribution of a shelf's rate at ``second``: its shape, and its weight in days. A
    shelf without ``sales`` has been watched as long as all others."""
    if sales is None:
        # How long a shelf that is empty now was full is not known.
        shelf = never_sold(prior.since, second) if stocked else Sales(0.0, 0.0, second)
    else:
        shelf = faded_to(sales, second, stocked=stocked)
    return prior.mean(second) * prior.weight + shelf.sold, prior.weight + shelf.days


def _faded(seconds: float) -> float:
    return float(0.5 ** (max(0.0, seconds) / (HALF_LIFE * DAY_SECONDS)))
