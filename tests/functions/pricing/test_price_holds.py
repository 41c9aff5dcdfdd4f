"""Price holds: what an order will use is kept while its payment is being made."""

from datetime import timedelta
from typing import Any

import pytest

from functions.orders import orders as order_routes
from functions.pricing import api as pricing_api
from functions.pricing import holds as hold_routes
from functions.pricing import sweep
from shared.cards import store as cards
from shared.loyalty import wallets
from shared.pricing.model.uses import Code
from shared.pricing.store import codes
from shared.web.api import now_in_milliseconds
from tests.functions.orders.test_orders_api import call as call_orders
from tests.functions.orders.test_orders_api import placed
from tests.functions.orders.test_points import FOR_BOB, SCOPE, quoted
from tests.functions.orders.test_quoted import BOOK, ordered, publish
from tests.support import shop
from tests.support import wallets as support
from tests.support.cards import issued
from tests.support.requests import answered, paths, request

Body = dict[str, Any]
TEN: Body = {
    "promotion_id": "ten",
    "title": "10 % once",
    "does": [{"kind": "order_percent_off", "basis_points": 1000}],
    "code": "required",
    "group": "code",
    "stacks_with": "all",
    "limits": {"uses": 1, "per_person": 1},
}
ALL = f"{SCOPE} norain/cards:read"


@pytest.fixture(autouse=True)
def shopper(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    """Bob has 1,500 points; the code TEN can be used once."""
    environment.setenv("NORAIN_CARD_KEY", "a key for tests of cards")
    shop.stocked({"A": {"denver": 90}, "B": {"denver": 30}})
    publish({**BOOK, "promotions": [TEN]})
    codes.put([Code("TEN", "ten", uses=1)], shop.request("codes"), shop.NOW)
    support.publish()
    support.profile("bob")
    wallets.adjust("bob", 1_500, "a present", shop.request("give"), shop.NOW)


def call(
    name: str, body: Body | None = None, scope: str = ALL, key: str = "h", path: str | None = None
) -> tuple[int, Body]:
    headers = {"idempotency-key": key}
    made = request(f"pricing/{name}", body=body, scope=scope, headers=headers, path=path)
    response = pricing_api.handler(made, None)
    return answered(response) if response["body"] else (int(response["statusCode"]), {})


def quote(**more: Any) -> Body:
    return quoted(**{"codes": ["TEN"], "points": 1_000, **more})


def held(quote: Body, code: str | None = None, key: str = "h", **more: Any) -> Body:
    """A hold with a card of this code."""
    rows = [{"code": code, "subject": "session-1"}] if code else []
    body = {"quote_token": quote["quote_token"], "cards": rows, **more}
    status, answer = call("hold_prices", body, key=key)
    assert status == 201, answer
    return answer


def ordered_from(quote: Body, hold: Body) -> Body:
    return ordered(quote["quote_token"], price_hold_id=hold["hold_id"], **FOR_BOB)


def points() -> tuple[int, int]:
    """Bob's available and held points."""
    account = wallets.wallet("bob", shop.NOW).accounts["bob"]
    return account.available, account.points.held


def uses() -> dict[str, int]:
    return {
        f"{row['pk'].partition('#')[0]} {row['sk']}": row["uses"]
        for row in shop.items("pricing")
        if "spent" in row
    }


def later(environment: pytest.MonkeyPatch, seconds: int) -> None:
    at = now_in_milliseconds() + timedelta(seconds=seconds)
    for routes in (order_routes, hold_routes, pricing_api):
        environment.setattr(routes, "now_in_milliseconds", lambda: at)


def test_a_hold_keeps_all_that_the_order_then_uses() -> None:
    card, code = issued(700)
    priced = quote()
    hold = held(priced, code)
    total = priced["totals"]["total"]
    assert hold["total"]["amount"] == total
    assert hold["to_pay"]["amount"] == total - 700
    assert hold["cards"] == [{"suffix": card.suffix, "amount": {"amount": 700, "currency": "USD"}}]
    assert hold["points"] == 1_000
    assert held(priced, code) == hold, "a replay keeps nothing more"
    assert (cards.find(card.card_id).held, points()) == (700, (500, 1_000))
    assert uses() == {"LIMIT ALL": 1, "USES ten": 1, "CODE USES": 1}
    order = placed(ordered_from(priced, hold))
    assert [one["captured"]["amount"] for one in order["payments"]] == [700, total - 700]
    assert order["payments"][0]["card_suffix"] == card.suffix
    stored = cards.find(card.card_id)
    assert (stored.balance, stored.held, points()) == (0, 0, (500, 0))
    assert uses() == {"LIMIT ALL": 1, "USES ten": 1, "CODE USES": 1}
    path = f"/v1/orders/{order['order_id']}/cancel"
    status, after = call_orders("cancel_order", {"reason": "all of it"}, path, key="c")
    assert status == 200, after
    assert (cards.find(card.card_id).balance, points()) == (700, (1_500, 0))
    assert set(uses().values()) == {0}


def test_what_is_held_nobody_else_gets() -> None:
    """saleor#15855: the loser of the race was charged, then refunded."""
    _, code = issued(700)
    other = {"quote_token": quoted(points=600)["quote_token"], "cards": []}
    hold = held(quote(), code)
    assert call("hold_prices", other, key="2")[1]["code"] == "points_short"
    other = {"quote_token": quoted()["quote_token"], "cards": [{"code": code, "subject": "s"}]}
    status, refused = call("hold_prices", other, key="3")
    assert (status, refused["code"], refused["available"]) == (409, "card_short", 0)
    assert [row["reason"] for row in quoted(codes=["TEN"])["refused_codes"]] == ["exhausted"]
    for _ in range(2):
        assert call("release_prices", path=f"/v1/prices/hold/{hold['hold_id']}")[0] == 204
    assert (points(), set(uses().values())) == ((1_500, 0), {0})
    assert held(quote(), code, key="4")["cards"]


def test_a_failed_payment_leaves_the_code_usable() -> None:
    """Adyen/adyen-magento2#1089: after 3-D Secure failed, the code was gone."""
    priced = quote()
    hold = held(priced)
    assert call("release_prices", path=f"/v1/prices/hold/{hold['hold_id']}")[0] == 204
    status, refused = call_orders("place_order", ordered_from(priced, hold), key="o")
    assert (status, refused["code"], refused["state"]) == (409, "price_hold_closed", "released")
    assert quote()["discounts"]


def test_the_quote_of_a_hold_is_valid_until_the_hold_ends(
    environment: pytest.MonkeyPatch,
) -> None:
    """Adyen/adyen-magento2#113: the code expired while the shopper was paying."""
    priced = quote()
    hold = held(priced, expires_in_seconds=3600)
    later(environment, 1800)
    status, refused = call_orders("place_order", ordered(priced["quote_token"], **FOR_BOB), key="n")
    assert (status, refused["code"]) == (409, "quote_expired")
    order = placed(ordered_from(priced, hold))
    assert order["totals"]["total"]["amount"] == priced["totals"]["total"]
    later(environment, 3600)
    assert placed(ordered_from(priced, hold)) == order, "a replay after the deadline"
    status, refused = call_orders("place_order", ordered_from(priced, hold), key="again")
    assert (status, refused["code"], refused["state"]) == (409, "price_hold_closed", "claimed")
    path = f"/v1/prices/hold/{hold['hold_id']}"
    assert call("release_prices", path=path)[1]["code"] == "price_hold_closed"


def test_the_sweep_gives_back_what_an_expired_hold_keeps(
    environment: pytest.MonkeyPatch,
) -> None:
    card, code = issued(700)
    priced = quote()
    later(environment, -3600)
    hold = held(priced, code, expires_in_seconds=60)
    later(environment, 3600)
    status, refused = call_orders("place_order", ordered_from(priced, hold), key="late")
    assert (status, refused["code"], refused["state"]) == (409, "price_hold_closed", "expired")
    assert sweep.handler({}, None) == {"released": 1, "failed": 0, "remaining": 0}
    assert sweep.handler({}, None) == {"released": 0, "failed": 0, "remaining": 0}
    assert (cards.find(card.card_id).held, points(), set(uses().values())) == (0, (1_500, 0), {0})
    (row,) = [row for row in shop.items("pricing") if row["pk"].startswith("PRICEHOLD#")]
    assert "home" not in row, "the person is forgotten"
    assert "draws" not in row


def test_a_hold_is_for_its_quote_alone() -> None:
    hold, another = held(quote()), quoted()
    status, refused = call_orders("place_order", ordered_from(another, hold), key="x")
    assert (status, paths(refused)) == (422, {"$.price_hold_id"}), refused
    assert call("hold_prices", {"quote_token": another["quote_token"], "cards": []})[0] == 422
    status, refused = call_orders(
        "place_order", {**ordered_from(another, hold), "price_hold_id": "ph-0"}, key="y"
    )
    assert (status, refused["state"]) == (409, "gone")


@pytest.mark.parametrize(
    ("changes", "status", "path"),
    [
        ({"expires_in_seconds": 14_401}, 422, "$.expires_in_seconds"),
        ({"quote_token": "e30"}, 422, "$.quote_token"),
        ({"cards": [{"code": "CODE", "subject": "s"}] * 2}, 422, "$.cards[1]"),
        ({"cards": [{"code": "CODE", "subject": "s", "amount": 1}]}, 422, "$.cards[0].amount"),
        (
            {
                "cards": [
                    {"code": "CODE", "subject": "s", "amount": {"amount": 1, "currency": "EUR"}}
                ]
            },
            422,
            "$.cards[0].amount.currency",
        ),
    ],
)
def test_a_wrong_request_is_told_where(changes: Body, status: int, path: str) -> None:
    _, code = issued(700)
    for row in changes.get("cards", ()):
        row["code"] = code
    body = {"quote_token": quote()["quote_token"], "cards": [], **changes}
    found, refused = call("hold_prices", body)
    assert (found, paths(refused)) == (status, {path}), refused
    assert uses() == {}


def test_cards_take_their_scope_and_a_limit_its_person() -> None:
    _, code = issued(700)
    body = {"quote_token": quote()["quote_token"], "cards": [{"code": code, "subject": "s"}]}
    assert call("hold_prices", body, scope=SCOPE)[0] == 403
    status, refused = call(
        "hold_prices",
        {"quote_token": quote(customer={}, points=None)["quote_token"], "cards": []},
        key="nobody",
    )
    assert (status, refused["code"]) == (409, "needs_contact")
    assert uses() == {}


def test_a_person_is_promised_no_promotion_that_the_person_has_used() -> None:
    order = placed(ordered(quote(points=None)["quote_token"], **FOR_BOB))
    assert order["lines"][0]["discounts"]
    publish({**BOOK, "promotions": [{**TEN, "limits": {"per_person": 1}, "code": "none"}]})
    again = quoted()
    assert again["discounts"] == []
    assert [row["reason"] for row in again["not_taken"]] == ["exhausted"]
    assert quoted(customer={})["discounts"], "others have not used it"


def test_the_uses_move_to_the_home_profile_of_the_order() -> None:
    """After a merge the order may belong to another profile of the person than the hold."""
    priced = quote(points=None)
    hold = held(priced)
    support.profile("aaron")
    survivor = support.merge("aaron", "bob")
    order = ordered(
        priced["quote_token"], price_hold_id=hold["hold_id"], customer={"profile_id": survivor}
    )
    placed(order)
    by_person = [row["uses"] for row in shop.items("pricing") if row["pk"].startswith("USES#")]
    assert sum(by_person) == 1
