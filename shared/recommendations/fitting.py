"""Fit what goes with what, and what suits whom, from a sample of what was bought."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from shared.recommendations.model import fitting
from shared.recommendations.store import models

MOST_BASKETS = 150_000
MOST_HOMES = 20_000
MOST_ITEMS = 5_000
"""Those that most baskets, or homes, have."""
BASKET_RIDGE = 6_000.0
"""In the weights of baskets: 60 baskets of one SKU."""
HOME_RIDGE = 300.0
FEWEST = 100
"""Baskets, or homes, below which nothing is fitted."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The sizes of the sample, and the items that were fitted."""

    baskets: int
    homes: int
    partners: int
    suiting: int


def fit(now: datetime, ended: Callable[[], bool]) -> Fitted:
    """Takes about 20 ms of CPU for each item, twice, and 500 MB. When ``ended`` becomes true
    meanwhile, the fit that is under way is not saved, and the last one stays in use."""
    sample = models.sample(MOST_BASKETS, MOST_HOMES, now.toordinal(), ended)
    partners = suiting = 0
    if len(sample.baskets) >= FEWEST:
        items = fitting.most_common(sample.baskets, MOST_ITEMS)
        found = _fitted(fitting.OfBaskets(sample.baskets, items), BASKET_RIDGE, ended)
        partners = models.save_partners(found)
    if len(sample.homes) >= FEWEST:
        items = fitting.most_common(sample.homes, MOST_ITEMS)
        suits = _fitted(fitting.OfHomes(sample.homes, items), HOME_RIDGE, ended)
        if suits:
            models.save_model(suits, now)
        suiting = len(suits)
    return Fitted(len(sample.baskets), len(sample.homes), partners, suiting)


def _fitted(
    found: fitting.Occurrences, ridge: float, ended: Callable[[], bool]
) -> fitting.Predicted:
    """Empty when the time was not enough."""
    columns = list(takewhile(lambda _: not ended(), fitting.fitted(found, ridge)))
    return fitting.kept(columns) if len(columns) == len(found.alone) else {}
