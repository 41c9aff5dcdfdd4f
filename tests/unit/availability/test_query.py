"""What a channel is told, by the text that it gets."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.availability.contract.answers import AvailabilityAnswer
from shared.availability.model.answer import (
    LocationTexts,
    answer_text,
    etag,
    etag_matches,
    question,
    scope_of,
    unsellable_skus,
)
from shared.availability.model.pack import Columns, PackRow, encode, unpack
from shared.catalog.model import Variant
from shared.errors import InvalidRequest
from shared.locations.model import Location, distance_km
from tests.support.places import hours, place
from tests.support.profiles import examples

AT = datetime(2026, 11, 23, 17, 0, 30, tzinfo=UTC)
SOON = int(AT.timestamp()) + 3600
HERE = (39.7392, -104.9903)

LOCATIONS = {
    "boulder": place("boulder", latitude=40.015, longitude=-105.2705, ship=False),
    "denver": place("denver"),
    "depot": place("depot", latitude=39.8, longitude=-104.8, pickup=False),
}


def pack(as_of: str = "2026-11-23T16:59:00.000Z", /, **rows: int | PackRow) -> Columns:
    full = {at: row if isinstance(row, PackRow) else PackRow(row, 1) for at, row in rows.items()}
    return unpack(encode(full), as_of)


def ask(
    packs: Mapping[str, Columns],
    *skus: str,
    locations: Mapping[str, Location] = LOCATIONS,
    floor: int = 0,
    **more: Any,
) -> dict[str, Any]:
    asked = question(skus or ("A",), "web", **more)
    text = answer_text(asked, packs, LocationTexts(locations, AT), AT, floor)
    AvailabilityAnswer.model_validate_json(text)
    found: dict[str, Any] = json.loads(text)
    return found


GROUPED = {
    "boulder": replace(LOCATIONS["boulder"], groups=frozenset({"rockies"})),
    "denver": replace(LOCATIONS["denver"], groups=frozenset({"rockies", "outlets"})),
    "depot": LOCATIONS["depot"],
}


def test_a_group_stands_for_its_locations() -> None:
    packs = {"A": pack(denver=2, boulder=7, depot=5)}
    found = item(packs, locations=GROUPED, location_groups=["rockies"])
    assert found["sellable"] == 9
    assert [row["location_id"] for row in found["locations"]] == ["boulder", "denver"]
    found = item(packs, locations=GROUPED, location_groups=["outlets", "nobody"])
    assert [row["location_id"] for row in found["locations"]] == ["denver"]
    assert item(packs, locations=GROUPED, location_groups=["nobody"])["sellable"] == 0


def test_a_location_has_to_fit_group_name_and_distance_alike() -> None:
    packs = {"A": pack(denver=2, boulder=7, depot=5)}
    asked: dict[str, Any] = {"locations": GROUPED, "location_groups": ["rockies"]}
    assert item(packs, location_ids=["boulder", "depot"], **asked)["sellable"] == 7
    near = item(packs, near=HERE, radius_km=20, **asked)
    assert [row["location_id"] for row in near["locations"]] == ["denver"]
    assert item(packs, pickup_within=59, **asked)["sellable"] == 0


def test_a_group_without_stock_is_told_of_the_place_nearest_to_any_of_it() -> None:
    far = place("far", latitude=48.1, longitude=11.6)
    found = item(
        {"A": pack(depot=5, far=9)},
        locations={**GROUPED, "far": far},
        location_groups=["rockies"],
    )
    assert found["locations"] == []
    nearest = found["instead"]["nearest"]
    assert (nearest["location_id"], nearest["sellable"]) == ("depot", 5)
    denver, depot = LOCATIONS["denver"], LOCATIONS["depot"]
    km = distance_km(denver.latitude, denver.longitude, depot.latitude, depot.longitude)
    assert nearest["distance_km"] == pytest.approx(km, abs=0.001)


@given(
    st.lists(st.tuples(st.floats(-80, 80), st.floats(-180, 180)), min_size=2, max_size=6),
    st.lists(st.tuples(st.floats(-80, 80), st.floats(-180, 180)), min_size=1, max_size=30),
)
@examples(50)
def test_the_nearest_of_many_pairs_is_as_near_as_the_nearest_of_all(
    origins: list[tuple[float, float]], there: list[tuple[float, float]]
) -> None:
    known = {
        **{
            f"o{at}": place(f"o{at}", latitude=a, longitude=b, groups=frozenset({"here"}))
            for at, (a, b) in enumerate(origins)
        },
        **{f"t{at}": place(f"t{at}", latitude=a, longitude=b) for at, (a, b) in enumerate(there)},
    }
    stocked = pack(**{f"t{at}": 3 for at in range(len(there))})
    found = item({"A": stocked}, locations=known, location_groups=["here"])
    least = min(distance_km(*a, *b) for a in origins for b in there)
    assert found["instead"]["nearest"]["distance_km"] <= least * 1.006 + 0.001


def test_variants_are_told_of_where_it_was_asked_and_only_those_that_are_sellable() -> None:
    variants = [
        Variant("A-red", 'A "red"', {"colour": "red"}),
        Variant("A-blue", "A blue", {"colour": "blue"}),
        Variant("A-none", "A none", {}),
    ]
    packs = {"A-red": pack(denver=2, boulder=9), "A-blue": pack(boulder=1)}
    asked = question(("A", "B"), "web", location_ids=["denver"])
    text = answer_text(asked, packs, LocationTexts(LOCATIONS, AT), AT, variants={"A": variants})
    AvailabilityAnswer.model_validate_json(text)
    first, second = json.loads(text)["items"]
    assert first["instead"] == {
        "variants": [
            {
                "sku": "A-red",
                "title": 'A "red"',
                "attributes": {"colour": "red"},
                "status": "limited_stock",
                "sellable": 2,
            }
        ]
    }
    assert "instead" not in second


def test_the_skus_without_anything_are_known_before_the_answer_is_written() -> None:
    packs = {"A": pack(denver=0, boulder=-1), "B": pack(denver=1), "C": pack(boulder=1)}
    for named, found in (([], ["A", "D"]), (["denver"], ["A", "C", "D"])):
        asked = question(("A", "B", "C", "D"), "web", location_ids=named)
        assert unsellable_skus(asked, packs, scope_of(asked, LocationTexts(LOCATIONS, AT))) == found


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
    coming = {"A": pack(denver=PackRow(0, 1, supply), boulder=PackRow(0, 1, ((SOON, 2),)))}
    found = item(coming)
    assert found["status"] == "backorder"
    assert found["next_expected"] == {"quantity": 6, "expected_at": "2026-11-23T18:00:30.000Z"}
    assert item(coming, location_ids=["denver"])["next_expected"]["quantity"] == 4
    overdue = item({"A": pack(denver=PackRow(0, 1, supply[:1]))})
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


@examples(100)
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
        answer_text(asked, packs, LocationTexts(LOCATIONS, at), at)
        for at in (AT, AT + timedelta(seconds=29), AT + timedelta(seconds=31))
    ]
    assert etag(texts[0]) == etag(texts[1]) != etag(texts[2])


@pytest.mark.parametrize("header", ['"x"', 'W/"x"', '"y", "x"', "*"])
def test_a_copy_that_is_still_good_matches(header: str) -> None:
    assert etag_matches(header, '"x"')


@pytest.mark.parametrize("header", [None, "", '"y"', "x"])
def test_any_other_copy_does_not(header: str | None) -> None:
    assert not etag_matches(header, '"x"')


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


def test_pickup_within_a_time_counts_only_who_hands_over_by_then() -> None:
    places = {
        **LOCATIONS,
        "late": place("late", lead_time_minutes=121),
        "shut": place("shut", hours=hours(every="01:00-02:00")),
    }
    stock = {"A": pack(boulder=1, denver=2, depot=4, late=8, shut=16, unknown=32)}
    for minutes, sellable in [(59, 0), (60, 3), (120, 3), (121, 11), (7 * 24 * 60, 27)]:
        assert item(stock, locations=places, pickup_within=minutes)["sellable"] == sellable
    near = item(stock, locations=places, near=HERE, radius_km=10, pickup_within=120)
    assert [row["location_id"] for row in near["locations"]] == ["denver"]


def test_pickup_in_time_crosses_midnight_and_the_change_of_the_clocks() -> None:
    night = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)  # 01:00 in Denver, for the first time
    club = {"club": place("club", hours=hours(sat="22:00-02:30"), lead_time_minutes=120)}
    asked = question(["A"], "web", pickup_within=121)
    told = json.loads(answer_text(asked, {"A": pack(club=1)}, LocationTexts(club, night), night))
    (row,) = told["items"][0]["locations"]
    assert row["pickup"] == {"ready_by": "2026-11-01T09:01:00.000Z"}


def test_out_of_stock_where_asked_the_nearest_units_and_the_first_supply_are_named() -> None:
    stock = {
        "A": pack(boulder=7, depot=1, denver=PackRow(0, 1), elsewhere=PackRow(9, 1, ((SOON, 4),)))
    }
    found = item(stock, near=HERE, radius_km=1)
    assert (found["status"], found["locations"]) == ("out_of_stock", [])
    nearest = found["instead"]["nearest"]
    assert (nearest["location_id"], nearest["sellable"]) == ("depot", 1)
    assert nearest["distance_km"] == round(distance_km(*HERE, 39.8, -104.8), 3)
    assert found["instead"]["next_expected"]["quantity"] == 4
    assert item(stock, location_ids=["denver"])["instead"]["nearest"] == nearest
    assert "distance_km" not in item(stock, location_ids=["nowhere"])["instead"]["nearest"]


def test_instead_names_nothing_that_lies_below_the_floor_and_is_silent_where_there_is_stock() -> (
    None
):
    stock = {"A": pack(denver=2, boulder=7)}
    assert "instead" not in item(stock, location_ids=["denver"])
    assert item(stock, location_ids=["denver"], floor=2)["instead"]["nearest"]["sellable"] == 5
    assert "instead" not in item(stock, location_ids=["denver"], floor=7)
    assert "instead" not in item({"A": pack(denver=0)})


def test_over_the_180th_meridian_the_nearest_is_on_the_other_side() -> None:
    islands = {
        "taveuni": place("taveuni", latitude=-16.8, longitude=179.99),
        "rabi": place("rabi", latitude=-16.8, longitude=-179.99),
        "suva": place("suva", latitude=-16.8, longitude=178.4),
    }
    stock = {"A": pack(rabi=1, suva=1)}
    found = item(stock, locations=islands, near=(-16.8, 179.99), radius_km=5)
    assert [row["location_id"] for row in found["locations"]] == ["rabi"]
    other = item(stock, locations=islands, location_ids=["taveuni"])
    assert other["instead"]["nearest"]["location_id"] == "rabi"


@examples(60)
@given(st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=5).map(sorted))
def test_what_is_kept_from_minute_to_minute_is_what_would_be_worked_out(minutes: list[int]) -> None:
    stores = {
        "day": place("day", hours=hours(every="09:00-18:00")),
        "night": place("night", hours=hours(every="20:00-03:00"), time_zone="Europe/Berlin"),
        "always": place("always"),
    }
    kept = LocationTexts(stores, AT)
    for minute in minutes:
        at = AT + timedelta(minutes=minute)
        kept = LocationTexts(stores, at, kept)
        fresh = LocationTexts(stores, at)
        assert {name: kept[name] for name in stores} == {name: fresh[name] for name in stores}
