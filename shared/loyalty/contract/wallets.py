"""The wallet of a person, its ledger, and points that are given or taken by hand."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import AfterValidator, Strict, StringConstraints

from shared.loyalty.model import tiers
from shared.loyalty.model.account import Account, Entry, EntryKind
from shared.loyalty.model.programme import NEVER, Programme
from shared.loyalty.model.sharing import spendable
from shared.loyalty.model.tiers import Standing
from shared.pricing.model.points import MOST_POINTS
from shared.web.contract import Answer, Day, Id, Input, Instant, Money


def _not_zero(delta: int) -> int:
    if not delta:
        raise ValueError("give or take at least one point")
    return delta


class PointsInput(Input):
    """Points to give, or to take."""

    delta: Annotated[int, Strict(), Ge(-MOST_POINTS), Le(MOST_POINTS), AfterValidator(_not_zero)]
    """Points to give; below 0 to take available ones."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """Why, in words for the ledger: no personal data."""


class ExpiringPoints(Answer):
    """Points that expire on one day."""

    points: int
    """Number of points."""
    expires_on: Day
    """The last day on which they can be spent, in the time zone of the programme."""


class WalletPoints(Answer):
    """The points of a person, over all channels and all profiles that were merged."""

    available: int
    """Points that can be spent."""
    worth: Money | None = None
    """What the available points are worth."""
    held: int
    """Points that wait for a payment."""
    pending: int
    """Points of purchases that can still be returned."""
    debt: int
    """Points that are owed for returned purchases: the next points pay them."""
    expiring: list[ExpiringPoints]
    """Available points by their last day, the earliest first."""


class WalletTier(Answer):
    """The tier of a person."""

    name: str
    """The name of the tier; `none` for no tier."""
    since: Day | None = None
    """The day on which it was reached."""
    to_next: Money | None = None
    """The net spend that is missing for the next tier."""
    review_at: Instant | None = None
    """When the tier is reviewed: before that it does not go down."""


class WalletAnswer(Answer):
    """The wallet of a person."""

    profile_id: Id
    """The id of the profile."""
    programme: int
    """The version of the loyalty programme in force; 0 for none."""
    points: WalletPoints
    """The points."""
    tier: WalletTier
    """The tier."""


class PointsEntry(Answer):
    """One change of an account."""

    profile_id: Id
    """The home profile of the account: a person with merged profiles has several accounts."""
    version: int
    """Version of the account after the change."""
    at: Instant
    """When it was booked."""
    kind: EntryKind
    """What happened."""
    points: int
    """The points that it is about."""
    available: int
    """By how much the available points changed."""
    held: int
    """By how much the held points changed."""
    pending: int
    """By how much the pending points changed."""
    debt: int
    """By how much the debt changed."""
    cause: str
    """The id of the order, hold or request, or the day of an expiry."""
    for_profile_id: Id | None = None
    """The other profile of the person whose order the points paid for."""
    expires_on: Day | None = None
    """The last day of the points."""
    reason: str | None = None
    """Why somebody has changed the points by hand."""


class PointsEntries(Answer):
    """The ledger of a person: one account after the other, each the newest first."""

    profile_id: Id
    """The id of the profile."""
    entries: list[PointsEntry]
    """The changes."""
    next_cursor: str | None = None
    """The cursor of the next page; absent on the last."""


def wallet_answer(
    profile_id: str,
    programme: Programme,
    accounts: Mapping[str, Account],
    standings: Iterable[Standing],
    now: datetime,
) -> WalletAnswer:
    """``accounts`` are current: without expired points, and separated."""
    standings = list(standings)
    available = spendable(accounts)
    free = sum(account.available for account in accounts.values())
    owed = sum(account.debt for account in accounts.values())
    tier = tiers.tier_of(standings, programme, now)
    holders = [standing for standing in standings if standing.tier == tier and standing.since]
    holder = max(holders, key=lambda one: one.review_at or now, default=None)
    to_next = tiers.to_next(standings, programme, now)

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=programme.currency)

    return WalletAnswer(
        profile_id=profile_id,
        programme=programme.version,
        points=WalletPoints(
            available=available,
            worth=money(programme.worth(available)) if programme.version else None,
            held=sum(account.points.held for account in accounts.values()),
            pending=sum(account.pending for account in accounts.values()),
            debt=max(0, owed - free),
            expiring=_expiring(accounts.values()),
        ),
        tier=WalletTier(
            name=tier,
            since=holder.since if holder else None,
            to_next=None if to_next is None else money(to_next),
            review_at=holder.review_at if holder else None,
        ),
    )


def _expiring(accounts: Iterable[Account]) -> list[ExpiringPoints]:
    points: dict[date, int] = {}
    for account in accounts:
        for lot in account.points.lots:
            if lot.free and lot.expires_on < NEVER:
                points[lot.expires_on] = points.get(lot.expires_on, 0) + lot.free
    return [ExpiringPoints(points=points[day], expires_on=day) for day in sorted(points)]


def entry_answer(home: str, version: int, at: datetime, entry: Entry) -> PointsEntry:
    return PointsEntry(
        profile_id=home,
        version=version,
        at=at,
        kind=entry.kind,
        points=entry.points,
        available=entry.available,
        held=entry.held,
        pending=entry.pending,
        debt=entry.debt,
        cause=entry.cause,
        for_profile_id=entry.for_home,
        expires_on=entry.expires_on,
        reason=entry.reason,
    )
