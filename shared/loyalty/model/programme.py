"""The loyalty programme: what points are earned, what they are worth, and which tiers there are.
Pure.

Rates are in basis points: ``earn_rate`` of a point per minor unit (100 is one point per 1.00),
``point_value`` of a minor unit per point (10,000 makes a point worth one cent).
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from shared.instants import local_day
from shared.pricing.model.money import WHOLE
from shared.pricing.model.points import PointsOffer

NO_TIER = "none"
"""The tier of somebody who has reached none."""
NEVER = date(9999, 12, 31)
"""The expiry of points that do not expire."""
TOLD_DAYS = (30, 7)
"""How many days before their expiry points are announced."""
GRACE = timedelta(days=30)
"""How long points may be used that come back from an order after their expiry."""

TierPeriod = Literal["rolling", "calendar", "joining"]


@dataclass(frozen=True, slots=True)
class Tier:
    """Reached with a net spend of ``threshold`` minor units within the period. ``multiplier`` of
    the points earned is in basis points. Members may return goods for ``return_window_days``; None
    is what holds for everybody."""

    name: str
    threshold: int
    multiplier: int = WHOLE
    return_window_days: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Programme:
    """``version`` 0 is NO_PROGRAMME. Orders that were placed before ``starts_on`` earn nothing.

    ``burn_share`` is the part of a cart that points may pay, in basis points. ``expiry_months`` is
    None for points that do not expire. ``tiers`` are sorted by threshold. ``tier_period``:
    rolling (this month and the 11 before it), calendar (the year), joining (the year since the
    month in which the person joined).
    """

    version: int
    currency: str
    time_zone: str
    starts_on: date
    earn_rate: int
    point_value: int
    burn_share: int = WHOLE
    return_window_days: int = 30
    expiry_months: int | None = 12
    tier_period: TierPeriod = "rolling"
    tiers: tuple[Tier, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Without the version, which names the document."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        del document["version"]
        document["starts_on"] = self.starts_on.isoformat()
        document["tiers"] = [tier.to_json() for tier in self.tiers]
        return document

    @staticmethod
    def from_json(version: int, document: Mapping[str, Any]) -> "Programme":
        known = {
            name: value
            for name, value in document.items()
            if name in Programme.__dataclass_fields__
        }
        known["starts_on"] = date.fromisoformat(document["starts_on"])
        known["tiers"] = tuple(
            Tier(row["name"], row["threshold"], row["multiplier"], row.get("return_window_days"))
            for row in document["tiers"]
        )
        return Programme(version=version, **known)

    def today(self, now: datetime) -> date:
        return local_day(now, self.time_zone)

    def rank(self, tier: str) -> int:
        """The place of a tier, from 0; -1 for NO_TIER and for a tier that is no longer there."""
        return next((at for at, one in enumerate(self.tiers) if one.name == tier), -1)

    def tier_at(self, rank: int) -> str:
        return self.tiers[rank].name if rank >= 0 else NO_TIER

    def multiplier(self, tier: str) -> int:
        rank = self.rank(tier)
        return self.tiers[rank].multiplier if rank >= 0 else WHOLE

    def return_window_of(self, tier: str) -> int | None:
        """The days in which members of the tier may return goods; None for those of everybody."""
        rank = self.rank(tier)
        return self.tiers[rank].return_window_days if rank >= 0 else None

    def qualified(self, spend: int) -> str:
        """The highest tier that a net spend reaches. A threshold of 0 is reached by everybody."""
        reached = [tier.name for tier in self.tiers if spend >= tier.threshold]
        return reached[-1] if reached else NO_TIER

    def highest(self, tiers: Iterable[str]) -> str:
        return self.tier_at(max((self.rank(tier) for tier in tiers), default=-1))

    def worth(self, points: int) -> int:
        """What points pay, in minor units, rounded down."""
        return points * self.point_value // WHOLE

    def offer(self, points: int) -> PointsOffer:
        """``points`` that shall pay for a cart."""
        return PointsOffer(points, self.point_value, self.burn_share)

    def expires_on(self, now: datetime) -> date:
        """The last day of points that are earned now: the last of a month in the time zone."""
        if self.expiry_months is None:
            return NEVER
        day = self.today(now)
        return month_end(day.year, day.month + self.expiry_months)


NO_PROGRAMME = Programme(
    version=0,
    currency="XXX",
    time_zone="UTC",
    starts_on=NEVER,
    earn_rate=0,
    point_value=0,
)
"""Nobody earns anything; points that were earned before stay."""


def month_end(year: int, month: int) -> date:
    """The last day of a month, which may be beyond the 12th: month 14 is February of the next
    year."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, monthrange(year, month)[1])


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order earns by: frozen when its first units are handed over. ``return_window_days``
    are those of the tier, None for those of the programme."""

    earn_rate: int
    multiplier: int
    return_window_days: int | None = None

    def points(self, eligible: int) -> int:
        """``floor(eligible x rate x multiplier)``; ``eligible`` in minor units."""
        return max(0, eligible) * self.earn_rate * self.multiplier // (WHOLE * WHOLE)
