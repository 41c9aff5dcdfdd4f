"""Workers that count the same orders at once add each change to the sums once."""

import random
from functools import partial

import pytest

from tests.support import shop
from tests.support.buyers import at_once
from tests.support.counted import (
    count,
    handed_over,
    placed,
    plain,
    sums_are_those_of_the_marks,
    totals,
)
from tests.support.shop import line

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("local_tables")]


def test_each_change_is_counted_once() -> None:
    shop.stocked({"A": {"denver": 99}})
    names = [f"o-{number}" for number in range(12)]
    for name in names:
        placed(name, line("1", "A", 2))
    rng = random.Random(0)

    def round_of_workers() -> None:
        batches = [rng.sample(names, 8) for _ in range(16)] + [names]
        at_once([partial(count, *batch) for batch in batches])

    round_of_workers()
    assert plain(totals(), "orders", "ordered_units") == {"orders": 12, "ordered_units": 24}
    for name in names:
        handed_over(name)
    round_of_workers()
    assert plain(totals(), "orders", "sales", "parcels") == {
        "orders": 12,
        "sales": 24_000,
        "parcels": 12,
    }
    sums_are_those_of_the_marks()
