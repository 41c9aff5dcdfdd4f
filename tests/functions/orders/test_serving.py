"""Work given to persons, codes of shoppers, arrivals, gifts and notes."""

from typing import Any

import pytest

from functions.orders import api
from shared.aws import dynamodb as tables
from shared.aws.settings import table_name
from shared.orders.store import policy as policies
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    policies.active_cache.clear()
    shop.stocked({"A": {"denver": 5}, "B": {"denver": 1}})


def call(name: str, path: str, body: Body | None = None, key: str = "", **more: Any) -> Any:
    headers = {"idempotency-key": key or path}
    made = request(f"orders/{name}", body=body, path=path, headers=headers, **more)
    return answered(api.handler(made, None))


def placed(**more: Any) -> Body:
    status, order = call("place_order", "/v1/orders", more, "k-1")
    assert status == 201, order
    return order  # type: ignore[no-any-return]


def pickup(order: Body) -> Body:
    part: Body
    (part,) = (one for one in order["fulfillments"] if one["method"] == "pickup")
    return part


def step(order: Body, verb: str, name: str = "", expected: int = 200, **body: Any) -> Body:
    path = f"/v1/fulfillments/{pickup(order)['fulfillment_id']}/{verb}"
    key = f"{verb}-{sorted(body.items())}"
    status, answer = call(name or f"{verb}_fulfillment", path, body or None, key)
    assert status == expected, answer
    return answer  # type: ignore[no-any-return]


def seen(order: Body) -> Body:
    """The order as its channel reads it."""
    status, read = call("get_order", f"/v1/orders/{order['order_id']}")
    assert status == 200, read
    return read  # type: ignore[no-any-return]


def history(order: Body) -> list[Body]:
    status, read = call("get_history", f"/v1/orders/{order['order_id']}/history")
    assert status == 200, read
    return list(read["entries"])


def made_ready() -> Body:
    order = placed()
    step(order, "accept")
    return step(order, "ready")


def test_the_shopper_is_told_a_code_and_the_location_is_not() -> None:
    order = made_ready()
    assert "code" not in pickup(order)
    code = pickup(seen(order))["code"]
    assert (len(code), code.isdecimal()) == (6, True)


def test_a_wrong_code_hands_nothing_over() -> None:
    order = made_ready()
    code = pickup(seen(order))["code"]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    refused = step(order, "collect", expected=409, code=wrong, lines=None)
    assert (refused["code"], refused["needs"]) == ("conflict", "code")
    assert code not in str(refused)
    assert pickup(step(order, "collect", code=code, lines=None))["state"] == "collected"


def test_after_five_wrong_codes_the_shopper_needs_another() -> None:
    """A machine that tries codes gets five; the service gives the shopper a new one."""
    order = made_ready()
    code = pickup(seen(order))["code"]
    path = f"/v1/fulfillments/{pickup(order)['fulfillment_id']}"
    for tried in range(5):
        wrong = f"{(int(code) + 1 + tried) % 10**6:06d}"
        body = {"code": wrong, "lines": None}
        status, refused = call("collect_fulfillment", f"{path}/collect", body, f"w-{tried}")
        assert (status, refused["needs"]) == (409, "code")
    right = {"code": code, "lines": None}
    status, refused = call("collect_fulfillment", f"{path}/collect", right, "right")
    assert (status, refused["needs"]) == (409, "new_code")
    status, renewed = call("renew_code", f"{path}/code")
    assert status == 200, renewed
    assert call("renew_code", f"{path}/code")[1] == renewed
    fresh = pickup(renewed)["code"]
    assert fresh != code
    body = {"code": fresh, "lines": None}
    assert call("collect_fulfillment", f"{path}/collect", body, "fresh")[0] == 200
    events = [entry["event"] for entry in history(order)]
    assert events.count("fulfillment.code_refused") == 5
    assert events.count("fulfillment.code_renewed") == 1


def test_without_a_code_the_policy_says_whether_goods_are_handed_over() -> None:
    made = request("orders/put_order_policy", body={"times": [], "code_required": True})
    assert answered(api.handler(made, None))[0] == 200
    order = made_ready()
    refused = step(order, "collect", expected=409)
    assert refused["needs"] == "code"
    code = pickup(seen(order))["code"]
    assert pickup(step(order, "collect", code=code, lines=None))["state"] == "collected"


def test_an_arrival_is_shown_and_shortens_the_deadline() -> None:
    order = made_ready()
    waits = pickup(step(order, "arrived", "record_arrival", place="bay 3"))
    assert waits["arrived_at"]
    assert waits["deadline"] < pickup(order)["deadline"]
    early = placed()
    assert early["order_id"] == order["order_id"]


def test_nobody_arrives_for_what_is_not_ready() -> None:
    answer = step(placed(), "arrived", "record_arrival", expected=409, place="bay 3")
    assert (answer["code"], answer["state"]) == ("invalid_transition", "offered")


def test_who_neither_sells_nor_works_there_reports_no_arrival() -> None:
    path = f"/v1/fulfillments/{pickup(made_ready())['fulfillment_id']}/arrived"
    scope = "norain/fulfillments:write norain/channel:all"
    assert call("record_arrival", path, key="a-1", scope=scope)[0] == 403
    scope = "norain/orders:write norain/channel:pos"
    assert call("record_arrival", path, key="a-2", scope=scope)[0] == 403
    scope = "norain/orders:write norain/channel:web"
    assert call("record_arrival", path, key="a-3", scope=scope)[0] == 200


def test_work_is_given_to_a_person_and_taken_back() -> None:
    order = placed()
    assert pickup(step(order, "assign", to="ann"))["assignee"] == "ann"
    path = f"/v1/fulfillments/{pickup(order)['fulfillment_id']}/assign"
    status, answer = call("assign_fulfillment", path, {"to": None}, "a-2")
    assert status == 200
    assert "assignee" not in pickup(answer)


def test_a_gift_is_wrapped_and_its_message_lies_with_the_persons() -> None:
    line = placed()["lines"][0]
    gift = {
        "line_id": "1",
        "sku": line["sku"],
        "quantity": 1,
        "unit_price": line["unit_price"],
        "method": "ship",
        "gift_wrap": True,
    }
    body = {"lines": [gift], "gift_message": "Happy birthday, Ann"}
    status, order = call("place_order", "/v1/orders", body, "k-2")
    assert status == 201, order
    assert (order["lines"][0]["gift_wrap"], order["gift_message"]) == (True, "Happy birthday, Ann")
    document = tables.get(table_name("orders"), f"ORDER#{order['order_id']}", "ORDER")
    assert "birthday" not in str(document)


def test_a_note_stands_in_the_history() -> None:
    order = placed()
    status, _ = call("record_note", f"/v1/orders/{order['order_id']}/notes", None, "n-1")
    assert status == 200
    _, history = call("get_history", f"/v1/orders/{order['order_id']}/history")
    assert history["entries"][-1]["event"] == "order.noted"
    assert history["entries"][-1]["detail"]["text"].startswith("The shopper asks")
