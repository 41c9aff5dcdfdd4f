"""The directory of locations: it agrees with their items, and comes up beside older code."""

import json
import zlib
from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import to_item
from shared.locations import store
from shared.locations.model import Location
from shared.locations.store import directory
from tests.support.places import hours, place

FULL = place(
    hours=hours(mon="09:00-12:00 13:00-18:00", fri="20:00-02:00", sun=""),
    closed_on=frozenset({date(2026, 12, 25), date(2027, 1, 1)}),
    gln="1234567890128",
    groups=frozenset({"rockies", "west"}),
    most_unpicked=40,
    cut_offs={"express": time(15, 30)},
    auto_accept=True,
)


class Clock:
    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(directory, "time", clock)
    return clock


def put_by_older_code(location: Location) -> None:
    item = to_item(directory.item_of(location))
    dynamodb().put_item(TableName="fake-config", Item=item)


def asked() -> list[str]:
    """The partitions that reading all locations asks for."""
    calls: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        calls.extend(value["S"] for value in params["ExpressionAttributeValues"].values())

    events = dynamodb().meta.events
    events.register("before-parameter-build.dynamodb.Query", note)
    store.locations_cache.clear()
    store.all_locations()
    events.unregister("before-parameter-build.dynamodb.Query", note)
    return calls


locations = st.builds(
    place,
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True),
    name=st.text(min_size=1, max_size=20),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    hours=st.sampled_from([{}, FULL.hours, hours(every="09:00-20:00")]),
    closed_on=st.frozensets(st.dates(), max_size=3),
    groups=st.frozensets(st.sampled_from("abc")),
    most_unpicked=st.none() | st.integers(0, 10),
    cut_offs=st.dictionaries(st.sampled_from(["standard", "express"]), st.just(time(15, 30))),
    gln=st.none() | st.just("1234567890128"),
    auto_accept=st.booleans(),
)


@given(st.lists(locations, min_size=1, max_size=20, unique_by=lambda one: one.location_id))
def test_a_slice_gives_back_the_locations_that_were_packed(packed: list[Location]) -> None:
    ordered = sorted(packed, key=lambda one: one.location_id)
    assert directory.decode(directory.encode(packed)) == ordered


def test_a_slice_without_a_column_that_is_new_is_read() -> None:

    columns = json.loads(zlib.decompress(directory.encode([place()])))
    for name in ("cut_offs", "auto_accept", "most_unpicked"):
        del columns[name]
    assert directory.decode(zlib.compress(json.dumps(columns).encode())) == [place()]


@pytest.mark.usefixtures("fake_tables")
def test_a_new_table_has_its_directory_from_the_first_location_on() -> None:
    assert store.put(FULL)
    assert store.put(place("boulder"))
    assert not store.put(place("boulder", name="Boulder"))
    assert asked() == ["LOCATIONS"]
    assert store.all_locations() == {"boulder": place("boulder", name="Boulder"), "denver": FULL}


@pytest.mark.usefixtures("fake_tables")
def test_locations_of_older_code_are_read_before_and_after_they_are_copied(clock: Clock) -> None:
    for name in ("a", "b", "c"):
        put_by_older_code(place(name))
    assert asked() == ["LOCATIONS", "LOCATION"]
    assert not store.put(place("b", name="B"))
    put_by_older_code(place("b", name="older code"))  # it still runs
    put_by_older_code(place("d"))
    assert asked() == ["LOCATIONS", "LOCATION"]
    assert store.all_locations()["b"].name == "older code"
    clock.now += directory.SETTLING_SECONDS
    assert store.put(place("e"))
    assert asked() == ["LOCATIONS"]
    assert list(store.all_locations()) == ["a", "b", "c", "d", "e"]
    assert store.all_locations()["b"].name == "older code"


@pytest.mark.usefixtures("fake_tables")
def test_a_location_that_is_written_while_all_are_copied_is_not_lost(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_by_older_code(place("a"))
    store.put(place("b"))
    clock.now += directory.SETTLING_SECONDS
    read, interrupted = tables.query, False

    def query(*arguments: Any, **more: Any) -> Any:
        nonlocal interrupted
        items = list(read(*arguments, **more))
        if not interrupted and more.get("ConsistentRead"):
            interrupted = True
            clock.now -= directory.SETTLING_SECONDS
            store.put(place("b", name="in between"))
            clock.now += directory.SETTLING_SECONDS
        return iter(items)

    monkeypatch.setattr(tables, "query", query)
    store.put(place("c"))
    assert interrupted
    assert asked() == ["LOCATIONS"]
    assert store.all_locations()["b"].name == "in between"
    assert list(store.all_locations()) == ["a", "b", "c"]
