"""What a channel is told, by the text that it gets."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.availability.contract import AvailabilityAnswer
from shared.availability.model import Columns, Row, encode, unpack
from shared.availability.query import Places, answer, etag, matches, question
from shared.errors import InvalidRequest
from shared.locations.model import Location, distance_km
from tests.unit.locations.places import hours, place

AT = datetime(2026, 11, 23, 17, 0, 30, tzinfo=UTC)
SOON = int(AT.timestamp()) + 3600
HERE = (39.7392, -104.9903)

LOCATIONS = {
    "boulder": place("boulder", latitude=40.015, longitude=-105.2705, ship=False),
    "denver": place("denver"),
    "depot": place("depot", latitude=39.8, longitude=-104.8, pickup=False),
}


def pack(as_of: str = "2026-11-23T16:59:00.000Z", /, **rows: int | Row) -> Columns:
    full = {at: row if isinstance(row, Row) else Row(row, 1) for at, row in rows.items()}
    return unpack(encode(full), as_of)


def ask(
    packs: Mapping[str, Columns],
    *skus: str,
    locations: Mapping[str, Location] = LOCATIONS,
    floor: int = 0,
    **more: Any,
) -> dict[str, Any]:
    asked = question(skus or ("A",), "web", **more)
    text = answer(asked, packs, Places(locations, AT), AT, floor)
    AvailabilityAnswer.model_validate_json(text)
    found: dict[str, Any] = json.loads(text)
    return found


def item(*args: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(*args, **more)["items"][0]
    return found


def test_it_names_the_locations_with_stock_in_the_order_of_their_ids() -> None:
    assert ask({"A": pack(denver=2, boulder=7, depot=0)}) == {
        "as_of": "2026-11-23T16:59:00.000Z",
        "items": [
            {
                "sku": "A",
                "status": "in_stock",
                "sellable": 9,
                "locations": [
                    {
                        "location_id": "boulder",
                        "sellable": 7,
                        "pickup": {"ready_by": "2026-11-23T18:01:00.000Z"},
                        "ship": False,
                    },
                    {
                        "location_id": "denver",
                        "sellable": 2,
                        "pickup": {"ready_by": "2026-11-23T18:01:00.000Z"},
                        "ship": True,
                    },
                ],
            }
        ],
    }


def test_a_location_that_hands_nothing_over_has_no_pickup() -> None:
    (row,) = item({"A": pack(depot=3)})["locations"]
    assert row == {"location_id": "depot", "sellable": 3, "pickup": None, "ship": True}


def test_pickup_follows_the_hours_of_the_location() -> None:
    closed = {"denver": place(hours=hours(every="09:00-10:30"), time_zone="America/Denver")}
    (row,) = item({"A": pack(denver=3)}, locations=closed)["locations"]
    assert row["pickup"] == {"ready_by": "2026-11-24T16:31:00.000Z"}


def test_an_unknown_sku_is_out_of_stock_and_no_error() -> None:
    assert ask({}, "nothing") == {
        "as_of": "2026-11-23T17:00:00.000Z",
        "items": [{"sku": "nothing", "status": "out_of_stock", "sellable": 0, "locations": []}],
    }


@pytest.mark.parametrize(
    ("units", "word"), [(6, "in_stock"), (5, "limited_stock"), (1, "limited_stock")]
)
def test_few_units_are_limited_stock(units: int, word: str) -> None:
    assert item({"A": pack(denver=units)})["status"] == word


def test_expected_supply_makes_it_a_backorder_until_it_is_overdue() -> None:
    supply = ((SOON - 7200, 50), (SOON, 4), (SOON + 60, 9))
    coming = {"A": pack(denver=Row(0, 1, supply), boulder=Row(0, 1, ((SOON, 2),)))}
    found = item(coming)
    assert found["status"] == "backorder"
    assert found["next_expected"] == {"quantity": 6, "expected_at": "2026-11-23T18:00:30.000Z"}
    assert item(coming, location_ids=["denver"])["next_expected"]["quantity"] == 4
    overdue = item({"A": pack(denver=Row(0, 1, supply[:1]))})
    assert overdue["status"] == "out_of_stock"
    assert "next_expected" not in overdue


def test_a_location_asked_for_by_name_is_named_even_without_stock() -> None:
    found = item({"A": pack(denver=2, boulder=7)}, location_ids=["depot", "denver", "nowhere"])
    assert found["sellable"] == 2
    assert [(row["location_id"], row["sellable"]) for row in found["locations"]] == [
        ("denver", 2),
        ("depot", 0),
        ("nowhere", 0),
    ]


def test_near_a_point_the_nearest_comes_first_with_its_distance() -> None:
    found = item({"A": pack(denver=2, boulder=7, depot=1)}, near=HERE)
    assert [row["location_id"] for row in found["locations"]] == ["denver", "depot", "boulder"]
    km = distance_km(*HERE, 40.015, -105.2705)
    assert found["locations"][2]["distance_km"] == round(km, 3)


def test_outside_the_radius_nothing_counts() -> None:
    stock = {"A": pack(denver=2, boulder=7, depot=1, elsewhere=9)}
    found = item(stock, near=HERE, radius_km=30)
    assert found["sellable"] == 3
    assert [row["location_id"] for row in found["locations"]] == ["denver", "depot"]
    both = item(stock, near=HERE, radius_km=30, location_ids=["boulder", "denver"])
    assert [row["location_id"] for row in both["locations"]] == ["denver"]


def test_the_limit_bounds_what_is_named_and_not_what_is_counted() -> None:
    found = item({"A": pack(denver=2, boulder=7, depot=1)}, limit=1)
    assert found["sellable"] == 10
    assert len(found["locations"]) == 1
    assert item({"A": pack(denver=2)}, limit=0)["locations"] == []


def test_stock_at_a_location_that_is_not_known_yet_is_told_of() -> None:
    (row,) = item({"A": pack(new=3)})["locations"]
    assert row == {"location_id": "new", "sellable": 3, "pickup": None, "ship": False}


def test_an_answer_is_as_of_its_oldest_pack() -> None:
    packs = {"A": pack("2026-11-23T16:00:00.000Z", denver=1), "B": pack(denver=1)}
    assert ask(packs, "B", "A", "C")["as_of"] == "2026-11-23T16:00:00.000Z"


STOCKS = st.dictionaries(st.sampled_from(sorted(LOCATIONS)), st.integers(-20, 20))


@settings(deadline=None, max_examples=100)
@given(STOCKS, st.integers(0, 10), st.sampled_from([None, 5.0, 30.0, 100.0]))
def test_sellable_is_the_sum_of_what_lies_above_the_floor(
    stock: dict[str, int], floor: int, radius: float | None
) -> None:
    near = {} if radius is None else {"near": HERE, "radius_km": radius}
    found = item({"A": pack(**stock)}, floor=floor, **near)
    reach = radius or 1e9
    expected = {
        at: units - floor
        for at, units in stock.items()
        if units > floor
        and distance_km(*HERE, LOCATIONS[at].latitude, LOCATIONS[at].longitude) <= reach
    }
    assert {row["location_id"]: row["sellable"] for row in found["locations"]} == expected
    assert found["sellable"] == sum(expected.values())


def test_each_sku_is_answered_once_in_the_order_asked_for() -> None:
    found = ask({"A": pack(denver=1)}, "B", "A", "B")
    assert [entry["sku"] for entry in found["items"]] == ["B", "A"]


def test_within_a_minute_the_answer_stays_the_same() -> None:
    asked = question(["A"], "web")
    packs = {"A": pack(denver=1)}
    texts = [
        answer(asked, packs, Places(LOCATIONS, at), at)
        for at in (AT, AT + timedelta(seconds=29), AT + timedelta(seconds=31))
    ]
    assert etag(texts[0]) == etag(texts[1]) != etag(texts[2])


@pytest.mark.parametrize("header", ['"x"', 'W/"x"', '"y", "x"', "*"])
def test_a_copy_that_is_still_good_matches(header: str) -> None:
    assert matches(header, '"x"')


@pytest.mark.parametrize("header", [None, "", '"y"', "x"])
def test_any_other_copy_does_not(header: str | None) -> None:
    assert not matches(header, '"x"')


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("query.sku", {"skus": []}),
        ("query.sku", {"skus": [str(index) for index in range(101)]}),
        ("query.radius_km", {"radius_km": 5.0}),
        ("query.limit", {"skus": [str(index) for index in range(100)], "limit": 201}),
        ("query.location_id", {"location_ids": [str(index) for index in range(501)]}),
    ],
)
def test_what_does_not_go_together_is_refused(path: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        question(**{"skus": ["A"], "channel": "web", **parameters})
    assert refused.value.data["errors"][0]["path"] == path
