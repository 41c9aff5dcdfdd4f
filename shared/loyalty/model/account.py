"""The points of one home profile. Pure.

    available + held   the points of all lots; a lot is what expires on one day
    debt               what is owed: only while nothing is available; the next points pay it
    pending            earned with goods that may still come back; the rows of orders have the parts
    alone              lots and debt as if the profile had never been merged (sharing.py)

Every change begins by booking what has expired, so that no expired point is spent. It says in
``entries`` by how much it changed each figure: the sums of all entries are the figures.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal

from shared.loyalty.model.programme import GRACE, TOLD_DAYS

MOST_LOTS = 36

EntryKind = Literal[
    "pending",
    "earned",
    "spent",
    "returned",
    "taken_back",
    "expiring",
    "expired",
    "adjusted",
    "held",
    "released",
    "separated",
]
Drawn = tuple[date | None, int]
"""Points of the lot that expires on the day; None: points that became debt."""


@dataclass(frozen=True, slots=True)
class Lot:
    """``held`` of the ``points`` wait for a payment. ``told`` is the number of days before its
    expiry at which the lot was announced last, 0 for never."""

    expires_on: date
    points: int
    held: int = 0
    told: int = 0

    @property
    def free(self) -> int:
        return self.points - self.held


@dataclass(frozen=True, slots=True)
class Points:
    """Lots by expiry, the earliest first, and the debt."""

    lots: tuple[Lot, ...] = ()
    debt: int = 0

    @property
    def available(self) -> int:
        return sum(lot.free for lot in self.lots)

    @property
    def held(self) -> int:
        return sum(lot.held for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Entry:
    """A change: by how much each figure changed. ``points`` is what it is about, never negative
    except in an adjustment. ``cause`` is the order, the hold or the request. ``for_home`` is the
    profile whose order another account of the person pays for."""

    kind: EntryKind
    points: int
    cause: str
    available: int = 0
    held: int = 0
    debt: int = 0
    pending: int = 0
    for_home: str | None = None
    expires_on: date | None = None
    days: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """``version`` is the stored version that was read, 0 for an account that is not stored yet.
    ``partners`` are the accounts that it has shared points with, each with its ``generation``: how
    often it was separated. ``entries`` are the changes since it was read."""

    home: str
    points: Points = Points()
    pending: int = 0
    alone: Points | None = None
    partners: Mapping[str, int] = field(default_factory=dict)
    generation: int = 0
    version: int = 0
    closed: bool = False
    entries: tuple[Entry, ...] = ()

    @property
    def available(self) -> int:
        return self.points.available

    @property
    def debt(self) -> int:
        return self.points.debt


def add(points: Points, units: int, expires_on: date) -> Points:
    """More points, which pay the debt first."""
    return _paid(replace(points, lots=_merged(points.lots, [Lot(expires_on, units)])))


def draw(points: Points, units: int, first: Iterable[date] = ()) -> tuple[Points, list[Drawn]]:
    """Take available points: of the lots that are named ``first``, then by expiry; what is missing
    becomes debt. Returns what was taken of each lot, in this order."""
    by_day = {lot.expires_on: lot for lot in points.lots}
    drawn: list[Drawn] = []
    missing = units
    for day in dict.fromkeys([*first, *sorted(by_day)]):
        lot = by_day.get(day)
        taken = min(missing, lot.free) if lot else 0
        if lot and taken:
            by_day[day] = replace(lot, points=lot.points - taken)
            drawn.append((day, taken))
            missing -= taken
    if missing:
        drawn.append((None, missing))
    lots = tuple(lot for _, lot in sorted(by_day.items()) if lot.points)
    return Points(lots, points.debt + missing), drawn


def give_back(points: Points, drawn: Iterable[Drawn], today: date, fresh: date) -> Points:
    """Put points back into the lots that they came from. Expired ones may be used for GRACE; points
    that were debt expire on ``fresh``, when the debt is paid already."""
    lots = [
        Lot(fresh if day is None else day if day >= today else today + GRACE, units)
        for day, units in drawn
    ]
    return _paid(replace(points, lots=_merged(points.lots, lots)))


def hold(points: Points, drawn: Iterable[Drawn]) -> Points:
    """Keep available points for a payment."""
    held = dict(_units_by_day(drawn))
    return replace(
        points,
        lots=tuple(
            replace(lot, held=lot.held + held.get(lot.expires_on, 0)) for lot in points.lots
        ),
    )


def release(points: Points, drawn: Iterable[Drawn], *, spent: bool) -> Points:
    """End a hold: its points are available again, or ``spent``. They pay a debt that was made
    meanwhile."""
    held = dict(_units_by_day(drawn))
    lots = [
        replace(
            lot,
            held=lot.held - held.get(lot.expires_on, 0),
            points=lot.points - (held.get(lot.expires_on, 0) if spent else 0),
        )
        for lot in points.lots
    ]
    return _paid(replace(points, lots=tuple(lot for lot in lots if lot.points)))


def _units_by_day(drawn: Iterable[Drawn]) -> Iterable[tuple[date, int]]:
    return ((day, units) for day, units in drawn if day is not None)


def without_expired(points: Points, today: date) -> Points:
    """Held points of an expired lot stay until the hold ends."""
    lots = (replace(lot, points=lot.held) if lot.expires_on < today else lot for lot in points.lots)
    return replace(points, lots=tuple(lot for lot in lots if lot.points))


def _paid(points: Points) -> Points:
    """Available points pay the debt."""
    paid = min(points.debt, points.available)
    if not paid:
        return points
    rest, _ = draw(points, paid)
    return replace(rest, debt=points.debt - paid)


def _merged(lots: Sequence[Lot], more: Iterable[Lot]) -> tuple[Lot, ...]:
    """One lot a day. Beyond MOST_LOTS the earliest expire with the next one."""
    by_day = {lot.expires_on: lot for lot in lots}
    for lot in more:
        known = by_day.get(lot.expires_on)
        by_day[lot.expires_on] = replace(known, points=known.points + lot.points) if known else lot
    merged = [lot for _, lot in sorted(by_day.items()) if lot.points]
    while len(merged) > MOST_LOTS:
        # A hold names its lots by their day: they stay.
        at = next((at for at, lot in enumerate(merged[:-1]) if not lot.held), None)
        if at is None:
            break
        early = merged.pop(at)
        merged[at] = replace(merged[at], points=merged[at].points + early.points)
    return tuple(merged)


def changed(
    account: Account,
    kind: EntryKind,
    units: int,
    cause: str,
    points: Points,
    *,
    pending: int = 0,
    for_home: str | None = None,
    expires_on: date | None = None,
    reason: str | None = None,
) -> Account:
    """The account with other ``points`` and ``pending`` more, and the entry that says so."""
    before = account.points
    if points == before and not pending:
        return account
    entry = Entry(
        kind,
        units,
        cause,
        available=points.available - before.available,
        held=points.held - before.held,
        debt=points.debt - before.debt,
        pending=pending,
        for_home=for_home,
        expires_on=expires_on,
        reason=reason,
    )
    return replace(
        account,
        points=points,
        pending=account.pending + pending,
        entries=(*account.entries, entry),
    )


def in_both(account: Account, change: Callable[[Points], Points]) -> tuple[Account, Points]:
    """The account with the change in ``alone``, and its changed points."""
    alone = account.alone if account.alone is None else change(account.alone)
    return replace(account, alone=alone), change(account.points)


def expired(account: Account, today: date) -> Account:
    """Book the points whose last day has passed."""
    if not any(
        lot.expires_on < today
        for points in (account.points, account.alone or Points())
        for lot in points.lots
    ):
        return account
    rest, points = in_both(account, lambda points: without_expired(points, today))
    gone = account.available - points.available
    if not gone:
        return rest
    last_day = max(lot.expires_on for lot in account.points.lots if lot.expires_on < today)
    return changed(rest, "expired", gone, str(last_day), points, expires_on=last_day)


def announced(account: Account, today: date) -> Account:
    """Tell of the points that expire in TOLD_DAYS, each number of days once."""
    lots, entries = [], []
    for lot in account.points.lots:
        days = _days_to_tell(lot, today)
        if days is None:
            lots.append(lot)
            continue
        lots.append(replace(lot, told=days))
        entries.append(
            Entry(
                "expiring",
                lot.free,
                f"{lot.expires_on}:{days}",
                expires_on=lot.expires_on,
                days=days,
            )
        )
    if not entries:
        return account
    points = replace(account.points, lots=tuple(lots))
    return replace(account, points=points, entries=(*account.entries, *entries))


def _days_to_tell(lot: Lot, today: date) -> int | None:
    """The smallest of TOLD_DAYS that has come and was not told."""
    remaining = (lot.expires_on - today).days
    come = [days for days in TOLD_DAYS if remaining <= days and (not lot.told or days < lot.told)]
    return min(come) if come and lot.free and remaining >= 0 else None


def next_day(account: Account) -> date | None:
    """The day on which the account has to be looked at: something expires, or is to be told."""
    days = []
    for points in (account.points, account.alone or Points()):
        for lot in points.lots:
            if not lot.free or lot.expires_on.year >= 9000:
                continue
            days.append(lot.expires_on + timedelta(days=1))
            days += [
                lot.expires_on - timedelta(days=before)
                for before in TOLD_DAYS
                if points is account.points and (not lot.told or before < lot.told)
            ]
    return min(days, default=None)
