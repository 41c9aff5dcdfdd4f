"""Workers that follow the same orders at once add each change once."""

import random
from datetime import date
from functools import partial

import pytest

from functions.plans import follow_orders
from shared.orders import model
from shared.plans.store import wanted
from tests.support import shop
from tests.support.buyers import at_once
from tests.support.counted import NOW, changed, messages, placed
from tests.support.shop import line

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


def follow(*names: str) -> None:
    assert follow_orders.handler(messages(names), None) == {"batchItemFailures": []}


def units() -> list[int]:
    days = date(2026, 11, 19), date(2026, 11, 22)
    places = ("denver", wanted.EVERYWHERE)
    return [sum(wanted.wanted("A", place, *days).values()) for place in places]


def test_each_change_is_counted_once() -> None:
    shop.stocked({"A": {"denver": 99}})
    names = [f"o-{number}" for number in range(12)]
    for name in names:
        placed(name, line("1", "A", 2))
    rng = random.Random(0)

    def round_of_workers() -> None:
        batches = [rng.sample(names, 8) for _ in range(16)] + [names]
        at_once([partial(follow, *batch) for batch in batches])

    round_of_workers()
    assert units() == [24, 24]
    for name in names:
        changed(name, lambda order: model.cancel(order, {"1": 1}, "less", NOW, "x"))
    round_of_workers()
    assert units() == [12, 12]
