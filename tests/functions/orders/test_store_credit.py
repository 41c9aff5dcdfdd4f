"""Store credit instead of money, through the API: its code is shown once, and again to a replay."""

from functools import partial
from typing import Any

import pytest

from shared.cards import store as cards
from shared.cards.model.code import normalised
from shared.cards.store import hashing
from shared.orders.model.policy import OrderPolicy
from shared.orders.model.return_terms import ReturnTerms
from shared.orders.store import policy as policies
from tests.functions.orders import test_orders_api
from tests.functions.orders.test_card_payments import balance, tender
from tests.functions.orders.test_orders_api import call, done, placed
from tests.functions.orders.test_quoted import BOOK, ordered, publish, quoted
from tests.functions.orders.test_repricing import SAVE_10
from tests.support import cards as support
from tests.support import shop
from tests.support.cards import NOW, issued
from tests.support.requests import paths, request

Body = dict[str, Any]
SCOPE = (
    "norain/orders:write norain/fulfillments:write norain/customers:read norain/cards:read"
    " norain/channel:all norain/location:all norain/source:all"
)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    environment.setattr(test_orders_api, "request", partial(request, scope=SCOPE))
    policies.active_cache.clear()
    shop.stocked({"A": {"denver": 90}, "B": {"denver": 30}})
    publish(BOOK)


def delivered(*payments: Body) -> Body:
    paying = list(payments) or [{"status": "paid"}]
    order = placed(ordered(quoted()["quote_token"], payment=None, payments=paying))
    for part in order["fulfillments"]:
        done("accept", part["fulfillment_id"])
        done("ship", part["fulfillment_id"])
    return order


def returned(order: Body, key: str, units: int = 1, **more: Any) -> tuple[int, Body]:
    row = {"line_id": "1", "quantity": units, "condition": "sellable", "reason": "too big"}
    body = {"location_id": "denver", "lines": [row], **more}
    return call("return_order", body, f"/v1/orders/{order['order_id']}/returns", key=key)


def authorized(order: Body, **more: Any) -> Body:
    body = {"lines": [{"line_id": "1", "quantity": 1, "reason": "too big"}], **more}
    path = f"/v1/orders/{order['order_id']}/returns/authorize"
    status, answer = call("open_return", body, path, key="open")
    assert status == 200, answer
    return answer


def test_a_new_card_is_issued_once_and_a_replay_shows_its_code_again() -> None:
    order = delivered()
    before = order["totals"]["total"]["amount"]
    status, first = returned(order, "r", refund_to="store_credit")
    assert status == 200, first
    (credit,) = first["credits"]
    back = before - first["totals"]["total"]["amount"]
    card = cards.find(hashing.card_id_of(normalised(credit["code"])))
    assert (card.card_id, card.balance, card.kind) == (credit["card_id"], back, "store_credit")
    assert (credit["amount"]["amount"], credit["card_suffix"]) == (back, card.suffix)
    (payment,) = first["payments"]
    assert (payment["refund_due"]["amount"], payment["refunded"]["amount"]) == (0, back)
    assert returned(order, "r", refund_to="store_credit") == (200, first)
    assert len([row for row in support.items() if row["sk"] == "CARD"]) == 1
    assert credit["code"] not in str(shop.items("orders"))
    shop.laws()
    path = f"/v1/orders/{order['order_id']}"
    (seen,) = call("get_order", None, path)[1]["credits"]
    assert seen == {name: value for name, value in credit.items() if name != "code"}
    status, more = returned(order, "r2", refund_to="store_credit")
    assert [("code" in one) for one in more["credits"]] == [False, True]
    assert more["credits"][1]["card_id"] != card.card_id


def test_tenders_of_norain_get_their_share_and_store_credit_the_rest() -> None:
    """Σ tenders and store credit is what was refunded."""
    card, code = issued(1000)
    order = delivered(tender(code), {"status": "paid"})
    total = order["totals"]["total"]["amount"]
    status, answer = returned(order, "r", 3, refund_to="store_credit")
    assert status == 200, answer
    back = total - answer["totals"]["total"]["amount"]
    (credit,) = answer["credits"]
    assert balance(card.card_id) + balance(credit["card_id"]) == back
    assert balance(card.card_id) == answer["payments"][0]["refunded"]["amount"] > 0
    assert answer["payments"][1]["refunded"]["amount"] == credit["amount"]["amount"]


def test_the_shoppers_card_gets_what_comes_back() -> None:
    card, _ = issued(500)
    order = delivered()
    answers = [
        returned(order, key, refund_to="store_credit", store_credit_card_id=card.card_id)[1]
        for key in ("r1", "r1", "r2")
    ]
    assert answers[0] == answers[1]
    (credit,) = answers[2]["credits"]
    assert "code" not in credit
    back = order["totals"]["total"]["amount"] - answers[2]["totals"]["total"]["amount"]
    assert balance(card.card_id) == 500 + back == 500 + credit["amount"]["amount"]


@pytest.mark.parametrize("wrong", ["unknown", "euros", "used_to_pay", "without_store_credit"])
def test_a_card_that_gets_no_store_credit_is_named(wrong: str) -> None:
    card, code = issued(500, currency="EUR" if wrong == "euros" else "USD")
    order = delivered(*([tender(code)] if wrong == "used_to_pay" else []), {"status": "paid"})
    to = "first" if wrong == "without_store_credit" else "store_credit"
    name = "no-such-card" if wrong == "unknown" else card.card_id
    status, refused = returned(order, "r", refund_to=to, store_credit_card_id=name)
    assert status == 422, refused
    path = "$" if wrong == "without_store_credit" else "$.store_credit_card_id"
    assert paths(refused) == {path}
    assert balance(card.card_id) == (0 if wrong == "used_to_pay" else 500)


def test_an_authorized_return_gives_its_credit_when_it_arrives(
    environment: pytest.MonkeyPatch,
) -> None:
    terms = OrderPolicy(returns=ReturnTerms(refund_on="scan"))
    policies.put_policy(terms, None, NOW, "planner")
    policies.active_cache.clear()
    order = delivered()
    each = authorized(order, refund_to="store_credit")["returns"][-1]
    assert (each["refund_on"], each["refund_to"]) == ("receipt", "store_credit")
    path = f"/v1/returns/{each['return_id']}"
    assert "credits" not in call("scan_return", None, f"{path}/scan", key="s")[1]
    body = {"location_id": "denver"}
    environment.setattr(test_orders_api, "request", request)
    status, received = call("receive_return", body, f"{path}/receive", key="in")
    assert status == 200, received
    (credit,) = received["credits"]
    (seen,) = call("get_order", None, f"/v1/orders/{order['order_id']}")[1]["credits"]
    back = seen["amount"]["amount"]
    assert balance(hashing.card_id_of(normalised(credit["code"]))) == back
    assert "amount" not in credit  # who only fulfils orders reads no prices
    assert call("receive_return", body, f"{path}/receive", key="in") == (200, received)


def test_no_money_is_made_of_a_discount_that_is_lost() -> None:
    publish({"currency": "USD", "promotions": [SAVE_10]})
    order = delivered()
    total = order["totals"]["total"]["amount"]
    status, answer = returned(order, "r", 3, refund_to="store_credit")
    assert status == 200, answer
    assert answer["totals"]["repriced"]["amount"] > 0
    assert answer["credits"][0]["amount"]["amount"] == total - answer["totals"]["total"]["amount"]


def test_a_cancel_gives_store_credit_for_what_was_paid() -> None:
    order = placed(ordered(quoted()["quote_token"], payment=None, payments=[{"status": "paid"}]))
    path = f"/v1/orders/{order['order_id']}/cancel"
    body = {"reason": "changed my mind", "refund_to": "store_credit"}
    status, answer = call("cancel_order", body, path, key="c")
    assert status == 200, answer
    (credit,) = answer["credits"]
    assert balance(credit["card_id"]) == order["totals"]["total"]["amount"]
    assert call("cancel_order", body, path, key="c") == (200, answer)
    shop.laws()


def test_an_exchange_of_equal_worth_costs_nothing() -> None:
    """What came back pays the next order: no refund, and no new payment."""
    order = delivered()
    _, answer = returned(order, "r", 3, refund_to="store_credit")
    (credit,) = answer["credits"]
    lines = [{"line_id": "1", "sku": "A", "quantity": 3}]
    token = quoted(lines=lines, shipping=0)["quote_token"]
    wanted = ordered(token, payment=None, payments=[tender(credit["code"])])
    taken = placed({**wanted, "lines": [{**lines[0], "method": "ship"}]}, key="exchange")
    total = taken["totals"]["total"]["amount"]
    assert taken["payment"]["status"] == "paid"
    assert balance(credit["card_id"]) == credit["amount"]["amount"] - total
