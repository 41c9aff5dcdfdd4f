"""Each order is wanted as what it is, where it was asked for, however often its events come."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from functions.plans import follow_orders
from shared.aws import dynamodb
from shared.orders import model
from shared.plans.counting import count_wanted
from shared.plans.model.wanted import NOWHERE
from shared.plans.store import wanted
from tests.support import shop
from tests.support.counted import NOW, changed, handed_over, messages, placed
from tests.support.shop import line

pytestmark = pytest.mark.usefixtures("fake_tables")

FIRST, LAST = date(2026, 11, 19), date(2026, 11, 22)
PLACES = ("denver", "boulder", "omaha", "depot", NOWHERE)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"omaha": 50}, "B": {"denver": 9, "omaha": 50}})


def follow(*names: str) -> None:
    assert follow_orders.handler(messages(names), None) == {"batchItemFailures": []}


def units(sku: str) -> dict[str, int]:
    """By location; the law: the sum over all locations is kept beside them."""
    found = {place: sum(wanted.wanted(sku, place, FIRST, LAST).values()) for place in PLACES}
    everywhere = sum(wanted.wanted(sku, wanted.EVERYWHERE, FIRST, LAST).values())
    assert everywhere == sum(found.values())
    return {place: number for place, number in found.items() if number}


def test_units_are_wanted_near_the_address_and_not_where_they_are_sent_from() -> None:
    placed("o-1", line("1", "A", 3))
    follow("o-1")
    assert units("A") == {"denver": 3}
    handed_over("o-1")
    follow("o-1")
    assert units("A") == {"denver": 3}


def test_units_to_collect_are_wanted_where_they_are_collected() -> None:
    pickup = replace(line("1", "B", 2), method="pickup", location_id="denver")
    placed("o-1", pickup)
    follow("o-1")
    assert units("B") == {"denver": 2}


def test_an_event_that_comes_again_counts_nothing() -> None:
    placed("o-1", line("1", "A", 3))
    placed("o-2", line("1", "A", 2))
    follow("o-1", "o-1", "o-2")
    follow("o-2")
    assert units("A") == {"denver": 5}


def test_cancelled_units_are_not_wanted() -> None:
    placed("o-1", line("1", "A", 3))
    follow("o-1")
    changed("o-1", lambda order: model.cancel(order, {"1": 2}, "less", NOW, "x"))
    follow("o-1")
    assert units("A") == {"denver": 1}
    changed("o-1", lambda order: model.cancel(order, None, "none", NOW, "x"))
    follow("o-1")
    assert units("A") == {}


def test_an_erased_address_moves_nothing() -> None:
    placed("o-1", line("1", "A", 3))
    follow("o-1")
    (stored,) = shop.all_orders()
    erased = replace(stored, ship_to=None, version=stored.version + 1)
    assert count_wanted([erased], NOW) == 1
    assert units("A") == {"denver": 3}


def test_an_address_without_coordinates_is_nowhere() -> None:
    placed("o-1", line("1", "A", 3))
    (stored,) = shop.all_orders()
    count_wanted([replace(stored, ship_to=None)], NOW)
    assert units("A") == {NOWHERE: 3}


def test_many_orders_go_in_few_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"o-{number}" for number in range(60)]
    orders = []
    placed("o-0", line("1", "A", 1))
    (first,) = shop.all_orders()
    orders = [replace(first, order_id=name) for name in names]
    sizes: list[int] = []
    real = dynamodb.transact

    def transact(parts: Any) -> Any:
        sizes.append(len(parts))
        return real(parts)

    monkeypatch.setattr(dynamodb, "transact", transact)
    assert count_wanted(orders, NOW) == 60
    assert sizes == [62]
    assert units("A") == {"denver": 60}


def test_whoever_loses_the_race_for_an_order_counts_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placed("o-1", line("1", "A", 3))
    real = wanted.count
    rivals = Counter[str]()

    def count(changes: Any, now: Any) -> None:
        if not rivals["once"]:
            rivals["once"] += 1
            real(changes, now)
        real(changes, now)

    monkeypatch.setattr(wanted, "count", count)
    follow("o-1")
    assert units("A") == {"denver": 3}


def test_the_day_is_that_of_the_location() -> None:
    placed("o-1", line("1", "A", 3))
    (stored,) = shop.all_orders()
    late = replace(stored, placed_at=stored.placed_at.replace(hour=3) + timedelta(days=1))
    count_wanted([late], NOW)
    assert wanted.wanted("A", "denver", FIRST, LAST) == {stored.placed_at.date(): 3}
