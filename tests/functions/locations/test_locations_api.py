"""The routes of the locations, from the gateway's event to its answer and the table."""

from typing import Any

import pytest

from functions.locations.api import handler
from shared.locations import store
from tests.support.requests import answered, paths, request

pytestmark = pytest.mark.usefixtures("fake_tables")


def call(name: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    return answered(handler(request(f"locations/{name}", **changes), None))


def put(location_id: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    return call("put_location", path=f"/v1/locations/{location_id}", body=fields)


def test_a_location_is_created_replaced_and_read() -> None:
    status, created = call("put_location")
    assert status == 201
    assert created["location_id"] == "denver"
    assert created["hours"]["fri"] == [["09:00", "12:00"], ["13:00", "02:00"]]
    assert created["cut_offs"] == {"standard": "16:30", "next_day": "14:00"}
    assert call("get_location") == (200, created)
    assert put("denver", name="New name", gln=None) == (
        200,
        {key: value for key, value in created.items() if key != "gln"} | {"name": "New name"},
    )
    stored = store.find("denver")
    assert stored is not None
    assert stored.name == "New name"
    assert stored.gln is None


def test_a_location_that_is_not_there_is_not_found() -> None:
    status, body = call("get_location")
    assert (status, body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("$.latitude", {"latitude": 90.1}),
        ("$.longitude", {"longitude": -180.5}),
        ("$.time_zone", {"time_zone": "Mars/Olympus"}),
        ("$.time_zone", {"time_zone": "../etc/passwd"}),
        ("$.hours.mon[0][1]", {"hours": {"mon": [["09:00", "24:00"]]}}),
        ("$.hours.mon[0][0]", {"hours": {"mon": [["9:00", "18:00"]]}}),
        ("$.hours.mon[0][1]", {"hours": {"mon": [["09:00"]]}}),
        ("$.hours.monday.[key]", {"hours": {"monday": []}}),
        ("$.closed_on[0]", {"closed_on": ["2026-02-30"]}),
        ("$.gln", {"gln": "1234567890123"}),
        ("$.country", {"country": "usa"}),
        ("$.type", {"type": "shop"}),
        ("$.pickup", {"pickup": "yes"}),
        ("$.lead_time_minutes", {"lead_time_minutes": -1}),
        ("$.capacity_per_hour", {"capacity_per_hour": 1.5}),
        ("$.most_unpicked", {"most_unpicked": -1}),
        ("$.cut_offs.standard", {"cut_offs": {"standard": "4pm"}}),
        ("$.cut_offs.overnight.[key]", {"cut_offs": {"overnight": "16:00"}}),
        ("$.name", {"name": None}),
        ("$.colour", {"colour": "red"}),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(path: str, fields: dict[str, Any]) -> None:
    status, body = put("denver", **fields)
    assert (status, body["code"]) == (422, "invalid_request")
    assert paths(body) == {path}
    assert store.find("denver") is None


def test_near_a_point_they_come_by_distance_page_after_page() -> None:
    for index in range(5):
        put(f"l{index}", latitude=39.7 + index * 0.1)
    put("far", latitude=45.0)
    near = {"near": "39.7,-104.9903", "radius_km": "100", "limit": "2"}
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        status, body = call("list_locations", query={**near, **cursor})
        assert status == 200
        found += [entry["location_id"] for entry in body["locations"]]
        if "next_cursor" not in body:
            break
        cursor = {"cursor": body["next_cursor"]}
    assert found == ["l0", "l1", "l2", "l3", "l4"]


def test_without_a_point_they_come_by_id_and_kind() -> None:
    put("b", type="warehouse")
    put("a", type="warehouse")
    put("c")
    status, body = call("list_locations", query={"type": "warehouse", "limit": "1"})
    assert (status, [entry["location_id"] for entry in body["locations"]]) == (200, ["a"])
    status, body = call(
        "list_locations", query={"type": "warehouse", "cursor": body["next_cursor"]}
    )
    assert [entry["location_id"] for entry in body["locations"]] == ["b"]
    assert "next_cursor" not in body


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("query.near", {"near": "91,0"}),
        ("query.near", {"near": "39.7"}),
        ("query.radius_km", {"radius_km": "5"}),
        ("query.cursor", {"cursor": "%%%"}),
        ("query.cursor", {"near": "1,1", "cursor": "bm90IGEgcGxhY2U"}),
        ("query.limit", {"limit": "0"}),
        ("query.type", {"type": "shop"}),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(path: str, query: dict[str, str]) -> None:
    status, body = call("list_locations", query=query)
    assert status == 422
    assert paths(body) == {path}


def test_a_postal_code_that_was_loaded_is_where_it_lies() -> None:
    """Only the demo could load them: on AWS an address without coordinates was refused."""
    assert call("get_postal_code")[0] == 404
    assert call("put_postal_codes") == (200, {"country": "US", "stored": 2})
    store.locations_cache.clear()
    status, found = call("get_postal_code")
    assert (status, found["latitude"], found["longitude"]) == (200, 40.0497, -105.2143)
    assert call("get_postal_code", path="/v1/postal-codes/DE/80301")[0] == 404


def test_a_postal_code_that_cannot_be_placed_is_refused_with_its_path() -> None:
    rows = [
        {"postal_code": "80301", "latitude": 91, "longitude": 0},
        {"postal_code": "", "latitude": 0, "longitude": 0},
    ]
    status, problem = call("put_postal_codes", body={"codes": rows})
    assert (status, paths(problem)) == (422, {"$.codes[0].latitude", "$.codes[1].postal_code"})
    assert call("put_postal_codes", body={"codes": rows[:1] * 1001})[0] == 422


def test_a_location_says_whether_it_accepts_by_itself() -> None:
    status, _ = put("denver", auto_accept=True)
    assert status == 201
    assert call("get_location")[1]["auto_accept"] is True
    put("denver", auto_accept=None)
    assert call("get_location")[1]["auto_accept"] is False
    status, answer = put("denver", auto_accept="yes")
    assert (status, paths(answer)) == (422, {"$.auto_accept"})
