"""Codes of promotions through the API: making, reading, blocking, and typing them in a quote."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.pricing import api
from functions.pricing.api import handler
from shared.aws import dynamodb as tables
from shared.pricing.model.uses import Limits, Use
from shared.pricing.store import codes, uses
from tests.functions.pricing.test_pricing_api import milk
from tests.support.requests import answered, paths, request

AT = datetime(2026, 11, 29, 10, tzinfo=UTC)
TEN: dict[str, Any] = {
    "promotion_id": "ten",
    "title": "10 % off",
    "does": [{"kind": "percent_off", "basis_points": 1000}],
    "code": "required",
}


@pytest.fixture(autouse=True)
def clock(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    environment.setattr(api, "now_in_milliseconds", lambda: AT)
    milk(price=1000)


def call(name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request(f"pricing/{name}", **changes), None))


def publish(*promotions: dict[str, Any]) -> None:
    book = {"currency": "USD", "promotions": list(promotions)}
    for name, body in (("put_promotions_draft", book), ("publish_promotions", None)):
        assert call(name, body=body)[0] == 200


def made(body: dict[str, Any], key: str = "k1", promotion: str = "ten") -> tuple[int, Any]:
    """``body`` instead of the sample's."""
    path = f"/v1/promotions/{promotion}/codes"
    whole = {"count": None, "prefix": None, **body}
    return call("make_codes", body=whole, path=path, headers={"idempotency-key": key})


def quote(*typed: str) -> dict[str, Any]:
    status, answer = call("quote_prices", body={"customer": {}, "codes": list(typed)})
    assert status == 200, answer
    return answer


def test_a_promotion_with_a_code_is_for_those_who_type_it() -> None:
    publish(TEN)
    status, answer = made({"code": "save-10"})
    assert (status, answer) == (201, {"promotion_id": "ten", "codes": ["SAVE10"]})
    without = quote()
    assert (without["discounts"], without["not_taken"]) == ([], [])
    for typed in ("SAVE10", " save 10", "Save-10"):
        answer = quote(typed)
        assert [row["promotion_id"] for row in answer["discounts"]] == ["ten"]
        assert answer["given"]["codes"] == ["SAVE10"]
    answer = quote("SAVE11")
    assert answer["refused_codes"] == [{"code": "SAVE11", "reason": "unknown"}]
    assert answer["discounts"] == []


def test_random_codes_are_made_once_for_each_request() -> None:
    publish(TEN)
    status, first = made({"count": 250, "prefix": "NOV"})
    assert status == 201
    assert len(set(first["codes"])) == 250
    assert all(code.startswith("NOV") and len(code) == 15 for code in first["codes"])
    assert made({"count": 250, "prefix": "NOV"}) == (201, first)
    assert made({"count": 249, "prefix": "NOV"})[1]["code"] == "idempotency_key_reused"
    _, other = made({"count": 250, "prefix": "NOV"}, key="k2")
    assert not set(other["codes"]) & set(first["codes"])
    one = first["codes"][0]
    read = {"code": one, "promotion_id": "ten", "state": "active", "uses": 1, "used": 0}
    assert call("get_code", path=f"/v1/codes/{one.lower()}") == (200, read)


def test_a_blocked_code_stays_blocked_when_its_request_is_repeated() -> None:
    publish(TEN)
    made({"code": "SAVE10"})
    path = "/v1/codes/SAVE10/block"
    assert call("block_code", path=path)[1]["state"] == "blocked"
    assert call("block_code", path=path)[0] == 200
    assert made({"code": "SAVE10"})[0] == 201
    assert quote("SAVE10")["refused_codes"] == [{"code": "SAVE10", "reason": "blocked"}]
    assert made({"code": "SAVE10"}, key="k2")[1]["code"] == "conflict"
    assert call("block_code", path="/v1/codes/NONE/block")[0] == 404
    assert call("get_code", path="/v1/codes/NONE")[0] == 404


def test_a_code_has_its_own_dates() -> None:
    publish(TEN)
    hour = timedelta(hours=1)
    made({"code": "SOON", "starts_at": (AT + hour).isoformat()})
    made({"code": "OVER", "ends_at": AT.isoformat()}, key="k2")
    reasons = {row["code"]: row["reason"] for row in quote("SOON", "OVER")["refused_codes"]}
    assert reasons == {"SOON": "not_started", "OVER": "expired"}


def counted(use: Use, times: int = 1) -> None:
    for _ in range(times):
        assert not tables.transact([one.part(AT) for one in uses.counters(use, None)])


def test_what_has_reached_a_limit_is_not_promised() -> None:
    """A quote that an order cannot keep: medusajs/medusa#13760."""
    daily = Limits(per_day=1)
    publish(
        {**TEN, "limits": {"uses": 2}},
        {
            **TEN,
            "promotion_id": "day",
            "code": "none",
            "time_zone": "America/Denver",
            "limits": {"per_day": 1},
            "does": [{"kind": "percent_off", "basis_points": 500}],
        },
    )
    made({"code": "SAVE10", "uses": 5})
    assert [row["promotion_id"] for row in quote("SAVE10")["discounts"]] == ["ten"]
    counted(Use("ten", 200, Limits(uses=2)), 2)
    answer = quote("SAVE10")
    assert [row["promotion_id"] for row in answer["discounts"]] == ["day"]
    assert {row["promotion_id"]: row["reason"] for row in answer["not_taken"]} == {
        "ten": "exhausted"
    }
    # It is still the 29th in Denver: 10:00 UTC is 3:00 there.
    counted(Use("day", 100, daily, "2026-11-29"))
    assert quote("SAVE10")["discounts"] == []
    counted(Use("x", 1, code="SAVE10", code_uses=5), 5)
    assert quote("SAVE10")["refused_codes"] == [{"code": "SAVE10", "reason": "exhausted"}]
    assert call("get_code", path="/v1/codes/SAVE10")[1]["used"] == 5


def test_a_budget_that_is_too_small_for_the_cart_is_not_promised() -> None:
    publish({**TEN, "code": "none", "limits": {"budget": 500}})
    assert quote()["discounts"][0]["amount"] == 200
    counted(Use("ten", 301, Limits(budget=500)))
    answer = quote()
    assert answer["discounts"] == []
    assert answer["not_taken"][0]["reason"] == "exhausted"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ({"code": "A", "count": 1}, "$"),
        ({"code": "A!"}, "$.code"),
        ({"count": 0}, "$.count"),
        ({"count": 1001}, "$.count"),
        ({"count": 1, "prefix": "a b"}, "$.prefix"),
        ({"code": "ABC", "uses": 0}, "$.uses"),
        (
            {
                "code": "ABC",
                "starts_at": "2026-12-01T00:00:00Z",
                "ends_at": "2026-12-01T00:00:00Z",
            },
            "$",
        ),
    ],
)
def test_a_wrong_request_names_the_path(body: dict[str, Any], path: str) -> None:
    publish(TEN)
    status, refused = made(body)
    assert (status, paths(refused)) == (422, {path})


def test_codes_are_for_promotions_that_exist() -> None:
    assert made({"count": 1})[0] == 404
    assert call("put_promotions_draft", body={"currency": "USD", "promotions": [TEN]})[0] == 200
    assert made({"count": 1})[0] == 201


def test_a_daily_limit_needs_a_time_zone() -> None:
    book = {"currency": "USD", "promotions": [{**TEN, "limits": {"per_day": 3}}]}
    status, refused = call("put_promotions_draft", body=book)
    assert (status, paths(refused)) == (422, {"$.promotions[0]"})
    assert codes.find([]) == {}
