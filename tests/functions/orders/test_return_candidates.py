"""What can be returned is found without the number of the order, by those who may see it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.orders import api
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.customers import store as customers
from shared.orders.store import policy as policies
from tests.functions.orders.test_search import CUSTOMER, project
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
PAYMENT = {"status": "paid", "reference": "pay-7"}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    policies.active_cache.clear()
    shop.stocked({"A": {"denver": 9}, "B": {"denver": 9}})
    catalog.put(Product("A", "The A", 1000, "USD", 0.5, gtin="4006381333931"))


def call(name: str, **more: Any) -> tuple[int, Body]:
    return answered(api.handler(request(f"orders/{name}", **more), None))


def shipped(key: str, **more: Any) -> Body:
    """An order whose parcel is shipped; what is to be collected is not handed over yet."""
    status, order = call(
        "place_order",
        body={"reference": f"W-{key}", "customer": CUSTOMER, "payment": PAYMENT, **more},
        headers={"idempotency-key": key},
        scope="norain/orders:write norain/channel:all norain/source:all",
    )
    assert status == 201, order
    part = next(one for one in order["fulfillments"] if one["method"] == "ship")
    for verb in ("accept", "ship"):
        path = f"/v1/fulfillments/{part['fulfillment_id']}/{verb}"
        headers = {"idempotency-key": f"{verb}-{key}"}
        assert call(f"{verb}_fulfillment", path=path, headers=headers)[0] == 200
    project()
    return order


def found(expected: int = 200, scope: str | None = None, **query: str) -> Body:
    status, page = call("list_return_candidates", query=query, scope=scope)
    assert status == expected, page
    return page


def orders_of(page: Body) -> list[str]:
    return [row["reference"] for row in page["candidates"]]


def test_what_was_handed_over_is_found_by_receipt_card_and_goods() -> None:
    first, second = shipped("1"), shipped("2")
    profile_id = first["profile_id"]
    (row,) = found(reference="W-1")["candidates"]
    until = datetime.fromisoformat(row.pop("until"))
    assert timedelta(days=29) < until - datetime.fromisoformat(first["placed_at"])
    (line,) = (one for one in first["lines"] if one["method"] == "ship")
    assert row == {
        "order_id": first["order_id"],
        "reference": "W-1",
        "channel": "web",
        "placed_at": first["placed_at"],
        "line_id": line["line_id"],
        "sku": "A",
        "quantity": line["quantity"],
        "unit_price": line["unit_price"],
    }
    newest_first = [f"W-{one['reference'][2:]}" for one in (second, first)]
    for query in (
        {"payment_reference": "pay-7"},
        {"profile_id": profile_id, "sku": "A"},
        {"profile_id": profile_id, "gtin": "4006381333931"},
        {"profile_id": profile_id, "gtin": "04006381333931"},
    ):
        assert orders_of(found(**query)) == newest_first, query
    assert found(profile_id=profile_id, sku="B")["candidates"] == []
    assert found(profile_id=profile_id, gtin="4006381333948")["candidates"] == []
    assert found(reference="W-3")["candidates"] == []
    assert found(payment_reference="pay-8")["candidates"] == []


def test_what_came_back_is_no_candidate_any_more() -> None:
    order = shipped("1")
    (row,) = found(reference="W-1")["candidates"]
    back = {"line_id": row["line_id"], "quantity": 1, "condition": "sellable", "reason": "small"}
    status, answer = call(
        "return_order",
        path=f"/v1/orders/{order['order_id']}/returns",
        body={"location_id": "denver", "lines": [back]},
    )
    assert status == 200, answer
    left = found(reference="W-1")["candidates"]
    assert [one["quantity"] for one in left] == (
        [row["quantity"] - 1] if row["quantity"] > 1 else []
    )


def test_orders_of_other_channels_are_not_found() -> None:
    profile_id = shipped("1")["profile_id"]
    own = "norain/orders:read norain/channel:pos"
    for query in (
        {"reference": "W-1"},
        {"payment_reference": "pay-7"},
        {"profile_id": profile_id, "sku": "A"},
    ):
        assert found(scope=own, **query)["candidates"] == []


def test_a_list_goes_on_with_its_cursor() -> None:
    (profile_id, *_) = [shipped(str(number))["profile_id"] for number in range(3)]
    for query in ({"payment_reference": "pay-7"}, {"profile_id": profile_id, "sku": "A"}):
        first = found(**query, limit="2")
        second = found(**query, limit="2", cursor=first["next_cursor"])
        assert orders_of(first) + orders_of(second) == ["W-2", "W-1", "W-0"]
        assert "next_cursor" not in second


def test_reads_of_a_person_are_noted_in_the_profile_s_audit() -> None:
    profile_id = shipped("1")["profile_id"]
    found(reference="W-1")
    assert customers.read_log(profile_id, 10, None)[0] == []
    found(payment_reference="pay-7")
    assert len(customers.read_log(profile_id, 10, None)[0]) == 1
    found(profile_id=profile_id, sku="A")
    assert len(customers.read_log(profile_id, 10, None)[0]) == 2


def test_the_reference_of_a_payment_stands_in_no_row_of_the_search() -> None:
    shipped("1")
    rows = shop.items("search")
    assert [row["sk"] for row in rows if row["sk"].startswith("PAYMENT#")] == ["PAYMENT#1"]
    assert "pay-7" not in str(rows)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"profile_id": "p"},
        {"sku": "A"},
        {"reference": "W-1", "sku": "A"},
        {"reference": "W-1", "payment_reference": "pay-7"},
        {"profile_id": "p", "sku": "A", "gtin": "4006381333931"},
        {"profile_id": "p", "gtin": "4006381333932"},
    ],
)
def test_exactly_one_way_is_given(query: dict[str, str]) -> None:
    problem = found(422, **query)
    assert problem["errors"][0]["path"].startswith("query")
