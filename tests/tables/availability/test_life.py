"""The life of a product in its pack: whatever overtakes what, the pack ends up with what the
catalog says, and with every change of its locations."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product

import pytest
from botocore.client import BaseClient

from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs, projection, rebuild
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import get_many
from shared.aws.settings import table_name
from shared.catalog import store as catalog
from shared.catalog.model import ORDINARY, Life, Product
from tests.tables.availability.test_packs import calls

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, tzinfo=UTC)
LATER = AT + timedelta(days=9)
AHEAD, ENDED = Life(LATER), Life(discontinued=True)
BOTH = Life(LATER, discontinued=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "pause", lambda attempt: None)
    monkeypatch.setattr(projection, "_slice_counts", {})


def put(life: Life, at: datetime = AT) -> bool:
    """What PUT /v1/products does."""
    catalog.put(Product("A", "A", 100, "USD", 1.0, life=life))
    return packs.put_life("A", at)


def project(place: str, version: int = 1) -> None:
    projection.project("A", [PackChange(place, version, PackRow(version, version), AT)])


def lives() -> list[Life]:
    keys = [packs.pack_key("A", number) for number in range(64)]
    return [catalog.life_of_item(item) for item in get_many(keys).values()]


def test_the_life_stands_beside_the_locations_and_ordinary_goods_have_none() -> None:
    project("denver")
    key = packs.pack_key("A")
    before = get_many([key])[key]
    assert not {"available_from", "discontinued"} & set(before)
    assert put(BOTH, AT + timedelta(seconds=1))
    after = get_many([key])[key]
    assert after == {
        **before,
        "available_from": "2026-11-30T00:00:00.000Z",
        "discontinued": True,
        "version": 2,
        "as_of": "2026-11-21T00:00:01.000Z",
    }
    assert packs.columns(["A"])["A"].life == packs.packs(["A"])["A"].life == BOTH
    assert put(ENDED)
    assert put(ORDINARY)
    assert get_many([key])[key] == {**before, "version": 4, "as_of": after["as_of"]}


def test_a_product_that_is_put_again_writes_no_pack() -> None:
    assert not put(ENDED)
    project("denver")
    assert packs.packs(["A"])["A"].life == ENDED
    reads, writes = calls("GetItem"), calls("UpdateItem")
    assert not put(ENDED)
    assert (len(reads), writes) == (1, [])


def test_a_change_carries_the_life_over_without_asking_the_catalog() -> None:
    put(AHEAD)
    project("denver")
    asked = calls("BatchGetItem")
    project("denver", 2)
    project("boulder")
    assert asked == []
    assert packs.packs(["A"])["A"].life == AHEAD


def test_every_item_of_a_large_pack_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MOST_BYTES", 130)
    put(AHEAD)
    projection.project("A", [PackChange(f"s-{n:03}", 1, PackRow(n % 9, n), AT) for n in range(90)])
    assert len(lives()) > 2
    assert set(lives()) == {AHEAD}
    versions = {part.pack.version for part in packs.stored_slices("A")}
    assert put(ENDED)
    assert set(lives()) == {ENDED}
    assert versions.isdisjoint(part.pack.version for part in packs.stored_slices("A"))
    projection.project("A", [PackChange(f"t-{n:03}", 1, PackRow(n % 9, n), AT) for n in range(90)])
    assert set(lives()) == {ENDED}
    assert packs.columns(["A"])["A"].life == packs.packs(["A"])["A"].life == ENDED


def test_a_rebuild_mends_a_put_that_was_cut_off() -> None:
    project("denver")
    catalog.put(Product("A", "A", 100, "USD", 1.0, life=ENDED))
    assert lives() == [ORDINARY]
    assert rebuild.rebuild("A")
    assert lives() == [ENDED]


Step = Callable[[], object]
MOST_ITEMS = 4


def run(first: Step, meanwhile: dict[int, Step]) -> None:
    """``first``, with other steps before the calls of DynamoDB that have these numbers, those of
    the steps counted too."""
    client, number = dynamodb(), 0
    assert isinstance(client, BaseClient)

    def step(**_: object) -> None:
        nonlocal number
        number += 1
        if done := meanwhile.pop(number, None):
            done()

    client.meta.events.register("before-parameter-build.dynamodb", step, unique_id="step")
    first()
    client.meta.events.unregister("before-parameter-build.dynamodb", unique_id="step")


def beginning(items: int) -> None:
    """A discontinued product in so many items, or none and no pack of it."""
    client = dynamodb()
    for number in range(MOST_ITEMS):
        key = packs.pack_key("A", number)
        client.delete_item(TableName=key.table, Key=tables.key(key.pk, key.sk))
    client.delete_item(TableName=table_name("catalog"), Key=tables.key("SKU#A", "PRODUCT"))
    projection._slice_counts.clear()
    if items:
        put(ENDED)
        project("denver")
        if items > 1:
            projection._spread("A", AT, items)


@pytest.mark.parametrize("items", [0, 1, 2])
@pytest.mark.parametrize("first", ["put", "project", "rebuild"])
def test_no_interleaving_loses_a_life_or_a_change(items: int, first: str) -> None:
    """Another put at each moment of the first step, and a change and a spreading a moment behind
    it, which is in the midst of that put too."""
    firsts: dict[str, Step] = {
        "put": lambda: put(AHEAD),
        "project": lambda: project("boulder"),
        "rebuild": lambda: packs.put_life("A", AT),  # what it ends with
    }
    for (life, gap), one in product(((BOTH, 0), (ENDED, 0), (BOTH, 2)), range(1, 8)):
        beginning(items)
        meanwhile: dict[int, Step] = {one + gap: spread_and_project} if gap else {}
        meanwhile[one] = partial(put, life)
        run(firsts[first], meanwhile)
        for left in meanwhile.values():
            left()
        known = catalog.find("A")
        assert known is not None
        assert set(lives()) <= {known.life}
        wanted = {"aspen"} if gap else set()
        wanted |= {"denver"} if items else set()
        wanted |= {"boulder"} if first == "project" else set()
        assert {place for pack in packs.packs(["A"]).values() for place in pack.rows} == wanted


def spread_and_project() -> None:
    project("aspen")
    projection._spread("A", AT, MOST_ITEMS)
