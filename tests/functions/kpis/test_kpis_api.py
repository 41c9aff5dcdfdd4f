"""KPIs through the API."""

from typing import Any

import pytest

from functions.kpis import api
from tests.support import shop
from tests.support.counted import count, handed_over, placed
from tests.support.requests import answered, request
from tests.support.shop import line

pytestmark = pytest.mark.usefixtures("fake_tables")


def call(name: str, **changes: Any) -> Any:
    return answered(api.handler(request(f"kpis/{name}", **changes), None))


def asked(**query: str) -> Any:
    return call("list", query={"from": "2026-11-19", "to": "2026-11-22", "by": "day", **query})


def asked_one(**query: str) -> Any:
    status, answer = asked(**query)
    return status, answer["kpis"][0] if status == 200 else answer


@pytest.fixture
def sold(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 50}, "B": {"omaha": 50}})
    for name, channel, sku in (("o-1", "web", "A"), ("o-2", "pos", "A"), ("o-3", "web", "B")):
        placed(name, line("1", sku, 2), channel=channel)
        handed_over(name)
        count(name)


def rows(answer: Any) -> dict[str, int]:
    return {row["key"]: row["numerator"] for row in answer["rows"]}


def test_net_sales_by_channel_location_and_day_add_up(sold: None) -> None:
    for by, expected in (
        ("channel", {"web": 6000}),
        ("location", {"-": 0, "denver": 4000, "omaha": 2000}),
        ("day", {"2026-11-20": 6000}),
    ):
        status, answer = asked_one(names="net_sales", by=by)
        assert status == 200, answer
        assert rows(answer) == expected
        (total,) = answer["total"]
        assert (total["numerator"], total["currency"]) == (6000, "USD")
        assert "denominator" not in total


def test_a_quotient_has_its_two_sums(sold: None) -> None:
    status, answer = asked_one(names="margin", by="channel", channel="web")
    assert status == 200, answer
    (total,) = answer["total"]
    assert total["value"] == pytest.approx(total["numerator"] / total["denominator"])
    assert total["denominator"] == 6000
    assert answer["kind"] == "share"


def test_one_location_is_read_alone(sold: None) -> None:
    status, answer = asked_one(names="units", location_id="omaha")
    assert status == 200, answer
    assert rows(answer) == {"2026-11-20": 2}


def test_a_day_without_orders_has_no_value(sold: None) -> None:
    status, answer = call(
        "list", query={"names": "margin", "from": "2026-01-01", "to": "2026-01-31"}
    )
    assert status == 200
    assert [(kpi["rows"], kpi["total"]) for kpi in answer["kpis"]] == [([], [])]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"names": "profit"}, "query.names"),
        ({"names": "margin", "from": "2026-11-23"}, "query.to"),
        ({"names": "margin", "by": "location", "from": "2026-01-01"}, "query.to"),
        ({"names": "margin", "from": "2024-01-01"}, "query.to"),
        ({"names": "margin", "from": "yesterday"}, "query.from"),
        ({"names": "margin", "by": "weather"}, "query.by"),
    ],
)
def test_wrong_input_is_named(query: dict[str, str], path: str) -> None:
    status, answer = asked_one(**query)
    assert status in {400, 422}, answer
    assert path in str(answer), answer


def test_a_person_sees_the_location_where_they_work(sold: None) -> None:
    days = {"names": "units", "from": "2026-11-19", "to": "2026-11-22"}
    for place, expected in (
        ({"location_id": "omaha"}, 200),
        ({"location_id": "denver"}, 403),
        ({}, 403),
    ):
        asked_for = request("kpis/list", query={**days, **place}, scope="norain/kpis:read")
        claims = asked_for["requestContext"]["authorizer"]["jwt"]["claims"]
        claims["location"] = "omaha"
        status, answer = answered(api.handler(asked_for, None))
        assert status == expected, answer


def test_definitions_name_every_kpi_with_its_sums() -> None:
    status, answer = call("list_definitions")
    assert status == 200
    by_name = {kpi["name"]: kpi for kpi in answer["kpis"]}
    assert by_name["split"]["denominator"] == {"shipped_orders": 1}
    assert "denominator" not in by_name["net_sales"]


def test_rates_are_stated_and_read() -> None:
    assert call("get_rates") == (
        200,
        {"payment_share": 0, "payment_fixed": 0, "return_unit": 0},
    )
    stated = {"payment_share": 150, "payment_fixed": 25, "return_unit": 90}
    assert call("put_rates") == (200, stated)
    assert call("get_rates") == (200, stated)
    status, answer = call("put_rates", body={"payment_share": 10_001})
    assert status == 422
    assert "payment_share" in str(answer)
