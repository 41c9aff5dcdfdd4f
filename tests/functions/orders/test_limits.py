"""Orders whose promotions may be used only so often: what they count, and what comes back."""

from typing import Any

import pytest

from functions.orders import api
from functions.pricing import api as pricing_api
from tests.functions.orders.test_orders_api import call, done, placed
from tests.functions.orders.test_quoted import ordered, publish, quoted
from tests.support import shop
from tests.support.requests import answered, request

Body = dict[str, Any]
SCOPE = "norain/orders:write norain/customers:read norain/channel:all norain/source:all"


def promotion(name: str, **more: Any) -> Body:
    return {
        "promotion_id": name,
        "title": name,
        "does": [{"kind": "order_percent_off", "basis_points": 1000}],
        "time_zone": "UTC",
        **more,
    }


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 90, "depot": 9}, "B": {"denver": 30, "omaha": 4}})


def offered(*promotions: Body, code: str | None = None, times: int | None = None) -> None:
    publish({"currency": "USD", "promotions": list(promotions)})
    if code is not None:
        body = {"code": code, "uses": times, "count": None, "prefix": None}
        path = f"/v1/promotions/{promotions[0]['promotion_id']}/codes"
        made = request("pricing/make_codes", body=body, path=path)
        assert answered(pricing_api.handler(made, None))[0] == 201


def counters() -> dict[str, tuple[int, int]]:
    """(uses, spent) by key."""
    return {
        f"{row['pk']} {row['sk']}": (row["uses"], row["spent"])
        for row in shop.items("pricing")
        if "spent" in row
    }


def buy(token: str, key: str, **more: Any) -> tuple[int, Body]:
    return call("place_order", ordered(token, **more), key=key)


def test_an_order_counts_its_uses_once_and_a_replay_none() -> None:
    limits = {"uses": 5, "per_day": 3, "budget": 5_000}
    offered(promotion("ten", code="required", limits=limits), code="TEN", times=4)
    quote = quoted(codes=["ten"])
    off = quote["discounts"][0]["amount"]
    order = placed(ordered(quote["quote_token"]))
    day = quote["at"][:10]
    expected = {
        "LIMIT#ten ALL": (1, off),
        f"LIMIT#ten DAY#{day}": (1, off),
        "CODE#TEN USES": (1, off),
    }
    assert counters() == expected
    placed(ordered(quote["quote_token"]))
    assert counters() == expected
    path = f"/v1/orders/{order['order_id']}/cancel"
    assert call("cancel_order", {"reason": "no"}, path, key="c")[0] == 200
    assert set(counters().values()) == {(0, 0)}
    assert call("cancel_order", {"reason": "no"}, path, key="c")[0] == 200
    assert set(counters().values()) == {(0, 0)}


@pytest.mark.parametrize(
    ("limits", "times", "code", "limit"),
    [
        ({"uses": 1}, None, "code_exhausted", "uses"),
        ({"per_day": 1}, None, "code_exhausted", "per_day"),
        ({"budget": 500}, None, "code_exhausted", "budget"),
        (None, 1, "code_exhausted", "code"),
    ],
)
def test_the_loser_is_told_which_limit_and_pays_nothing(
    limits: Body | None, times: int | None, code: str, limit: str
) -> None:
    """vendure-ecommerce/vendure#4660: two carts with the last use of a code; nopCommerce#6487: the
    limit was not checked at the last step; shopperlabs/shopper#510: the counter stopped, and the
    discount stayed."""
    offered(promotion("ten", code="required", limits=limits), code="TEN", times=times)
    first, second = quoted(codes=["TEN"]), quoted(codes=["TEN"])
    assert buy(first["quote_token"], "k1")[0] == 201
    status, refused = buy(second["quote_token"], "k2")
    assert (status, refused["code"], refused["limit"]) == (409, code, limit)
    assert (refused["promotion_id"], refused["code_text"]) == ("ten", "TEN")
    assert len([row for row in shop.items("orders") if row["sk"] == "ORDER"]) == 1
    shop.laws()
    again = quoted(codes=["TEN"])
    assert again["discounts"] == []
    assert buy(again["quote_token"], "k3")[0] == 201


def test_a_promotion_without_a_code_has_limits_as_well() -> None:
    """medusajs/medusa#13760: a limit of an automatic promotion was never counted."""
    offered(promotion("first-ten", limits={"uses": 1}))
    first, second = quoted(), quoted()
    assert buy(first["quote_token"], "k1")[0] == 201
    status, refused = buy(second["quote_token"], "k2")
    assert (status, refused["code"], refused["limit"]) == (409, "promotion_exhausted", "uses")


def test_only_a_discount_uses_a_code() -> None:
    """A code beside a better promotion takes nothing off, and is not used up."""
    offered(
        promotion("ten", code="required", limits={"uses": 1}),
        promotion("half", does=[{"kind": "order_percent_off", "basis_points": 5000}]),
        code="TEN",
    )
    quote = quoted(codes=["TEN"])
    assert [row["promotion_id"] for row in quote["discounts"]] == ["half"]
    placed(ordered(quote["quote_token"]))
    assert counters() == {}


def test_a_use_stays_while_anything_of_it_was_handed_over() -> None:
    """It comes back when all that it made cheaper was cancelled (vendure#5278)."""
    only_a = [{"kind": "percent_off", "basis_points": 1000, "products": {"skus": ["A"]}}]
    offered(promotion("a", does=only_a, limits={"uses": 1}))
    order = placed(ordered(quoted()["quote_token"]))
    path = f"/v1/orders/{order['order_id']}/cancel"
    some = {"lines": [{"line_id": "1", "quantity": 2}], "reason": "fewer"}
    assert call("cancel_order", some, path, key="c1")[0] == 200
    assert counters()["LIMIT#a ALL"][0] == 1
    rest = {"lines": [{"line_id": "1", "quantity": 1}], "reason": "none"}
    assert call("cancel_order", rest, path, key="c2")[0] == 200
    assert counters()["LIMIT#a ALL"] == (0, 0)
    second = placed(ordered(quoted()["quote_token"]), key="cart-2")
    for part in second["fulfillments"]:
        for action in ("accept", "ship"):
            done(action, part["fulfillment_id"])
    back = [
        {"line_id": "1", "quantity": 3, "condition": "sellable", "reason": "late"},
    ]
    path = f"/v1/orders/{second['order_id']}/returns"
    body = {"location_id": "denver", "lines": back}
    assert call("return_order", body, path, key="r1")[0] == 200
    assert counters()["LIMIT#a ALL"][0] == 1


def person(email: str) -> Body:
    return {"source": "web", "source_id": email, "identifiers": {"email": email}}


def test_a_limit_for_each_person_needs_the_person(environment: pytest.MonkeyPatch) -> None:
    """magento/magento2#776: guests used a code again and again."""
    environment.setenv("NORAIN_IDENTITY_KEY", "0123456789abcdef0123456789abcdef")
    offered(promotion("welcome", limits={"per_person": 1}))
    tokens = [quoted()["quote_token"] for _ in range(4)]
    status, refused = buy(tokens[0], "k0", customer=None)
    assert (status, refused["code"], refused["promotions"]) == (409, "needs_contact", ["welcome"])
    bob, eve = person("bob@example.com"), person("eve@example.com")
    assert _bought(tokens[0], "k1", bob)[0] == 201
    status, refused = _bought(tokens[1], "k2", bob)
    assert (status, refused["code"], refused["limit"]) == (409, "promotion_exhausted", "per_person")
    assert _bought(tokens[2], "k3", eve)[0] == 201
    assert not any("p-" in row["pk"] for row in shop.items("pricing"))


def _bought(token: str, key: str, customer: Body) -> tuple[int, Body]:
    made = request(
        "orders/place_order",
        body=ordered(token, customer=customer),
        headers={"idempotency-key": key},
        scope=SCOPE,
    )
    return answered(api.handler(made, None))


def test_nothing_is_counted_for_an_order_without_limits() -> None:
    offered(promotion("ten"))
    placed(ordered(quoted()["quote_token"]))
    assert counters() == {}
