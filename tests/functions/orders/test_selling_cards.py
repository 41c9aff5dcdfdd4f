"""Gift cards that are sold: money that is changed, and never made (law 9)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.loyalty.order_points import earning_order
from functions.pricing import api as pricing_api
from shared.cards import store as cards
from shared.cards.model import card as model
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.errors import Conflict
from shared.orders import store
from tests.functions.orders.test_orders_api import call, done
from tests.functions.orders.test_quoted import BOOK, ordered, publish
from tests.support import shop
from tests.support.cards import issued
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
SCOPE = (
    "norain/orders:write norain/orders:read norain/customers:read norain/cards:read "
    "norain/cards:write norain/prices:read norain/channel:web"
)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    shop.stocked({"A": {"denver": 90}, "GIFT": {"denver": 30}})
    catalog.put(Product("GIFT", "A gift card", 2_000, "USD", 0.01, gift_card=True))
    publish(BOOK)


def lines(card_id: str | None, **more: Any) -> list[Body]:
    gift = {"line_id": "2", "sku": "GIFT", "quantity": 1, "card_id": card_id, **more}
    return [{"line_id": "1", "sku": "A", "quantity": 3}, gift]


def quoted(wanted: list[Body]) -> Body:
    rows = [{k: v for k, v in line.items() if k != "card_id"} for line in wanted]
    body = {"channel": "web", "customer": {}, "lines": rows, "ship_to": {"country": "US"}}
    made = request("pricing/quote_prices", body=body)
    status, answer = answered(pricing_api.handler(made, None))
    assert status == 200, answer
    return answer


def sale(wanted: list[Body], **more: Any) -> Body:
    token = quoted(wanted)["quote_token"]
    return ordered(token, lines=[{**line, "method": "ship"} for line in wanted], **more)


def place(body: Body, key: str = "cart-1", scope: str = SCOPE) -> tuple[int, Body]:
    return call("place_order", body, key=key, scope=scope)


def sold(card_id: str) -> Body:
    status, order = place(sale(lines(card_id)))
    assert status == 201, order
    shop.laws()
    return order


def test_a_card_takes_no_discount_and_no_tax() -> None:
    """odoo/odoo#121962: a discount ate a gift card."""
    quote = quoted(lines(None))
    goods, gift = quote["lines"]
    assert (gift["net"], gift["discounts"], gift["tax"]) == (2_000, [], {"rate": 0, "amount": 0})
    assert goods["discounts"]
    alone = quoted(lines(None)[1:])
    assert alone["totals"] == {
        "list_total": 2_000,
        "discounts": 0,
        "net": 2_000,
        "shipping": 499 if alone["shipping"]["net"] else 0,
        "tax": alone["totals"]["tax"],
        "tax_included": False,
        "total": alone["totals"]["total"],
    }
    assert alone["totals"]["tax"] == alone["shipping"].get("tax", {"amount": 0})["amount"]


def test_a_sold_card_pays_once_it_is_handed_over() -> None:
    card, _ = issued(2_000, state="inactive")
    order = sold(card.card_id)
    assert cards.find(card.card_id).state == "inactive"
    assert cards.find(card.card_id).sold_by == order["order_id"]
    with pytest.raises(Conflict, match="handed over"):
        model.activate(cards.find(card.card_id), datetime.now(UTC))
    for part in order["fulfillments"]:
        for action in ("accept", "ship"):
            done(action, part["fulfillment_id"])
    assert cards.find(card.card_id).state == "active"
    stored = store.find(order["order_id"])
    assert stored is not None
    assert [line.net for line in earning_order(stored).lines] == [stored.lines[0].net]


def test_a_card_is_sold_once() -> None:
    card, _ = issued(2_000, state="inactive")
    sold(card.card_id)
    status, refused = place(sale(lines(card.card_id)), key="again")
    assert (status, refused["code"]) == (409, "card_not_usable")
    assert len([row for row in shop.items("orders") if row["sk"] == "ORDER"]) == 1


@pytest.mark.parametrize("other", [{"amount": 1_999}, {"state": "active"}, {"currency": "EUR"}])
def test_only_an_inactive_card_of_the_price_is_sold(other: Body) -> None:
    card, _ = issued(**{"amount": 2_000, "state": "inactive", **other})
    status, refused = place(sale(lines(card.card_id)))
    assert (status, refused["code"]) == (409, "card_not_usable")


def test_a_cancelled_card_can_be_sold_again() -> None:
    card, _ = issued(2_000, state="inactive")
    order = sold(card.card_id)
    path = f"/v1/orders/{order['order_id']}/cancel"
    assert call("cancel_order", {"reason": "no"}, path, key="c")[0] == 200
    assert cards.find(card.card_id).sold_by is None
    status, again = place(sale(lines(card.card_id)), key="2")
    assert status == 201, again


def handed_over(card_id: str) -> Body:
    order = sold(card_id)
    for part in order["fulfillments"]:
        for action in ("accept", "ship"):
            done(action, part["fulfillment_id"])
    return order


def back(order: Body, condition: str = "damaged", key: str = "back") -> tuple[int, Body]:
    rows = [{"line_id": "2", "quantity": 1, "condition": condition, "reason": "a present"}]
    path = f"/v1/orders/{order['order_id']}/returns"
    return call("return_order", {"location_id": "denver", "lines": rows}, path, key=key)


def test_a_card_that_comes_back_is_blocked_in_the_same_write() -> None:
    """nop#7318 and setono#236: the card was returned, refunded, and still spent."""
    card, code = issued(2_000, state="inactive")
    order = handed_over(card.card_id)
    assert back(order, "sellable")[0] == 409
    status, after = back(order)
    assert status == 200, after
    assert after["payments"][0]["refund_due"]["amount"] == 2_000
    ended = cards.find(card.card_id)
    assert (ended.state, ended.balance, ended.block_reason) == ("blocked", 0, "returned")
    tender = {"status": "paid", "tender": "gift_card", "card": {"code": code, "subject": "s"}}
    status, refused = place(sale(lines(None)[:1], payment=None, payments=[tender]), key="use")
    assert (status, refused["code"]) == (409, "card_not_usable")


def test_a_card_that_was_spent_in_part_does_not_come_back() -> None:
    card, code = issued(2_000, state="inactive")
    order = handed_over(card.card_id)
    price = {"amount": 500, "currency": "USD"}
    tender = {"status": "paid", "card": {"code": code, "subject": "s"}, "amount": price}
    bought = sale(lines(None)[:1], payment=None, payments=[tender, {"status": "paid"}])
    assert place(bought, key="use")[0] == 201
    status, refused = back(order)
    assert (status, refused["code"], refused["balance"]) == (409, "card_spent", 1_500)
    stored = store.find(order["order_id"])
    assert stored is not None
    assert stored.lines[1].credited == 0


def test_cards_are_not_bought_with_cards() -> None:
    """nop#506; law 9: the goods may be, the card may not."""
    gift, code = issued(10_000)
    card, _ = issued(2_000, state="inactive")
    wanted = lines(card.card_id)
    goods = quoted(wanted)["totals"]["total"] - 2_000
    tender = {"status": "paid", "card": {"code": code, "subject": "s"}}
    status, refused = place(sale(wanted, payment=None, payments=[tender]))
    assert (status, paths(refused)) == (422, {"$.payments"}), refused
    assert cards.find(gift.card_id).balance == 10_000
    tender["amount"] = {"amount": goods, "currency": "USD"}
    status, order = place(sale(wanted, payment=None, payments=[tender, {"status": "paid"}]))
    assert status == 201, order
    assert cards.find(gift.card_id).balance == 10_000 - goods


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"card_id": None}, "$.lines[1].card_id"),
        ({"sku": "A"}, "$.lines[1].card_id"),
        ({"quantity": 2}, "$.lines[1].quantity"),
    ],
)
def test_a_line_that_cannot_sell_the_card_is_told_where(more: Body, path: str) -> None:
    card, _ = issued(2_000, state="inactive")
    status, refused = place(sale(lines(**{"card_id": card.card_id, **more})))
    assert (status, paths(refused)) == (422, {path}), refused


def test_whoever_may_not_write_cards_sells_none() -> None:
    card, _ = issued(2_000, state="inactive")
    scope = SCOPE.replace("norain/cards:write ", "")
    status, refused = place(sale(lines(card.card_id)), scope=scope)
    assert (status, paths(refused)) == (403, {"$.lines[1].card_id"})
    order = sold(card.card_id)
    path = f"/v1/orders/{order['order_id']}/changes"
    body = {"reason": "two", "lines": [{"line_id": "2", "quantity": 2}]}
    assert call("change_order", body, path, key="more")[0] == 409
