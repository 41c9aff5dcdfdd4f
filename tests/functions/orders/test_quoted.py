"""Orders that bring a price quote: through the API, from the quote to the last refund."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

import functions.orders.orders as order_routes
from functions.pricing import api as pricing_api
from shared.catalog import store as catalog
from shared.orders import store
from shared.pricing.model.cart import Cart, CartLine, Person, Place
from shared.pricing.model.pricing import price
from shared.pricing.store import books
from tests.functions.orders.test_orders_api import call, done, placed
from tests.support import shop
from tests.support.events import event
from tests.support.requests import answered, paths, request

pytestmark = pytest.mark.usefixtures("quoting")

CART: dict[str, Any] = {
    "channel": "web",
    "lines": [
        {"line_id": "1", "sku": "A", "quantity": 3},
        {"line_id": "2", "sku": "B", "quantity": 1},
    ],
    "ship_to": {"country": "US"},
    "shipping": 499,
}
BOOK = {
    "currency": "USD",
    "promotions": [
        {
            "promotion_id": "a-15",
            "title": "15 % off A",
            "does": [{"kind": "percent_off", "basis_points": 1500, "products": {"skus": ["A"]}}],
            "group": "sale",
            "stacks_with": ["order"],
        },
        {
            "promotion_id": "seven",
            "title": "7.01 off the order",
            "does": [{"kind": "order_amount_off", "amount": 701}],
            "group": "order",
            "stacks_with": ["sale"],
        },
    ],
    "taxes": {"US": {"included": False, "rates": {"standard": 71250}}},
}
Body = dict[str, Any]


@pytest.fixture
def quoting(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 5, "depot": 9}, "B": {"denver": 3, "omaha": 4}})
    publish(BOOK)


def publish(book: Body) -> None:
    for name in ("put_promotions_draft", "publish_promotions"):
        made = request(f"pricing/{name}", body=book if name.startswith("put") else None)
        assert answered(pricing_api.handler(made, None))[0] == 200


def quoted(**changes: Any) -> Body:
    made = request("pricing/quote_prices", body={**CART, "customer": {}, **changes})
    status, answer = answered(pricing_api.handler(made, None))
    assert status == 200, answer
    return answer


def ordered(token: str, **changes: Any) -> Body:
    """The request of an order of CART: shipped, and paid as a whole."""
    base = json.loads(event("orders/place_order")["body"])
    lines = [{**line, "method": "ship"} for line in CART["lines"]]
    wanted = {**base, "lines": lines, "quote_token": token, "payment": {"status": "paid"}}
    return {**wanted, **changes}


def test_the_shopper_pays_what_was_quoted_whatever_is_published_since() -> None:
    """ten24/slatwall#5016: prices of placed orders changed with the promotions."""
    quote = quoted()
    publish({**BOOK, "promotions": []})
    answer = placed(ordered(quote["quote_token"]))
    totals, promised = answer["totals"], quote["totals"]
    assert totals["total"]["amount"] == totals["paid"]["amount"] == promised["total"]
    assert totals["discounts"]["amount"] == promised["discounts"] == 3000 * 15 // 100 + 701
    assert totals["lines"]["amount"] == promised["net"]
    assert totals["tax"]["amount"] == promised["tax"]
    assert totals["shipping"]["amount"] == 499
    assert answer["quote"] == {"at": quote["at"], "book": 1}
    for line, of_quote in zip(answer["lines"], quote["lines"], strict=True):
        assert line["net"]["amount"] == of_quote["net"]
        assert line["unit_price"]["amount"] == of_quote["unit_price"]
        assert [(row["promotion_id"], row["amount"]["amount"]) for row in line["discounts"]] == [
            (row["promotion_id"], row["amount"]) for row in of_quote["discounts"]
        ]


def test_every_refund_comes_from_what_was_paid_for_the_line() -> None:
    """sylius#13371, solidusio/solidus#2582 and #512 are about refunds at list prices."""
    quote = quoted()
    answer = placed(ordered(quote["quote_token"]))
    order_id, net = answer["order_id"], quote["lines"][0]["net"]
    tax = quote["lines"][0]["tax"]["amount"]
    path = f"/v1/orders/{order_id}/cancel"
    back = 0
    for key in ("a", "b", "c"):
        body = {"lines": [{"line_id": "1", "quantity": 1}], "reason": "changed my mind"}
        status, answer = call("cancel_order", body, path, key=key)
        assert status == 200, answer
        (payment,) = answer["payments"]
        back = payment["refund_due"]["amount"]
        units = 1 + "abc".index(key)
        assert back == net * units // 3 + tax * units // 3
    assert back == net + tax
    status, answer = call("cancel_order", {"reason": "all of it"}, path, key="d")
    assert answer["payments"][0]["refund_due"]["amount"] == quote["totals"]["total"]
    assert answer["totals"]["total"]["amount"] == 0


def test_two_tenders_get_back_their_shares_and_in_the_end_all() -> None:
    quote = quoted()
    total = quote["totals"]["total"]
    payments = [
        {
            "payment_id": "gift",
            "status": "paid",
            "tender": "gift_card",
            "amount": {"amount": 1000, "currency": "USD"},
        },
        {"payment_id": "card", "status": "paid"},
    ]
    wanted = ordered(quote["quote_token"], payments=payments, payment=None)
    answer = placed(wanted)
    assert [p["captured"]["amount"] for p in answer["payments"]] == [1000, total - 1000]
    for shipment in answer["fulfillments"]:
        for action in ("accept", "ship"):
            done(action, shipment["fulfillment_id"])
    location = shipment["location_id"]
    path = f"/v1/orders/{answer['order_id']}/returns"
    for number, (line_id, units) in enumerate([("1", 2), ("2", 1), ("1", 1)]):
        rows = [
            {"line_id": line_id, "quantity": units, "condition": "sellable", "reason": "too big"}
        ]
        body = {"location_id": location, "lines": rows}
        status, answer = call("return_order", body, path, key=f"back-{number}")
        assert status == 200, answer
        due = [p["refund_due"]["amount"] for p in answer["payments"]]
        kept = answer["totals"]["total"]["amount"]
        assert sum(due) == total - kept
        assert abs(due[0] - sum(due) * 1000 / total) <= 1
    # The shipping was used; what remains of each tender is its share of it.
    shipping = quote["shipping"]
    assert kept == shipping["net"] + shipping["tax"]["amount"]


def test_a_quote_holds_for_15_minutes_and_a_replay_for_longer(
    environment: pytest.MonkeyPatch,
) -> None:
    quote = quoted()
    wanted = ordered(quote["quote_token"])
    first = placed(wanted, key="once")
    at = datetime.fromisoformat(quote["at"]) + timedelta(minutes=15)
    environment.setattr(order_routes, "now_in_milliseconds", lambda: at)
    assert call("place_order", wanted, key="once") == (201, first)
    status, refused = call("place_order", wanted, key="twice")
    assert (status, refused["code"]) == (409, "quote_expired")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"lines": [{"line_id": "1", "sku": "A", "quantity": 3, "method": "ship"}]}, "$.lines"),
        ({"lines[0].quantity": 2}, "$.lines[0].quantity"),
        ({"lines[0].sku": "B"}, "$.lines[0].sku"),
        ({"lines[1].line_id": "9"}, "$.lines[1].line_id"),
        (
            {"lines[0].unit_price": {"amount": 1, "currency": "USD"}},
            "$.lines[0].unit_price",
        ),
        ({"lines[0].tax": {"amount": 1, "currency": "USD"}}, "$.lines[0].tax"),
        ({"ship_to": {"postal_code": "10115", "country": "DE"}}, "$.ship_to.country"),
        ({"shipping": {"price": {"amount": 1, "currency": "USD"}}}, "$"),
        ({"quote_token": "A" * 60}, "$.quote_token"),
    ],
)
def test_an_order_that_is_not_what_was_quoted_is_refused(changes: Body, path: str) -> None:
    wanted = ordered(quoted()["quote_token"])
    for name, value in changes.items():
        if name.startswith("lines["):
            line, field = name.split(".")
            wanted["lines"][int(line[6])][field] = value
        else:
            wanted[name] = value
    status, refused = call("place_order", wanted)
    assert status in {400, 422}, refused
    assert path in paths(refused), refused


def test_without_a_quote_each_line_needs_a_price() -> None:
    status, refused = call("place_order", ordered("x", quote_token=None))
    assert (status, paths(refused)) == (422, {"$.lines[0].unit_price", "$.lines[1].unit_price"})


def test_an_order_can_be_priced_again_to_the_same_bytes() -> None:
    """From what the order keeps, and the book that it names; law 2."""
    answer = placed(ordered(quoted()["quote_token"]))
    publish({**BOOK, "promotions": []})
    order = store.find(answer["order_id"])
    assert order is not None
    assert order.quote is not None
    cart = Cart(
        tuple(CartLine(line.line_id, line.sku, line.quantity) for line in order.lines),
        order.quote.shipping_price,
        order.quote.given.get("method"),
    )
    place = Place(order.channel, None, order.quote.given["country"])
    book = books.book(order.quote.book)
    products = catalog.products(line.sku for line in order.lines)
    again = price(cart, Person(), place, order.quote.at, book, products).quote
    assert again.digest == order.quote.digest


def test_a_price_that_a_person_sets_replaces_the_discounts() -> None:
    answer = placed(ordered(quoted()["quote_token"]))
    body = {
        "reason": "the shelf said so",
        "lines": [{"line_id": "1", "unit_price": {"amount": 500, "currency": "USD"}}],
    }
    path = f"/v1/orders/{answer['order_id']}/changes"
    status, answer = call("change_order", body, path, key="cheaper")
    assert status == 200, answer
    line = answer["lines"][0]
    assert (line["unit_price"]["amount"], "discounts" in line) == (500, False)
    assert (
        answer["totals"]["total"]["amount"] + answer["payments"][0]["refund_due"]["amount"]
        == (answer["payments"][0]["captured"]["amount"])
    )
