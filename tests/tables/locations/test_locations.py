"""Locations and postal codes in their table."""

from datetime import date

import pytest

from shared.aws.clients import dynamodb
from shared.locations import store as locations_store
from tests.unit.locations.places import hours, place

pytestmark = pytest.mark.usefixtures("fake_tables")


def test_a_location_is_read_as_it_was_put() -> None:
    store = place(
        hours=hours(mon="09:00-12:00 13:00-18:00", fri="20:00-02:00", sun=""),
        closed_on=frozenset({date(2026, 12, 25), date(2027, 1, 1)}),
        latitude=40.0,
        gln="1234567890128",
        auto_accept=True,
    )
    assert locations_store.find("denver") is None
    assert locations_store.put(store)
    assert locations_store.find("denver") == store
    assert not locations_store.put(place(gln=None))
    assert locations_store.find("denver") == place(gln=None)


def test_all_locations_are_one_query_for_thirty_seconds() -> None:
    locations_store.put(place("b"))
    locations_store.put(place("a"))
    known = locations_store.all_locations()
    assert list(known) == ["a", "b"]
    dynamodb().delete_item(TableName="fake-config", Key={"pk": {"S": "LOCATION"}, "sk": {"S": "a"}})
    assert locations_store.all_locations() is known


def test_what_this_process_puts_it_sees_at_once() -> None:
    locations_store.put(place("a"))
    locations_store.all_locations()
    locations_store.put(place("b"))
    assert list(locations_store.all_locations()) == ["a", "b"]


def test_pages_hold_every_location_once() -> None:
    for index in range(7):
        locations_store.put(place(f"l{index}", type="store" if index % 2 else "warehouse"))
    found: list[str] = []
    after = None
    while True:
        page = locations_store.page(3, after=after)
        assert len(page.locations) <= 3
        found += [location.location_id for location in page.locations]
        after = page.after
        if after is None:
            break
    assert found == [f"l{index}" for index in range(7)]


def test_a_page_of_one_kind_is_full_while_there_are_more() -> None:
    for index in range(7):
        locations_store.put(place(f"l{index}", type="store" if index % 2 else "warehouse"))
    page = locations_store.page(2, kind="store")
    assert [location.location_id for location in page.locations] == ["l1", "l3"]
    last = locations_store.page(2, kind="store", after=page.after)
    assert [location.location_id for location in last.locations] == ["l5"]
    assert last.after is None


def test_a_postal_code_is_where_its_stored_centroid_is() -> None:
    locations_store.put(place(postal_code="80202"))
    locations_store.put_postal_codes("US", {"80202": (39.75, -105.0), "94103": (37.77, -122.41)})
    locations_store.put_postal_codes("GB", {"SW1A 1AA": (51.5, -0.14)})
    assert locations_store.point_of_postal_code("US", "80202") == (39.75, -105.0)
    assert locations_store.point_of_postal_code("US", "94103") == (37.77, -122.41)
    assert locations_store.point_of_postal_code("GB", "sw1a1aa") == (51.5, -0.14)


def test_without_a_centroid_it_is_amid_the_locations_that_have_it() -> None:
    locations_store.put(place("a", postal_code="80202", latitude=39.0, longitude=-105.0))
    locations_store.put(place("b", postal_code="80202", latitude=40.0, longitude=-104.0))
    assert locations_store.point_of_postal_code("US", "80202") == (39.5, -104.5)
    assert locations_store.point_of_postal_code("CA", "80202") is None
    assert locations_store.point_of_postal_code("US", "00000") is None


def test_a_hundred_postal_codes_are_stored() -> None:
    locations_store.put_postal_codes("US", {f"{code:05}": (1.0 * code, 2.0) for code in range(80)})
    assert locations_store.point_of_postal_code("US", "00079") == (79.0, 2.0)
