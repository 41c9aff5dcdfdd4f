"""Substitutes for units that are not found: allowed, agreed to, refused, not answered."""

from datetime import timedelta
from typing import Any

import pytest

from functions.orders import api
from shared.orders import backorders, store
from shared.orders.model import Order, owed
from tests.support import shop
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
SERVICE = "norain/fulfillments:write norain/orders:write norain/location:all norain/channel:all"


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5}, "B": {"denver": 4}, "C": {"denver": 0, "boulder": 9}})


def call(
    name: str, path: str, body: Body | None = None, key: str = "", scope: str | None = None
) -> tuple[int, Body]:
    headers = {"idempotency-key": key or path}
    made = request(f"orders/{name}", body=body, path=path, headers=headers, scope=scope)
    status, answer = answered(api.handler(made, None))
    shop.laws()
    return status, answer


def accepted(consent: str, units: int = 2, price: int = 1000, **more: Any) -> Body:
    """An order of one line to collect in Denver, which Denver has accepted."""
    line = {
        "line_id": "1",
        "sku": "A",
        "quantity": units,
        "unit_price": {"amount": price, "currency": "USD"},
        "method": "pickup",
        "location_id": "denver",
        "substitution": consent,
        **more,
    }
    status, order = call("place_order", "/v1/orders", {"lines": [line]}, "k-1")
    assert status == 201, order
    part = order["fulfillments"][0]["fulfillment_id"]
    status, order = call("accept_fulfillment", f"/v1/fulfillments/{part}/accept")
    assert status == 200, order
    return order


def substituted(order: Body, expected: int = 200, key: str = "s", **more: Any) -> Body:
    body = {"line_id": "1", "quantity": 1, "sku": "B", "reason": "not_found", **more}
    part = order["fulfillments"][0]["fulfillment_id"]
    path = f"/v1/fulfillments/{part}/substitute"
    scope = SERVICE if "unit_price" in more else None
    status, answer = call("substitute_units", path, body, key, scope)
    assert status == expected, answer
    return answer


def consent(order: Body, expected: int = 200, **body: Any) -> Body:
    path = f"/v1/orders/{order['order_id']}/substitutions"
    status, answer = call("answer_substitution", path, {"line_id": "1.s1", **body}, str(body))
    assert status == expected, answer
    return answer


def step(order: Body, verb: str, expected: int = 200) -> Body:
    part = order["fulfillments"][0]["fulfillment_id"]
    status, answer = call(f"{verb}_fulfillment", f"/v1/fulfillments/{part}/{verb}", None, verb)
    assert status == expected, answer
    return answer


def line(order: Body, line_id: str) -> Body:
    found: Body = next(one for one in order["lines"] if one["line_id"] == line_id)
    return found


def stored(order: Body) -> Order:
    found = store.find(order["order_id"])
    assert found is not None
    return found


def types(order: Body) -> list[str]:
    return [entry.event for entry in stored(order).history]


def test_a_substitute_is_handed_over_in_the_same_parcel() -> None:
    order = substituted(accepted("allow"))
    (part,) = order["fulfillments"]
    assert {row["sku"]: row["quantity"] for row in part["lines"]} == {"A": 1, "B": 1}
    assert (line(order, "1")["cancelled"], line(order, "1.s1")["instead_of"]) == (1, "1")
    assert shop.counts("A", "denver") == (4, 1, 3, 0)
    assert shop.counts("B", "denver") == (4, 1, 3, 0)
    assert "substitution.made" in types(order)
    assert "stock.count_requested" in types(order)
    for verb in ("pick", "ready", "collect"):
        order = step(order, verb)
    assert order["state"] == "fulfilled"


def test_a_repeated_request_substitutes_once() -> None:
    order = accepted("allow")
    assert substituted(order) == substituted(order)
    assert shop.counts("B", "denver") == (4, 1, 3, 0)


def test_the_only_units_of_a_parcel_are_substituted() -> None:
    order = substituted(accepted("allow", units=1))
    (part,) = order["fulfillments"]
    assert ([row["sku"] for row in part["lines"]], part["state"]) == (["B"], "accepted")


def test_a_substitute_is_never_dearer_and_a_cheaper_one_is_refunded() -> None:
    order = accepted("allow", tax={"amount": 101, "currency": "USD"})
    before = owed(stored(order))
    dearer = {"amount": 1001, "currency": "USD"}
    assert paths(substituted(order, 422, unit_price=dearer)) == {"$.unit_price"}
    euros = {"amount": 900, "currency": "EUR"}
    assert paths(substituted(order, 422, unit_price=euros)) == {"$.unit_price.currency"}
    order = substituted(order, unit_price={"amount": 600, "currency": "USD"}, key="s2")
    after = stored(order)
    assert owed(after) == before - 400 - 20  # 40 % of the 50 cents of tax of the second unit
    assert sum(payment.refund_due for payment in after.payments) == before - owed(after)


def test_who_only_fulfils_orders_gives_no_discount() -> None:
    """An associate could otherwise sell to friends for nothing."""
    order = accepted("allow")
    part = order["fulfillments"][0]["fulfillment_id"]
    free = {"amount": 0, "currency": "USD"}
    body = {"line_id": "1", "quantity": 1, "sku": "B", "reason": "not_found", "unit_price": free}
    status, refused = call("substitute_units", f"/v1/fulfillments/{part}/substitute", body)
    assert (status, refused["code"]) == (403, "forbidden")
    assert shop.counts("B", "denver") == (4, 0, 4, 0)


def test_a_substitute_costs_what_it_costs_where_that_is_less() -> None:
    order = substituted(accepted("allow", price=1500))
    assert stored(order).line("1.s1").unit_price == 1000  # the price of every product in the shop
    assert "refund.due" in types(order)


def test_a_dearer_substitute_costs_what_the_line_did() -> None:
    order = substituted(accepted("allow", price=400))
    assert stored(order).line("1.s1").unit_price == 400


def test_at_the_same_price_nothing_is_owed_more_or_less() -> None:
    order = accepted("allow", units=3, tax={"amount": 100, "currency": "USD"})
    before = owed(stored(order))
    order = substituted(order, quantity=2)
    assert owed(stored(order)) == before
    assert "refund.due" not in types(order)


def test_who_wants_no_substitute_gets_none() -> None:
    answer = substituted(accepted("none"), 409)
    assert "no substitute" in answer["detail"]


def test_a_substitute_must_be_there() -> None:
    answer = substituted(accepted("allow"), 409, sku="C")
    assert answer["code"] == "out_of_stock"
    assert shop.counts("A", "denver") == (5, 2, 3, 0)


def test_units_are_not_substituted_by_themselves_or_when_they_are_ready() -> None:
    order = accepted("allow")
    assert paths(substituted(order, 422, sku="A")) == {"$.sku"}
    step(order, "ready")
    assert substituted(order, 409, key="late")["code"] == "invalid_transition"


def test_a_shopper_who_is_asked_agrees() -> None:
    order = substituted(accepted("ask"), unit_price={"amount": 700, "currency": "USD"})
    asked = stored(order).line("1.s1")
    assert (asked.unit_price, asked.agreed_price) == (1000, 700)
    assert "refund.due" not in types(order)
    assert step(order, "pick", 409)["waits_for_consent"] == ["1.s1"]
    order = consent(order, agreed=True)
    agreed = line(order, "1.s1")
    assert agreed["unit_price"]["amount"] == 700
    assert {"agreed_price", "consent_by"}.isdisjoint(agreed)
    assert "refund.due" in types(order)
    assert consent(order, 409, agreed=False)["detail"] == "line 1.s1 waits for no consent"
    step(order, "ready")


def test_what_the_shopper_refuses_is_on_sale_again_and_the_first_is_looked_for() -> None:
    shop.stocked({"A": {"boulder": 3}})
    order = accepted("ask", method="ship", location_id=None)
    order = consent(substituted(order), agreed=False)
    assert shop.counts("B", "denver") == (4, 0, 4, 0)
    assert (line(order, "1.s1")["cancelled"], line(order, "1")["cancelled"]) == (1, 0)
    assert {part["location_id"] for part in order["fulfillments"]} == {"denver", "boulder"}
    assert owed(stored(order)) == 2000


def test_what_the_shopper_refuses_can_be_cancelled() -> None:
    order = consent(substituted(accepted("ask", units=1)), agreed=False, cancel=True)
    assert order["state"] == "cancelled"
    assert shop.counts("B", "denver") == (4, 0, 4, 0)
    assert "refund.due" in types(order)


def test_no_answer_is_a_refusal() -> None:
    order = substituted(accepted("ask"))
    found = stored(order)
    due = found.line("1.s1").consent_by
    assert due is not None
    assert found.deadline is not None
    assert found.deadline <= due
    backorders.act_on_deadlines(found.order_id, due - timedelta(seconds=1))
    assert stored(order).line("1.s1").open == 1
    backorders.act_on_deadlines(found.order_id, due)
    shop.laws()
    after = stored(order)
    assert (after.line("1.s1").cancelled, after.line("1").open) == (1, 2)
    assert after.state == "exception"
