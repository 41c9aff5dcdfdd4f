"""Orders are found through the API, by those who may see them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api, project_fulfillments
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.customers import store as customers
from shared.orders import store
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
SEES_ALL = "norain/orders:read norain/channel:all"
CUSTOMER = {
    "source": "web",
    "source_id": "account-7",
    "identifiers": {"email": "Zoe@Shop.TEST", "phone": "+1 303 555 0147"},
}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 9, "boulder": 9}, "B": {"denver": 9}})


def call(name: str, **more: Any) -> tuple[int, Body]:
    return answered(api.handler(request(f"orders/{name}", **more), None))


def placed(key: str, channel: str = "web", **more: Any) -> Body:
    status, order = call(
        "place_order",
        body={"channel": channel, "reference": f"W-{key}", **more},
        headers={"idempotency-key": key},
        scope=f"norain/orders:write norain/channel:{channel} norain/source:all"
        " norain/customers:read",
    )
    assert status == 201, order
    return order


def project(before: dict[str, Any] | None = None) -> None:
    """The stream of the orders, as of now; of the one order since ``before``."""
    records = [
        {
            "eventID": row["pk"],
            "dynamodb": {
                "Keys": to_item({"pk": row["pk"], "sk": row["sk"]}),
                "NewImage": to_item(row),
                **({"OldImage": to_item(before)} if before else {}),
                "SequenceNumber": "1",
            },
        }
        for row in shop.items("orders")
        if row["sk"] == "ORDER"
    ]
    assert project_fulfillments.handler({"Records": records}, None) == {"batchItemFailures": []}


def found(scope: str = SEES_ALL, **query: str) -> list[str]:
    """The references of the orders that a search finds."""
    status, page = call("list_orders", query=query, scope=scope)
    assert status == 200, page
    assert page["orders"] == []
    return [row["reference"] for row in page["summaries"]]


def test_an_order_is_found_by_everything_that_service_may_know_of_it() -> None:
    order = placed("1", customer=CUSTOMER)
    part = next(one for one in order["fulfillments"] if one["method"] == "ship")
    for action in ("accept", "ship"):
        path = f"/v1/fulfillments/{part['fulfillment_id']}/{action}"
        body = {"carrier": "UPS", "tracking": "1Z-99 9"} if action == "ship" else None
        assert call(f"{action}_fulfillment", path=path, body=body)[0] == 200
    project()
    day = order["placed_at"][:10]
    later = (datetime.fromisoformat(order["placed_at"]) + timedelta(days=1)).isoformat()
    for query in (
        {"reference": "W-1"},
        {"tracking": "1z999"},
        {"email": "zoe@shop.test"},
        {"phone": "+13035550147"},
        {"phone": " 13035550147"},
        {"sku": "A", "channel": "web"},
        {"channel": "web", "placed_from": f"{day}T00:00:00Z", "placed_to": later},
        {"channel": "web", "state": "partially_fulfilled"},
        {"reference": "W-1", "placed_from": f"{day}T00:00:00Z"},
    ):
        assert found(**query) == ["W-1"], query
    assert found(reference="W-2") == found(sku="Z", channel="web") == []
    assert found(reference="W-1", placed_to=f"{day}T00:00:00Z") == []
    assert found(channel="web", state="placed") == found(channel="web", state="late") == []


def test_a_summary_has_what_a_list_shows() -> None:
    order = placed("1")
    project()
    _, page = call("list_orders", query={"reference": "W-1"}, scope=SEES_ALL)
    (row,) = page["summaries"]
    due_at = row.pop("due_at")
    assert due_at in {part["promise"].get("ready_by", due_at) for part in order["fulfillments"]}
    lines = json.loads(request("orders/place_order")["body"])["lines"]
    total = sum(line["quantity"] * line["unit_price"]["amount"] for line in lines)
    assert row == {
        "order_id": order["order_id"],
        "reference": "W-1",
        "channel": "web",
        "state": "placed",
        "placed_at": order["placed_at"],
        "total": {"amount": total, "currency": lines[0]["unit_price"]["currency"]},
        "lines": 2,
        "units": 3,
        "version": 1,
    }


def test_orders_of_other_channels_are_not_found() -> None:
    placed("1")
    placed("2", "pos", lines=json.loads(request("orders/place_order")["body"])["lines"][:1])
    project()
    own = "norain/orders:read norain/channel:pos"
    assert found(own, reference="W-1") == []
    assert found(own, reference="W-2") == found(own, sku="A") == ["W-2"]
    assert found(own, state="placed") == found(own, placed_from="2026-01-01T00:00:00Z") == ["W-2"]
    for query in ({"channel": "web"}, {"sku": "A", "channel": "web"}):
        status, problem = call("list_orders", query=query, scope=own)
        assert (status, problem["code"]) == (403, "forbidden")
    both = "norain/orders:read norain/channel:pos norain/channel:web"
    status, problem = call("list_orders", query={"state": "exception"}, scope=both)
    assert (status, problem["code"]) == (403, "forbidden")
    status, problem = call("list_orders", query={"sku": "A"}, scope=both)
    assert (status, problem["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"profile_id": "p", "reference": "W"},
        {"profile_id": "p", "state": "placed"},
        {"location_id": "denver", "sku": "A"},
        {"location_id": "denver", "state": "in_progress"},
        {"channel": "web", "state": "picked"},
        {"reference": "W", "email": "a@shop.test"},
        {"channel": "web", "cursor": "b25l"},
    ],
)
def test_a_combination_without_an_access_pattern_is_refused(query: dict[str, str]) -> None:
    status, problem = call("list_orders", query=query, scope=SEES_ALL)
    assert (status, problem["code"]) == (422, "invalid_request"), problem
    (error,) = problem["errors"]
    assert error["path"].startswith("query")


def test_late_orders_are_those_whose_date_has_passed() -> None:
    order = placed("1")
    project()
    assert found(channel="web", state="late") == []
    stored = store.find(order["order_id"])
    assert stored is not None
    (row,) = [row for row in shop.items("search") if row["sk"] == "DUE"]
    assert row["sort_key"] > datetime.now(UTC).isoformat()
    name = f"ORDER#{order['order_id']}"
    dynamodb().update_item(
        TableName=store.search.search_table(),
        Key=to_item({"pk": name, "sk": "DUE"}),
        UpdateExpression="SET sort_key = :past",
        ExpressionAttributeValues=to_item({":past": "2026-01-01T00:00:00.000Z#x"}),
    )
    assert found(channel="web", state="late") == ["W-1"]


def pages(**query: str) -> Iterator[Body]:
    while True:
        status, page = call("list_orders", query=query, scope=SEES_ALL)
        assert status == 200, page
        yield page
        if "next_cursor" not in page:
            return
        query["cursor"] = page["next_cursor"]


def test_a_search_goes_on_with_its_own_cursor_only() -> None:
    for number in range(5):
        placed(str(number))
    project()
    read = list(pages(channel="web", limit="2"))
    assert [len(page["summaries"]) for page in read] == [2, 2, 1]
    seen = [row["placed_at"] for page in read for row in page["summaries"]]
    assert (seen, len(set(seen))) == (sorted(seen, reverse=True), 5)
    cursor = read[0]["next_cursor"]
    for query in ({"sku": "A", "channel": "web"}, {"channel": "web", "state": "placed"}):
        status, problem = call("list_orders", query={**query, "cursor": cursor}, scope=SEES_ALL)
        assert (status, problem["errors"][0]["path"]) == (422, "query.cursor")


def test_a_search_by_person_is_noted_in_the_profile_s_audit() -> None:
    order = placed("1", customer=CUSTOMER)
    known = placed("2", customer={"profile_id": order["profile_id"]})
    assert known["profile_id"] == order["profile_id"]
    project()
    assert customers.read_log(order["profile_id"], 10, None)[0] == []
    assert found(reference="W-1") == ["W-1"]
    assert customers.read_log(order["profile_id"], 10, None)[0] == []
    assert found(email="zoe@shop.test") == ["W-2", "W-1"]
    assert found(phone="+1 303 555 0199") == []
    (read,) = customers.read_log(order["profile_id"], 10, None)[0]
    assert (read["actor"], read["what"]) == ("web-client", "orders")


def test_nothing_of_a_person_stands_in_the_rows() -> None:
    placed("1", customer=CUSTOMER)
    project()
    rows = str(shop.items("search") + shop.items("orders")).casefold()
    assert "zoe" not in rows
    assert "5550147" not in rows


def test_an_order_is_found_by_its_recipient_and_by_a_new_one_after_a_change() -> None:
    address = {
        "name": "Ann Quill",
        "lines": ["1 Main Street"],
        "city": "Denver",
        "region": "CO",
        "postal_code": "80202",
        "country": "US",
        "phone": "(303) 555-0100",
        "email": "Ann@Shop.TEST",
    }
    order = placed("1", customer=CUSTOMER, ship_to=address)
    (before,) = [row for row in shop.items("orders") if row["sk"] == "ORDER"]
    project()
    for query in ({"phone": "+13035550100"}, {"email": "ann@shop.test"}, {"phone": "+13035550147"}):
        assert found(**query) == ["W-1"], query
    status, changed = call(
        "change_order",
        path=f"/v1/orders/{order['order_id']}/changes",
        body={"ship_to": {**address, "phone": "+1 303 555 0101"}, "lines": None},
        headers={"if-match": "*"},
    )
    assert status == 200, changed
    project(before)
    assert found(phone="+13035550100") == []
    for query in ({"phone": "+13035550101"}, {"phone": "+13035550147"}, {"email": "ann@shop.test"}):
        assert found(**query) == ["W-1"], query
    rows = str(shop.items("search")).casefold()
    assert "quill" not in rows
    assert "shop.test" not in rows
    assert "555010" not in rows


def test_a_placeholder_finds_nobody() -> None:
    placed("1", customer={**CUSTOMER, "identifiers": {"email": "noreply@shop.test"}})
    project()
    assert found(email="noreply@shop.test") == []
