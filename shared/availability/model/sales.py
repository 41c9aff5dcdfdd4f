"""Units per day that walk-in customers take from a shelf, learnt from the sales of feeds. Pure.

Everything fades with HALF_LIFE. ``sold`` is the faded sum of the units sold, ``days`` the faded sum
of the days on which there was something to sell: an empty shelf says nothing of the demand. What
one shelf alone cannot tell is borrowed from the others of its SKU (empirical Bayes): with a gamma
prior over the shelves, of mean ``mean`` and worth ``weight`` days of watching,

    rate = (mean * weight + sold) / (weight + days)

The prior's two moments are matched to what was seen: Var(sold) = mean * days + days^2 * Var(rate).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

HALF_LIFE = 28.0
"""Days after which a sale counts half: a season's pace, as fast as it can be told from chance."""
LIFE = HALF_LIFE / math.log(2)
"""What ``days`` tends to on a shelf that is never empty."""
DAY_SECONDS = 86_400
LEAST_DAYS = 7
LEAST_WEIGHT = 1.0
MOST_WEIGHT = 10 * LIFE


@dataclass(frozen=True, slots=True)
class Sales:
    """What is known of one shelf at ``second`` (epoch)."""

    sold: float
    days: float
    second: int


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known at ``second`` of a SKU's shelves together, which are watched since ``since``:
    the sums over them, how many of them have something to sell, and what the prior weighs."""

    since: int
    second: int
    sold: float
    days: float
    shelves: int
    weight: float

    def tells(self, second: int) -> bool:
        """Whether it has been watched for long enough: it began with a sale, not with the wait."""
        return second - self.since >= LEAST_DAYS * DAY_SECONDS

    def mean(self, second: int) -> float:
        """Units per day of a shelf, at a later ``second`` without another sale."""
        left = _faded(second - self.second)
        days = self.days * left + self.shelves * LIFE * (1 - left)
        return self.sold * left / max(LEAST_WEIGHT, days)


@dataclass(frozen=True, slots=True)
class Sale:
    units: int
    second: int


def never_sold(since: int, second: int) -> Sales:
    """A shelf that was never empty, and never sold, between the two."""
    return Sales(0.0, LIFE * (1 - _faded(second - since)), second)


def faded_to(sales: Sales, second: int, *, stocked: bool) -> Sales:
    """The same at a later ``second`` without another sale; ``stocked`` when there was something to
    sell in between."""
    if second <= sales.second:
        return sales
    left = _faded(second - sales.second)
    days = sales.days * left + (LIFE * (1 - left) if stocked else 0.0)
    return Sales(sales.sold * left, days, second)


def with_sales(sales: Sales, more: Iterable[Sale]) -> Sales:
    """With more sales, each as what it counts at ``sales.second``: faded since it was made, or to
    be faded from then on."""
    units = sum(
        sale.units * 0.5 ** ((sales.second - sale.second) / (HALF_LIFE * DAY_SECONDS))
        for sale in more
    )
    return Sales(sales.sold + units, sales.days, sales.second)


def prior(since: int, second: int, shelves: Iterable[tuple[Sales, bool]]) -> Prior:
    """Of all shelves as they are at ``second``, and whether each has something to sell."""
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


def rate(known: Prior, sales: Sales | None, second: int, *, stocked: bool) -> float:
    """Units per day of a shelf, at ``second``."""
    shape, days = posterior(known, sales, second, stocked=stocked)
    return shape / days


def posterior(
    known: Prior, sales: Sales | None, second: int, *, stocked: bool
) -> tuple[float, float]:
    """The gamma distribution of a shelf's rate at ``second``: its shape, and the days that it is
    worth. Without ``sales`` the shelf has been watched like all."""
    if sales is None:
        # Of a shelf that is empty it is not known how long it was full.
        shelf = never_sold(known.since, second) if stocked else Sales(0.0, 0.0, second)
    else:
        shelf = faded_to(sales, second, stocked=stocked)
    return known.mean(second) * known.weight + shelf.sold, known.weight + shelf.days


def _faded(seconds: float) -> float:
    return float(0.5 ** (max(0.0, seconds) / (HALF_LIFE * DAY_SECONDS)))
