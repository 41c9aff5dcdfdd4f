"""The points that an order earns: pending from the hand-over, available when the return window is
over, taken back with the goods. Pure.

What an order should have earned follows from its document alone: of a line with ``points`` (its
share of the points of the order, by largest remainder) of which k of Q units were handed over and b
came back, ``floor(points k / Q) - floor(points b / Q)``. The row of the order says what it has
earned; the difference is booked. So a change of the order that is delivered twice or late changes
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

from shared.loyalty.model.account import Account, add, changed, draw, in_both
from shared.loyalty.model.programme import Programme, Terms
from shared.loyalty.model.tiers import Standing, counted
from shared.pricing.model.money import shares

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class EarningLine:
    """``net`` is what all ``quantity`` units cost after discounts, in minor units; ``handed_over``
    of them left, and ``returned`` of these came back or were credited."""

    net: int
    quantity: int
    handed_over: int
    returned: int = 0


@dataclass(frozen=True, slots=True)
class EarningOrder:
    """What counts of an order: the lines that may earn points, and when units were handed over
    last."""

    order_id: str
    version: int
    currency: str
    placed_at: datetime
    handed_over_at: datetime
    lines: tuple[EarningLine, ...]
    repriced: int = 0
    """What the lines cost beyond their nets since units came back; below 0 where less."""

    def points(self, terms: Terms) -> int:
        """The points that the order should have earned by now."""
        nets = [line.net for line in self.lines]
        parts = shares(terms.points(sum(nets)), nets)
        kept = sum(_kept(part, line) for part, line in zip(parts, self.lines, strict=True))
        more = terms.points(abs(self.repriced))
        return max(0, kept + more if self.repriced > 0 else kept - more)

    @property
    def spend(self) -> int:
        """What the units that were handed over and did not come back cost, in minor units."""
        return max(0, sum(_kept(line.net, line) for line in self.lines) + self.repriced)


def _kept(amount: int, line: EarningLine) -> int:
    back = min(line.returned, line.handed_over)
    return amount * line.handed_over // line.quantity - amount * back // line.quantity


@dataclass(frozen=True, slots=True)
class Earning:
    """The row of an order: ``pending`` points and net spend until ``available_at``. ``matured`` are
    points that became available, by the day of their lot, and ``counted`` the spend that counts for
    tiers, by month. ``version`` is the stored version that was read."""

    home: str
    order_id: str
    terms: Terms
    order_version: int = 0
    pending: int = 0
    pending_spend: int = 0
    available_at: datetime | None = None
    matured: tuple[tuple[date, int], ...] = ()
    counted: tuple[tuple[str, int], ...] = ()
    version: int = 0

    @property
    def points(self) -> int:
        return self.pending + sum(points for _, points in self.matured)

    @property
    def spend(self) -> int:
        return self.pending_spend + sum(amount for _, amount in self.counted)


@dataclass(frozen=True, slots=True)
class Booking:
    """The three items that a change of an order or of time touches."""

    account: Account
    earning: Earning
    standing: Standing


def earns(order: EarningOrder, programme: Programme) -> bool:
    """Whether an order without a row earns points: it was placed since the programme began, in its
    currency, and units were handed over."""
    return (
        order.currency == programme.currency
        and programme.today(order.placed_at) >= programme.starts_on
        and any(line.handed_over for line in order.lines)
    )


def follow(booking: Booking, order: EarningOrder, programme: Programme, now: datetime) -> Booking:
    """Book the difference between what the order should have earned and what it has. ``account`` is
    without expired points. An order that is older than the row changes nothing."""
    account, earning, standing = booking.account, booking.earning, booking.standing
    if order.version <= earning.order_version:
        return booking
    more = order.points(earning.terms) - earning.points
    spend = order.spend - earning.spend
    earning = replace(earning, order_version=order.version)
    if more > 0:
        account = changed(account, "pending", more, order.order_id, account.points, pending=more)
        earning = replace(earning, pending=earning.pending + more)
    if spend > 0:
        earning = replace(earning, pending_spend=earning.pending_spend + spend)
    if more > 0 or spend > 0:
        closes_at = order.handed_over_at + timedelta(days=programme.return_window_days)
        earlier = earning.available_at or closes_at
        earning = replace(earning, available_at=max(earlier, closes_at))
    if more < 0:
        account, earning = _taken_back(account, earning, -more, programme.today(now))
    if spend < 0:
        earning, standing = _uncounted(earning, standing, -spend)
    if not earning.pending and not earning.pending_spend:
        earning = replace(earning, available_at=None)
    return Booking(account, earning, standing)


def _taken_back(
    account: Account, earning: Earning, points: int, today: date
) -> tuple[Account, Earning]:
    """From what is pending of the order, then from its own lots, then from others, then as debt.
    Points whose lot has expired were lost with it."""
    waiting = min(points, earning.pending)
    due, lost = 0, 0
    remaining = points - waiting
    matured: list[tuple[date, int]] = []
    days: list[date] = []
    for day, units in reversed(earning.matured):
        taken = min(units, remaining)
        remaining -= taken
        if taken:
            due, lost = (due, lost + taken) if day < today else (due + taken, lost)
            days.append(day)
        if units - taken:
            matured.insert(0, (day, units - taken))
    account, left = in_both(account, lambda points: draw(points, due, days)[0])
    account = changed(
        account, "taken_back", points - lost, earning.order_id, left, pending=-waiting
    )
    return account, replace(earning, pending=earning.pending - waiting, matured=tuple(matured))


def _uncounted(earning: Earning, standing: Standing, amount: int) -> tuple[Earning, Standing]:
    waiting = min(amount, earning.pending_spend)
    remaining = amount - waiting
    rows: list[tuple[str, int]] = []
    for month, spend in reversed(earning.counted):
        taken = min(spend, remaining)
        remaining -= taken
        if taken:
            standing = counted(standing, month, -taken)
        if spend - taken:
            rows.insert(0, (month, spend - taken))
    return (
        replace(earning, pending_spend=earning.pending_spend - waiting, counted=tuple(rows)),
        standing,
    )


def mature(booking: Booking, programme: Programme, now: datetime) -> Booking:
    """The return window is over: what is pending becomes available, and its net spend counts for
    tiers. Before that nothing changes."""
    account, earning, standing = booking.account, booking.earning, booking.standing
    if earning.available_at is None or earning.available_at > now:
        return booking
    day, month = programme.expires_on(now), f"{programme.today(now):%Y-%m}"
    if earning.pending:
        units = earning.pending
        account, points = in_both(account, lambda points: add(points, units, day))
        account = changed(
            account, "earned", units, earning.order_id, points, pending=-units, expires_on=day
        )
        earning = replace(earning, pending=0, matured=_with(earning.matured, day, units))
    if earning.pending_spend:
        standing = counted(standing, month, earning.pending_spend)
        rows = _with(earning.counted, month, earning.pending_spend)
        earning = replace(earning, pending_spend=0, counted=rows)
    return Booking(account, replace(earning, available_at=None), standing)


def _with(rows: Sequence[tuple[V, int]], name: V, amount: int) -> tuple[tuple[V, int], ...]:
    """The rows with ``amount`` more in the one of that name, the last of them or a new one."""
    if rows and rows[-1][0] == name:
        return (*rows[:-1], (name, rows[-1][1] + amount))
    return (*rows, (name, amount))


def adjust(account: Account, delta: int, cause: str, reason: str, expires_on: date) -> Account:
    """Points that somebody gives by hand (``delta`` above 0)."""
    account, points = in_both(account, lambda points: add(points, delta, expires_on))
    return changed(account, "adjusted", delta, cause, points, expires_on=expires_on, reason=reason)
