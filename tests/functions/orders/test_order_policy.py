"""The order policy: how long a state may last, by location and service level."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.orders import api
from shared.orders.store import policy as policies
from tests.support import shop
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
STORES = {"location_types": ["store"], "service_levels": ["same_day"], "accept_minutes": 10}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> Iterator[None]:
    shop.stocked({"A": {"denver": 5, "depot": 9}, "B": {"denver": 5}})
    policies.active_cache.clear()
    yield
    policies.active_cache.clear()


def put(*rules: Body, etag: str = "*", expected: int = 200) -> Body:
    headers = {"if-match": etag}
    made = request("orders/put_order_policy", body={"times": list(rules)}, headers=headers)
    status, answer = answered(api.handler(made, None))
    assert status == expected, answer
    return answer


def offered(key: str, **more: Any) -> dict[str, timedelta]:
    """By method how long the location of the sample order has to answer."""
    made = request("orders/place_order", body=more, headers={"idempotency-key": key})
    status, order = answered(api.handler(made, None))
    assert status == 201, order
    start = datetime.fromisoformat(order["placed_at"])
    return {
        part["method"]: datetime.fromisoformat(part["deadline"]) - start
        for part in order["fulfillments"]
    }


def test_without_rules_a_location_has_half_an_hour() -> None:
    assert offered("k-1") == {"ship": timedelta(minutes=30), "pickup": timedelta(minutes=30)}


def test_a_rule_gives_its_time_where_it_matches() -> None:
    assert put(STORES)["version"] == 1
    assert offered("k-1")["ship"] == timedelta(minutes=30)
    assert offered("k-2", service_level="same_day")["ship"] == timedelta(minutes=10)


def test_the_last_rule_that_matches_decides() -> None:
    put({"accept_minutes": 20, "payment_minutes": 60}, {**STORES, "service_levels": None})
    assert set(offered("k-1").values()) == {timedelta(minutes=10)}
    made = request(
        "orders/place_order",
        body={"payment": {"status": "pending"}},
        headers={"idempotency-key": "k-2"},
    )
    _, order = answered(api.handler(made, None))
    due = datetime.fromisoformat(order["payment"]["deadline"])
    assert due - datetime.fromisoformat(order["placed_at"]) == timedelta(minutes=60)


def test_goods_wait_for_their_shopper_as_long_as_the_rule_says() -> None:
    put({"location_ids": ["denver"], "collect_minutes": 90})
    made = request("orders/place_order", headers={"idempotency-key": "k-1"})
    _, order = answered(api.handler(made, None))
    (part,) = (one for one in order["fulfillments"] if one["method"] == "pickup")
    for verb in ("accept", "ready"):
        path = f"/v1/fulfillments/{part['fulfillment_id']}/{verb}"
        headers = {"idempotency-key": verb}
        made = request(f"orders/{verb}_fulfillment", path=path, headers=headers)
        status, order = answered(api.handler(made, None))
        assert status == 200, order
    (part,) = (one for one in order["fulfillments"] if one["method"] == "pickup")
    waits = datetime.fromisoformat(part["deadline"]) - datetime.fromisoformat(order["placed_at"])
    assert timedelta(minutes=90) <= waits < timedelta(minutes=91)


def test_versions_stay_and_a_lost_update_is_refused() -> None:
    put(STORES)
    put({"accept_minutes": 5}, etag='"1"')
    refused = put({"accept_minutes": 6}, etag='"1"', expected=412)
    assert refused["version"] == 2
    again = put({"accept_minutes": 5}, etag='"2"')
    assert again["version"] == 2
    made = request("orders/get_order_policy", query={"version": "1"})
    status, first = answered(api.handler(made, None))
    assert (status, first["times"]) == (200, [STORES])
    assert first["returns"]["window_minutes"] == 30 * 24 * 60


def test_a_policy_that_cannot_be_is_refused_by_its_path() -> None:
    answer = put({"location_types": ["store"]}, expected=422)
    assert paths(answer) == {"$.times[0]"}
    answer = put({"accept_minutes": 0, "colour": 1}, expected=422)
    assert paths(answer) == {"$.times[0].accept_minutes", "$.times[0].colour"}
