"""Taxes that a service computes: asked over HTTP, signed with the quote, kept with the order."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.orders import store
from shared.orders.model import Order
from tests.functions.orders.test_orders_api import call as call_orders
from tests.functions.orders.test_orders_api import placed
from tests.functions.orders.test_points import ask
from tests.functions.orders.test_quoted import BOOK, ordered, publish
from tests.functions.pricing.test_pricing_api import call
from tests.support import shop
from tests.support.receiver import Receiver, receiving
from tests.support.requests import paths

Body = dict[str, Any]
HERE: Body = {"country": "US", "region": "CO", "postal_code": "80202"}
ANYBODY: Body = {"customer": {}, "ship_to": HERE}
TAXES = {"US": {"included": False, "rates": {"standard": 71_250}, "by_service": True}}


def taxes(question: bytes) -> bytes:
    """4.81 % of each line, rounded down, and none of the shipping."""
    lines = json.loads(question)["lines"]
    rows = [
        {"line_id": line["line_id"], "rate": 48_100, "amount": line["net"] * 481 // 10_000}
        for line in lines
    ]
    return json.dumps({"lines": rows, "shipping": {"rate": 0, "amount": 0}}).encode()


@pytest.fixture
def service(fake_tables: None, environment: pytest.MonkeyPatch) -> Iterator[Receiver]:
    shop.stocked({"A": {"denver": 90}, "B": {"denver": 30}})
    with receiving() as receiver:
        receiver.answers, receiver.body = [200], taxes
        address = json.dumps({"url": receiver.url, "key": "k-1"})
        environment.setenv("NORAIN_TAX_SERVICE", address)
        publish({**BOOK, "taxes": TAXES})
        yield receiver


def quoted() -> Body:
    status, answer = ask(**ANYBODY)
    assert status == 200, answer
    return answer


def test_the_quote_has_the_taxes_of_the_service_and_the_order_keeps_them(
    service: Receiver,
) -> None:
    quote = quoted()
    ((headers, body),) = service.got
    question = json.loads(body)
    assert headers["authorization"] == "Bearer k-1"
    assert (question["postal_code"], question["region"], question["shipping"]) == (
        "80202",
        "CO",
        499,
    )
    assert [line["net"] for line in question["lines"]] == [line["net"] for line in quote["lines"]]
    expected = [line["net"] * 481 // 10_000 for line in quote["lines"]]
    assert [line["tax"]["amount"] for line in quote["lines"]] == expected
    assert quote["totals"]["tax"] == sum(expected)
    order = placed(ordered(quote["quote_token"]))
    assert order["totals"]["tax"]["amount"] == sum(expected)
    stored = store.find(order["order_id"])
    assert isinstance(stored, Order)
    assert [line.tax for line in stored.lines] == expected
    assert len(service.got) == 1, "an order asks nobody"


def test_the_taxes_are_those_of_the_place(service: Receiver) -> None:
    token = quoted()["quote_token"]
    elsewhere = {"postal_code": "10001", "country": "US"}
    status, refused = call_orders("place_order", ordered(token, ship_to=elsewhere))
    assert (status, paths(refused)) == (422, {"$.ship_to.postal_code"}), refused


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b'{"lines": []}', b'{"lines": [{"line_id": "1", "rate": 0, "amount": -1}]}'],
)
def test_no_price_is_made_of_a_wrong_answer(service: Receiver, answer: bytes) -> None:
    service.body = lambda _: answer
    status, refused = ask(**ANYBODY)
    assert (status, refused["code"]) == (503, "tax_unavailable")


def test_a_question_is_asked_again_once(service: Receiver) -> None:
    service.answers = [500, 200]
    assert ask(**ANYBODY)[0] == 200
    service.answers = [500]
    assert ask(**ANYBODY)[0] == 503
    assert len(service.got) == 4


def test_a_book_cannot_ask_a_service_that_is_not_there(
    fake_tables: None, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NORAIN_TAX_SERVICE", "no service yet")
    status, refused = call("put_promotions_draft", body={"taxes": TAXES})
    assert (status, paths(refused)) == (422, {"$.taxes.US.by_service"})
