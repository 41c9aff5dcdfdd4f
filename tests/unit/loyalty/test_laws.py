"""The laws of points over random changes: figures are sums of entries, nothing is negative, what
comes back leaves no trace, and an unmerge leaves every account as if the merge had never been."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import PointsShort
from shared.loyalty.model import account as accounts
from shared.loyalty.model import earning, sharing
from shared.loyalty.model.account import MOST_LOTS, Account, Points
from shared.loyalty.model.earning import Booking, Earning, EarningLine, EarningOrder
from shared.loyalty.model.programme import Programme, Terms, Tier, month_end
from shared.loyalty.model.sharing import Draw
from shared.loyalty.model.tiers import Standing

PROGRAMME = Programme(
    version=1,
    currency="EUR",
    time_zone="Europe/Berlin",
    starts_on=date(2026, 1, 1),
    earn_rate=100,
    point_value=10_000,
    expiry_months=2,
    tiers=(Tier("silver", 10_000, 12_500), Tier("gold", 50_000, 15_000)),
)
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
TERMS = Terms(100, 10_000)


def check(account: Account) -> None:
    """What holds after every change."""
    for points in (account.points, account.alone or Points()):
        assert points.debt >= 0
        assert all(lot.points > 0 and 0 <= lot.held <= lot.points for lot in points.lots)
        assert points.available + points.held == sum(lot.points for lot in points.lots)
        assert not (points.debt and points.available), "debt only while nothing is available"
        days = [lot.expires_on for lot in points.lots]
        assert days == sorted(set(days))
        assert len(days) <= MOST_LOTS
    assert account.pending >= 0
    assert sum(entry.available for entry in account.entries) == account.available
    assert sum(entry.held for entry in account.entries) == account.points.held
    assert sum(entry.debt for entry in account.entries) == account.debt
    assert sum(entry.pending for entry in account.entries) == account.pending


lines = st.lists(
    st.builds(
        lambda net, quantity, handed, back, multiplier: EarningLine(
            net, quantity, min(handed, quantity), min(back, handed, quantity), multiplier
        ),
        st.integers(0, 20_000),
        st.integers(1, 9),
        st.integers(0, 9),
        st.integers(0, 9),
        st.sampled_from([10_000, 15_000, 30_000]),
    ),
    min_size=1,
    max_size=5,
)


@given(lines)
def test_points_of_an_order_are_shared_over_its_lines_to_the_last(rows: list[EarningLine]) -> None:
    whole = tuple(replace(row, handed_over=row.quantity, returned=0) for row in rows)
    order = EarningOrder("o", 1, "EUR", START, START, whole)
    assert order.points(TERMS) == TERMS.points(
        sum(row.net * row.multiplier for row in rows) // 10_000
    )
    assert order.spend == sum(row.net for row in rows)
    back = tuple(replace(row, returned=row.handed_over) for row in rows)
    assert replace(order, lines=back).points(TERMS) == 0
    now = replace(order, lines=tuple(rows)).points(TERMS)
    assert 0 <= now <= order.points(TERMS)


@given(st.data(), st.integers(0, 5_000))
def test_a_full_return_leaves_the_account_as_if_nothing_had_been_earned(
    data: st.DataObject, debt: int
) -> None:
    """Whatever is handed over and comes back step by step, with the window in between."""
    start = Account("h", Points(debt=debt)) if data.draw(st.booleans()) else Account("h")
    if not start.debt and debt:
        start = earning.adjust(start, debt, "gift", "", date(2026, 12, 31))
    booking = Booking(start, Earning("h", "o", TERMS), Standing("h", START.date()))
    rows = [replace(row, handed_over=0, returned=0) for row in data.draw(lines)]
    now, version = START, 0
    taken = 0
    while any(row.returned < row.quantity for row in rows) and version < 40:
        at = data.draw(st.integers(0, len(rows) - 1))
        row = rows[at]
        if row.handed_over < row.quantity and (version < 20 or not data.draw(st.booleans())):
            rows[at] = replace(row, handed_over=row.handed_over + 1)
        elif row.returned < row.handed_over:
            rows[at] = replace(row, returned=row.returned + 1)
        if version == 39:
            rows = [replace(row, returned=row.handed_over) for row in rows]
        version += 1
        now += timedelta(hours=data.draw(st.sampled_from([1, 30 * 24])))
        order = EarningOrder("o", version, "EUR", START, now, tuple(rows))
        current = replace(booking, account=accounts.expired(booking.account, START.date()))
        booking = earning.follow(current, order, replace(PROGRAMME, expiry_months=120), now)
        assert booking.earning.points == order.points(TERMS)
        assert booking.earning.spend == order.spend
        again = earning.follow(booking, order, PROGRAMME, now)
        assert again == booking, "redelivered"
        booking = earning.mature(booking, replace(PROGRAMME, expiry_months=120), now)
        taken = sum(-e.pending for e in booking.account.entries if e.kind == "taken_back")
    if all(row.returned == row.handed_over for row in rows):
        after = booking.account
        assert after.available - after.debt == start.available - start.debt
        assert after.points.lots == start.points.lots
        assert after.pending == 0
        assert booking.earning.points == booking.earning.spend == 0
        assert sum(booking.standing.months.values()) == 0
    assert taken >= 0


HOMES = ("a", "b", "c")


class World:
    """Accounts of three homes, changed by what happens; ``groups`` says who is one person. With
    ``groups`` of one home each nothing is merged, and who spends more than there is owes it."""

    def __init__(self) -> None:
        self.accounts = {home: Account(home) for home in HOMES}
        self.draws: dict[str, tuple[Draw, ...]] = {}
        self.back: dict[str, int] = {}

    def person(self, group: tuple[str, ...], today: date) -> dict[str, Account]:
        return sharing.current({home: self.accounts[home] for home in group}, today)

    def earn(self, home: str, points: int, day: date, today: date) -> None:
        account = accounts.expired(self.accounts[home], today)
        self.accounts[home] = earning.adjust(account, points, "earn", "", day)

    def spend(self, group: tuple[str, ...], points: int, order: str, today: date) -> bool:
        try:
            after, draws = sharing.spend(self.person(group, today), group[0], points, order)
        except PointsShort:
            return False
        self.accounts |= after
        self.draws[order] = draws
        return True

    def hold(self, group: tuple[str, ...], points: int, order: str, today: date) -> bool:
        try:
            person = self.person(group, today)
            after, draws = sharing.spend(person, group[0], points, order, kind="held")
        except PointsShort:
            return False
        self.accounts |= after
        self.draws[order] = draws
        return True

    def end_hold(self, order: str, today: date, fresh: date, *, spent: bool) -> None:
        self.accounts |= sharing.end_hold(
            sharing.without_expired_lots(self.accounts, today),
            self.draws[order],
            order,
            spent=spent,
            today=today,
            fresh=fresh,
        )

    def refund(self, order: str, points: int, today: date, fresh: date) -> None:
        already = self.back.get(order, 0)
        self.back[order] = already + points
        self.accounts |= sharing.refund(
            sharing.without_expired_lots(self.accounts, today),
            self.draws[order],
            already,
            points,
            order,
            today=today,
            fresh=fresh,
        )


class Unmerged:
    """The same for homes that were never merged: each account alone, simply."""

    def __init__(self) -> None:
        self.points = {home: Points() for home in HOMES}
        self.drawn: dict[str, tuple[str, list[accounts.Drawn]]] = {}
        self.back: dict[str, int] = {}

    def expire(self, home: str, today: date) -> None:
        self.points[home] = accounts.without_expired(self.points[home], today)

    def earn(self, home: str, points: int, day: date, today: date) -> None:
        self.expire(home, today)
        self.points[home] = accounts.add(self.points[home], points, day)

    def spend(self, home: str, points: int, order: str, today: date) -> None:
        self.expire(home, today)
        self.points[home], drawn = accounts.draw(self.points[home], points)
        self.drawn[order] = home, drawn

    def refund(self, order: str, points: int, today: date, fresh: date) -> None:
        home, drawn = self.drawn[order]
        units = [day for day, amount in drawn for _ in range(amount)][::-1]
        already = self.back.get(order, 0)
        self.back[order] = already + points
        back = [(day, 1) for day in units[already : already + points]]
        self.expire(home, today)
        self.points[home] = accounts.give_back(self.points[home], back, today, fresh)


class Story:
    """What happens by chance, with the merges and without them."""

    def __init__(self, seed: int, expiry_months: int = 2) -> None:
        self.chance = random.Random(seed)
        self.programme = replace(PROGRAMME, expiry_months=expiry_months)
        self.world, self.alone = World(), Unmerged()
        self.group_of: dict[str, tuple[str, ...]] = {home: (home,) for home in HOMES}
        self.now = START
        self.orders: list[tuple[str, int]] = []
        self.held: list[tuple[str, int]] = []
        self.number = 0

    @property
    def today(self) -> date:
        return self.programme.today(self.now)

    @property
    def fresh(self) -> date:
        return self.programme.expires_on(self.now)

    def step(self) -> None:
        self.now += timedelta(days=self.chance.choice([0, 0, 0, 1, 9, 20]))
        self.number += 1
        steps = [self.earn, self.spend, self.refund] * 2
        self.chance.choice([*steps, self.hold, self.end_hold, *[self.merge] * 2, self.part])()
        for account in self.world.accounts.values():
            check(account)

    def earn(self) -> None:
        home, points = self.chance.choice(HOMES), self.chance.randint(1, 120)
        self.world.earn(home, points, self.fresh, self.today)
        self.alone.earn(home, points, self.fresh, self.today)

    def _order(self) -> tuple[tuple[str, ...], int, str]:
        home = self.chance.choice(HOMES)
        others = (other for other in self.group_of[home] if other != home)
        return (home, *others), self.chance.randint(1, 60), f"o{self.number}"

    def spend(self) -> None:
        group, points, order = self._order()
        if self.world.spend(group, points, order, self.today):
            self.alone.spend(group[0], points, order, self.today)
            self.orders.append((order, points))

    def hold(self) -> None:
        """A hold that shares no points keeps them in their account: it ends at once here."""
        group, points, order = self._order()
        if not self.world.hold(group, points, order, self.today):
            return
        if self.world.draws[order][0].alone is None:
            self.world.end_hold(order, self.today, self.fresh, spent=False)
        else:
            self.alone.spend(group[0], points, order, self.today)
            self.held.append((order, points))

    def end_hold(self) -> None:
        if not self.held:
            return
        order, points = self.held.pop(self.chance.randrange(len(self.held)))
        spent = self.chance.random() < 0.5
        self.world.end_hold(order, self.today, self.fresh, spent=spent)
        if spent:
            self.orders.append((order, points))
        else:
            self.alone.refund(order, points, self.today, self.fresh)

    def refund(self) -> None:
        if not self.orders:
            return
        order, left = self.orders.pop(self.chance.randrange(len(self.orders)))
        back = self.chance.randint(1, left)
        self.world.refund(order, back, self.today, self.fresh)
        self.alone.refund(order, back, self.today, self.fresh)
        if left > back:
            self.orders.append((order, left - back))

    def merge(self) -> None:
        one, other = self.chance.choice(HOMES), self.chance.choice(HOMES)
        both = tuple(sorted({*self.group_of[one], *self.group_of[other]}))
        self.group_of |= dict.fromkeys(both, both)

    def part(self) -> None:
        """An unmerge is booked by whoever reads the wallet next, at once or later."""
        home = self.chance.choice(HOMES)
        rest = tuple(one for one in self.group_of[home] if one != home)
        self.group_of |= {home: (home,), **dict.fromkeys(rest, rest)}
        for members in {self.group_of[one] for one in self.chance.sample(HOMES, 2)}:
            self.world.accounts |= self.world.person(members, self.today)


@pytest.mark.parametrize("seed", range(1_000))
def test_an_unmerge_leaves_every_account_as_if_the_merge_had_never_been(seed: int) -> None:
    """1,000 random sequences of merges, earnings, spendings, holds, returns and months, against the
    same without the merges: the same lots and the same debt."""
    story = Story(seed)
    for _ in range(40):
        story.step()
    for home in HOMES:
        story.world.accounts |= story.world.person((home,), story.today)
        story.alone.expire(home, story.today)
        check(story.world.accounts[home])
    assert {home: _plain(story.world.accounts[home].points) for home in HOMES} == {
        home: _plain(story.alone.points[home]) for home in HOMES
    }


@pytest.mark.parametrize("seed", range(200))
def test_no_merge_and_no_unmerge_makes_points(seed: int) -> None:
    """Of points that do not expire everybody has in sum, after every step, what the accounts would
    have alone."""
    story = Story(seed, expiry_months=240)
    for _ in range(40):
        story.step()
        for group in set(story.group_of.values()):
            person = story.world.person(group, story.today).values()
            alone = [story.alone.points[home] for home in group]
            assert sum(one.available - one.debt for one in person) == sum(
                one.available - one.debt for one in alone
            )


def test_the_random_sequences_share_points_and_are_separated() -> None:
    """Otherwise the law above would say nothing."""
    shared = separated = 0
    for seed in range(100):
        story = Story(seed)
        for _ in range(40):
            story.step()
        shared += sum(len(draws) > 1 for draws in story.world.draws.values())
        separated += sum(account.generation for account in story.world.accounts.values())
    assert shared > 100
    assert separated > 100


def _plain(points: Points) -> tuple[dict[date, int], int]:
    return {lot.expires_on: lot.free for lot in points.lots if lot.free}, points.debt


@settings(max_examples=200)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_points_of_a_refund_are_all_back_whatever_its_parts(
    earned: list[int], data: st.DataObject
) -> None:
    world = World()
    today = START.date()
    for number, points in enumerate(earned):
        world.earn(data.draw(st.sampled_from(HOMES)), points, month_end(2026, 2 + number), today)
    before = {home: account.points for home, account in world.accounts.items()}
    total = data.draw(st.integers(1, sum(earned)))
    assert world.spend(HOMES, total, "o", today)
    assert sum(account.available for account in world.accounts.values()) == sum(earned) - total
    left = total
    while left:
        back = data.draw(st.integers(1, left))
        world.refund("o", back, today, month_end(2027, 1))
        left -= back
    assert {home: account.points for home, account in world.accounts.items()} == before
    with pytest.raises(ValueError, match="more points than"):
        world.refund("o", 1, today, month_end(2027, 1))
