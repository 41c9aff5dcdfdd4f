"""Loyalty points that pay for a part of an order: from the quote to the last return (laws 5, 6)."""

from typing import Any

import pytest

from functions.pricing import api as pricing_api
from shared.loyalty import wallets
from shared.orders import erasing, store
from shared.orders.model import erased
from tests.functions.orders.test_orders_api import call, done, placed
from tests.functions.orders.test_quoted import BOOK, CART, ordered, publish
from tests.support import shop
from tests.support import wallets as support
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
SCOPE = (
    "norain/prices:read norain/customers:read norain/loyalty:read norain/orders:write "
    "norain/orders:read norain/channel:web"
)
GOLD: Body = {
    "promotion_id": "gold",
    "title": "10 % for gold",
    "does": [{"kind": "percent_off", "basis_points": 1000}],
    "people": {"tiers": ["gold"]},
    "group": "gold",
    "stacks_with": "all",
}


@pytest.fixture(autouse=True)
def shopper(fake_tables: None) -> None:
    """Bob has 1,500 points of a cent each, which pay at most half of a cart."""
    shop.stocked({"A": {"denver": 90}, "B": {"denver": 30}})
    publish(BOOK)
    support.publish()
    support.profile("bob")
    give(1_500)


def give(points: int, to: str = "bob") -> None:
    made = shop.request(f"give-{points}-{to}")
    wallets.adjust(to, points, "a present", made, shop.NOW)


def ask(scope: str = SCOPE, **changes: Any) -> tuple[int, Body]:
    body = {**CART, "customer": {"profile_id": "bob"}, **changes}
    made = request("pricing/quote_prices", body=body, scope=scope)
    return answered(pricing_api.handler(made, None))


def quoted(**changes: Any) -> Body:
    status, answer = ask(**changes)
    assert status == 200, answer
    return answer


def bought(quote: Body, key: str = "cart-1", **changes: Any) -> Body:
    return placed(ordered(quote["quote_token"], **{**FOR_BOB, **changes}), key=key)


FOR_BOB: Body = {"customer": {"profile_id": "bob"}}


def available(profile_id: str = "bob") -> int:
    return wallets.wallet(profile_id, shop.NOW).available


def test_points_take_their_worth_off_and_an_order_spends_them() -> None:
    plain, with_points = quoted(), quoted(points=1_000)
    assert plain["points"] == {
        "available": 1_500,
        "most": plain["totals"]["net"] // 2,
        "used": 0,
        "amount": 0,
    }
    assert with_points["points"]["used"] == with_points["points"]["amount"] == 1_000
    assert with_points["totals"]["net"] == plain["totals"]["net"] - 1_000
    assert with_points["totals"]["tax"] < plain["totals"]["tax"], "points lower the base of taxes"
    (discount,) = [row for row in with_points["discounts"] if row["promotion_id"] == "points"]
    assert sum(row["amount"] for row in discount["lines"]) == 1_000
    order = bought(with_points)
    assert order["totals"]["total"]["amount"] == with_points["totals"]["total"]
    assert order["points"] == {
        "points": 1_000,
        "amount": {"amount": 1_000, "currency": "USD"},
        "returned": 0,
    }
    assert available() == 500
    assert bought(with_points) == order, "a replay spends nothing"
    assert available() == 500


def test_more_than_the_share_of_the_cart_is_not_used() -> None:
    """odoo/odoo#264931 wants any amount, up to a share."""
    give(100_000)
    quote = quoted(points=90_000)
    net = quoted()["totals"]["net"]
    assert quote["points"]["used"] == quote["points"]["most"] == net // 2
    assert quote["totals"]["net"] == net - net // 2


def test_all_points_come_back_with_all_goods_in_any_steps() -> None:
    order = bought(quoted(points=777))
    path = f"/v1/orders/{order['order_id']}/cancel"
    back = [0]
    for number in range(3):
        some = {"lines": [{"line_id": "1", "quantity": 1}], "reason": "fewer"}
        status, after = call("cancel_order", some, path, key=f"c{number}")
        assert status == 200, after
        back.append(after["points"]["returned"])
        assert available() == 1_500 - 777 + back[-1]
        assert call("cancel_order", some, path, key=f"c{number}")[1] == after
    assert back == sorted(back)
    assert 0 < back[1] < back[-1] < 777
    status, after = call("cancel_order", {"reason": "all of it"}, path, key="rest")
    assert after["points"]["returned"] == 777
    assert after["payments"][0]["refund_due"]["amount"] == order["totals"]["total"]["amount"]
    assert available() == 1_500
    history = call("get_history", None, f"/v1/orders/{order['order_id']}/history")[1]
    events = [entry["event"] for entry in history["entries"]]
    assert events.count("order.points_returned") == 4


def test_points_come_back_with_returned_goods() -> None:
    """odoo/odoo#212922: the refund of an order with points gave none back."""
    order = bought(quoted(points=1_000))
    for part in order["fulfillments"]:
        for action in ("accept", "ship"):
            done(action, part["fulfillment_id"])
    rows = [
        {"line_id": line["line_id"], "quantity": line["quantity"], "condition": "sellable"}
        for line in order["lines"]
    ]
    body = {"location_id": "denver", "lines": [{**row, "reason": "too big"} for row in rows]}
    path = f"/v1/orders/{order['order_id']}/returns"
    status, after = call("return_order", body, path, key="back")
    assert status == 200, after
    assert after["points"]["returned"] == 1_000
    assert available() == 1_500


def test_points_that_somebody_else_has_spent_refuse_the_order() -> None:
    """fuint#71: twenty gifts of the same points."""
    first, second = quoted(points=1_000), quoted(points=1_000)
    bought(first)
    status, refused = call("place_order", ordered(second["quote_token"], **FOR_BOB), key="2")
    assert (status, refused["code"], refused["available"]) == (409, "points_short", 500)
    assert len([row for row in shop.items("orders") if row["sk"] == "ORDER"]) == 1


def test_the_quote_of_a_person_is_for_that_person_alone() -> None:
    support.profile("eve")
    token = quoted(points=100)["quote_token"]
    for customer in (None, {"profile_id": "eve"}):
        status, refused = call("place_order", ordered(token, customer=customer), key="x")
        assert (status, paths(refused)) == (422, {"$.customer"}), refused
    assert available() == 1_500


def test_after_a_merge_the_quote_is_for_the_same_person() -> None:
    quote = quoted(points=1_200)
    support.profile("robert")
    give(50, "robert")
    support.merge("bob", "robert")
    order = bought(quote)
    assert order["points"]["points"] == 1_200
    assert available() == 350


def test_the_tier_of_the_profile_makes_the_price() -> None:
    """Law 1: Bob's gold price, at the till as on the web."""
    publish({**BOOK, "promotions": [*BOOK["promotions"], GOLD]})
    assert "gold" not in {row["promotion_id"] for row in quoted()["discounts"]}
    support.publish(
        tiers=[{"name": "gold", "threshold": 0, "multiplier": 10_000}],
    )
    scope = SCOPE.replace("channel:web", "channel:all")
    by_channel = [ask(scope, channel=channel)[1] for channel in ("web", "pos")]
    web, till = ({k: v for k, v in one.items() if k in {"lines", "totals"}} for one in by_channel)
    assert web == till
    assert "gold" in {row["promotion_id"] for row in by_channel[0]["discounts"]}
    assert by_channel[0]["given"]["tier"] == "gold"


def test_the_first_order_is_known_from_the_orders_of_all_profiles() -> None:
    first = {**GOLD, "promotion_id": "first", "people": {"first_order": True}}
    publish({**BOOK, "promotions": [first]})
    assert quoted()["given"]["first_order"] is True
    assert [row["promotion_id"] for row in quoted()["discounts"]] == ["first"]
    bought(quoted())
    assert quoted()["given"]["first_order"] is False
    assert quoted()["discounts"] == []


@pytest.mark.parametrize(
    ("changes", "status", "path"),
    [
        ({"points": 10, "customer": {}}, 422, "$"),
        ({"points": 0}, 422, "$.points"),
        ({"customer": {"profile_id": "nobody"}}, 422, "$.customer.profile_id"),
        ({"customer": {"profile_id": "bob", "tier": "gold"}}, 422, "$.customer"),
    ],
)
def test_a_wrong_question_is_told_where(changes: Body, status: int, path: str) -> None:
    found, refused = ask(**changes)
    assert (found, paths(refused)) == (status, {path}), refused


def test_whoever_may_not_read_wallets_spends_and_sees_no_points() -> None:
    scope = SCOPE.replace("norain/loyalty:read ", "")
    assert "points" not in ask(scope)[1]
    assert ask(scope, points=10)[0] == 403
    assert ask(scope.replace("norain/customers:read ", ""))[0] == 403
    status, refused = ask(points=1_501)
    assert (status, refused["code"], refused["available"]) == (409, "points_short", 1_500)


def test_points_pay_in_the_currency_of_the_programme_alone() -> None:
    support.publish(currency="EUR")
    assert "points" not in quoted()
    status, refused = ask(points=10)
    assert (status, paths(refused)) == (422, {"$.points"})


def test_the_order_of_an_erased_buyer_names_no_account() -> None:
    order = bought(quoted(points=300))
    stored = store.find(order["order_id"])
    assert stored is not None
    assert stored.points is not None
    assert stored.points.draws[0]["home"] == "bob"
    person = erased.Person(frozenset({"bob"}), frozenset(), "erased-1")
    assert erasing.erase(order["order_id"], person, shop.NOW)
    after = store.find(order["order_id"])
    assert after is not None
    assert after.points is not None
    assert after.points.draws == ()
    path = f"/v1/orders/{order['order_id']}/cancel"
    assert call("cancel_order", {"reason": "all"}, path, key="c")[0] == 200
    assert available() == 1_200
