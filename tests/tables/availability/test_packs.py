"""Packs in their table: one item per SKU, one call for many."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.client import BaseClient

from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs, projection
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import get_many

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, tzinfo=UTC)


def change(location: str, version: int, available: int) -> PackChange:
    return PackChange(
        location, version, PackRow(available, version), AT + timedelta(milliseconds=version)
    )


def calls(name: str) -> list[object]:
    """Every later call of the operation, as it was sent."""
    made: list[object] = []
    client = dynamodb()
    assert isinstance(client, BaseClient)
    client.meta.events.register(
        f"before-parameter-build.dynamodb.{name}", lambda params, **_: made.append(dict(params))
    )
    return made


def test_changes_of_many_batches_end_in_one_item() -> None:
    assert projection.project("A", [change("denver", 1, 5), change("boulder", 1, 2)])
    assert projection.project("A", [change("denver", 2, 4)])
    pack = packs.packs(["A"])["A"]
    assert pack.rows == {"denver": PackRow(4, 2), "boulder": PackRow(2, 1)}
    assert pack.as_of == AT + timedelta(milliseconds=2)
    assert pack.version == 2


def test_what_is_known_is_read_but_not_written() -> None:
    projection.project("A", [change("denver", 2, 5)])
    writes = calls("PutItem")
    assert not projection.project("A", [change("denver", 1, 9), change("denver", 2, 9)])
    assert writes == []
    assert packs.packs(["A"])["A"].rows == {"denver": PackRow(5, 2)}


def test_a_writer_that_was_overtaken_folds_again_and_loses_nothing() -> None:
    projection.project("A", [change("denver", 1, 5)])
    overtaken = False

    def overtake(**_: object) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            projection.project("A", [change("boulder", 1, 2)])

    client = dynamodb()
    assert isinstance(client, BaseClient)
    client.meta.events.register("before-parameter-build.dynamodb.PutItem", overtake)
    assert projection.project("A", [change("denver", 2, 4)])
    pack = packs.packs(["A"])["A"]
    assert pack.rows == {"denver": PackRow(4, 2), "boulder": PackRow(2, 1)}
    assert pack.version == 3


def test_a_hundred_skus_of_five_hundred_locations_are_one_call() -> None:
    locations = [f"store-{index:04}" for index in range(500)]
    skus = [f"sku-{index}" for index in range(100)]
    for sku in skus:
        projection.project(sku, [change(location, 1, 7) for location in locations])
    item = get_many([packs.pack_key("sku-0")])[packs.pack_key("sku-0")]
    assert len(item["pack"]) < 4_000
    asked = calls("BatchGetItem")
    found = packs.columns(skus)
    assert len(asked) == 1
    assert set(found) == set(skus)
    assert found["sku-99"].locations == locations
    assert found["sku-99"].as_of == "2026-11-21T00:00:00.001Z"


def test_a_sku_without_a_pack_is_not_there() -> None:
    assert packs.packs(["A"]) == {}
    assert packs.columns([]) == {}
