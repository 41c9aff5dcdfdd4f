"""Tiers over their periods, lots over their months, and what other systems got wrong."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from shared.loyalty.model import account as accounts
from shared.loyalty.model import earning, sharing, tiers
from shared.loyalty.model.account import MOST_LOTS, Account, Lot, Points
from shared.loyalty.model.earning import Booking, Earning, EarningLine, EarningOrder
from shared.loyalty.model.programme import NEVER, Programme, Terms, Tier, TierPeriod, month_end
from shared.loyalty.model.tiers import Standing

PROGRAMME = Programme(
    version=1,
    currency="EUR",
    time_zone="Europe/Berlin",
    starts_on=date(2026, 1, 1),
    earn_rate=100,
    point_value=5_000,
    burn_share=5_000,
    expiry_months=12,
    tiers=(Tier("silver", 10_000, 12_500), Tier("gold", 50_000, 15_000)),
)
JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)


def spent(amount: int, month: str = "2026-06", **more: object) -> Standing:
    standing = replace(Standing("h", date(2026, 3, 5)), **more)  # type: ignore[arg-type]
    return tiers.counted(standing, month, amount)


def test_a_tier_goes_up_at_once_and_is_reviewed_a_period_later() -> None:
    risen = tiers.risen(spent(50_000), PROGRAMME, JUNE)
    assert (risen.tier, risen.since) == ("gold", date(2026, 6, 10))
    assert risen.review_at == datetime(2027, 6, 9, 22, tzinfo=UTC)
    assert tiers.risen(risen, PROGRAMME, JUNE) == risen


def test_a_tier_goes_down_by_one_step_at_its_review_only() -> None:
    gold = tiers.risen(spent(50_000), PROGRAMME, JUNE)
    assert gold.review_at is not None
    before = gold.review_at - timedelta(seconds=1)
    assert tiers.reviewed(gold, PROGRAMME, before) == gold
    silver = tiers.reviewed(gold, PROGRAMME, gold.review_at)
    assert (silver.tier, silver.review_at and silver.review_at.year) == ("silver", 2028)
    assert silver.review_at is not None
    nothing = tiers.reviewed(silver, PROGRAMME, silver.review_at)
    assert (nothing.tier, nothing.review_at) == ("none", None)


def test_a_review_keeps_a_tier_whose_period_was_enough() -> None:
    gold = tiers.risen(spent(50_000), PROGRAMME, JUNE)
    gold = tiers.counted(gold, "2027-02", 50_000)
    assert gold.review_at is not None
    kept = tiers.reviewed(gold, PROGRAMME, gold.review_at)
    assert (kept.tier, kept.review_at and kept.review_at.year) == ("gold", 2028)


@pytest.mark.parametrize(
    ("period", "day", "months", "review_on"),
    [
        ("rolling", date(2026, 6, 10), ("2025-07", "2026-06"), date(2027, 6, 10)),
        ("rolling", date(2026, 12, 31), ("2026-01", "2026-12"), date(2027, 12, 28)),
        ("calendar", date(2026, 6, 10), ("2026-01", "2026-06"), date(2027, 1, 1)),
        ("joining", date(2026, 6, 10), ("2026-03", "2026-06"), date(2027, 3, 1)),
        ("joining", date(2026, 2, 10), ("2025-03", "2026-02"), date(2026, 3, 1)),
    ],
)
def test_the_spend_of_a_period_counts_and_no_other(
    period: TierPeriod, day: date, months: tuple[str, str], review_on: date
) -> None:
    programme = replace(PROGRAMME, tier_period=period)
    standing = Standing("h", date(2024, 3, 5))
    for month in months:
        standing = tiers.counted(standing, month, 10)
    year, number = map(int, months[0].split("-"))
    before = month_end(year - 1, number + 11)
    standing = tiers.counted(standing, f"{before:%Y-%m}", 1_000)
    assert tiers.spend_within(standing, programme, day) == 20
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    risen = tiers.risen(tiers.counted(standing, months[1], 50_000), programme, now)
    assert risen.review_at is not None
    assert programme.today(risen.review_at) == review_on


def test_only_24_months_are_kept() -> None:
    standing = Standing("h", date(2020, 1, 1))
    for number in range(40):
        standing = tiers.counted(standing, f"{month_end(2020, 1 + number):%Y-%m}", 1)
    assert len(standing.months) == 24
    assert min(standing.months) == "2021-05"


def test_a_tier_with_minimum_0_is_everybodys() -> None:
    """frappe/erpnext#22167."""
    programme = replace(PROGRAMME, tiers=(Tier("member", 0, 10_000), *PROGRAMME.tiers))
    nobody = Standing("h", date(2026, 6, 1))
    assert tiers.tier_of([nobody], programme, JUNE) == "member"
    assert tiers.to_next([nobody], programme, JUNE) == 10_000
    assert tiers.tier_of([nobody], PROGRAMME, JUNE) == "none"
    member = tiers.risen(nobody, programme, JUNE)
    assert (member.tier, member.review_at) == ("member", None)


def test_a_tier_follows_spend_and_not_the_balance() -> None:
    """DivanteLtd/open-loyalty#131: spending points must not cost a tier, nor a gift give one."""
    account = earning.adjust(Account("h"), 1_000_000, "gift", "", date(2027, 1, 31))
    booking = Booking(account, Earning("h", "o", Terms(100, 10_000)), Standing("h", JUNE.date()))
    assert tiers.risen(booking.standing, PROGRAMME, JUNE).tier == "none"


def test_a_refund_takes_no_tier() -> None:
    order = EarningOrder("o", 1, "EUR", JUNE, JUNE, (EarningLine(60_000, 2, 2),))
    booking = Booking(Account("h"), Earning("h", "o", Terms(100, 10_000)), spent(0))
    booking = earning.follow(booking, order, PROGRAMME, JUNE)
    booking = earning.mature(booking, PROGRAMME, JUNE + timedelta(days=30))
    gold = replace(booking, standing=tiers.risen(booking.standing, PROGRAMME, JUNE))
    assert gold.standing.tier == "none", "the spend counts in July"
    later = JUNE + timedelta(days=31)
    gold = replace(booking, standing=tiers.risen(booking.standing, PROGRAMME, later))
    assert gold.standing.tier == "gold"
    back = replace(order, version=2, lines=(EarningLine(60_000, 2, 2, 2),))
    after = earning.follow(gold, back, PROGRAMME, later)
    assert (after.standing.tier, dict(after.standing.months)) == ("gold", {})
    assert after.account.points == Points()


def test_the_tier_of_a_person_is_what_the_profiles_reach_together() -> None:
    both = [spent(30_000), replace(spent(20_000), home="i")]
    assert tiers.tier_of(both, PROGRAMME, JUNE) == "gold"
    assert tiers.tier_of(both[:1], PROGRAMME, JUNE) == "silver"
    assert tiers.to_next(both[:1], PROGRAMME, JUNE) == 20_000
    assert tiers.to_next(both, PROGRAMME, JUNE) is None


def test_a_tier_that_was_removed_from_the_programme_is_replaced() -> None:
    old = replace(spent(10_000), tier="platinum")
    assert tiers.tier_of([old], PROGRAMME, JUNE) == "silver"
    assert tiers.risen(old, PROGRAMME, JUNE).tier == "silver"


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 1, 31, 22, 30, tzinfo=UTC), date(2027, 1, 31)),
        (datetime(2026, 1, 31, 23, 30, tzinfo=UTC), date(2027, 2, 28)),
        (datetime(2027, 2, 10, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
def test_points_expire_at_the_end_of_a_month_in_the_zone_of_the_programme(
    now: datetime, day: date
) -> None:
    assert PROGRAMME.expires_on(now) == day
    assert replace(PROGRAMME, expiry_months=None).expires_on(now) == NEVER


def test_expiry_is_judged_by_the_day_of_the_lot() -> None:
    """liberusoftware/ecommerce-laravel#1056: rows were judged by a label that nobody had set yet.
    Nobody has swept here, and the points are still not there on the day after."""
    account = Account("h", Points((Lot(date(2026, 6, 30), 50), Lot(date(2026, 7, 31), 5))))
    assert accounts.expired(account, date(2026, 6, 30)) == account
    after = accounts.expired(account, date(2026, 7, 1))
    assert (after.available, after.entries[0].kind, after.entries[0].points) == (5, "expired", 50)
    current = sharing.current({"h": account}, date(2026, 7, 1))
    assert sharing.spendable(current) == 5


def test_points_are_announced_30_and_7_days_before_once_each() -> None:
    account = Account("h", Points((Lot(date(2026, 6, 30), 50),)))
    told = []
    day = date(2026, 5, 1)
    while account.points.lots:
        account = accounts.announced(accounts.expired(account, day), day)
        told += [(day, one.kind, one.days) for one in account.entries]
        account = replace(account, entries=())
        following = accounts.next_day(account)
        assert following is None or following > day
        day = following or day
    assert told == [
        (date(2026, 5, 31), "expiring", 30),
        (date(2026, 6, 23), "expiring", 7),
        (date(2026, 7, 1), "expired", None),
    ]


def test_an_expired_lot_that_comes_back_may_be_used_for_30_days() -> None:
    start = Account("h", Points((Lot(date(2026, 6, 30), 50), Lot(date(2026, 9, 30), 20))))
    spent_, draws = sharing.spend({"h": start}, "h", 60, "o")
    assert draws[0].drawn == ((date(2026, 6, 30), 50), (date(2026, 9, 30), 10))
    day = date(2026, 8, 2)
    current = sharing.current(spent_, day)
    back = sharing.refund(current, draws, 0, 60, "o", today=day, fresh=NEVER)["h"]
    assert [(lot.expires_on, lot.points) for lot in back.points.lots] == [
        (date(2026, 9, 1), 50),
        (date(2026, 9, 30), 20),
    ]


def test_a_further_lot_joins_the_earliest_ones() -> None:
    points = Points()
    for number in range(MOST_LOTS + 5):
        points = accounts.add(points, 10, month_end(2026, 1 + number))
    assert (len(points.lots), points.available) == (MOST_LOTS, 10 * (MOST_LOTS + 5))
    assert points.lots[0] == Lot(month_end(2026, 6), 60)


def test_any_amount_up_to_a_share_of_the_cart_may_be_paid() -> None:
    """odoo/odoo#264931: rewards of fixed sizes let points lie."""
    assert PROGRAMME.offer(100_000).most(10_01) == 1_000  # half of 10.01 is 5.00, 0.5 cents each
    assert PROGRAMME.offer(700).most(10_01) == 700
    assert PROGRAMME.offer(701).most(10_01) == 700, "the last point would pay nothing"
    assert PROGRAMME.offer(1_000).amount(10_01) == PROGRAMME.worth(1_000) == 500
    assert PROGRAMME.offer(999_999).amount(10_01) == 500
    assert replace(PROGRAMME, point_value=0).offer(700).most(10_01) == 0


def test_points_that_paid_earn_no_points() -> None:
    """odoo/odoo#114004: what points paid is a discount, which the net of a line does not have."""
    half = EarningOrder("o", 1, "EUR", JUNE, JUNE, (EarningLine(5_000, 1, 1),))
    assert half.points(Terms(100, 10_000)) == 50


def test_debt_is_paid_by_the_next_points() -> None:
    account = Account("h")
    order = EarningOrder("o", 1, "EUR", JUNE, JUNE, (EarningLine(10_000, 1, 1),))
    booking = Booking(account, Earning("h", "o", Terms(100, 10_000)), spent(0))
    booking = earning.follow(booking, order, PROGRAMME, JUNE)
    booking = earning.mature(booking, PROGRAMME, JUNE + timedelta(days=30))
    after, _ = sharing.spend({"h": booking.account}, "h", 80, "p")
    back = replace(order, version=2, lines=(EarningLine(10_000, 1, 1, 1),))
    booking = earning.follow(replace(booking, account=after["h"]), back, PROGRAMME, JUNE)
    assert (booking.account.available, booking.account.debt) == (0, 80)
    paid = earning.adjust(booking.account, 100, "gift", "", date(2027, 1, 31))
    assert (paid.available, paid.debt) == (20, 0)


def test_a_return_after_the_expiry_takes_nothing_more() -> None:
    """The points were lost with their lot: to take them again would be a debt out of nothing."""
    order = EarningOrder("o", 1, "EUR", JUNE, JUNE, (EarningLine(10_000, 1, 1),))
    booking = Booking(Account("h"), Earning("h", "o", Terms(100, 10_000)), spent(0))
    booking = earning.follow(booking, order, PROGRAMME, JUNE)
    booking = earning.mature(booking, PROGRAMME, JUNE + timedelta(days=30))
    late = JUNE + timedelta(days=600)
    today = PROGRAMME.today(late)
    booking = replace(booking, account=accounts.expired(booking.account, today))
    back = replace(order, version=2, lines=(EarningLine(10_000, 1, 1, 1),))
    after = earning.follow(booking, back, PROGRAMME, late)
    assert (after.account.available, after.account.debt) == (0, 0)
    assert after.earning.points == 0
