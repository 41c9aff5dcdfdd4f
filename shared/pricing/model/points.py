"""Points as a discount: stage 4, after the promotions and before taxes. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.pricing.model.money import WHOLE

POINTS = "points"
"""Names the discount beside those of promotions; no promotion has this id."""
TITLE = "Points"
MOST_POINTS = 10**8
"""Of a request."""


@dataclass(frozen=True, slots=True)
class PointsOffer:
    """``points`` that a shopper wants to spend. ``value`` is what a point is worth, in basis points
    of a minor unit; all together pay at most ``share`` of the goods, in basis points."""

    points: int
    value: int
    share: int = WHOLE

    def amount(self, goods: int) -> int:
        """What the points pay of ``goods``, in minor units."""
        return min(self.points * self.value // WHOLE, goods * self.share // WHOLE)

    def most(self, goods: int) -> int:
        """How many points can be spent on ``goods``: the fewest that pay as much as possible."""
        return -(-self.amount(goods) * WHOLE // self.value) if self.value else 0

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "PointsOffer":
        return PointsOffer(document["points"], document["value"], document["share"])
