"""What a channel gets from GET /v1/availability, from the gateway's event to the answer.

Every question goes to the lean function that is deployed, and to the typed route that the API
document is made from: they give the same answers, and refuse the same places.
"""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from functions.availability import api, query
from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs, projection, unpicked
from shared.aws import dynamodb as tables
from shared.aws import settings
from shared.catalog import store as catalog
from shared.catalog.model import Life, Product
from shared.locations import store as locations
from shared.stock.model.rules import Rule, RuleAmount, RuleMatch
from shared.stock.store import rules
from tests.support.places import place
from tests.support.requests import answered, paths, request

AT = datetime(2026, 11, 21, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 17, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    locations.put(place("denver"))
    locations.put(place("boulder", latitude=40.015, longitude=-105.2705, postal_code="80302"))
    locations.put(place("berlin", latitude=52.52, longitude=13.405, country="DE"))
    rows = {"denver": 3, "boulder": 9, "berlin": 30}
    projection.project(
        "milk-1", [PackChange(at, 1, PackRow(units, 1), AT) for at, units in rows.items()]
    )


def handler(event: dict[str, Any], context: None) -> dict[str, Any]:
    lean, typed = query.handler(event, context), api.handler(event, context)
    assert lean["statusCode"] == typed["statusCode"]
    told, declared = (json.loads(answer["body"] or "null") for answer in (lean, typed))
    if lean["statusCode"] == 422:
        assert paths(told) == paths(declared)
        for named in (told, declared):
            del named["errors"]
    if lean["statusCode"] != 304:
        assert lean["headers"]["Content-Type"] == typed["headers"]["Content-Type"]
    assert lean["headers"].get("ETag") == typed["headers"].get("ETag")
    assert told == declared
    return lean


def ask(**changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request("availability/get_availability", **changes), None))


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are asked in the same minute."""

    clock = SimpleNamespace(now=NOW.astimezone)
    for module in (api, query):
        monkeypatch.setattr(module, "datetime", clock)


def test_near_a_point_each_sku_is_answered_with_its_locations() -> None:
    status, body = ask()
    assert status == 200
    assert body["as_of"] == "2026-11-21T00:00:00.000Z"
    milk, other = body["items"]
    assert other == {"sku": "milk-2", "status": "out_of_stock", "sellable": 0, "locations": []}
    assert (milk["sku"], milk["status"], milk["sellable"]) == ("milk-1", "in_stock", 12)
    assert [row["location_id"] for row in milk["locations"]] == ["denver", "boulder"]
    for row in milk["locations"]:
        assert row["pickup"]["ready_by"] == "2026-11-23T18:01:00.000Z"


def test_a_product_of_another_day_or_none_is_answered_in_its_words_and_no_call_more() -> None:
    asked = {"sku": "milk-1", "location_id": "denver"}
    for life, units, word in [
        (Life(NOW + timedelta(days=1)), 3, "preorder"),
        (Life(NOW), 3, "limited_stock"),
        (Life(discontinued=True), 3, "limited_stock"),
        (Life(discontinued=True), 0, "discontinued"),
    ]:
        catalog.put(Product("milk-1", "Milk", 349, "USD", 1.0, life=life))
        packs.put_life("milk-1", AT)
        version = packs.packs(["milk-1"])["milk-1"].rows["denver"].version + 1
        projection.project("milk-1", [PackChange("denver", version, PackRow(units, version), AT)])
        status, body = ask(query={**asked, "limit": "0"})
        (item,) = body["items"]
        assert (status, item["status"], item["sellable"]) == (200, word, units)
        assert item.get("available_from") == (
            "2026-11-24T17:00:30.000Z" if word == "preorder" else None
        )


def test_near_a_postal_code_is_near_where_it_lies() -> None:
    status, body = ask(
        query={"sku": "milk-1", "postal_code": "80302", "country": "US", "radius_km": "1"}
    )
    assert status == 200
    (row,) = body["items"][0]["locations"]
    assert (row["location_id"], row["distance_km"]) == ("boulder", 0.0)


def test_a_copy_that_is_still_good_is_not_sent_again() -> None:
    query = {"sku": "milk-1", "limit": "0"}
    first = handler(request("availability/get_availability", query=query), None)
    assert first["headers"]["Cache-Control"] == "private, max-age=5"
    tag = first["headers"]["ETag"]
    again = request("availability/get_availability", query=query, headers={"if-none-match": tag})
    second = handler(again, None)
    assert (second["statusCode"], second["body"]) == (304, "")
    assert second["headers"]["ETag"] == tag
    projection.project("milk-1", [PackChange("denver", 2, PackRow(2, 2), AT)])
    third = handler(again, None)
    assert third["statusCode"] == 200
    assert third["headers"]["ETag"] != tag


def test_only_an_answer_whose_url_names_the_channel_is_kept_for_others() -> None:
    """What a marketplace may sell lay in the caches of the web under the same URL."""
    query = {"sku": "milk-1", "limit": "0"}
    own = handler(request("availability/get_availability", query=query), None)["headers"]
    assert (own["Cache-Control"], own["Vary"]) == ("private, max-age=5", "Authorization")
    named = {**query, "channel": "web"}
    shared = handler(request("availability/get_availability", query=named), None)["headers"]
    assert shared["Cache-Control"] == "public, max-age=5"
    assert "Vary" not in shared


def test_a_client_of_one_channel_need_not_name_it() -> None:
    assert ask(query={"sku": "milk-1"})[0] == 200


def test_a_client_of_all_channels_names_one() -> None:
    scope = "norain/availability:read norain/channel:all"
    status, body = ask(query={"sku": "milk-1"}, scope=scope)
    assert (status, paths(body)) == (422, {"query.channel"})
    assert ask(query={"sku": "milk-1", "channel": "pos"}, scope=scope)[0] == 200


def test_a_channel_that_the_token_does_not_reach_is_forbidden() -> None:
    status, body = ask(query={"sku": "milk-1", "channel": "pos"})
    assert (status, body["code"], body["channel"]) == (403, "forbidden", "pos")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("query.sku", {"channel": "web"}),
        ("query.sku", {"sku": ",".join(f"s{index}" for index in range(101))}),
        ("query.sku[1]", {"sku": "a,b c"}),
        ("query.near", {"sku": "a", "near": "1"}),
        ("query.near", {"sku": "a", "near": "91,1"}),
        ("query.near", {"sku": "a", "near": "nan,1"}),
        ("query.radius_km", {"sku": "a", "radius_km": "5"}),
        ("query.radius_km", {"sku": "a", "near": "1,1", "radius_km": "-5"}),
        ("query.postal_code", {"sku": "a", "near": "1,1", "postal_code": "1"}),
        ("query.country", {"sku": "a", "postal_code": "80202"}),
        ("query.postal_code", {"sku": "a", "postal_code": "00000", "country": "US"}),
        ("query.radius_km", {"sku": "a", "near": "1,1", "radius_km": "nan"}),
        ("query.radius_km", {"sku": "a", "near": "1,1", "radius_km": "far"}),
        ("query.near[1]", {"sku": "a", "near": "1,east"}),
        ("query.country", {"sku": "a", "postal_code": "80202", "country": "usa"}),
        ("query.location_id[0]", {"sku": "a", "location_id": "-a"}),
        ("query.location_group[1]", {"sku": "a", "location_group": "a,-b"}),
        ("query.location_group", {"sku": "a", "location_group": ",".join(["g"] * 51)}),
        ("query.channel", {"sku": "a", "channel": "Web"}),
        ("query.postal_code", {"sku": "a", "postal_code": "1" * 17, "country": "US"}),
        ("query.pickup_within_minutes", {"sku": "a", "pickup_within_minutes": "-1"}),
        ("query.pickup_within_minutes", {"sku": "a", "pickup_within_minutes": "soon"}),
        ("query.limit", {"sku": "a", "limit": "1001"}),
        ("query.limit", {"sku": "a", "limit": "1.5"}),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(path: str, query: dict[str, str]) -> None:
    status, body = ask(query=query)
    assert (status, body["code"]) == (422, "invalid_request")
    assert paths(body) == {path}


def test_every_wrong_parameter_is_named_at_once() -> None:
    status, body = ask(query={"sku": "a b", "radius_km": "-1", "limit": "x"})
    assert status == 422
    assert paths(body) == {"query.sku[0]", "query.radius_km", "query.limit"}


def test_pickup_in_time_leaves_out_the_locations_that_are_slower() -> None:
    locations.put(place("slow", lead_time_minutes=121))
    projection.project("milk-1", [PackChange("slow", 1, PackRow(50, 1), AT)])
    for minutes, found in (("59", set()), ("60", {"boulder", "denver"}), ("121", {"slow"})):
        status, body = ask(query={"sku": "milk-1", "pickup_within_minutes": minutes})
        assert status == 200
        assert {row["location_id"] for row in body["items"][0]["locations"]} >= found
        assert bool(body["items"][0]["sellable"]) == bool(found)


def test_where_much_waits_to_be_picked_it_is_ready_later() -> None:
    """At 60 units an hour."""
    assert not tables.transact([unpicked.count_part("denver", 150)])
    _, body = ask(query={"sku": "milk-1", "channel": "web", "location_id": "denver,boulder"})
    ready = {row["location_id"]: row["pickup"]["ready_by"] for row in body["items"][0]["locations"]}
    assert ready == {
        "boulder": "2026-11-23T18:01:00.000Z",
        "denver": "2026-11-23T19:32:00.000Z",
    }
    query = {"sku": "milk-1", "channel": "web", "pickup_within_minutes": "120"}
    _, body = ask(query=query)
    assert "denver" not in [row["location_id"] for row in body["items"][0]["locations"]]


def test_where_it_is_out_of_stock_the_nearest_other_place_is_named() -> None:
    locations.put(place("empty"))
    status, body = ask(query={"sku": "milk-1", "location_id": "empty"})
    assert status == 200
    (item,) = body["items"]
    assert (item["status"], item["sellable"]) == ("out_of_stock", 0)
    assert item["instead"]["nearest"]["location_id"] == "denver"


def test_a_group_of_locations_is_asked_for_by_its_name() -> None:
    locations.put(place("denver", groups=frozenset({"rockies"})))
    status, body = ask(query={"sku": "milk-1", "location_group": "rockies"})
    assert status == 200
    (item,) = body["items"]
    assert (item["sellable"], [row["location_id"] for row in item["locations"]]) == (3, ["denver"])


def product(sku: str, **attributes: str) -> Product:
    return Product(sku, f"Milk {sku}", 199, "USD", 1.0, attributes=attributes)


def test_what_nobody_has_is_answered_with_its_variants() -> None:
    for sku, group in (("milk-1", "milk"), ("milk-2", "milk"), ("bread", "bread"), ("none", "")):
        catalog.put(product(sku, **({"item_group_id": group, "size": sku} if group else {})))
    status, body = ask(query={"sku": "milk-2,none,unknown"})
    assert status == 200
    milk, none, unknown = body["items"]
    assert milk["instead"]["variants"] == [
        {
            "sku": "milk-1",
            "title": "Milk milk-1",
            "attributes": {"item_group_id": "milk", "size": "milk-1"},
            "status": "in_stock",
            "sellable": 42,
        }
    ]
    assert "instead" not in none
    assert "instead" not in unknown
    _, body = ask(query={"sku": "milk-2", "limit": "0"})
    assert "instead" not in body["items"][0]


def test_a_channel_is_told_of_what_the_rules_leave_it_and_another_of_all() -> None:
    everywhere = "norain/availability:read norain/channel:all"
    locations.put(place("denver", groups=frozenset({"rockies"})))
    catalog.put(product("milk-1", item_group_id="milk"))
    catalog.put(product("milk-2", item_group_id="milk"))
    keep = [
        Rule("few", RuleMatch(channels=frozenset({"web"})), RuleAmount(units=4)),
        Rule(
            "rockies",
            RuleMatch(location_groups=frozenset({"rockies"})),
            RuleAmount(units=2),
            frozenset({"pos"}),
        ),
    ]
    rules.put_rules(tuple(keep), None, AT, "planner")
    found = {}
    for channel in ("web", "pos"):
        query = {"sku": "milk-1", "channel": channel, "location_group": "rockies"}
        _, body = ask(query=query, scope=everywhere)
        found[channel] = body["items"][0]
    assert found["pos"]["sellable"] == 3
    assert found["web"]["sellable"] == 0
    assert found["web"]["instead"]["nearest"]["location_id"] == "boulder"
    assert found["web"]["instead"]["nearest"]["sellable"] == 5
    for channel, sellable in (("web", 5 + 26), ("pos", 3 + 9 + 30)):
        _, body = ask(query={"sku": "milk-2", "channel": channel}, scope=everywhere)
        (variant,) = body["items"][0]["instead"]["variants"]
        assert variant["sellable"] == sellable


def test_a_request_is_one_line_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    query.handler(request("availability/get_availability"), None)
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["message"], line["service"]) == ("INFO", "answered", "norain")
    assert (line["route"], line["status"]) == ("GET /v1/availability", 200)
    assert line["client_id"] == "web-client"


def test_a_crash_is_logged_and_answered_as_a_problem(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("NORAIN_TABLE_AVAILABILITY", "no-such-table")
    settings.setting.cache_clear()
    answer = query.handler(request("availability/get_availability"), None)
    assert answer["statusCode"] == 500
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"])["code"] == "internal_error"
    failed, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert failed["level"] == "ERROR"
    assert "ResourceNotFoundException" in failed["error"][0]
    assert failed["stack"]
