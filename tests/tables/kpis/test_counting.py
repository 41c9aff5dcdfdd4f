"""Each order is counted as what it is, however often and late its events come."""

from datetime import timedelta
from typing import Any

import pytest

from shared.aws import dynamodb
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.kpis.model.costs import Rates
from shared.kpis.store import counts
from shared.kpis.store.rates import put_rates
from shared.orders import model
from shared.orders.model import Returned
from tests.support import shop
from tests.support.counted import (
    NOW,
    changed,
    count,
    handed_over,
    placed,
    plain,
    sums_are_those_of_the_marks,
    totals,
)
from tests.support.shop import line

pytestmark = pytest.mark.usefixtures("fake_tables")


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 50, "boulder": 50}, "B": {"omaha": 50}})


def back(name: str, units: int) -> None:
    rows = [Returned("1", units, "sellable", "too small")]
    changed(name, lambda o: model.take_back(o, "boulder", rows, NOW + timedelta(days=1), "x"))


def test_an_order_is_counted_from_its_placement_to_its_return() -> None:
    placed("o-1", line("1", "A", 3), line("2", "B", 1))
    count("o-1", "o-1")
    assert plain(totals(), "orders", "ordered_units", "list_value", "sales") == {
        "orders": 1,
        "ordered_units": 4,
        "list_value": 4000,
        "sales": 0,
    }
    handed_over("o-1")
    count("o-1")
    count("o-1")
    assert plain(totals(), "orders", "sales", "goods_cost", "parcels", "shipped_orders") == {
        "orders": 1,
        "sales": 4000,
        "goods_cost": 4 * 700,
        "parcels": 2,
        "shipped_orders": 1,
    }
    assert totals()["handling_cost"] > 0
    assert totals()["carrier_cost"] > 0
    back("o-1", 2)
    count("o-1")
    assert plain(totals(), "refunds", "returned_units", "goods_back") == {
        "refunds": 2000,
        "returned_units": 2,
        "goods_back": 1400,
    }
    sums_are_those_of_the_marks()


def test_an_event_that_comes_late_finds_the_order_as_it_is_now() -> None:
    placed("o-1", line("1", "A", 1))
    handed_over("o-1")
    count("o-1")
    before = totals()
    count("o-1", "o-1", "unknown")
    assert totals() == before
    assert before["sales"] == 1000


def test_many_orders_go_in_few_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"o-{number}" for number in range(70)]
    for name in names:
        placed(name, line("1", "A", 1))
    calls: list[int] = []
    transact = dynamodb.transact

    def counted(parts: Any) -> Any:
        calls.append(len(parts))
        return transact(parts)

    monkeypatch.setattr(dynamodb, "transact", counted)
    count(*names)
    assert calls == [72]
    assert totals()["orders"] == 70
    sums_are_those_of_the_marks()


def test_an_order_of_many_places_is_counted_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_SUMS", 3)
    placed("o-1", line("1", "A", 60), line("2", "B", 2))
    handed_over("o-1")
    back("o-1", 1)
    count("o-1")
    assert plain(totals(), "orders", "sold_units", "refunds") == {
        "orders": 1,
        "sold_units": 62,
        "refunds": 1000,
    }
    mark = counts.marks_of(["o-1"])["o-1"]
    assert mark.revision > 1
    sums_are_those_of_the_marks()


def test_what_was_counted_with_a_cost_keeps_it() -> None:
    """A price or policy that changes later does not change what a sale has cost."""
    placed("o-1", line("1", "A", 2))
    handed_over("o-1")
    count("o-1")
    before = plain(totals(), "goods_cost", "handling_cost", "carrier_cost")
    catalog.put(Product("A", "The A", 1000, "USD", 9.5, margin=1))
    back("o-1", 1)
    count("o-1")
    assert plain(totals(), "goods_cost", "handling_cost", "carrier_cost") == before
    assert totals()["goods_back"] == 700


def test_rates_of_payments_and_returns_are_costs() -> None:
    put_rates(Rates(payment_share=200, payment_fixed=30, return_unit=90))
    placed("o-1", line("1", "A", 2))
    handed_over("o-1")
    back("o-1", 1)
    count("o-1")
    assert plain(totals(), "payment_cost", "return_cost") == {
        "payment_cost": 70,
        "return_cost": 90,
    }


def test_whoever_loses_the_race_for_an_order_counts_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placed("o-1", line("1", "A", 2))
    count("o-1")
    handed_over("o-1")
    transact = dynamodb.transact
    races = iter([True])

    def overtaken(parts: Any) -> Any:
        if next(races, False):
            count("o-1")
        return transact(parts)

    monkeypatch.setattr(dynamodb, "transact", overtaken)
    back("o-1", 1)
    count("o-1")
    assert plain(totals(), "sales", "refunds") == {"sales": 2000, "refunds": 1000}
    sums_are_those_of_the_marks()


def test_sums_of_days_are_read_over_the_ends_of_months() -> None:
    placed("o-1", line("1", "A", 1))
    handed_over("o-1")
    rows, at = [Returned("1", 1, "damaged", "")], NOW + timedelta(days=45)
    changed("o-1", lambda o: model.take_back(o, "boulder", rows, at, "x"))
    count("o-1")
    placed_on = NOW.date()
    assert len(counts.totals(placed_on, placed_on)) == 1
    found = counts.totals(placed_on, placed_on + timedelta(days=45))
    assert [key.day for key in found] == [placed_on, placed_on + timedelta(days=45)]
    assert counts.totals(placed_on + timedelta(days=1), placed_on + timedelta(days=44)) == {}
