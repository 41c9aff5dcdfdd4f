"""Look-ups of noted counts on the table: what they find, what they cost, and the newest bounds."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.aws import dynamodb
from shared.aws.items import to_item
from shared.stock import store
from shared.stock.model import note_queries
from shared.stock.model.events import Counted
from shared.stock.model.feed import CountBound
from shared.stock.model.position import PositionKey
from shared.stock.model.skipped import (
    Shape,
    bound_key,
    bound_of,
    bucket_of,
    newest_counts,
    pack_counts,
    pack_sort_key,
    partition_of,
)
from shared.stock.store import notes
from shared.stock.store.notes import NEWEST, save_skipped_counts, skipped_counts
from tests.support.notes import establish_notes, forget_notes
from tests.support.units import Units, metered
from tests.tables.stock.test_feeds import NOW, at, counted, feed, moved, on_hand

pytestmark = pytest.mark.usefixtures("local_tables")
LATER = NOW + timedelta(hours=2)
HOUR_LATER = bound_key((NOW + timedelta(hours=1), -1))


def newest_item() -> dict[str, Any] | None:
    return dynamodb.get(store.stock_table(), *NEWEST, consistent=True)


def note_in_older_format(counts: list[Counted]) -> None:
    """As older code does, which knows no newest bounds."""
    items = [
        {
            "pk": partition_of(pack.shape, pack.key),
            "sk": f"{bound_key(pack.newest)}#{pack_sort_key(pack).rpartition('~')[2]}",
            "places": pack.places,
            "counts": pack.counts,
        }
        for pack in pack_counts(counts, Shape.MIXED)
    ]
    dynamodb.put_many(store.stock_table(), [to_item(item) for item in items])


def count_of(sku: str, location_id: str, minute: float, name: str = "c") -> Counted:
    return Counted("wms", name, None, sku, location_id, 5, at(minute))


def cost_of(bounds: Mapping[PositionKey, CountBound]) -> Units:
    with metered() as units:
        skipped_counts(bounds, NOW)
    return units


@pytest.mark.parametrize("seed", range(6))
def test_look_ups_find_what_the_list_of_all_noted_counts_has(
    seed: int, environment: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    places = [(sku, location) for sku in ("1", "02", "10", "A#") for location in ("7", "30", "x")]
    environment.setattr(note_queries, "MOST_KEYS", chance.choice([1, 2, 64]))
    environment.setattr(note_queries, "FEW", chance.choice([0, 2]))
    noted: list[Counted] = []

    def batch(latest: int) -> list[Counted]:
        common = chance.randint(0, latest)
        return [
            count_of(*place, chance.choice([common, common, chance.randint(0, latest)]), name)
            for place in chance.sample(places, chance.randint(1, len(places)))
            for name in [chance.choice("abc")]
        ]

    establish_notes(older_until=at(2))
    for _ in range(10):
        shape = chance.choice([*Shape, None])
        counts = batch(2 if shape is None else 5)
        noted += counts
        if shape is None:
            note_in_older_format(counts)
        else:
            environment.setattr(notes, "best_shape", lambda _, shape=shape: shape)
            save_skipped_counts(counts, LATER)
        bounds = {
            place: (at(chance.randint(0, 5)), -1)
            for place in chance.sample(places, chance.randint(1, len(places)))
        }
        listed = newest_counts(
            {(count.sku, count.location_id): count}
            for count in noted
            if (bound := bounds.get((count.sku, count.location_id))) and bound_of(count) >= bound
        )
        assert skipped_counts(bounds, NOW) == listed


def test_a_new_installation_notes_in_every_shape_at_once() -> None:
    forget_notes()
    save_skipped_counts([count_of("A", location, 0) for location in "12"], NOW)
    item = newest_item()
    assert item is not None
    assert (item["older_until"], item[Shape.SKU.value]) == ("", bound_key((at(0), -1)))
    assert {item[Shape.LOCATION.value], item[Shape.MIXED.value]} == {""}
    assert "ttl" not in item
    assert set(skipped_counts({("A", "2"): (at(0), -1)}, NOW)) == {("A", "2")}
    assert cost_of({("A", "2"): (at(1), -1)}).reads == 1


@pytest.mark.parametrize("shape", Shape)
def test_newest_bounds_are_an_hour_ahead_in_a_table_that_has_packs(
    shape: Shape, environment: pytest.MonkeyPatch
) -> None:
    with environment.context() as patch:
        patch.setattr(notes, "best_shape", lambda _: shape)
        save_skipped_counts([count_of("A", "1", 0)], LATER)
    forget_notes(deleted=shape is not Shape.MIXED)
    save_skipped_counts([count_of("B", "1", 0)], NOW)
    item = newest_item()
    assert item is not None
    assert {item["older_until"], *(item[shape.value] for shape in Shape)} == {HOUR_LATER}


def test_in_the_first_hour_older_code_reads_what_is_noted() -> None:
    note_in_older_format([count_of("B", "2", 0)])
    forget_notes()
    save_skipped_counts([count_of("A", "1", 0)], NOW)
    # The query, and the reading of the sort key, of older code.
    (item,) = dynamodb.query(
        store.stock_table(),
        "pk = :pk AND sk >= :since",
        to_item(
            {
                ":pk": f"SKIPPED#{bucket_of('1'):02d}",
                ":since": "2026-03-01T08:00:00.000Z#" + "0" * 19,
            }
        ),
    )
    instant, sequence, _ = item["sk"].split("#")
    assert (datetime.fromisoformat(instant), int(sequence)) == (at(0), 0)


def test_notes_of_older_code_are_found_before_and_after_the_first_note() -> None:
    note_in_older_format([count_of("A", "1", 0)])
    forget_notes()
    bounds = {("A", "1"): (at(0), -1)}
    assert set(skipped_counts(bounds, NOW)) == set(bounds)
    save_skipped_counts([count_of("B", "2", 5)], NOW)
    assert set(skipped_counts(bounds, NOW)) == set(bounds)
    # Older code that still runs notes another one.
    note_in_older_format([count_of("C", "1", 130)])
    later: dict[PositionKey, CountBound] = {("C", "1"): (at(130), -1)}
    assert set(skipped_counts(later, NOW)) == set(later)


@pytest.mark.parametrize("remembered", [False, True])
def test_deleted_newest_bounds_hide_no_note(remembered: bool) -> None:
    counts = [count_of("A", "1", 5), count_of("A", "2", 5), count_of("B", "1", 3)]
    save_skipped_counts(counts, LATER)
    dynamodb.delete_many(store.stock_table(), [NEWEST])
    bounds: dict[PositionKey, CountBound] = {
        (count.sku, count.location_id): (at(3), -1) for count in counts
    }
    if not remembered:
        assert set(skipped_counts(bounds, NOW)) == set(bounds)
    save_skipped_counts([count_of("Z", "9", 6)], LATER)
    assert set(skipped_counts(bounds, NOW)) == set(bounds)


def test_a_newest_bound_never_falls() -> None:
    skipped_counts({("A", "1"): (at(0), -1)}, NOW)
    before = notes.last_seen.get()
    save_skipped_counts([count_of("A", "1", 5)], LATER)
    # Another process, which has not seen that.
    notes.last_seen.set(before)
    save_skipped_counts([count_of("A", "1", 3, "older")], LATER)
    item = newest_item()
    assert item is not None
    assert item[Shape.SKU.value] == bound_key((at(5), -1))
    assert item[Shape.LOCATION.value] == ""


def test_a_process_raises_a_newest_bound_once() -> None:
    with metered() as first:
        save_skipped_counts([count_of("A", "1", 5)], LATER)
    with metered() as second:
        save_skipped_counts([count_of("B", "1", 5)], LATER)
    assert (first.reads, first.writes, second.reads, second.writes) == (1, 2, 0, 1)


def test_a_message_that_is_newer_than_all_notes_costs_one_read() -> None:
    for shape, minute in ((1, 5), (2, 6)):
        save_skipped_counts([count_of(f"S{n}", str(shape), minute) for n in range(shape)], LATER)
    units = cost_of({(f"S{n}", f"L{n}"): (at(7), -1) for n in range(1_000)})
    assert (units.reads, units.read) == (1, 1)
    assert skipped_counts({}, NOW) == {}
    assert cost_of({}).reads == 0


def by_sku(number: int) -> PositionKey:
    return f"SKU-{number // 100}", f"store-{number % 100}"


def by_location(number: int) -> PositionKey:
    return f"SKU-{number % 1_000}", f"store-{number // 1_000}"


@pytest.mark.parametrize("place", [by_sku, by_location])
def test_look_ups_of_a_sorted_file_of_one_instant_stay_as_cheap(
    place: Callable[[int], PositionKey],
) -> None:
    rows = 300
    costs = []
    for batch in range(8):
        places = [place(number) for number in range(batch * rows, (batch + 1) * rows)]
        units = cost_of({one: (at(0), -1) for one in places[::2]})
        costs.append(units)
        save_skipped_counts([count_of(*one, 0) for one in places[1::2]], LATER)
    assert (costs[0].reads, costs[0].read) == (1, 1)
    assert max(units.reads for units in costs) <= 5
    assert max(units.read for units in costs) <= 8


# The steps of noting and looking, interleaved


def act_before(
    environment: pytest.MonkeyPatch,
    step: tuple[Any, str],
    call_number: int,
    act: Callable[[], object],
) -> Callable[[], int]:
    """Before that call of a function of a module something else happens; the number of its calls
    so far."""
    was = getattr(*step)
    calls = 0

    def called(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call_number:
            act()
        return was(*arguments)

    environment.setattr(*step, called)
    return lambda: calls


@pytest.mark.parametrize(
    ("established", "step"),
    [
        (False, "_create_newest"),
        (False, "_raise_newest"),
        (False, "put_many"),
        (True, "_raise_newest"),
        (True, "put_many"),
    ],
)
def test_a_late_movement_is_written_between_the_steps_of_noting(
    established: bool, step: str, environment: pytest.MonkeyPatch
) -> None:
    """The writer looked before the bound was raised, or before the pack was written: the skipping
    worker sees its write."""
    feed(counted(10, 0))
    if not established:
        forget_notes()
    owner = dynamodb if step == "put_many" else notes
    calls = act_before(environment, (owner, step), 1, lambda: feed(moved(-1, 4, sequence=1)))
    assert feed(counted(10, 5)) == 1
    assert calls()
    assert on_hand() == 10


@pytest.mark.parametrize("established", [False, True])
@pytest.mark.parametrize("look_up", [1, 2])
@pytest.mark.parametrize("step", ["_read_newest", "note_queries"])
def test_a_count_is_noted_between_the_steps_of_a_look_up(
    established: bool, step: str, look_up: int, environment: pytest.MonkeyPatch
) -> None:
    """``look_up`` 1 is before the writer's write, 2 after it."""
    feed(counted(10, 0))
    if not established:
        forget_notes()
    calls = act_before(environment, (notes, step), look_up, lambda: feed(counted(10, 5)))
    feed(moved(-1, 4, sequence=1))
    assert calls() >= look_up
    assert on_hand() == 10
