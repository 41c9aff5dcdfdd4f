"""What a channel gets from GET /v1/availability, from the gateway's event to the answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.availability.api import handler
from shared.availability import table
from shared.availability.model import Change, Row
from shared.locations import table as locations
from tests.functions.locations.requests import answered, paths, request
from tests.unit.locations.places import place

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    locations.put(place("denver"))
    locations.put(place("boulder", latitude=40.015, longitude=-105.2705, postal_code="80302"))
    locations.put(place("berlin", latitude=52.52, longitude=13.405, country="DE"))
    rows = {"denver": 3, "boulder": 9, "berlin": 30}
    table.project("milk-1", [Change(at, 1, Row(units, 1), AT) for at, units in rows.items()])


def ask(**changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request("availability/get_availability", **changes), None))


def test_near_a_point_each_sku_is_answered_with_its_locations() -> None:
    status, body = ask()
    assert status == 200
    assert body["as_of"] == "2026-11-21T00:00:00.000Z"
    milk, other = body["items"]
    assert other == {"sku": "milk-2", "status": "out_of_stock", "sellable": 0, "locations": []}
    assert (milk["sku"], milk["status"], milk["sellable"]) == ("milk-1", "in_stock", 12)
    assert [row["location_id"] for row in milk["locations"]] == ["denver", "boulder"]
    for row in milk["locations"]:
        assert datetime.fromisoformat(row["pickup"]["ready_by"]) > datetime.now(UTC)


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
    assert first["headers"]["Cache-Control"] == "public, max-age=5"
    tag = first["headers"]["ETag"]
    again = request("availability/get_availability", query=query, headers={"if-none-match": tag})
    second = handler(again, None)
    assert (second["statusCode"], second["body"]) == (304, "")
    assert second["headers"]["ETag"] == tag
    table.project("milk-1", [Change("denver", 2, Row(2, 2), AT)])
    third = handler(again, None)
    assert third["statusCode"] == 200
    assert third["headers"]["ETag"] != tag


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
        ("query.limit", {"sku": "a", "limit": "1001"}),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(path: str, query: dict[str, str]) -> None:
    status, body = ask(query=query)
    assert (status, body["code"]) == (422, "invalid_request")
    assert paths(body) == {path}
