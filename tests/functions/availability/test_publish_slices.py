"""What the bus hears of packs that lie in more than one item: nothing of their spreading."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.availability.publish_events import handler
from functions.orders import keep_promises
from shared.availability.model import events
from shared.availability.model.pack import Pack, PackChange, PackRow
from shared.availability.store import packs, projection
from shared.aws import events as bus
from shared.aws.clients import client
from shared.catalog import store as catalog
from shared.catalog.model import Life, Product
from shared.stock.model.rules import Rule, RuleAmount, RuleMatch
from shared.stock.store import rules
from tests.functions.availability.stream import Record, Stream

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, tzinfo=UTC)
PLACES = [f"store-{number:04}" for number in range(60)]
Heard = list[dict[str, Any]]


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch, fake_tables: None) -> Stream:
    monkeypatch.setattr(packs, "MOST_BYTES", 130)
    return Stream()


@pytest.fixture
def heard(environment: pytest.MonkeyPatch, fake_tables: None) -> Heard:
    """The events that were put on the bus."""
    environment.setenv("NORAIN_EVENT_BUS", "norain-test")
    client("events").create_event_bus(Name="norain-test")
    found: Heard = []

    def note(params: dict[str, Any], **_: Any) -> None:
        found.extend(json.loads(entry["Detail"]) for entry in params["Entries"])

    client("events").meta.events.register("before-parameter-build.events.PutEvents", note)
    return found


def units(place: str, version: int, available: int, **more: Any) -> PackChange:
    return PackChange(place, version, PackRow(available, version, **more), AT)


def told(records: list[Record]) -> None:
    assert handler({"Records": records}, None) == {"batchItemFailures": []}


def statuses(heard: Heard) -> list[tuple[str, str]]:
    return [(event["data"]["was"], event["data"]["status"]) for event in heard]


def test_a_spreading_is_no_event(stream: Stream, heard: Heard) -> None:
    projection.project("A", [units(place, 1, 7) for place in PLACES[:9]])
    told(stream.records())
    assert statuses(heard) == [("out_of_stock", "in_stock")]
    heard.clear()
    for of in (2, 4, 8):
        projection._spread("A", AT, of)
        records = stream.records()
        assert len(records) == of
        told(records)
    assert heard == []


def test_the_whole_sku_is_told_of_and_each_location_once(stream: Stream, heard: Heard) -> None:
    projection.project("A", [units(place, 1, 7) for place in PLACES])
    told(stream.records())
    assert len(packs.stored_slices("A")) > 2
    told_of = [row["location_id"] for event in heard for row in event["data"]["locations"]]
    assert sorted(told_of) == PLACES
    assert statuses(heard)[0] == ("out_of_stock", "in_stock")
    assert set(statuses(heard)[1:]) == {("in_stock", "in_stock")}
    assert heard[-1]["data"]["sellable"] == 7 * len(PLACES)
    assert len({event["id"] for event in heard}) == len(heard)
    heard.clear()
    projection.project("A", [units(place, 2, 0) for place in PLACES[1:]])
    told(stream.records())
    assert {event["data"]["status"] for event in heard} == {"in_stock"}
    heard.clear()
    projection.project("A", [units(PLACES[0], 2, 1)])
    projection.project("A", [units(PLACES[0], 3, 0)])
    told(stream.records())
    assert statuses(heard) == [("in_stock", "limited_stock"), ("limited_stock", "out_of_stock")]


@pytest.mark.parametrize("seed", range(6))
def test_whoever_hears_every_event_of_a_batch_knows_every_status(
    stream: Stream, heard: Heard, seed: int
) -> None:
    """Items of one SKU change one after the other, and spread in between: all are told of later,
    when each item is as the last change has left it."""
    chance = random.Random(seed)
    available = dict.fromkeys(PLACES[:12], 0)
    versions = dict.fromkeys(available, 0)
    for step in range(40):
        place = chance.choice([*available])
        available[place] = chance.choice([0, 0, 0, 1, 2, 3])
        versions[place] += 1
        projection.project("A", [units(place, versions[place], available[place])])
        if step in (9, 19):
            projection._spread("A", AT, step // 9 * 2)
    told(stream.records())
    assert len(packs.stored_slices("A")) >= 4
    whole, known = "out_of_stock", dict.fromkeys(available, "out_of_stock")
    for event in heard:
        assert event["data"]["was"] == whole
        whole = event["data"]["status"]
        for row in event["data"]["locations"]:
            assert known[row["location_id"]] == row["was"]
            known[row["location_id"]] = row["status"]
    total = sum(available.values())
    assert whole == ("in_stock" if total > 5 else "limited_stock" if total else "out_of_stock")
    assert {place for place, word in known.items() if word != "out_of_stock"} == {
        place for place, count in available.items() if count
    }
    assert len({event["id"] for event in heard}) == len(heard)


def test_a_record_that_comes_again_is_the_same_event(stream: Stream, heard: Heard) -> None:
    projection.project("A", [units(place, 1, 7) for place in PLACES])
    stream.records()
    projection.project("A", [units(PLACES[0], 2, 0)])
    records = stream.records()
    told(records)
    told(records)
    first, second = heard
    assert first == second


def test_a_channel_with_rules_is_told_of_the_whole_sku(stream: Stream, heard: Heard) -> None:
    few = Rule("few", RuleMatch(channels=frozenset({"web"})), RuleAmount(units=1))
    rules.put_rules((few,), None, AT, "planner")
    projection.project("A", [units(place, 1, 1) for place in PLACES])
    told(stream.records())
    heard.clear()
    projection.project("A", [units(PLACES[0], 2, 3)])
    told(stream.records())
    (event,) = heard
    assert (event["data"]["channel"], event["data"]["sellable"]) == ("web", 2)
    assert statuses(heard) == [("out_of_stock", "limited_stock")]


def test_the_life_of_a_product_is_told_once_whatever_number_of_items_has_it(
    stream: Stream, heard: Heard
) -> None:
    projection.project("A", [units(place, 1, 7) for place in PLACES])
    projection.project("A", [units(place, 2, 0) for place in PLACES[1:]])
    assert len(packs.stored_slices("A")) > 2
    stream.records()
    for life, words in [
        (Life(datetime(2027, 1, 1, tzinfo=UTC)), ("in_stock", "preorder")),
        (Life(discontinued=True), ("preorder", "in_stock")),
    ]:
        catalog.put(Product("A", "A", 100, "USD", 1.0, life=life))
        assert packs.put_life("A", AT)
        heard.clear()
        told(stream.records())
        assert statuses(heard) == [words]
    assert heard[0]["data"]["locations"][0] == {
        "location_id": PLACES[0],
        "sellable": 7,
        "status": "in_stock",
        "was": "preorder",
    }
    assert {row["status"] for row in heard[0]["data"]["locations"][1:]} == {"discontinued"}


def test_an_event_with_many_locations_comes_in_parts_and_calls_that_a_bus_takes(
    monkeypatch: pytest.MonkeyPatch, heard: Heard
) -> None:
    monkeypatch.setattr(events, "MOST_LOCATIONS", 25)
    monkeypatch.setattr(bus, "MOST_BYTES", 6000)
    calls: list[int] = []
    client("events").meta.events.register(
        "before-parameter-build.events.PutEvents",
        lambda params, **_: calls.append(sum(len(e["Detail"]) for e in params["Entries"])),
    )
    pack = Pack("A", {place: PackRow(7, 1) for place in PLACES}, AT, 1)
    made = events.channel_events(None, pack, {})
    assert [event["id"] for event in made] == ["A#1", "A#1~25", "A#1~50"]
    assert bus.send("norain-test", made) == 3
    assert heard == made
    assert [row["location_id"] for event in made for row in event["data"]["locations"]] == PLACES
    assert len(calls) == 2
    assert max(calls) <= 6000


def test_supplies_are_reviewed_for_what_has_happened_and_not_for_a_spreading(
    stream: Stream,
) -> None:
    def woken() -> set[str]:
        return {
            place
            for record in stream.records()
            for _, _, place in keep_promises._tasks(record["dynamodb"])
        }

    projection.project("A", [units(place, 1, 0, awaited=5) for place in PLACES[:9]])
    assert woken() == set(PLACES[:9])
    projection._spread("A", AT, 4)
    assert woken() == set()
    projection.project("A", [units(PLACES[3], 2, 0, awaited=6), units(PLACES[8], 2, 0, awaited=5)])
    assert woken() == {PLACES[3]}
    projection.project("A", [units(place, 1, 0, awaited=9) for place in PLACES[9:]])
    assert woken() == set(PLACES[9:])
