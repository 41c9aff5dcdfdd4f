"""Packs that lie in more than one item: nobody notices, and nothing is lost or doubled."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from hypothesis import given
from hypothesis import strategies as st

from shared.availability.model.confidence import PickOutcome
from shared.availability.model.pack import PackChange, PackRow, encode, slice_of
from shared.availability.model.sales import Sale
from shared.availability.store import confidence, packs, projection, rebuild
from shared.availability.store.export import sellable_page
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import get_many, transact
from shared.aws.walks import Round, Segment, Walk
from shared.errors import Busy
from shared.orders.store import read_placement
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect
from tests.support.profiles import examples
from tests.support.projecting import WAYS

pytestmark = pytest.mark.usefixtures("fake_tables")

AT = datetime(2026, 11, 21, tzinfo=UTC)
FEW = 130
"""Bytes of a slice: about ten locations."""


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "MOST_BYTES", FEW)
    monkeypatch.setattr(projection, "_slice_counts", {})


def change(place: int, version: int = 1, available: int = 7, **more: Any) -> PackChange:
    row = PackRow(available, version, **more)
    return PackChange(f"store-{place:04}", version, row, AT + timedelta(seconds=version))


def items(sku: str = "A") -> dict[str, dict[str, Any]]:
    keys = [packs.pack_key(sku, number) for number in range(64)]
    return {key.sk: item for key, item in get_many(keys).items()}


def rows(sku: str = "A") -> dict[str, PackRow]:
    return packs.packs([sku])[sku].rows


class Calls:
    """How often each operation is called, and what it asks for."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Any]] = []
        client = dynamodb()
        assert isinstance(client, BaseClient)
        client.meta.events.register(
            "before-parameter-build.dynamodb",
            lambda params, model, **_: self.made.append((model.name, dict(params))),
        )

    def names(self) -> list[str]:
        found = [name for name, _ in self.made]
        self.made.clear()
        return found


def test_a_pack_grows_over_items_and_each_tells_how_many_there_are() -> None:
    for place in range(100):
        projection.project("A", [change(place)])
    found = items()
    assert len(found) in (4, 8, 16)
    assert {item["packs"] for item in found.values()} == {len(found)}
    assert all(len(item["pack"]) <= FEW for item in found.values())
    assert len({item["version"] for item in found.values()}) == len(found)
    assert rows() == {f"store-{place:04}": PackRow(7, 1) for place in range(100)}
    (columns,) = packs.columns(["A"]).values()
    assert columns.locations == [f"store-{place:04}" for place in range(100)]


def test_a_small_pack_costs_what_it_did() -> None:
    projection.project("A", [change(0)])
    assert "packs" not in items()["PACK#0"]
    calls = Calls()
    projection.project("A", [change(0, 2)])
    assert calls.names() == ["GetItem", "PutItem"]
    projection.project("B", [change(0)])
    calls.names()
    packs.columns(["A"])
    packs.columns(["A", "B"])
    packs.packs(["A", "B"])
    read_placement(["A", "B"])
    assert calls.names() == ["GetItem", "BatchGetItem", "BatchGetItem", "BatchGetItem"]


def test_a_change_reads_and_writes_the_item_of_its_location_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    projection.project("A", [change(place) for place in range(100)])
    monkeypatch.setattr(packs, "MOST_BYTES", 2 * FEW)
    before = items()
    calls = Calls()
    projection.project("A", [change(42, 2, 3)])
    assert calls.names() == ["GetItem", "PutItem"]
    number = slice_of("store-0042", len(before))
    assert {name for name, item in items().items() if item != before[name]} == {f"PACK#{number}"}


def test_a_process_that_knows_nothing_or_the_wrong_number_asks_once_more() -> None:
    projection.project("A", [change(place) for place in range(100)])
    of = len(items())
    for wrong in (1, 2, 64):
        projection._slice_counts["A"] = wrong
        calls = Calls()
        assert not projection.project("A", [change(42)])
        assert set(calls.names()) == {"GetItem"}
        assert projection._slice_counts["A"] == of


def test_readers_call_once_more_for_the_packs_that_lie_in_more_items_alone() -> None:
    projection.project("A", [change(place) for place in range(100)])
    projection.project("B", [change(place) for place in range(60)])
    projection.project("C", [change(0)])
    calls = Calls()
    assert set(packs.columns(["A", "B", "C", "D"])) == {"A", "B", "C"}
    first, second = calls.made
    asked = second[1]["RequestItems"]["fake-availability"]["Keys"]
    assert Counter(key["pk"]["S"] for key in asked) == {
        f"SKU#{sku}": len(items(sku)) - 1 for sku in "AB"
    }
    assert first[0] == second[0] == "BatchGetItem"
    calls.names()
    packs.columns(["A"])
    assert calls.names() == ["GetItem", "BatchGetItem"]


def test_a_placement_sees_all_locations_in_one_call_more() -> None:
    projection.project("A", [change(place) for place in range(100)])
    week = AT - timedelta(days=20)
    sale = (Sale(2, int(week.timestamp())),)
    projection.project("A", [PackChange("store-0003", 2, PackRow(4, 2), week, sale)])
    calls = Calls()
    found = read_placement(["A", "B"])
    assert calls.names() == ["BatchGetItem", "BatchGetItem"]
    assert len(found.packs["A"].rows) == 100
    assert found.packs["A"].rate("store-0003", AT) is not None
    assert found.packs["A"].rate("store-0004", AT) is not None


@pytest.mark.parametrize("read", ["columns", "packs", "stored", "project", "read_placement"])
def test_who_reads_while_the_pack_is_spread_reads_again(read: str) -> None:
    """Between the first item and the others: half of the first one's locations move away."""
    projection.project("A", [change(place) for place in range(30)])
    of = len(items())
    assert of > 1
    spread = False

    def meanwhile(**_: Any) -> None:
        nonlocal spread
        if not spread:
            spread = True
            projection._spread("A", AT, 2 * of)

    client = dynamodb()
    assert isinstance(client, BaseClient)
    client.meta.events.register("after-call.dynamodb.GetItem", meanwhile)
    client.meta.events.register("after-call.dynamodb.BatchGetItem", meanwhile)
    everywhere = [f"store-{place:04}" for place in range(30)]
    match read:
        case "columns":
            assert packs.columns(["A"])["A"].locations == everywhere
        case "packs":
            assert sorted(packs.packs(["A"])["A"].rows) == everywhere
        case "stored":
            found = [place for part in packs.stored_slices("A") for place in part.pack.rows]
            assert sorted(found) == everywhere
        case "read_placement":
            assert sorted(read_placement(["A"]).packs["A"].rows) == everywhere
        case "project":
            assert projection.project("A", [change(place, 2, 9) for place in range(30)])
            assert rows() == {place: PackRow(9, 2) for place in everywhere}
    assert spread
    assert len(items()) == 2 * of


def test_a_reader_that_never_meets_items_of_one_spreading_says_that_it_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.aws.dynamodb.pause", lambda _: None)
    projection.project("A", [change(place) for place in range(30)])
    client: Any = dynamodb()
    client.update_item(
        TableName="fake-availability",
        Key={"pk": {"S": "SKU#A"}, "sk": {"S": "PACK#1"}},
        UpdateExpression="SET packs = :n",
        ExpressionAttributeValues={":n": {"N": "64"}},
    )
    with pytest.raises(Busy):
        packs.packs(["A"])


def test_a_writer_that_is_overtaken_by_a_spreading_folds_again() -> None:
    projection.project("A", [change(place) for place in range(30)])
    of, overtaken = len(items()), False

    def overtake(**_: Any) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            projection._spread("A", AT, 2 * of)

    client = dynamodb()
    assert isinstance(client, BaseClient)
    client.meta.events.register("before-parameter-build.dynamodb.PutItem", overtake)
    assert projection.project("A", [change(place, 2, 9) for place in range(30)])
    assert len(items()) == 2 * of
    assert rows() == {f"store-{place:04}": PackRow(9, 2) for place in range(30)}


def test_a_spreading_that_is_overtaken_by_a_writer_loses_nothing() -> None:
    projection.project("A", [change(place) for place in range(5)])
    overtaken = False

    def overtake(**_: Any) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            projection.project("A", [change(0, 2, 9)])

    client = dynamodb()
    assert isinstance(client, BaseClient)
    client.meta.events.register("before-parameter-build.dynamodb.TransactWriteItems", overtake)
    assert projection.project("A", [change(place) for place in range(1, 60)])
    assert overtaken
    assert rows() == {
        f"store-{n:04}": PackRow(9, 2) if n == 0 else PackRow(7, 1) for n in range(60)
    }


def test_an_item_that_was_written_too_large_is_spread_by_its_next_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packs, "MOST_BYTES", 10**6)
    projection.project("A", [change(place) for place in range(100)])
    assert len(items()) == 1
    monkeypatch.setattr(packs, "MOST_BYTES", FEW)
    projection.project("A", [change(3, 2, 1)])
    assert len(items()) > 1
    assert rows() == {
        f"store-{n:04}": PackRow(1, 2) if n == 3 else PackRow(7, 1) for n in range(100)
    }


def test_more_slices_than_a_transaction_has_parts_there_never_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packs, "MOST_BYTES", 1)
    projection.project("A", [change(place) for place in range(100)])
    projection.project("A", [change(0, 2)])
    assert len(items()) == packs.MOST_SLICES == 64
    assert len(rows()) == 100


numbers = iter(range(10**6))
HISTORIES = st.lists(
    st.tuples(st.integers(0, 59), st.integers(1, 4)), unique=True, min_size=1, max_size=60
)


@examples(25)
@given(
    HISTORIES, st.randoms(use_true_random=False), st.integers(1, 25), st.sampled_from([60, 90, 150])
)
def test_any_order_repetition_and_batching_gives_the_rows_of_one_dict(
    history: list[tuple[int, int]], chance: random.Random, size: int, most_bytes: int
) -> None:
    sku = f"S{next(numbers)}"
    changes = [change(place, version, 10 * version + place) for place, version in history]
    expected: dict[str, PackRow] = {}
    for one in sorted(changes, key=lambda one: one.version):
        assert one.row is not None
        expected[one.location_id] = one.row
    again = changes * 2
    chance.shuffle(again)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "MOST_BYTES", most_bytes)
        for start in range(0, len(again), size):
            if chance.random() < 0.3:
                projection._slice_counts.clear()
            fold = chance.choice(WAYS)
            fold(sku, again[start : start + size], {})
            if chance.random() < 0.3:
                assert set(rows(sku)) <= set(expected)
        assert not projection.project(sku, again)
    assert rows(sku) == expected
    assert packs.columns([sku])[sku].locations == sorted(expected)
    assert len({item["version"] for item in items(sku).values()}) == len(items(sku))


def received(sku: str, count: int) -> None:
    """A unit more at each of ``count`` stores."""
    for start in range(0, count, 50):
        effects = [Effect(sku, f"store-{n:04}", 1, 0) for n in range(start, min(count, start + 50))]
        cause = Cause(f"{next(numbers)}", "test", "stock.moved", "receiving")
        _, parts = stock.effect_parts(effects, cause, AT)
        assert not transact(parts)


def test_a_large_pack_is_made_again_from_the_positions() -> None:
    received("A", 100)
    assert rebuild.rebuild("A")
    assert len(items()) > 1
    expected = {f"store-{n:04}": PackRow(1, 1) for n in range(100)}
    assert rows() == expected
    assert not rebuild.rebuild("A")
    projection.project("A", [change(999, 5), change(3, 99, 12)])
    assert rebuild.rebuild("A")
    assert rows() == expected


def test_a_rebuild_spreads_first_and_then_replaces_what_differs_in_one_transaction() -> None:
    received("A", 100)
    projection.project("A", [change(place) for place in range(10)])
    calls = Calls()
    assert rebuild.rebuild("A")
    writes = [name for name in calls.names() if "Get" not in name and name != "Query"]
    assert writes == ["TransactWriteItems", "TransactWriteItems"]
    projection.project("A", [change(3, 99, 12)])
    before = items()
    calls.names()
    assert rebuild.rebuild("A")
    assert "TransactWriteItems" not in calls.names()
    assert sum(item != before[name] for name, item in items().items()) == 1


def test_a_change_that_comes_into_a_rebuild_of_many_items_is_not_lost() -> None:
    received("A", 100)
    rebuild.rebuild("A")
    projection.project("A", [change(place, 99, 12) for place in range(50)])
    overtaken = False

    def overtake(**_: Any) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            received("A", 1)
            projection.project("A", [change(0, 100, 2)])

    client = dynamodb()
    assert isinstance(client, BaseClient)
    client.meta.events.register("before-call.dynamodb.TransactWriteItems", overtake)
    assert rebuild.rebuild("A")
    assert overtaken
    assert rows() == {
        f"store-{n:04}": PackRow(2, 2) if n == 0 else PackRow(1, 1) for n in range(100)
    }


def test_every_sku_is_listed_and_exported_once_however_many_items_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.availability.store.export.PAGE", 3)
    confidence.learn_outcomes("store-0001", [PickOutcome("o", "-", found=True, second=1)])
    projection.project("A", [change(place) for place in range(100)])
    projection.project("B", [change(place) for place in range(40)])
    projection.project("C", [change(0)])
    found = []
    for number in range(4):
        segment, after = Segment(Round(Walk("config", "w"), 1, 4, AT), number), None
        while True:
            page, after = sellable_page("web", AT, segment, after)
            found += [(sku, len(pack.locations)) for sku, _, pack in page]
            if after is None:
                break
    assert sorted(found) == [("A", 100), ("B", 40), ("C", 1)]
    listed: list[str] = []
    behind = None
    while True:
        skus, behind = rebuild.packed_skus(3, behind)
        listed += skus
        if behind is None:
            break
    assert sorted(listed) == ["A", "B", "C"]


def test_a_sku_that_is_spread_knows_how_sure_its_counts_are() -> None:
    projection.project("A", [change(place) for place in range(100)], {"store-0003": 900})
    found = packs.columns(["A"])["A"]
    assert found.confidence[3] == 900
    assert found.confidence.count(None) == 99
    assert rows()["store-0003"].confidence == 900


def test_the_limit_is_of_what_is_stored() -> None:
    pack = encode({f"store-{n:04}": PackRow(7, 1) for n in range(9)})
    assert len(pack) <= FEW
