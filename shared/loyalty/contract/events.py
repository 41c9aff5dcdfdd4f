"""Events of points and tiers: one CloudEvent for each entry of a write of an account, and one for
each change of a tier. They name profiles, and nothing else of the person.

An event id has the profile, the version of the write and the number of the entry, so that a
repeated event has the same id. ``sequence`` sorts the events of one profile's account.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from shared.loyalty.model.account import Account, Entry
from shared.web.contract import Answer, Count, Day, Id, Instant

SOURCE = "norain/loyalty"
TIER_CHANGED = "tier.changed"


class PointsChanged(Answer):
    """A change of the points of a home profile. A person with merged profiles has several
    accounts."""

    profile_id: Id
    """The home profile of the account."""
    points: int
    """The points that the event is about."""
    order_id: Id | None = None
    """The order that caused it."""
    paid_for: Id | None = None
    """The other profile of the person whose order the points paid for."""
    expires_on: Day | None = None
    """The last day of the points."""
    days: Literal[30, 7] | None = None
    """How many days before their last day the points are announced."""
    available: Count
    """Available points of the account after the change."""
    pending: Count
    """Pending points of the account after the change."""
    debt: Count
    """Points that are owed after the change."""


class TierChanged(Answer):
    """The tier of a home profile went up, or down by one step at its review."""

    profile_id: Id
    """The home profile."""
    tier: str
    """The tier now; `none` for no tier."""
    before: str
    """The tier before."""
    review_at: Instant | None = None
    """When the tier is reviewed next."""


KINDS: Mapping[str, str] = {
    "pending": "Points were earned by goods that can still be returned.",
    "earned": "Points became available, because the return window is over.",
    "spent": "Points paid for an order.",
    "returned": "Points came back with what was cancelled or returned of an order.",
    "taken_back": "Points were taken back with the goods that had earned them.",
    "adjusted": "Somebody gave or took points by hand.",
    "expiring": "Available points expire in 30 or 7 days.",
    "expired": "Points have expired.",
}
OF_ORDERS = frozenset({"pending", "earned", "spent", "returned", "taken_back"})
EVENTS: Mapping[str, tuple[type[Answer], str]] = {
    **{f"points.{kind}": (PointsChanged, summary) for kind, summary in KINDS.items()},
    TIER_CHANGED: (TierChanged, "The loyalty tier of a profile has changed."),
}


def of_account(account: Account, entries: tuple[Entry, ...], at: str) -> Iterator[dict[str, Any]]:
    """The events of the write that made this version of the account."""
    for number, entry in enumerate(entries):
        if entry.kind not in KINDS:
            continue
        data = PointsChanged(
            profile_id=account.home,
            points=-entry.points
            if entry.kind == "adjusted" and entry.available < 0
            else entry.points,
            order_id=entry.cause if entry.kind in OF_ORDERS else None,
            paid_for=entry.for_home,
            expires_on=entry.expires_on,
            days=30 if entry.days == 30 else 7 if entry.days == 7 else None,
            available=account.available,
            pending=account.pending,
            debt=account.debt,
        )
        name = f"{account.home}.{account.version}.{number}"
        yield _event(name, f"points.{entry.kind}", account.home, at, account.version, number, data)


def of_standing(
    home: str, version: int, at: str, before: str, tier: str, review_at: str | None
) -> Iterator[dict[str, Any]]:
    """The event of a write that changed the tier; none of another write."""
    if tier != before:
        data = TierChanged.model_validate(
            {"profile_id": home, "tier": tier, "before": before, "review_at": review_at}
        )
        yield _event(f"{home}.tier.{version}", TIER_CHANGED, home, at, version, 0, data)


def _event(
    name: str, kind: str, home: str, at: str, version: int, number: int, data: Answer
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name,
        "source": SOURCE,
        "type": kind,
        "subject": home,
        "time": at,
        "sequence": f"{version:012d}.{number:04d}",
        "datacontenttype": "application/json",
        "data": data.model_dump(mode="json"),
    }
