"""How good forecasts are: root mean squared scaled error, and what the totals miss.

RMSSE is scaled by the naive forecast of a day within the days before, from the first sale on, and
is the mean over shelves. WAPE is of the totals of the horizon. No goal is the mean absolute scaled
error: on demand of this kind it is best for a forecast of nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Days = Sequence[float]


def scale(history: Days) -> float:
    """The mean squared difference of neighbouring days from the first sale on; 0 when there are no
    two sales."""
    first = next((day for day, units in enumerate(history) if units), len(history))
    known = history[first:]
    if sum(1 for units in known if units) < 2:
        return 0.0
    return sum((b - a) ** 2 for a, b in pairwise(known)) / (len(known) - 1)


@dataclass
class Verdict:
    """Sums over forecasts."""

    errors: list[float] = field(default_factory=list)
    missed: float = 0.0
    forecast: float = 0.0
    wanted: float = 0.0

    def add(self, forecast: Days, wanted: Days, history: Days) -> None:
        if not (scaled := scale(history)):
            return
        squares = sum((f - w) ** 2 for f, w in zip(forecast, wanted, strict=True)) / len(wanted)
        self.errors.append(math.sqrt(squares / scaled))
        self.missed += abs(sum(forecast) - sum(wanted))
        self.forecast += sum(forecast)
        self.wanted += sum(wanted)

    @property
    def rmsse(self) -> float:
        return sum(self.errors) / len(self.errors)

    @property
    def wape(self) -> float:
        return self.missed / self.wanted

    @property
    def bias(self) -> float:
        return self.forecast / self.wanted - 1


@dataclass
class Cover:
    """Sums over covers: how often a level was enough, and what of the demand it served."""

    covers: int = 0
    enough: int = 0
    level: int = 0
    served: int = 0
    wanted: int = 0

    def add(self, level: int, wanted: int) -> None:
        self.covers += 1
        self.enough += wanted <= level
        self.level += level
        self.served += min(wanted, level)
        self.wanted += wanted

    @property
    def reached(self) -> float:
        return self.enough / self.covers

    @property
    def fill_rate(self) -> float:
        return self.served / self.wanted

    @property
    def mean_level(self) -> float:
        return self.level / self.covers
