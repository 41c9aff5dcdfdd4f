"""The report on how well locations keep their times, from the stream to the answer."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.orders import api, project_fulfillments
from shared.aws.clients import dynamodb
from shared.locations import store as locations
from shared.orders import store
from shared.orders.store import orders_table
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
EVERYWHERE = "norain/orders:read norain/location:all"
DENVER = {"location_id": "denver"}
TODAY = datetime.now(UTC).date()
WEEK = {
    "from": f"{TODAY - timedelta(days=1)}",  # it may be yesterday at the location
    "to": f"{TODAY + timedelta(days=6)}",
}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 50}})
    locations.locations_cache.clear()


def projected(fulfillment_id: str, before: Body | None = None) -> Body:
    """The order's item, after the stream's record of its change, which comes twice."""
    key = {"pk": {"S": f"ORDER#{store.order_of_fulfillment(fulfillment_id)}"}, "sk": {"S": "ORDER"}}
    item: Body = dynamodb().get_item(TableName=orders_table(), Key=key)["Item"]
    images = {"Keys": key, "NewImage": item} | ({"OldImage": before} if before else {})
    record = {"eventID": "e", "dynamodb": {"SequenceNumber": "1", **images}}
    answer = project_fulfillments.handler({"Records": [record, record]}, None)
    assert answer == {"batchItemFailures": []}
    return item


def call(name: str, body: Body | None = None, path: str | None = None, key: str = "k") -> Body:
    made = request(f"orders/{name}", body=body, path=path, headers={"idempotency-key": key})
    status, answer = answered(api.handler(made, None))
    assert status < 300, answer
    return answer


def reported(
    asked: dict[str, str] | None = None, expected: int = 200, scope: str | None = None
) -> Body:
    query = {"from": f"{TODAY}", "to": f"{TODAY}"} | (asked or {})
    made = request("orders/get_punctuality", query=query, scope=scope)
    status, answer = answered(api.handler(made, None))
    assert status == expected, answer
    return answer


def test_the_steps_of_a_fulfillment_count_once_each() -> None:
    line = json.loads(event("orders/place_order")["body"])["lines"][0]
    order = call("place_order", {"lines": [line]})
    name = order["fulfillments"][0]["fulfillment_id"]
    item = projected(name)
    for action in ("accept", "pack"):
        call(f"{action}_fulfillment", None, f"/v1/fulfillments/{name}/{action}", action)
        item = projected(name, item)
    (row,) = reported(DENVER | WEEK)["days"]
    assert row["location_id"] == "denver"
    assert (row["due"], row["shipments"], row["rejected"]) == (1, 1, 0)
    assert row["accepted"] == {"done": 1, "in_time": 1}
    assert row["packed"] == {"done": 1, "in_time": 1, "as_promised": 1}
    assert row["handed_over"] == {"done": 0, "in_time": 0, "as_promised": 0}
    day = {"from": row["day"], "to": row["day"]}
    assert reported(day)["days"] == [row]
    assert reported({"location_id": "boulder"} | WEEK)["days"] == []


def test_a_report_is_for_those_who_work_there() -> None:
    nowhere = "norain/orders:read norain/channel:all"
    assert reported(None, 403, nowhere)["code"] == "forbidden"
    assert reported(DENVER, 403, nowhere)["code"] == "forbidden"
    assert reported(scope=EVERYWHERE) == {"days": []}


def test_days_that_cannot_be_read_at_once_are_refused() -> None:
    span = {"from": "2026-11-01", "to": "2026-11-04"}
    assert paths(reported(span, 422)) == {"query.to"}
    assert reported(DENVER | span) == {"days": []}
    assert paths(reported(DENVER | span | {"to": "2026-12-02"}, 422)) == {"query.to"}
    assert paths(reported(span | {"to": "2026-10-31"}, 422)) == {"query.to"}
    assert paths(reported(span | {"to": "soon"}, 422)) == {"query.to"}
