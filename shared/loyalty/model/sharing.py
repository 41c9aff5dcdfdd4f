"""One balance over the accounts of a person who has several home profiles, and back. Pure.

A merge moves nothing. Whoever spends draws on the account of the order's home first, then on the
others of the person, by expiry. From the first such draw on, both accounts keep beside their points
what they would be ``alone``: there the buyer owes what the own account did not have, and the other
account has spent nothing. Every later change is made to both.

When a merge is undone, each account that has shared with one of the other side becomes what it is
``alone``. So it has exactly the lots and the debt that it would have without the merge, whatever
was earned, spent, returned or expired in between. The accounts need not be written together: an
account whose partner is not of the person any more, or was separated since (``generation``), is
separated whenever it is read for its person.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from shared.errors import PointsShort
from shared.loyalty.model.account import (
    Account,
    Drawn,
    EntryKind,
    Points,
    changed,
    draw,
    expired,
    give_back,
    hold,
    release,
)

V = TypeVar("V", bound=tuple[Any, ...])
MOST_ACCOUNTS = 3
"""Accounts that one order may draw on: each is an item of its transaction."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What an order took of one account: of each lot, in this order. ``alone`` is what it would
    have taken of the account of its home alone; None where that is the same."""

    home: str
    generation: int
    drawn: tuple[Drawn, ...]
    alone: tuple[Drawn, ...] | None = None

    @property
    def points(self) -> int:
        return sum(units for _, units in self.drawn)

    def to_json(self) -> dict[str, Any]:
        """JSON values, to be stored with the order or the hold."""
        row: dict[str, Any] = {
            "home": self.home,
            "generation": self.generation,
            "drawn": _rows(self.drawn),
        }
        if self.alone is not None:
            row["alone"] = _rows(self.alone)
        return row

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> "Draw":
        alone = row.get("alone")
        return Draw(
            row["home"],
            row["generation"],
            _of_rows(row["drawn"]),
            None if alone is None else _of_rows(alone),
        )


def _rows(drawn: Iterable[Drawn]) -> list[list[str | int | None]]:
    return [[day.isoformat() if day else None, units] for day, units in drawn]


def _of_rows(rows: Iterable[Sequence[Any]]) -> tuple[Drawn, ...]:
    return tuple((date.fromisoformat(day) if day else None, units) for day, units in rows)


Accounts = Mapping[str, Account]
"""The accounts of one person by home."""


def spendable(accounts: Accounts) -> int:
    """What the person may spend: what is available in all accounts, less what others owe."""
    available = sum(account.available for account in accounts.values())
    return max(0, available - sum(account.debt for account in accounts.values()))


def current(accounts: Accounts, today: date) -> dict[str, Account]:
    """The accounts without expired points, and apart from accounts of other persons."""
    return separated(without_expired_lots(accounts, today))


def without_expired_lots(accounts: Accounts, today: date) -> dict[str, Account]:
    return {home: expired(one, today) for home, one in accounts.items()}


def spend(
    accounts: Accounts,
    buyer: str,
    points: int,
    cause: str,
    *,
    kind: EntryKind = "spent",
) -> tuple[dict[str, Account], tuple[Draw, ...]]:
    """Take points for an order of the home ``buyer``, or keep them for it (kind ``held``). The
    first of the draws is that of the buyer. ``accounts`` are ``current``.

    Raises PointsShort.
    """
    parts = _parts(accounts, buyer, points)
    after = dict(accounts)
    shared = parts.keys() - {buyer}
    draws = []
    own = accounts[buyer]
    alone: tuple[Drawn, ...] | None = None
    if shared or own.alone is not None:
        left, would = draw(own.alone if own.alone is not None else own.points, points)
        alone = tuple(would)
        partners = {home: accounts[home].generation for home in sorted(shared)}
        own = replace(own, alone=left, partners={**own.partners, **partners})
    taken, drawn = _taken(own.points, parts.get(buyer, 0), kind)
    after[buyer] = changed(own, kind, parts.get(buyer, 0), cause, taken)
    draws.append(Draw(buyer, own.generation, tuple(drawn), alone))
    for home in sorted(shared):
        lender = accounts[home]
        taken, drawn = _taken(lender.points, parts[home], kind)
        kept = lender.points if lender.alone is None else lender.alone
        shares = {**lender.partners, buyer: own.generation}
        lender = replace(lender, alone=kept, partners=shares)
        after[home] = changed(lender, kind, parts[home], cause, taken, for_home=buyer)
        draws.append(Draw(home, lender.generation, tuple(drawn)))
    return after, tuple(draws)


def _parts(accounts: Accounts, buyer: str, points: int) -> dict[str, int]:
    """How many points each account gives: the buyer's first, then the others by expiry. Raises
    PointsShort."""
    most = spendable(accounts)
    if points > most:
        raise PointsShort(points, most)
    parts = {buyer: min(points, accounts[buyer].available)}
    missing = points - parts[buyer]
    others = sorted(
        (lot.expires_on, home, lot.free)
        for home, account in accounts.items()
        if home != buyer
        for lot in account.points.lots
        if lot.free
    )
    for _, home, free in others:
        taken = min(missing, free)
        if taken and (home in parts or len(parts) < MOST_ACCOUNTS):
            parts[home] = parts.get(home, 0) + taken
            missing -= taken
    if missing:
        raise PointsShort(points, points - missing)
    return {home: units for home, units in parts.items() if units}


def _taken(points: Points, units: int, kind: EntryKind) -> tuple[Points, list[Drawn]]:
    left, drawn = draw(points, units)
    return (hold(points, drawn) if kind == "held" else left), drawn


def refund(
    accounts: Accounts,
    draws: Sequence[Draw],
    already: int,
    points: int,
    cause: str,
    *,
    today: date,
    fresh: date,
) -> dict[str, Account]:
    """Give points of an order back, after ``already`` that were: what was drawn last comes back
    first, so that all parts together are the whole. ``accounts`` has those of the draws; ``fresh``
    is the expiry of points that were debt.

    Raises ValueError for more points than were drawn.
    """
    after = dict(accounts)
    for part, drawn, alone in _portions(draws, already, points):
        account = after[part.home]
        owns, separate = part is draws[0], account.generation != part.generation
        if account.closed or (separate and not owns):
            continue  # The account got these points back when it was separated.
        back, alone_back = drawn, drawn if owns else ()
        if part.alone is not None:
            back, alone_back = alone if separate else drawn, alone
        kept = account.alone
        if kept is not None:
            kept = give_back(kept, alone_back, today, fresh)
        after[part.home] = changed(
            replace(account, alone=kept),
            "returned",
            sum(units for _, units in back),
            cause,
            give_back(account.points, back, today, fresh),
            for_home=None if owns else draws[0].home,
        )
    return after


def _portions(
    draws: Sequence[Draw], already: int, points: int
) -> Iterator[tuple[Draw, tuple[Drawn, ...], tuple[Drawn, ...]]]:
    """Of each draw the part that comes back, as it was drawn and as it would have been alone."""
    if already + points > sum(part.points for part in draws):
        raise ValueError("more points than the order has taken")
    rows = [(at, row) for at, part in enumerate(draws) for row in part.drawn]
    back: dict[int, list[Drawn]] = defaultdict(list)
    for (at, (day, _)), units in _last_first(rows, already, points):
        back[at].append((day, units))
    for at, part in enumerate(draws):
        alone = [(day, units) for (day, _), units in _last_first(part.alone or (), already, points)]
        if at in back or (at == 0 and alone):
            yield part, tuple(back[at]), tuple(alone)


def _last_first(rows: Sequence[V], already: int, points: int) -> Iterator[tuple[V, int]]:
    """The rows that have ``points`` of theirs, after ``already``, from the last row on."""
    skip, missing = already, points
    for row in reversed(rows):
        units = row[-1] if isinstance(row[-1], int) else row[-1][-1]
        skipped = min(skip, units)
        taken = min(units - skipped, missing)
        skip, missing = skip - skipped, missing - taken
        if taken:
            yield row, taken


def end_hold(
    accounts: Accounts,
    draws: Sequence[Draw],
    cause: str,
    *,
    spent: bool,
    today: date,
    fresh: date,
) -> dict[str, Account]:
    """The points of a hold are ``spent``, or available again. ``accounts`` has those of the
    draws."""
    after = dict(accounts)
    for part in draws:
        account = after[part.home]
        owns, separate = part is draws[0], account.generation != part.generation
        points, kept = account.points, account.alone
        if account.closed or (separate and not owns):
            continue  # The account got these points back when it was separated.
        if part.alone is None:
            points = release(points, part.drawn, spent=spent)
            if owns and kept is not None:
                kept = release(kept, part.drawn, spent=spent)
        else:
            # Alone, the points are spent since the hold.
            if not separate:
                points = release(points, part.drawn, spent=spent)
            elif not spent:
                points = give_back(points, part.alone, today, fresh)
            if kept is not None and not spent:
                kept = give_back(kept, part.alone, today, fresh)
        after[part.home] = changed(
            replace(account, alone=kept),
            "spent" if spent else "released",
            part.points,
            cause,
            points,
            for_home=None if owns else draws[0].home,
        )
    return after


def separated(accounts: Accounts) -> dict[str, Account]:
    """Each account that has shared points with one that is not of the person any more becomes what
    it is alone. What an account owes then, the others of the person lend it."""
    after = dict(accounts)
    apart = False
    while names := [home for home, account in after.items() if _has_strangers(account, after)]:
        apart = True
        for home in names:
            account = after[home]
            rest = replace(account, alone=None, partners={}, generation=account.generation + 1)
            alone = account.alone if account.alone is not None else account.points
            moved = abs(alone.available - alone.debt - account.available + account.debt)
            after[home] = changed(rest, "separated", moved, "unmerge", alone)
    return _settled(after) if apart else after


def _has_strangers(account: Account, accounts: Accounts) -> bool:
    return any(
        home not in accounts or accounts[home].generation != generation
        for home, generation in account.partners.items()
    )


def _settled(accounts: Accounts) -> dict[str, Account]:
    """Available points of the person pay what another account of the person owes."""
    after = dict(accounts)
    for home in sorted(accounts):
        for other in sorted(accounts.keys() - {home}):
            debtor, lender = after[home], after[other]
            paid = min(debtor.debt, lender.available)
            if not paid:
                continue
            left, _ = draw(lender.points, paid)
            lender = replace(
                lender,
                alone=lender.points if lender.alone is None else lender.alone,
                partners={**lender.partners, home: debtor.generation},
            )
            after[other] = changed(lender, "separated", paid, "unmerge", left, for_home=home)
            debtor = replace(
                debtor,
                alone=debtor.points if debtor.alone is None else debtor.alone,
                partners={**debtor.partners, other: lender.generation},
            )
            free = replace(debtor.points, debt=debtor.debt - paid)
            after[home] = changed(debtor, "separated", paid, "unmerge", free)
    return after
