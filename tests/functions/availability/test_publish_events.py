"""What the bus hears of availability, from the stream of the packs."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.availability.publish_events import handler
from shared.availability.contract.answers import AvailabilityChanged
from shared.availability.model.events import change_event
from shared.availability.model.pack import Pack, PackChange, PackRow
from shared.availability.store import projection
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import key
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.stock.model.rules import Rule, RuleAmount, RuleMatch
from shared.stock.store import rules
from tests.support.profiles import examples
from tests.support.projecting import pack_row
from tests.support.tables import Kept

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, tzinfo=UTC)


def record(number: int, sku: str, *changes: PackChange) -> dict[str, Any]:
    """Projects the changes; what the stream says of it."""
    images = {"OldImage": image(sku)}
    projection.project(sku, changes)
    images["NewImage"] = image(sku)
    present = {name: item for name, item in images.items() if item}
    return {"dynamodb": {"SequenceNumber": str(number), **present}}


def image(sku: str) -> dict[str, Any]:
    """As Lambda hands it over: JSON, with the bytes as base64."""
    found = dynamodb().get_item(TableName="fake-availability", Key=key(f"SKU#{sku}", "PACK#0"))
    text = json.dumps(found.get("Item", {}), default=lambda value: b64encode(value).decode())
    item: dict[str, Any] = json.loads(text)
    return item


def units(location: str, version: int, available: int, *expected: tuple[int, int]) -> PackChange:
    return PackChange(location, version, PackRow(available, version, expected), AT)


def test_a_status_that_crosses_a_threshold_is_told_once(heard: list[dict[str, Any]]) -> None:
    records = [
        record(1, "A", units("denver", 1, 9), units("boulder", 1, 9)),
        record(2, "A", units("denver", 2, 8)),
        record(3, "A", units("denver", 3, 0)),
        record(4, "A", units("boulder", 2, 5)),
        record(5, "A", units("boulder", 3, 0, (1_800_000_000, 4))),
    ]
    assert handler({"Records": records}, None) == {"batchItemFailures": []}
    for event in heard:
        AvailabilityChanged.model_validate(event["data"])
        assert (event["type"], event["subject"]) == ("availability.changed", "A")
    assert [(e["data"]["was"], e["data"]["status"]) for e in heard] == [
        ("out_of_stock", "in_stock"),
        ("in_stock", "in_stock"),
        ("in_stock", "limited_stock"),
        ("limited_stock", "backorder"),
    ]
    assert heard[1]["data"]["locations"] == [
        {"location_id": "denver", "sellable": 0, "status": "out_of_stock", "was": "in_stock"}
    ]


def test_a_record_that_comes_again_is_the_same_event(heard: list[dict[str, Any]]) -> None:
    records = [record(1, "A", units("denver", 1, 9))]
    handler({"Records": records}, None)
    handler({"Records": records}, None)
    assert heard[0] == heard[1]
    assert heard[0]["id"] == "A#1"


def test_a_channel_that_rules_keep_units_from_hears_when_it_has_none_left(
    heard: list[dict[str, Any]],
) -> None:
    few = Rule("few", RuleMatch(channels=frozenset({"web", "marketplace"})), RuleAmount(units=3))
    rules.put_rules((few,), None, AT, "planner")
    records = [
        record(1, "A", units("denver", 1, 9)),
        record(2, "A", units("denver", 2, 8)),
        record(3, "A", units("denver", 3, 4)),
        record(4, "A", units("denver", 4, 3)),
    ]
    assert handler({"Records": records}, None) == {"batchItemFailures": []}
    for event in heard:
        AvailabilityChanged.model_validate(event["data"])
    keep = ["marketplace", "web"]
    assert [
        (e["id"], e["data"].get("channel"), e["data"].get("not_for"), e["data"]["status"])
        for e in heard
    ] == [
        ("A#1", None, keep, "in_stock"),
        ("A#1@marketplace", "marketplace", None, "in_stock"),
        ("A#1@web", "web", None, "in_stock"),
        ("A#2@marketplace", "marketplace", None, "limited_stock"),
        ("A#2@web", "web", None, "limited_stock"),
        ("A#3", None, keep, "limited_stock"),
        ("A#4@marketplace", "marketplace", None, "out_of_stock"),
        ("A#4@web", "web", None, "out_of_stock"),
    ]
    assert [e["data"]["sellable"] for e in heard if e["data"].get("channel") == "web"] == [6, 5, 0]


def test_a_rule_that_speaks_of_other_products_sets_no_channel_apart(
    heard: list[dict[str, Any]],
) -> None:
    few = Rule("few", RuleMatch(skus=frozenset({"B"})), RuleAmount(units=3))
    rules.put_rules((few,), None, AT, "planner")
    handler({"Records": [record(1, "A", units("denver", 1, 9))]}, None)
    (event,) = heard
    assert "not_for" not in event["data"]


def test_a_rule_that_speaks_of_attributes_is_told_of_the_products_that_have_them(
    heard: list[dict[str, Any]],
) -> None:
    catalog.put(Product("A", "Milk", 349, "USD", 1.0, attributes={"season": "2025"}))
    match = RuleMatch(
        product_attributes={"season": frozenset({"2025"})}, channels=frozenset({"web"})
    )
    rules.put_rules((Rule("old", match, RuleAmount(units=20)),), None, AT, "planner")
    records = [record(1, "A", units("denver", 1, 9)), record(2, "B", units("denver", 1, 9))]
    assert handler({"Records": records}, None) == {"batchItemFailures": []}
    assert [(e["subject"], e["data"].get("not_for")) for e in heard] == [
        ("A", ["web"]),
        ("B", None),
    ]


def test_a_poison_record_is_put_away_and_its_neighbours_are_told(
    heard: list[dict[str, Any]], failed_records: Kept
) -> None:
    poison = {"dynamodb": {"SequenceNumber": "2", "NewImage": {"pk": {"S": "SKU#B"}}}}
    records = [record(1, "A", units("denver", 1, 9)), poison, record(3, "C", units("denver", 1, 9))]
    assert handler({"Records": records}, None) == {"batchItemFailures": []}
    assert [event["subject"] for event in heard] == ["A", "C"]
    (kept,) = failed_records()
    assert json.loads(kept["payload"]) == {"Records": [poison]}


def test_a_pack_that_is_no_more_is_not_told_of(heard: list[dict[str, Any]]) -> None:
    handler({"Records": [{"dynamodb": {"SequenceNumber": "1", "OldImage": {}}}]}, None)
    assert heard == []


PACKS = st.dictionaries(
    st.sampled_from("abc"), st.builds(pack_row, st.integers(-2, 9), st.just(1)), max_size=3
).map(lambda rows: Pack("A", rows, AT, 1))


@examples(100)
@given(st.lists(PACKS, min_size=1, max_size=6))
def test_whoever_hears_every_event_knows_every_status(packs: list[Pack]) -> None:
    known: dict[str, str] = {}
    whole = "out_of_stock"
    before = None
    for pack in packs:
        event = change_event(before, pack)
        if event:
            assert event["data"]["was"] == whole
            whole = event["data"]["status"]
            for row in event["data"]["locations"]:
                assert known.get(row["location_id"], "out_of_stock") == row["was"]
                known[row["location_id"]] = row["status"]
        before = pack
        for location, row in pack.rows.items():
            units = row.available
            word = "in_stock" if units > 5 else "limited_stock" if units > 0 else "out_of_stock"
            assert known.get(location, "out_of_stock") == word
