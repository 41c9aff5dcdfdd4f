"""What shoppers were refused, once per person, SKU and day; and refusals stay as they were."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api as orders
from functions.plans import api
from shared.aws import statement
from shared.aws.clients import dynamodb
from shared.errors import Throttled
from shared.plans.store.lost import plans_table
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, request

Body = dict[str, Any]
BOULDER = {"city": "Boulder", "region": "CO", "postal_code": "80302", "country": "US"}


@pytest.fixture(autouse=True)
def stocked(local_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "boulder": 2, "depot": 9}, "B": {"denver": 1, "omaha": 4}})


def refused(key: str = "cart-1", sku_a: int = 99, sku_b: int = 1, **changes: Any) -> Body:
    """An order of units of A to ship to Denver, and of B to collect there."""
    body = json.loads(event("orders/place_order")["body"])
    body["lines"][0]["quantity"], body["lines"][1]["quantity"] = sku_a, sku_b
    made = request("orders/place_order", body={**body, **changes}, headers={"idempotency-key": key})
    status, problem = answered(orders.handler(made, None))
    assert (status, problem["code"]) == (409, "out_of_stock")
    return problem


def lost(**query: str) -> Body:
    today = datetime.now(UTC).date()
    days = {"from": f"{today - timedelta(days=1)}", "to": f"{today + timedelta(days=1)}"}
    status, answer = answered(
        api.handler(request("plans/list_lost_demand", query={**days, **query}), None)
    )
    assert status == 200, answer
    return answer


def cells(answer: Body) -> dict[tuple[str, str], tuple[int, int]]:
    return {
        (row["location_id"], row["sku"]): (row["units"], row["persons"]) for row in answer["rows"]
    }


def promise(**cart: Any) -> Body:
    status, answer = answered(orders.handler(request("orders/promise", body=cart), None))
    assert status == 200, answer
    return answer


def test_missing_units_are_lost_where_they_were_wanted() -> None:
    refused(sku_b=3)
    answer = lost()
    assert cells(answer) == {("denver", "A"): (99 - 16, 1), ("denver", "B"): (2, 1)}
    assert answer["units"] == 85


def test_somebody_who_tries_again_is_counted_once() -> None:
    person = {
        "source": "web",
        "source_id": "shopper-1",
        "identifiers": {"email": "ann@example.com"},
    }
    scope = "norain/orders:write norain/channel:web norain/source:web norain/customers:write"
    for key in ("one", "two"):
        _refused_person(key, person, scope)
    assert cells(lost()) == {("denver", "A"): (83, 1)}
    _refused_person("three", {**person, "source_id": "shopper-2"}, scope)
    assert cells(lost()) == {("denver", "A"): (166, 2)}


def _refused_person(key: str, person: Body, scope: str) -> None:
    body = json.loads(event("orders/place_order")["body"])
    body["lines"][0]["quantity"] = 99
    made = request(
        "orders/place_order",
        body={**body, "customer": person},
        headers={"idempotency-key": key},
        scope=scope,
    )
    assert answered(orders.handler(made, None))[0] == 409


def test_strangers_are_counted_by_request() -> None:
    refused("one")
    refused("one")
    refused("two")
    assert cells(lost()) == {("denver", "A"): (166, 2)}


def test_a_cart_without_options_is_lost_once_in_a_session() -> None:
    cart = {"lines": [{"sku": "A", "quantity": 20}], "session": "s-1"}
    for _ in range(2):
        assert promise(**cart)["short"]
    assert cells(lost()) == {("denver", "A"): (4, 1)}
    promise(**{**cart, "session": "s-2"})
    assert cells(lost()) == {("denver", "A"): (8, 2)}


def test_a_cart_with_options_loses_nothing() -> None:
    promise(lines=[{"sku": "A", "quantity": 2}])
    assert lost()["rows"] == []


def test_rows_can_be_read_of_a_location_and_of_a_sku() -> None:
    refused(sku_b=3)
    assert cells(lost(sku="B")) == {("denver", "B"): (2, 1)}
    assert lost(location_id="omaha")["rows"] == []
    assert len(lost(location_id="denver")["rows"]) == 2


def test_no_row_says_who_it_was() -> None:
    refused(ship_to={"name": "Ann Low", "lines": ["1221 Canyon Blvd"], **BOULDER})
    rows = dynamodb().scan(TableName=plans_table())["Items"]
    assert rows
    assert "Ann" not in str(rows)
    assert all(int(row["ttl"]["N"]) > 0 for row in rows)


def test_a_refusal_is_the_same_when_it_cannot_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = refused("one")

    def throttled(**_: Any) -> Any:
        raise Throttled("AWS throttles calls")

    class Table:
        batch_execute_statement = staticmethod(throttled)

    monkeypatch.setattr(statement, "dynamodb", Table)
    assert refused("one")["short"] == counted["short"]


def test_at_most_a_month_is_read_at_once() -> None:
    made = request("plans/list_lost_demand", query={"from": "2026-01-01", "to": "2026-03-01"})
    status, problem = answered(api.handler(made, None))
    assert status == 422
    assert [error["path"] for error in problem["errors"]] == ["query.to"]


def test_somebody_of_one_store_does_not_see_the_others() -> None:
    made = request("plans/list_lost_demand", query={"from": "2026-11-01", "to": "2026-11-02"})
    made["requestContext"]["authorizer"]["jwt"]["claims"]["location"] = "omaha"
    assert answered(api.handler(made, None))[0] == 403
