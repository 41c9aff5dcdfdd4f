"""Tiers: what a net spend within a period earns. Pure.

Only spend whose return window is over counts, in 24 monthly sums. A tier goes up at once. It goes
down only at ``review_at``, by one step, and never because goods came back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from shared.instants import start_of_day
from shared.loyalty.model.programme import NO_TIER, Programme

MOST_MONTHS = 24


@dataclass(frozen=True, slots=True)
class Standing:
    """The tier of a home profile. ``joined_on`` is the day of its first points. ``months`` are the
    net spend in minor units by month (2026-11). ``version`` is the stored version that was read,
    0 for a standing that is not stored yet."""

    home: str
    joined_on: date
    tier: str = NO_TIER
    since: date | None = None
    review_at: datetime | None = None
    months: Mapping[str, int] = field(default_factory=dict)
    version: int = 0


def counted(standing: Standing, month: str, amount: int) -> Standing:
    """``amount`` more in the sum of the month. A month that is no longer kept stays forgotten."""
    months = {**standing.months, month: standing.months.get(month, 0) + amount}
    newest = sorted(months, reverse=True)[:MOST_MONTHS]
    return replace(
        standing, months={name: months[name] for name in sorted(newest) if months[name] > 0}
    )


def spend_within(standing: Standing, programme: Programme, day: date) -> int:
    """The net spend of the period that contains the day, in minor units."""
    first = _first_month(standing, programme, day)
    return sum(
        amount for month, amount in standing.months.items() if first <= month <= f"{day:%Y-%m}"
    )


def _first_month(standing: Standing, programme: Programme, day: date) -> str:
    match programme.tier_period:
        case "calendar":
            return f"{day.year}-01"
        case "joining":
            joined = standing.joined_on.month
            return f"{day.year if day.month >= joined else day.year - 1}-{joined:02d}"
        case "rolling":
            # the month after this one, a year ago
            return f"{day.year}-01" if day.month == 12 else f"{day.year - 1}-{day.month + 1:02d}"


def _review_day(standing: Standing, programme: Programme, today: date) -> date:
    """The first day of the next period; rolling: a year from today."""
    match programme.tier_period:
        case "calendar":
            return date(today.year + 1, 1, 1)
        case "joining":
            joined = standing.joined_on.month
            return date(today.year if today.month < joined else today.year + 1, joined, 1)
        case "rolling":
            return today.replace(year=today.year + 1, day=min(today.day, 28))


def risen(standing: Standing, programme: Programme, now: datetime) -> Standing:
    """The standing with the tier that its spend has reached, if that is higher. A tier that is in
    the programme no longer is replaced."""
    today = programme.today(now)
    reached = programme.qualified(spend_within(standing, programme, today))
    if programme.rank(reached) > programme.rank(standing.tier):
        return _with_tier(standing, programme, reached, today)
    if standing.tier != NO_TIER and programme.tiers and programme.rank(standing.tier) < 0:
        return _with_tier(standing, programme, reached, today)
    return standing


def reviewed(standing: Standing, programme: Programme, now: datetime) -> Standing:
    """At ``review_at`` the tier goes down by one step, unless the spend of the period that ended
    the day before keeps it. Before that nothing changes."""
    if standing.review_at is None or standing.review_at > now:
        return standing
    today = programme.today(now)
    last_day = programme.today(standing.review_at) - timedelta(days=1)
    kept = programme.rank(programme.qualified(spend_within(standing, programme, last_day)))
    rank = programme.rank(standing.tier)
    if kept >= rank:
        return replace(standing, review_at=_review_at(standing, programme, today))
    return _with_tier(standing, programme, programme.tier_at(rank - 1), today)


def _with_tier(standing: Standing, programme: Programme, tier: str, today: date) -> Standing:
    review_at = _review_at(standing, programme, today) if programme.rank(tier) > 0 else None
    if tier != NO_TIER and review_at is None and programme.tiers[0].threshold > 0:
        review_at = _review_at(standing, programme, today)
    return replace(standing, tier=tier, since=today, review_at=review_at)


def _review_at(standing: Standing, programme: Programme, today: date) -> datetime:
    return start_of_day(_review_day(standing, programme, today), programme.time_zone)


def tier_of(standings: Iterable[Standing], programme: Programme, now: datetime) -> str:
    """The tier of a person with these standings: the highest of them, or what their spends reach
    together. Merging moves nothing, so that an unmerge gives each its own tier again."""
    standings = list(standings)
    today = programme.today(now)
    together = sum(spend_within(standing, programme, today) for standing in standings)
    return programme.highest(
        [programme.qualified(together), *(standing.tier for standing in standings)]
    )


def to_next(standings: Iterable[Standing], programme: Programme, now: datetime) -> int | None:
    """The net spend that is missing for the next tier, in minor units; None in the highest."""
    standings = list(standings)
    rank = programme.rank(tier_of(standings, programme, now))
    if rank + 1 >= len(programme.tiers):
        return None
    today = programme.today(now)
    together = sum(spend_within(standing, programme, today) for standing in standings)
    return max(0, programme.tiers[rank + 1].threshold - together)
