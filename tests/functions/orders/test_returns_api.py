"""Authorized returns through the API."""

from typing import Any

import pytest

from functions.orders import api
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.orders.store import policy as policies
from tests.support import shop
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
ELSEWHERE = "norain/fulfillments:write norain/channel:all"


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    policies.active_cache.clear()
    shop.stocked({"A": {"denver": 5}, "B": {"denver": 1}})


def call(name: str, path: str, body: Body | None, key: str, **more: Any) -> tuple[int, Body]:
    headers = {"idempotency-key": key}
    made = request(f"orders/{name}", body=body, path=path, headers=headers, **more)
    return answered(api.handler(made, None))


def shipped() -> Body:
    status, order = call("place_order", "/v1/orders", None, "k-1")
    assert status == 201, order
    (part,) = (one for one in order["fulfillments"] if one["method"] == "ship")
    for verb in ("accept", "ship"):
        path = f"/v1/fulfillments/{part['fulfillment_id']}/{verb}"
        status, order = call(f"{verb}_fulfillment", path, None, verb)
        assert status == 200, order
    return order


def opened(order: Body, expected: int = 200, key: str = "r-1", **more: Any) -> Body:
    path = f"/v1/orders/{order['order_id']}/returns/authorize"
    status, answer = call("open_return", path, more, key)
    assert status == expected, answer
    return answer


def handled(each: Body, verb: str, body: Body | None = None, **more: Any) -> tuple[int, Body]:
    path = f"/v1/returns/{each['return_id']}/{verb}"
    return call(f"{verb}_return", path, body, f"{verb}-{len(more)}", **more)


def due_back(order: Body) -> int:
    """What is to be refunded, as somebody who may read orders sees it."""
    status, read = call("get_order", f"/v1/orders/{order['order_id']}", None, "g")
    assert status == 200, read
    amount: int = read["payments"][0]["refund_due"]["amount"]
    return amount


def test_a_return_comes_back_is_inspected_and_on_sale_again() -> None:
    order = opened(shipped())
    (each,) = order["returns"]
    assert (each["state"], each["allowed"]) == (
        "authorized",
        ["cancel", "label", "receive", "scan"],
    )
    status, order = handled(each, "receive")
    assert (status, order["returns"][0]["state"]) == (200, "received")
    assert "payments" not in order
    assert due_back(order) == 1000
    assert shop.counts("A", "denver") == (3, 0, 3, 1)
    status, order = handled(each, "inspect")
    assert (status, order["returns"][0]["state"]) == (200, "inspected")
    assert shop.counts("A", "denver") == (4, 0, 4, 0)
    shop.laws()
    status, read = call("get_return", f"/v1/returns/{each['return_id']}", None, "g")
    assert (status, read) == (200, order["returns"][0])


def test_who_does_not_work_there_receives_and_inspects_nothing() -> None:
    (each,) = opened(shipped())["returns"]
    status, answer = handled(each, "receive", scope=ELSEWHERE)
    assert (status, answer["code"]) == (403, "forbidden")
    handled(each, "receive")
    status, answer = handled(each, "inspect", scope=ELSEWHERE)
    assert (status, answer["code"]) == (403, "forbidden")


def test_the_policy_says_when_the_refund_is_due_and_what_is_kept() -> None:
    terms = {"refund_on": "inspection", "fee": 250, "reasons": ["too small"]}
    made = request("orders/put_order_policy", body={"times": [], "returns": terms})
    assert answered(api.handler(made, None))[0] == 200
    order = shipped()
    refused = opened(order, 409, "r-0", lines=[{"line_id": "1", "quantity": 1, "reason": "ugly"}])
    assert refused["reasons"] == ["too small"]
    (each,) = opened(order)["returns"]
    _, received = handled(each, "receive")
    assert due_back(received) == 0
    _, inspected = handled(each, "inspect")
    assert due_back(inspected) == 750


def test_what_was_not_handed_over_is_not_returned() -> None:
    order = shipped()
    answer = opened(order, 409, lines=[{"line_id": "2", "quantity": 1, "reason": "too small"}])
    assert (answer["code"], answer["returnable"]) == ("conflict", 0)


def test_a_wrong_request_is_refused_by_its_path() -> None:
    answer = opened(shipped(), 422, location_id="mars")
    assert paths(answer) == {"$.location_id"}
    answer = opened(shipped(), 422, photos=["javascript:alert(1)"])
    assert paths(answer) == {"$.photos[0]"}


def with_rules(*rules: Body, expected: int = 200) -> Body:
    body = {"times": [], "returns": {"restock": list(rules)}}
    status, answer = answered(api.handler(request("orders/put_order_policy", body=body), None))
    assert status == expected, answer
    policies.active_cache.clear()
    return answer


def test_the_policy_says_where_returned_goods_go() -> None:
    catalog.put(Product("A", "The A", 1000, "USD", 0.5, attributes={"department": "shoes"}))
    send = {"product_groups": ["shoes"], "action": "send_to", "to_location_id": "depot"}
    hold = {"action": "hold_back", "owner": "quality"}
    policy = with_rules(send, hold)
    assert policy["returns"]["restock"] == [{**send, "transfer_minutes": 4320}, hold]
    (each,) = opened(shipped())["returns"]
    handled(each, "receive")
    assert shop.counts("A", "denver") == (3, 0, 3, 1)
    status, order = handled(each, "inspect")
    assert status == 200, order
    assert shop.counts("A", "denver") == (4, 1, 3, 0)
    (stored,) = [row for row in shop.items("orders") if row["sk"] == "TRANSFER"]
    status, transfer = call("get_transfer", f"/v1/transfers/{stored['transfer_id']}", None, "g")
    assert (status, transfer["state"], transfer["to_location_id"]) == (200, "requested", "depot")
    shop.laws()


def test_goods_that_are_held_back_are_on_sale_when_somebody_says_so() -> None:
    with_rules({"reasons": ["broken"], "action": "hold_back", "owner": "quality"})
    order = shipped()
    back = {"line_id": "1", "quantity": 1, "condition": "sellable", "reason": "broken"}
    path = f"/v1/orders/{order['order_id']}/returns"
    status, order = call("return_order", path, {"location_id": "denver", "lines": [back]}, "b-1")
    assert status == 200, order
    assert shop.counts("A", "denver") == (3, 0, 3, 1)
    (each,) = order["returns"]
    assert each["unsold"] == [{"line_id": "1", "quantity": 1, "owner": "quality"}]
    assert each["allowed"] == ["refurbish"]
    path = f"/v1/returns/{each['return_id']}/refurbished"
    status, answer = call("record_refurbished", path, None, "f-0", scope=ELSEWHERE)
    assert (status, answer["code"]) == (403, "forbidden")
    status, order = call("record_refurbished", path, None, "f-1")
    assert status == 200, order
    assert "unsold" not in order["returns"][0]
    assert shop.counts("A", "denver") == (4, 0, 4, 0)
    assert call("record_refurbished", path, None, "f-1")[1] == order
    status, answer = call("record_refurbished", path, None, "f-2")
    assert (status, answer["code"]) == (409, "invalid_transition")
    shop.laws()


def test_a_rule_without_what_its_action_needs_is_refused_by_its_path() -> None:
    nowhere = {"action": "send_to", "to_location_id": "mars"}
    answer = with_rules({"action": "shelf"}, nowhere, expected=422)
    assert paths(answer) == {"$.returns.restock[1].to_location_id"}
    for rule in ({"action": "send_to"}, {"action": "hold_back"}, {"action": "shelf", "owner": "q"}):
        assert paths(with_rules(rule, expected=422)) == {"$.returns.restock[0]"}
