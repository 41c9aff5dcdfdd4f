"""32 at once on one wallet, on DynamoDB Local."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from functions.loyalty.order_points import earning_order
from shared.aws import dynamodb as tables
from shared.errors import Busy, PointsShort
from shared.loyalty import earning, spending, wallets
from shared.loyalty.erasing import close_wallets
from tests.support import shop
from tests.support import wallets as support
from tests.support.buyers import at_once
from tests.support.shop import NOW
from tests.support.wallets import WINDOW, account, bought, profile, rows

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]
AT_ONCE = 32


@pytest.fixture(autouse=True)
def programme(local_tables: None) -> None:
    support.publish(expiry_months=1)
    profile("bob")


def give(points: int, name: str = "gift") -> None:
    wallets.adjust("bob", points, "a gift", shop.request(name), NOW)


def spend(points: int, name: str, now: datetime = NOW) -> str:
    """As an order does: another race may be lost after the parts were made."""
    for _ in tables.attempts(20):
        if not tables.transact(spending.spend_parts(["bob"], points, name, now).parts):
            return "spent"
    raise Busy("too many spenders")


def test_points_are_spent_once() -> None:
    """fushengqian/fuint#71: 20 parallel gifts of 100 points made 2,000 of them."""
    give(100)
    results = at_once([partial(spend, 100, f"o-{number}") for number in range(AT_ONCE)])
    assert results.count("spent") == 1
    assert sum(isinstance(one, PointsShort) for one in results) == AT_ONCE - 1
    assert account("bob").available == 0


def test_every_point_is_spent_by_one_of_many() -> None:
    give(70)
    results = at_once([partial(spend, 10, f"o-{number}") for number in range(AT_ONCE)])
    assert results.count("spent") == 7
    assert account("bob").available == 0


def test_a_gift_that_is_repeated_is_given_once() -> None:
    at_once([partial(give, 100)] * AT_ONCE)
    assert account("bob").available == 100


def test_an_order_that_is_followed_by_all_earns_once() -> None:
    placed = earning_order(bought("o-1", "bob", 3, handed_over=3))
    returned = earning_order(bought("o-1", "bob", 4, handed_over=3, credited=1))
    acts = [partial(earning.follow_order, "bob", order, NOW) for order in (placed, returned)]
    at_once(acts * (AT_ONCE // 2))
    assert account("bob").pending == 20
    later = NOW + WINDOW
    results = at_once([partial(earning.mature, "bob", "o-1", later)] * AT_ONCE)
    assert results.count(True) == 1
    assert (account("bob").pending, account("bob").available) == (0, 20)


def test_points_expire_or_are_spent() -> None:
    """On the day after their last one no spender gets them, whoever books the expiry first; on the
    last day one does."""
    give(100)
    last_day = datetime(2026, 12, 31, 20, tzinfo=NOW.tzinfo)
    day_after = last_day + timedelta(days=1)
    acts = [
        act
        for number in range(AT_ONCE // 2)
        for act in (
            partial(spend, 100, f"o-{number}", day_after),
            partial(earning.expire, "bob", day_after),
        )
    ]
    results = at_once(acts)
    assert results.count("spent") == 0
    assert results.count(True) == 1
    assert account("bob").available == 0


def test_spenders_and_returns_at_once_lose_no_point() -> None:
    give(320)
    drawn = spending.spend_parts(["bob"], 160, "o-0", NOW)
    assert tables.transact(drawn.parts) == []

    def back(already: int) -> str:
        for _ in tables.attempts(20):
            parts = spending.refund_parts(drawn.draws, already, 10, "o-0", NOW)
            if not tables.transact(parts):
                return "back"
        raise Busy("too many returns")

    acts = [partial(back, 10 * number) for number in range(AT_ONCE // 2)]
    acts += [partial(spend, 10, f"o-{number + 1}") for number in range(AT_ONCE // 2)]
    results = at_once(acts)
    assert (results.count("back"), results.count("spent")) == (16, 16)
    assert account("bob").available == 160


def test_an_erasure_ends_all_of_it() -> None:
    give(100)
    order = earning_order(bought("o-1", "bob", 3, handed_over=3))
    acts = [partial(earning.follow_order, "bob", order, NOW)] * (AT_ONCE - 1)
    at_once([partial(close_wallets, ["bob"], "", NOW), *acts])
    close_wallets(["bob"], "", NOW)
    assert rows("bob") == ["POINTS"]
    assert account("bob").closed
    assert earning.follow_order("bob", order, NOW) is False
