"""Batches of steps: each stands or falls alone, and none is taken twice."""

import json
from typing import Any

import pytest

from functions.orders import api
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 50}})


def shipped_to(number: int) -> str:
    """The fulfillment of a new order with one line to ship."""
    line = json.loads(event("orders/place_order")["body"])["lines"][0]
    made = request(
        "orders/place_order", body={"lines": [line]}, headers={"idempotency-key": f"k-{number}"}
    )
    status, order = answered(api.handler(made, None))
    assert status == 201, order
    name: str = order["fulfillments"][0]["fulfillment_id"]
    return name


def batch(*actions: Body, key: str = "b-1", expected: int = 200, **more: Any) -> Body:
    headers = {"idempotency-key": key}
    made = request("orders/run_batch", body={"actions": list(actions)}, headers=headers, **more)
    status, answer = answered(api.handler(made, None))
    assert status == expected, answer
    shop.laws()
    return answer


def step(name: str, action: str, **more: str) -> Body:
    return {"fulfillment_id": name, "action": action, **more}


def test_each_step_stands_or_falls_alone() -> None:
    names = [shipped_to(number) for number in range(3)]
    results = batch(
        step(names[0], "accept"), step(names[1], "pick"), step(names[2], "assign", to="ann")
    )["results"]
    assert [result["status"] for result in results] == [200, 409, 200]
    assert results[0]["fulfillment"]["state"] == "accepted"
    assert results[1]["problem"]["code"] == "invalid_transition"
    assert results[1]["problem"]["allowed"] == ["accept", "cancel", "reject"]
    assert results[2]["fulfillment"]["assignee"] == "ann"


def test_steps_of_one_fulfillment_follow_each_other_and_a_repetition_takes_none_again() -> None:
    name = shipped_to(1)
    steps = [step(name, action) for action in ("accept", "pick", "pack")]
    steps.append(step(name, "ship", carrier="UPS", tracking="1Z999"))
    first = batch(*steps)
    assert [result["status"] for result in first["results"]] == [200] * 4
    assert batch(*steps) == first
    assert shop.counts("A", "denver") == (48, 0, 48, 0)


def test_a_step_that_was_refused_is_tried_again() -> None:
    name = shipped_to(1)
    assert batch(step(name, "pick"))["results"][0]["status"] == 409
    batch(step(name, "accept"), key="b-2")
    assert batch(step(name, "pick"))["results"][0]["status"] == 200


def test_a_step_elsewhere_is_refused_and_so_is_an_unknown_fulfillment() -> None:
    scope = "norain/fulfillments:write norain/channel:all"
    results = batch(step(shipped_to(1), "accept"), step("o-9.1", "accept"), scope=scope)["results"]
    assert [result["problem"]["code"] for result in results] == ["forbidden", "not_found"]


def test_a_batch_that_cannot_be_is_refused_by_its_path() -> None:
    assert paths(batch(step("o-1.1", "pick", to="ann"), expected=422)) == {"$.actions[0]"}
    assert paths(batch(*[step("o-1.1", "pick")] * 21, expected=422)) == {"$.actions"}
