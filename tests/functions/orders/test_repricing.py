"""Orders that are priced again when units come back, through the API."""

from typing import Any

import pytest

from functions.pricing import api as pricing_api
from shared.orders import repricing
from shared.orders.model import Order
from tests.functions.orders.test_orders_api import call, done, placed
from tests.functions.orders.test_quoted import CART, ordered, publish, quoted
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
TAXES = {"US": {"included": False, "rates": {"standard": 71250}}}
SAVE_10: Body = {
    "promotion_id": "save",
    "title": "Spend 35, save 10",
    "does": [{"kind": "order_amount_off", "amount": 1000}],
    "when": {"subtotal": {"at_least": 3500}},
    "on_return": "reprice",
}


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "depot": 9}, "B": {"denver": 3, "omaha": 4}})


@pytest.fixture
def reads(environment: pytest.MonkeyPatch) -> list[str]:
    """The orders that were read with their prices."""
    read: list[str] = []
    found = repricing.with_prices

    def noted(order: Order) -> Order:
        read.append(order.order_id)
        return found(order)

    environment.setattr(repricing, "with_prices", noted)
    return read


def offered(*promotions: Body) -> None:
    publish({"currency": "USD", "promotions": list(promotions), "taxes": TAXES})


def bought(**more: Any) -> tuple[Body, Body]:
    """A quote of three A and one B, and its order."""
    quote = quoted(**more)
    return quote, placed(ordered(quote["quote_token"]))


def handed_over(order: Body) -> str:
    """Its location, after everything was handed over."""
    for part in order["fulfillments"]:
        done("accept", part["fulfillment_id"])
        done("ship", part["fulfillment_id"])
    location_id: str = order["fulfillments"][0]["location_id"]
    return location_id


def back(order: Body, location_id: str, line_id: str, units: int, key: str) -> Body:
    row = {"line_id": line_id, "quantity": units, "condition": "sellable", "reason": "too big"}
    body = {"location_id": location_id, "lines": [row]}
    path = f"/v1/orders/{order['order_id']}/returns"
    status, answer = call("return_order", body, path, key=key)
    assert status == 200, answer
    shop.laws()
    return answer


def due_back(answer: Body) -> int:
    amount: int = answer["payments"][0]["refund_due"]["amount"]
    return amount


def price_of(a_units: int, b_units: int) -> int:
    units = {"1": a_units, "2": b_units}
    lines = [{**row, "quantity": units[row["line_id"]]} for row in CART["lines"]]
    total: int = quoted(lines=[row for row in lines if row["quantity"]])["totals"]["total"]
    return total


def test_a_refund_is_what_was_paid_less_the_price_by_the_book_of_the_order() -> None:
    offered(SAVE_10)
    quote, order = bought()
    assert quote["discounts"][0]["on_return"] == "reprice"
    paid, without_b, one_a = quote["totals"]["total"], price_of(3, 0), price_of(1, 0)
    location_id = handed_over(order)
    offered({**SAVE_10, "when": None})
    answer = back(order, location_id, "2", 1, "b")
    assert due_back(answer) == max(0, paid - without_b)
    totals = answer["totals"]
    assert totals["total"]["amount"] == min(paid, without_b)
    frozen = sum(totals[name]["amount"] for name in ("lines", "shipping", "tax"))
    assert totals["repriced"]["amount"] == totals["total"]["amount"] - frozen > 0
    answer = back(order, location_id, "1", 2, "a")
    assert due_back(answer) == paid - one_a
    answer = back(order, location_id, "1", 1, "all")
    shipping = quote["shipping"]
    assert due_back(answer) == paid - shipping["net"] - shipping["tax"]["amount"]
    assert "repriced" not in answer["totals"]


def test_a_cancel_prices_again_and_a_replay_gets_its_answer(reads: list[str]) -> None:
    offered(SAVE_10)
    quote, order = bought()
    path = f"/v1/orders/{order['order_id']}/cancel"
    body = {"lines": [{"line_id": "2", "quantity": 1}], "reason": "no"}
    first = call("cancel_order", body, path, key="c")
    assert first[0] == 200
    assert due_back(first[1]) == max(0, quote["totals"]["total"] - price_of(3, 0))
    assert call("cancel_order", body, path, key="c") == first
    assert reads == [order["order_id"]]
    assert call("cancel_order", {"reason": "all"}, path, key="rest")[1]["totals"]["total"] == {
        "amount": 0,
        "currency": "USD",
    }


def test_what_needs_no_price_reads_none(reads: list[str]) -> None:
    offered({**SAVE_10, "on_return": "keep"})
    quote, order = bought()
    assert "on_return" not in quote["discounts"][0]
    location_id = handed_over(order)
    answer = back(order, location_id, "2", 1, "b")
    net, tax = quote["lines"][1]["net"], quote["lines"][1]["tax"]["amount"]
    assert due_back(answer) == net + tax
    assert reads == []


def test_a_step_that_takes_nothing_back_reads_no_price(reads: list[str]) -> None:
    offered(SAVE_10)
    _, order = bought()
    handed_over(order)
    assert reads == []


def test_a_code_that_was_blocked_since_counts_as_it_did() -> None:
    offered({**SAVE_10, "code": "required", "when": {"subtotal": {"at_least": 3000}}})
    made = {"code": "TEN", "count": None, "prefix": None}
    codes = request("pricing/make_codes", body=made, path="/v1/promotions/save/codes")
    assert answered(pricing_api.handler(codes, None))[0] == 201
    quote, order = bought(codes=["ten"])
    three = quoted(codes=["ten"], lines=CART["lines"][:1])["totals"]["total"]
    location_id = handed_over(order)
    blocked = request("pricing/block_code", path="/v1/codes/TEN/block")
    assert answered(pricing_api.handler(blocked, None))[0] == 200
    answer = back(order, location_id, "2", 1, "b")
    assert due_back(answer) == quote["totals"]["total"] - three > 0
