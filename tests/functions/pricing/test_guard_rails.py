"""Guard-rails of the promotions: drafts that break them are neither stored nor published."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.orders import api as orders
from functions.pricing import what_if
from functions.pricing.api import handler
from shared.errors import GuardRailBroken
from shared.pricing.store import books
from shared.pricing.store.books.rails import check_publication
from tests.support.requests import answered, request

pytestmark = pytest.mark.usefixtures("fake_tables")

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
Body = dict[str, Any]


def call(name: str, **changes: Any) -> tuple[int, Body]:
    return answered(handler(request(f"pricing/{name}", **changes), None))


def rails(**limits: Any) -> Body:
    merged = {"unit_discount": None, "unit_margin": None, "what_if": None, **limits}
    status, answer = call("put_promotions_guard_rails", body=merged)
    assert status == 200, answer
    return answer


def drafted(*promotions: Body) -> tuple[int, Body]:
    named = [
        {"promotion_id": f"p{number}", "title": "A promotion", **one}
        for number, one in enumerate(promotions)
    ]
    return call("put_promotions_draft", body={"currency": "USD", "promotions": named})


HALF = {"does": [{"kind": "percent_off", "basis_points": 5000}]}


def test_the_guard_rails_have_versions() -> None:
    empty = {"end_required": False, "limits_required": False}
    assert call("get_promotions_guard_rails") == (200, {"version": 0, "guard_rails": {}})
    assert rails(budget=1000)["version"] == 1
    again = request("pricing/put_promotions_guard_rails", headers={"if-match": '"0"'})
    status, body = answered(handler(again, None))
    assert (status, body["code"], body["version"]) == (412, "version_mismatch", 1)
    assert rails(unit_discount=5000)["version"] == 2
    answer = call("get_promotions_guard_rails")[1]
    assert answer["guard_rails"] == {**empty, "unit_discount": 5000}
    assert answer["changed_by"] == "planner-client"


@pytest.mark.parametrize(
    ("path", "limits"),
    [
        ("$.unit_discount", {"unit_discount": 10_001}),
        ("$.budget", {"budget": 0}),
        ("$.what_if.orders", {"what_if": {"days": 3, "orders": -1}}),
        ("$", {"unit_margin": 100, "what_if": None}),
        ("$.most", {"most": 3}),
    ],
)
def test_wrong_guard_rails_are_refused(path: str, limits: Body) -> None:
    status, body = call("put_promotions_guard_rails", body=limits)
    assert status == 422
    assert path in [error["path"] for error in body["errors"]]


@pytest.mark.parametrize(
    ("limits", "promotion", "rail", "path", "measured"),
    [
        ({"unit_discount": 4999}, HALF, "unit_discount", ".does[0].basis_points", 5000),
        (
            {"unit_discount": 4000},
            {
                "does": [
                    {"kind": "amount_off", "amount": 100},
                    {
                        "kind": "quantity_tiers",
                        "tiers": [
                            {"min_quantity": 2, "basis_points": 4000},
                            {"min_quantity": 3, "basis_points": 4001},
                        ],
                    },
                ]
            },
            "unit_discount",
            ".does[1].tiers[1].basis_points",
            4001,
        ),
        (
            {"unit_discount": 9999},
            {"does": [{"kind": "buy_get", "buy": 2, "get": 1}]},
            "unit_discount",
            ".does[0].basis_points",
            10_000,
        ),
        (
            {"unit_discount": 9999},
            {"does": [{"kind": "gift", "sku": "A"}]},
            "unit_discount",
            ".does[0]",
            10_000,
        ),
        ({"budget": 900}, {**HALF, "limits": {"budget": 901}}, "budget", ".limits.budget", 901),
        ({"budget": 900}, {**HALF, "limits": {"uses": 9}}, "budget", ".limits.budget", None),
        ({"end_required": True}, HALF, "end_required", ".ends_on", None),
        ({"limits_required": True}, HALF, "limits_required", ".limits", None),
    ],
)
def test_a_refusal_names_the_promotion_the_path_and_the_rail(
    limits: Body, promotion: Body, rail: str, path: str, measured: int | None
) -> None:
    harmless = {
        "does": [{"kind": "shipping_price", "amount": 0}],
        "ends_on": "2026-12-31",
        "time_zone": "UTC",
        "limits": {"budget": 500},
    }
    rails(**limits)
    status, body = drafted(harmless, promotion)
    assert (status, body["code"]) == (409, "guard_rail")
    (breach,) = body["breaches"]
    assert (breach["promotion_id"], breach["guard_rail"]) == ("p1", rail)
    assert breach["path"] == f"$.promotions[1]{path}"
    assert breach.get("measured") == measured
    assert books.draft() is None
    assert drafted(harmless)[0] == 200


def test_rails_that_are_narrower_since_stop_the_publication() -> None:
    assert drafted(HALF)[0] == 200
    rails(unit_discount=4000)
    status, body = call("publish_promotions")
    assert (status, body["code"]) == (409, "guard_rail")
    assert books.active_version() == 0
    rails(unit_discount=5000)
    assert call("publish_promotions")[0] == 200


def test_rails_that_change_during_the_publication_are_checked_again(
    environment: pytest.MonkeyPatch,
) -> None:
    assert drafted(HALF)[0] == 200
    name = "shared.pricing.store.books.publishing.check_publication"

    def check_then_change(*of: Any) -> int:
        version = check_publication(*of)
        environment.setattr(name, check_publication)
        books.put_rails({"unit_discount": 4000}, None, NOW, "another")
        return version

    environment.setattr(name, check_then_change)
    with pytest.raises(GuardRailBroken):
        books.publish(None, NOW, "planner")
    assert books.active_version() == 0


def tried(**body: Any) -> Body:
    made = request("orders/try_promotions_draft", body=body)
    status, answer = answered(orders.handler(made, None))
    assert status == 200, answer
    return answer


@pytest.mark.usefixtures("past_orders")
def test_what_the_what_if_measures_stops_the_publication_with_its_figures(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setattr(what_if, "WHAT_IF_ITEMS", 1)
    rails(unit_margin=2500, discounts=3000, what_if={"days": 2, "orders": 2})
    assert drafted({"does": [{"kind": "fixed_price", "amount": 750}]})[0] == 200
    assert call("publish_promotions")[1]["code"] == "what_if_missing"
    found = tried(days=2)
    while cursor := found.get("next_cursor"):
        refused = call("publish_promotions")[1]
        assert (refused["code"], refused["found"]["through"]) == ("what_if_missing", False)
        found = tried(days=2, cursor=cursor)
    assert found["trial"]["through"] is True
    assert found["trial"]["after"]["orders"] == 2
    status, refused = call("publish_promotions")
    assert (status, refused["code"]) == (409, "guard_rail")
    breaches = {row["guard_rail"]: row for row in refused["breaches"]}
    assert refused["breaches"] == found["trial"]["broken"]
    # 750 of 1000 leaves 150 of 750; the discounts are 750 + 1750 of 5500.
    margin = breaches["unit_margin"]
    assert (margin["promotion_id"], margin["path"]) == ("p0", "$.promotions[0]")
    assert (margin["measured"], margin["limit"]) == (2000, 2500)
    assert (breaches["discounts"]["path"], breaches["discounts"]["measured"]) == ("$", 4546)
    assert books.active_version() == 1


@pytest.mark.usefixtures("past_orders")
def test_what_the_rails_allow_is_published_after_its_what_if() -> None:
    rails(unit_margin=1000, unit_discount=5000, what_if={"days": 2, "orders": 2})
    assert drafted({"does": [{"kind": "percent_off", "basis_points": 1000}]})[0] == 200
    tried(days=1)
    assert call("publish_promotions")[1]["code"] == "what_if_missing", "too few days"
    assert tried(days=2)["trial"]["broken"] == []
    assert call("publish_promotions")[0] == 200
    assert drafted({"does": [{"kind": "percent_off", "basis_points": 2000}]})[0] == 200
    assert call("publish_promotions")[1]["code"] == "what_if_missing", "another revision"
    tried(days=2)
    rails(unit_margin=1000, what_if={"days": 2, "orders": 3})
    assert call("publish_promotions")[1]["code"] == "what_if_missing", "too few orders"
