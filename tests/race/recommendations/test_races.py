"""Many workers count at once, on DynamoDB Local: the sums are exact."""

from collections import Counter
from functools import partial

import pytest

from shared.recommendations.erasing import forget_purchases
from shared.recommendations.model.baskets import Basket
from shared.recommendations.store import counting
from shared.recommendations.store.counting import Counted
from tests.support.buyers import at_once
from tests.support.shop import NOW
from tests.support.tastes import again, baskets, versions

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


def order(number: int, *skus: str, home: str = "bob") -> Counted:
    made = Basket(NOW.date(), tuple((sku, "") for sku in skus), home, "denver")
    return Counted(f"o-{number}", 1, made)


def test_workers_that_count_the_same_orders_count_each_once() -> None:
    orders = [order(number, "milk", f"sku-{number % 5}") for number in range(40)]
    batches = [orders[start : start + 10] for start in (0, 10, 20, 30, 5, 15, 25, 0)]
    at_once([partial(counting.count, batch, NOW) for batch in batches])
    assert baskets("milk") == 40
    assert again("bob") == {"milk": 40, **{f"sku-{number}": 8 for number in range(5)}}


def test_versions_that_arrive_in_any_order_leave_the_last_one() -> None:
    acts = []
    for number in range(6):
        first = order(number, "milk", "tea", home=f"home-{number}")
        second = versions(first, "milk")
        third = versions(second, "milk", "jam")
        acts += [partial(counting.count, [one], NOW) for one in (third, first, second, first)]
    at_once(acts)
    assert Counter({sku: baskets(sku) for sku in ("milk", "jam", "tea")}) == Counter(
        milk=6, jam=6, tea=0
    )


def test_nothing_is_counted_for_a_person_who_is_erased_meanwhile() -> None:
    acts = [partial(counting.count, [order(number, "milk")], NOW) for number in range(12)]
    at_once([*acts, partial(forget_purchases, ["bob"], "", NOW), *acts])
    assert again("bob") == {}
    assert baskets("milk") == 12
