"""GET /v1/recommendations and the feedback: who gets what, and what must not be used."""

import json
from datetime import date
from typing import Any

import pytest

from functions.recommendations import api
from shared.availability.store import recent
from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.catalog import store as catalog
from shared.catalog.model import GROUP, Product
from shared.customers.store import Act
from shared.recommendations.erasing import forget_purchases
from shared.recommendations.exporting import page
from shared.recommendations.store import feedback, reading, rows
from shared.recommendations.store.packing import pack_fitted
from shared.web.api import now_in_milliseconds
from tests.support import shop, tastes
from tests.support.erasure import erase
from tests.support.requests import answered, paths, request
from tests.support.shop import NOW
from tests.support.tastes import again, bought
from tests.support.wallets import merge

pytestmark = pytest.mark.usefixtures("fake_tables")

Json = dict[str, Any]
SKUS = ("milk", "bread", "jam", "tea", "soap")


@pytest.fixture(autouse=True)
def shelves(fake_tables: None) -> None:
    recent.clear()
    reading.clear()
    shop.stocked({sku: {"denver": 9} for sku in SKUS})


def ask(kind: str = "with", scope: str | None = None, **query: str) -> tuple[int, Json]:
    reading.clear()
    recent.clear()
    asked = {"kind": kind, "channel": "web", **query}
    made = request("recommendations/get_recommendations", query=asked, scope=scope)
    return answered(api.handler(made, None))


def suggested(kind: str = "with", **query: str) -> list[tuple[str, str]]:
    status, body = ask(kind, **query)
    assert status == 200, body
    return [(one["sku"], one["reason"]["kind"]) for one in body["items"]]


def habits() -> None:
    """Bob buys bread often, and jam; milk goes with tea."""
    for number in range(3):
        bought("bread", name=f"b-{number}", home="bob", day=date(2026, 11, 1 + number))
    bought("jam", name="b-9", home="bob")
    for number in range(2):
        bought("milk", "tea", name=f"m-{number}")


def test_what_goes_with_the_cart() -> None:
    habits()
    status, body = ask("with", sku="milk", location_id="denver", limit="1")
    assert status == 200
    assert body == {
        "kind": "with",
        "personal": False,
        "items": [{"sku": "tea", "reason": {"kind": "goes_with", "sku": "milk"}}],
    }


def test_the_rest_is_what_is_popular_and_the_cart_is_not_suggested() -> None:
    habits()
    found = suggested("with", sku="milk,jam")
    assert found == [("tea", "goes_with"), ("bread", "popular_here")]


def test_what_a_person_buys_with_times_and_last() -> None:
    tastes.profile("bob")
    habits()
    status, body = ask("again", profile_id="bob", limit="2")
    assert status == 200
    assert body["personal"] is True
    assert body["items"] == [
        {
            "sku": "bread",
            "reason": {"kind": "bought_before", "times": 3, "last": "2026-11-03"},
        },
        {"sku": "jam", "reason": {"kind": "bought_before", "times": 1, "last": "2026-11-20"}},
    ]


@pytest.mark.parametrize("consent", [None, "denied", "pending", "unknown"])
def test_without_consent_no_purchase_of_the_person_is_used(consent: Any) -> None:
    tastes.profile("bob", consent)
    habits()
    status, body = ask("again", profile_id="bob")
    assert status == 200
    assert body["personal"] is False
    assert {one["reason"]["kind"] for one in body["items"]} == {"popular_here"}


def test_a_merged_person_has_the_purchases_of_all_homes() -> None:
    tastes.profile("bob")
    tastes.profile("eve")
    bought("bread", name="o-1", home="bob")
    bought("tea", name="o-2", home="eve")
    person = merge("bob", "eve")
    other = "eve" if person == "bob" else "bob"
    for asked in (person, other):
        found = suggested("again", profile_id=asked, limit="2")
        assert sorted(found) == [("bread", "bought_before"), ("tea", "bought_before")]


def test_an_erased_person_is_gone() -> None:
    tastes.profile("bob")
    habits()
    erase("bob", Act("agent", NOW, "asked to"))
    assert ask("again", profile_id="bob")[0] == 410


def test_what_is_erased_does_not_come_back_with_a_late_event() -> None:
    tastes.profile("bob")
    habits()
    reported(profile_id="bob")
    assert forget_purchases(["bob"], "", NOW) is None
    assert forget_purchases(["bob"], "", NOW) is None
    bought("tea", name="late", home="bob")
    bought("tea", name="b-9", home="bob", version=2)
    left = [item for item in shop.items("recommendations") if item["pk"] == "AGAIN#bob"]
    assert [set(item) for item in left] == [{"pk", "sk", "version", "closed_at"}]
    assert again("bob") == {}
    assert tastes.baskets("tea") == 4


def test_an_export_has_what_the_person_buys() -> None:
    habits()
    reported(profile_id=tastes.profile("bob"))
    lines, following = page(["bob", "eve"], "")
    assert following == "1"
    assert {line["sku"]: line["orders"] for line in lines if line["kind"] == "buys"} == {
        "bread": 3,
        "jam": 1,
    }
    assert [line["taken"] for line in lines if line["kind"] == "suggestions"] == [1]
    assert page(["bob", "eve"], "1") == ([], None)
    assert page(["bob", "eve"], "2") == ([], None)


def test_what_is_out_of_stock_there_is_not_suggested() -> None:
    habits()
    shop.stocked({"cup": {"omaha": 3}})
    bought("milk", "cup", name="c-1")
    assert ("cup", "goes_with") in suggested("with", sku="milk")
    assert ("cup", "goes_with") not in suggested("with", sku="milk", location_id="denver")
    bought("milk", "unknown", name="c-2")
    assert "unknown" not in dict(suggested("with", sku="milk"))


def test_a_cold_start_shows_what_is_popular_at_the_location() -> None:
    for number in range(2):
        bought("tea", name=f"d-{number}", location_id="denver")
    for number in range(3):
        bought("soap", name=f"s-{number}")
    assert suggested("new", location_id="denver") == [
        ("tea", "popular_here"),
        ("soap", "popular_here"),
    ]
    assert suggested("again")[0] == ("soap", "popular_here")


def test_what_is_new_to_a_person_by_the_nightly_fit() -> None:
    tastes.profile("bob")
    habits()
    key = rows.again_key("bob")
    tables.write(
        "update_item",
        TableName=key.table,
        Key=tables.key(key.pk, key.sk),
        UpdateExpression="SET fitted = :fitted",
        ExpressionAttributeValues=to_item(
            {":fitted": pack_fitted([("soap", 0.4), ("bread", 0.3), ("tea", 0.2)])}
        ),
    )
    assert suggested("new", profile_id="bob", limit="3") == [
        ("soap", "suits_you"),
        ("tea", "suits_you"),
        ("milk", "popular_here"),
    ]
    bought("soap", name="b-10", home="bob")
    assert ("soap", "suits_you") not in suggested("new", profile_id="bob")


def test_alternatives_are_variants_and_similar_products() -> None:
    def product(sku: str, price: int, **attributes: str) -> None:
        catalog.put(Product(sku, sku, price, "USD", 0.5, attributes=attributes))

    shop.stocked({sku: {"denver": 3} for sku in ("cup", "mug", "vase")})
    departments = dict.fromkeys(("tea", "cup", "mug", "vase"), "kitchen")
    product("tea", 1000, department="kitchen", **{GROUP: "teas"})
    product("jam", 5000, **{GROUP: "teas"})
    product("cup", 1100, department="kitchen")
    product("mug", 700, department="kitchen")
    product("vase", 9000, department="kitchen")
    bought("tea", "cup", "mug", "vase", name="o-1", departments=departments)
    assert suggested("alternatives", sku="tea") == [
        ("jam", "variant"),
        ("cup", "similar"),
        ("mug", "similar"),
    ]
    assert suggested("alternatives", sku="soap") == []


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"kind": "others"}, "query.kind"),
        ({"kind": "with"}, "query.sku"),
        ({"kind": "alternatives"}, "query.sku"),
        ({"kind": "alternatives", "sku": "milk,tea"}, "query.sku"),
        ({"sku": "milk", "limit": "21"}, "query.limit"),
        ({"sku": "a b"}, "query.sku[0]"),
        ({"sku": ",".join(f"sku-{number}" for number in range(51))}, "query.sku"),
        ({"sku": "milk", "profile_id": "nobody"}, "query.profile_id"),
    ],
)
def test_wrong_input_is_refused_with_its_path(query: dict[str, str], path: str) -> None:
    status, body = ask(**{"kind": "with", **query})
    assert status == 422, body
    assert path in paths(body)


def test_a_profile_takes_the_scope_of_customers() -> None:
    tastes.profile("bob")
    scope = "norain/recommendations:read norain/channel:web"
    status, body = ask("again", scope=scope, profile_id="bob")
    assert (status, paths(body)) == (403, {"query.profile_id"})
    assert ask("again", scope=scope)[0] == 200
    assert ask("again", scope="norain/recommendations:read norain/channel:pos")[0] == 403


def reported(key: str = "k-1", **body: Any) -> tuple[int, Json]:
    made = request("recommendations/record_feedback", body=body, headers={"idempotency-key": key})
    return answered(api.handler(made, None))


def test_feedback_is_counted_once() -> None:
    today = now_in_milliseconds().date()
    for _ in range(2):
        assert reported() == (200, {"shown": 2, "taken": 1})
    reported("k-2", taken=None)
    assert feedback.counted("web", "with", today) == (4, 1)
    assert feedback.counted("web", "again", today) == (0, 0)
    status, body = reported("k-1", taken=None)
    assert (status, body["code"]) == (422, "idempotency_key_reused")


def test_feedback_of_a_person_without_consent_is_counted_without_the_person() -> None:
    tastes.profile("bob", "denied")
    assert reported(profile_id="bob")[0] == 200
    assert not [item for item in shop.items("recommendations") if item["pk"] == "AGAIN#bob"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"shown": []}, "$.shown"),
        ({"taken": ["cup"]}, "$.taken[0]"),
        ({"profile_id": "nobody"}, "$.profile_id"),
        ({"kind": "other"}, "$.kind"),
    ],
)
def test_wrong_feedback_is_refused_with_its_path(body: Json, path: str) -> None:
    status, answer = reported(**body)
    assert (status, paths(answer)) == (422, {path}), json.dumps(answer)
