"""The routes of prices, quotes and promotions, from the gateway's event to its answer."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.pricing import api
from functions.pricing.api import handler
from shared.aws import secrets, settings
from shared.catalog import store as catalog
from shared.catalog.model import PriceRow, Product
from shared.errors import InvalidRequest, QuoteExpired
from shared.locations import store as locations
from shared.pricing.store import books
from shared.pricing.tokens import check_valid, quote_token, read_token
from tests.support import shop
from tests.support.places import place
from tests.support.requests import answered, paths, request
from tests.support.units import metered

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 29, 10, tzinfo=UTC)
BOOK = json.loads(request("pricing/put_promotions_draft")["body"])
ALL = "norain/prices:read norain/customers:read norain/channel:all"


@pytest.fixture(autouse=True)
def clock(environment: pytest.MonkeyPatch) -> None:
    environment.setattr(api, "now_in_milliseconds", lambda: AT)


def call(name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request(f"pricing/{name}", **changes), None))


def milk(*rows: PriceRow, sku: str = "milk-1", **more: Any) -> None:
    values: dict[str, Any] = {"price": 349, "currency": "USD", "kg": 1.0, **more}
    catalog.put(Product(sku, "Milk", attributes={"department": "dairy"}, prices=rows, **values))


def publish(book: dict[str, Any] | None = None) -> None:
    assert call("put_promotions_draft", body=book)[0] == 200
    assert call("publish_promotions")[0] == 200


def test_a_book_goes_from_draft_to_force_and_back() -> None:
    assert call("get_promotions_draft")[0] == 404
    assert call("publish_promotions")[0] == 404
    status, draft = call("put_promotions_draft")
    assert (status, draft["revision"], draft["changed_by"]) == (200, 1, "planner-client")
    us = {**BOOK["taxes"]["US"], "by_service": False}
    assert {**draft["book"], "promotions": BOOK["promotions"]} == {**BOOK, "taxes": {"US": us}}
    assert call("get_promotions_draft") == (200, draft)
    assert call("put_promotions_draft", body=draft["book"])[1]["book"] == draft["book"]
    status, made = call("publish_promotions")
    assert (status, made["version"], made["active"], made["promotions"]) == (200, 1, True, 3)
    assert books.in_force.get().book.version == 1
    assert call("get_promotions") == (200, {"version": 1, "active": True, "book": draft["book"]})
    assert call("roll_back_promotions") == (200, {"active": 0, "before": 1})
    assert books.in_force.get().book.version == 0
    assert call("get_promotions")[0] == 404
    assert call("get_promotions", query={"version": "1"})[1]["active"] is False
    assert call("get_promotions", query={"version": "2"})[0] == 404
    assert call("roll_back_promotions", path="/v1/promotions/7/rollback")[0] == 404


def test_a_draft_that_has_changed_since_is_refused() -> None:
    response = handler(request("pricing/put_promotions_draft"), None)
    seen = response["headers"]["ETag"]
    assert handler(request("pricing/get_promotions_draft"), None)["headers"]["ETag"] == seen
    assert call("put_promotions_draft", headers={"if-match": seen})[0] == 200
    for name in ("put_promotions_draft", "publish_promotions"):
        status, body = call(name, headers={"if-match": seen})
        assert (status, body["code"], body["version"]) == (412, "version_mismatch", 2)
    assert call("publish_promotions", headers={"if-match": '"2"'})[0] == 200


def promotion(**changes: Any) -> dict[str, Any]:
    fields = {**copy.deepcopy(BOOK["promotions"][0]), **changes}
    return {"promotions": [{name: value for name, value in fields.items() if value is not None}]}


def effect(**fields: Any) -> dict[str, Any]:
    return promotion(does=[fields])


DEEP: dict[str, Any] = {"method": ["ship"]}
for _ in range(4):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.colour", {"colour": "red"}),
        ("$.currency", {"currency": "usd"}),
        ("$.promotions[0].code", promotion(code="sometimes")),
        ("$.promotions[0].title", promotion(title="")),
        ("$.promotions[0].does", promotion(does=[])),
        ("$.promotions[0]", promotion(starts_on="2026-11-29")),
        (
            "$.promotions[0]",
            promotion(starts_on="2026-11-29", ends_on="2026-11-28", time_zone="UTC"),
        ),
        ("$.promotions[0].time_zone", promotion(time_zone="Denver")),
        ("$.promotions[0]", promotion(when={"hours": {"days": ["mon"]}})),
        ("$.promotions[0].when", promotion(when={})),
        ("$.promotions[0].when", promotion(when={"method": ["ship"], "any": [DEEP]})),
        ("$.promotions[0].when", promotion(when=DEEP)),
        (
            "$.promotions[0].when.subtotal.at_least",
            promotion(when={"subtotal": {"at_least": 0.5}}),
        ),
        ("$.promotions[0].does[0]", effect(kind="half_off")),
        (
            "$.promotions[0].does[0].percent_off.basis_points",
            effect(kind="percent_off", basis_points=10_001),
        ),
        ("$.mode", {"mode": "cheapest"}),
        (
            "$.promotions[0].funding.basis_points",
            promotion(funding={"vendor": "v", "basis_points": 0}),
        ),
        (
            "$.promotions[0].does[0].points_multiplier.basis_points",
            effect(kind="points_multiplier", basis_points=10_000),
        ),
        (
            "$.promotions[0]",
            promotion(
                does=[{"kind": "points_multiplier", "basis_points": 20_000}], limits={"uses": 3}
            ),
        ),
        (
            "$.promotions[0]",
            promotion(
                does=[{"kind": "points_multiplier", "basis_points": 20_000}], code="required"
            ),
        ),
        ("$.promotions[0].does[0].buy_get.buy", effect(kind="buy_get", buy=0, get=1)),
        (
            "$.promotions[0].does[0].quantity_tiers.tiers",
            effect(
                kind="quantity_tiers",
                tiers=[{"min_quantity": 2, "basis_points": points} for points in (1, 2)],
            ),
        ),
        (
            "$.promotions[0].does[0].percent_off.products.excluded",
            effect(kind="percent_off", basis_points=1, products={"excluded": {}}),
        ),
        ("$.promotions", {"promotions": promotion()["promotions"] * 2}),
        ("$.promotions", promotion(promotion_id="points")),
        ("$.taxes.US.rates", {"taxes": {"US": {"included": True, "rates": {"food": 1}}}}),
    ],
)
def test_a_bad_book_is_refused_by_its_path(path: str, fields: dict[str, Any]) -> None:
    status, body = call("put_promotions_draft", body=fields)
    assert (status, body["code"], paths(body)) == (422, "invalid_request", {path})
    assert books.draft() is None


def test_a_cart_is_priced() -> None:
    milk()
    publish()
    status, quote = call("quote_prices")
    assert status == 200
    assert quote["totals"] == {
        "list_total": 698,
        "discounts": 70,
        "net": 628,
        "shipping": 0,
        "tax": 45,
        "tax_included": False,
        "total": 673,
    }
    assert [row["promotion_id"] for row in quote["discounts"]] == ["dairy-10", "gold-shipping"]
    (missed,) = quote["not_taken"]
    assert (missed["promotion_id"], missed["reason"], missed["short_by"]) == (
        "spend-50",
        "subtotal",
        4302,
    )
    assert (quote["book"], quote["given"]["tier"], quote["complete"]) == (1, "gold", True)


def test_the_same_question_has_the_same_bytes_in_every_channel() -> None:
    milk()
    publish()
    texts = {
        handler(request("pricing/quote_prices", body={"channel": name}, scope=ALL), None)["body"]
        for name in ("web", "pos", "kiosk")
    }
    assert len(texts) == 1
    milk(PriceRow(333, channels=("pos",)))
    web, pos = (
        call("quote_prices", body={"channel": name}, scope=ALL)[1] for name in ("web", "pos")
    )
    assert (web["lines"][0]["unit_price"], pos["lines"][0]["unit_price"]) == (349, 333)
    assert web["by_channel"] == pos["by_channel"] == ["sku:milk-1"]


def test_a_token_is_the_quote_for_15_minutes_whatever_is_published_since() -> None:
    milk()
    publish()
    _, answer = call("quote_prices")
    token = answer["quote_token"]
    milk(price=999)
    publish({"promotions": []})
    quote = read_token(token)
    stated = quote.to_json()
    assert stated == {name: answer[name] for name in stated}
    assert quote_token(quote) == token
    check_valid(quote.at, quote.engine, AT + timedelta(minutes=15) - timedelta(milliseconds=1))
    for engine, now in ((quote.engine, AT + timedelta(minutes=15)), (quote.engine + 1, AT)):
        with pytest.raises(QuoteExpired):
            check_valid(quote.at, engine, now)


def test_a_token_that_was_not_signed_here_is_refused(environment: pytest.MonkeyPatch) -> None:
    milk()
    token = call("quote_prices")[1]["quote_token"]
    changed = token[:60] + ("A" if token[60] != "A" else "B") + token[61:]
    for bad in ("", "é", "A" * 43, "A" * 200_000, changed, token[:-4], "%%%"):
        with pytest.raises(InvalidRequest) as refused:
            read_token(bad)
        assert paths(refused.value.data) == {"$.quote_token"}
    environment.setenv("NORAIN_QUOTE_KEY", "another key")
    secrets.secret.cache_clear()
    settings.setting.cache_clear()
    with pytest.raises(InvalidRequest):
        read_token(token)


def test_a_quote_of_20_lines_is_one_call() -> None:
    lines = [{"line_id": f"{n}", "sku": f"s{n}", "quantity": 1} for n in range(20)]
    for line in lines:
        milk(PriceRow(300, groups=("staff",)), sku=str(line["sku"]))
    publish()
    call("quote_prices", body={"lines": lines})
    with metered() as units:
        assert call("quote_prices", body={"lines": lines})[0] == 200
    assert (units.reads, units.writes) == (1, 0)


def test_no_promotion_advertises_what_is_out() -> None:
    shop.stocked({"A": {"denver": 3, "depot": 2}})
    when = {"sellable": {"skus": ["A"], "at_least": 4}}
    publish({"promotions": [{**promotion(when=when)["promotions"][0], "does": BOOK_OFF}]})
    lines = [{"line_id": "1", "sku": "A", "quantity": 1}]
    _, anywhere = call("quote_prices", body={"lines": lines})
    _, there = call("quote_prices", body={"lines": lines, "location_id": "denver"})
    assert (anywhere["totals"]["net"], there["totals"]["net"]) == (900, 1000)
    assert there["not_taken"][0]["reason"] == "sellable"
    assert anywhere["by_channel"] == ["promotion:dairy-10"]


BOOK_OFF = [{"kind": "percent_off", "basis_points": 1000}]


def test_a_row_of_a_group_of_locations_is_for_the_locations_in_it() -> None:
    locations.put(place("denver", groups=frozenset({"mountain", "city"})))
    locations.put(place("omaha", groups=frozenset({"plains"})))
    milk(PriceRow(333, location_groups=("mountain",)), PriceRow(311, location_groups=("coast",)))
    lines = [{"line_id": "1", "sku": "milk-1", "quantity": 1}]
    prices, given = {}, {}
    for location_id in ("denver", "omaha", None):
        asked = {"lines": lines, "location_id": location_id}
        quote = call("quote_prices", body=asked)[1]
        query = {"sku": "milk-1", "channel": "web"}
        if location_id:
            query["location_id"] = location_id
        (row,) = call("list_prices", query=query)[1]["prices"]
        prices[location_id] = quote["lines"][0]["unit_price"]
        given[location_id] = quote["given"].get("location_groups")
        assert row["price"]["amount"] == prices[location_id]
    assert prices == {"denver": 333, "omaha": 349, None: 349}
    assert given == {"denver": ["mountain"], "omaha": None, None: None}


def test_the_taxes_are_those_of_where_the_goods_go_or_of_the_location() -> None:
    shop.stocked({"A": {"denver": 3}})
    publish()
    lines = [{"line_id": "1", "sku": "A", "quantity": 1}]
    at_till = {"lines": lines, "location_id": "denver", "ship_to": None}
    assert call("quote_prices", body=at_till)[1]["given"]["country"] == "US"
    assert "tax" not in call("quote_prices", body={**at_till, "location_id": None})[1]["totals"]
    abroad = {**at_till, "ship_to": {"country": "DE"}}
    assert call("quote_prices", body=abroad)[1]["given"]["country"] == "DE"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.lines", {"lines": []}),
        ("$.lines[1].sku", {"lines": [("1", "milk-1", 1), ("2", "none", 1)]}),
        ("$.lines[1].sku", {"lines": [("1", "milk-1", 1), ("2", "euro", 1)]}),
        ("$.lines", {"lines": [("1", "milk-1", 1), ("1", "milk-1", 1)]}),
        ("$.lines[0].quantity", {"lines": [("1", "milk-1", 0)]}),
        ("$.location_id", {"location_id": "nowhere"}),
        ("$.shipping", {"shipping": -1}),
        ("$.customer.points", {"customer": {"points": 3}}),
    ],
)
def test_a_bad_cart_is_refused_by_its_path(path: str, fields: dict[str, Any]) -> None:
    milk()
    milk(sku="euro", currency="EUR")
    if "lines" in fields:
        rows = [{"line_id": one, "sku": sku, "quantity": n} for one, sku, n in fields["lines"]]
        fields = {"lines": rows}
    status, body = call("quote_prices", body=fields)
    assert (status, body["code"], paths(body)) == (422, "invalid_request", {path})


def test_a_client_prices_for_its_own_channel_only() -> None:
    milk()
    assert call("quote_prices", body={"channel": "pos"})[0] == 403
    assert call("list_prices", query={"sku": "milk-1", "channel": "pos"})[0] == 403


def test_who_may_not_read_profiles_has_no_prices_of_tiers_and_groups() -> None:
    """Anybody could claim to be gold, and the signed quote would say so."""
    milk()
    scope = "norain/prices:read norain/channel:web"
    for facts in ({"tier": "gold"}, {"groups": ["staff"]}, {"first_order": True}):
        status, refused = call("quote_prices", body={"customer": facts}, scope=scope)
        assert (status, paths(refused)) == (403, {"$.customer"})
    assert call("quote_prices", body={"customer": None}, scope=scope)[0] == 200
    query = {"sku": "milk-1", "channel": "web", "group": "staff"}
    assert call("list_prices", query=query, scope=scope)[0] == 403


def test_prices_are_listed_with_an_etag() -> None:
    changes = datetime(2026, 12, 1, tzinfo=UTC)
    milk(
        PriceRow(299, min_quantity=6),
        PriceRow(319, groups=("staff",), ends_at=changes, zone="UTC"),
        PriceRow(309, locations=("denver",)),
    )
    query = {"sku": "milk-1,none", "channel": "web", "location_id": "denver", "group": "staff"}
    scope = "norain/prices:read norain/customers:read norain/channel:web"
    made = request("pricing/list_prices", query=query, scope=scope)
    response = handler(made, None)
    (row,) = json.loads(response["body"])["prices"]
    assert row == {
        "sku": "milk-1",
        "price": {"amount": 319, "currency": "USD"},
        "changes_at": "2026-12-01T00:00:00.000Z",
    }
    tag = response["headers"]["ETag"]
    headers = {"if-none-match": tag}
    again = request("pricing/list_prices", query=query, headers=headers, scope=scope)
    assert handler(again, None)["statusCode"] == 304
    milk()
    assert handler(again, None)["statusCode"] == 200
    milk(PriceRow(299, min_quantity=6))
    _, listed = call("list_prices")
    assert listed["prices"][0]["steps"] == [{"min_quantity": 6, "amount": 299}]


def test_what_differs_between_channels_is_listed() -> None:
    """Law 1: everything else has one price."""
    milk(PriceRow(900, channels=("web",)))
    milk(sku="milk-2")
    everywhere = promotion(promotion_id="everywhere", channels=None, when=None)["promotions"]
    only = promotion(promotion_id="web-only", channels=["web"], when=None)["promotions"]
    publish({"promotions": [*everywhere, *only]})
    status, answer = call("list_differences")
    assert status == 200
    assert [row["promotion_id"] for row in answer["promotions"]] == ["web-only"]
    assert answer["products"] == [{"sku": "milk-1", "channels": ["web"]}]


def test_a_reason_is_told_in_our_words() -> None:
    """Without the kind of the exception that pydantic puts before them."""
    status, refused = call("quote_prices", body={"customer": {}, "points": 5})
    assert status == 422
    assert refused["errors"] == [{"path": "$", "message": "points take customer.profile_id"}]
