"""Forecasts and orders of shelves through the API, from the orders that they come from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.plans import api
from shared.availability.model.sales import Prior, Sales
from shared.availability.store import packs
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.plans import planning
from tests.support import shop
from tests.support.requests import answered, request
from tests.support.wanted import ordered

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "omaha": 50}, "B": {"denver": 1}})


def call(name: str, **query: str) -> tuple[int, Body]:
    return answered(api.handler(request(f"plans/{name}", query=query), None))


def forecast(**query: str) -> Body:
    status, answer = call("forecast", **{"sku": "A", "location_id": "denver", **query})
    assert status == 200, answer
    return answer


def plan(**query: str) -> Body:
    status, answer = call("replenishment", **{"location_id": "denver", **query})
    assert status == 200, answer
    return answer


def test_steady_orders_are_forecast_to_go_on() -> None:
    ordered("A", 3, range(1, 62))
    answer = forecast(days="14")
    assert len(answer["by_day"]) == 14
    assert answer["mean"] == pytest.approx(14 * 3, rel=0.05)
    assert sum(day["mean"] for day in answer["by_day"]) == pytest.approx(answer["mean"], abs=0.01)
    shares = [row["units"] for row in answer["quantiles"]]
    assert shares == sorted(shares)
    assert answer["basis"]["counter_rate"] == 0


def test_a_location_is_forecast_from_what_is_wanted_there() -> None:
    ordered("A", 2, range(1, 62))
    ordered("A", 1, range(1, 62, 10), place="omaha")
    assert forecast(days="10")["mean"] == pytest.approx(20, rel=0.1)
    assert forecast(days="10", location_id="omaha")["mean"] == pytest.approx(1, rel=0.5)
    assert forecast(days="10", location_id="boulder")["mean"] == 0


def test_what_nobody_ordered_has_a_forecast_of_nothing() -> None:
    answer = forecast()
    assert (answer["mean"], answer["basis"]["days"]) == (0, 0)
    assert all(row["units"] == 0 for row in answer["quantiles"])


def test_sales_over_the_counter_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(datetime.now(UTC).timestamp())
    pack = packs.packs(["A"])["A"]
    row = pack.rows["denver"]._replace(sales=Sales(60.0, 30.0, now))
    prior = Prior(now - 90 * 86_400, now, 60.0, 30.0, 1, 1.0)
    sold = replace(pack, rows={**pack.rows, "denver": row}, prior=prior)
    monkeypatch.setattr(planning, "packs", lambda _: {"A": sold})
    ordered("A", 3, range(1, 62))
    answer = forecast(days="10")
    assert answer["basis"]["counter_rate"] == pytest.approx(2.0, rel=0.02)
    assert answer["mean"] == pytest.approx(30 + 20, rel=0.05)
    assert answer["variance"] > 20


def test_an_unknown_location_has_no_forecast() -> None:
    assert call("forecast", sku="A", location_id="nowhere")[0] == 404
    assert call("forecast", sku="NONE", location_id="denver")[0] == 404
    assert call("replenishment", location_id="nowhere")[0] == 404


def test_a_plan_says_every_term_of_an_order() -> None:
    ordered("A", 3, range(1, 62))
    (row,) = plan(sku="A", lead_days="2", review_days="5")["rows"]
    assert row["days"] == 7
    assert row["mean"] == pytest.approx(21, rel=0.05)
    assert row["ratio"] == pytest.approx(row["margin"] / (row["margin"] + row["overage"]), abs=1e-3)
    assert (row["available"], row["expected"]) == (5, 0)
    assert row["missing"] == row["level"] - 5
    assert row["quantity"] == row["missing"] > 0
    assert row["service"] >= row["ratio"]
    assert "reason" not in row


def test_a_plan_is_in_packs() -> None:
    ordered("A", 3, range(1, 62))
    (row,) = plan(sku="A", pack="12")["rows"]
    assert row["quantity"] == 12 * row["packs"] > 0


def test_the_end_of_a_season_makes_units_too_many_dear() -> None:
    ordered("A", 3, range(1, 62))
    (usual,) = plan(sku="A")["rows"]
    ends = datetime.now(UTC) + timedelta(days=5, hours=1)
    product = Product("A", "The A", 1000, "USD", 0.5, margin=300, salvage=100)
    catalog.put(replace(product, season_ends_at=ends))
    (last,) = plan(sku="A")["rows"]
    assert last["days"] == 9
    assert last["mean"] == pytest.approx(15, rel=0.1)
    assert last["overage"] > 600 > usual["overage"]
    assert last["quantity"] < usual["quantity"]


def test_a_location_is_planned_page_by_page() -> None:
    catalog.put(Product("B", "The B", 1000, "USD", 0.5))
    first = plan(limit="1")
    assert [row["sku"] for row in first["rows"]] == ["A"]
    second = plan(limit="1", cursor=first["next_cursor"])
    assert second["rows"] == []
    assert [row["sku"] for row in second["unplanned"]] == ["B"]


def test_somebody_of_one_store_does_not_plan_for_others() -> None:
    for name in ("forecast", "replenishment"):
        made = request(f"plans/{name}")
        made["requestContext"]["authorizer"]["jwt"]["claims"]["location"] = "omaha"
        assert answered(api.handler(made, None))[0] == 403
