"""Look-ups of noted counts find what a list of all noted counts has, and read little of it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.stock.model import note_queries as queries
from shared.stock.model import skipped
from shared.stock.model.events import Counted
from shared.stock.model.feed import CountBound
from shared.stock.model.note_queries import NewestNotes, NoteQuery, note_queries, noted_counts
from shared.stock.model.position import PositionKey
from shared.stock.model.skipped import (
    CountPack,
    Shape,
    best_shape,
    bound_key,
    bound_of,
    newest_counts,
    pack_counts,
    pack_sort_key,
    partition_of,
)
from tests.support.profiles import examples
from tests.unit.stock.test_feed import at

OLDER_UNTIL = bound_key((at(2), -1))


@dataclass
class Notes:
    """Partitions in memory, and all noted counts."""

    partitions: dict[str, dict[str, CountPack]] = field(default_factory=lambda: defaultdict(dict))
    newest: dict[Shape, str] = field(default_factory=lambda: dict.fromkeys(Shape, ""))
    counts: list[Counted] = field(default_factory=list)
    packs_read: int = 0

    @property
    def known(self) -> NewestNotes:
        mixed = max(self.newest[Shape.MIXED], OLDER_UNTIL)
        return NewestNotes({**self.newest, Shape.MIXED: mixed}, OLDER_UNTIL)

    def note(self, counts: Sequence[Counted], shape: Shape) -> None:
        self.counts += counts
        for pack in pack_counts(counts, shape):
            self.put(pack, pack_sort_key(pack))
            self.newest[shape] = max(self.newest[shape], bound_key(pack.newest))

    def note_in_older_format(self, counts: Sequence[Counted]) -> None:
        """As older code does, which raises no newest bound."""
        self.counts += counts
        for pack in pack_counts(counts, Shape.MIXED):
            digest = pack_sort_key(pack).rpartition("~")[2]
            self.put(pack, f"{bound_key(pack.newest)}#{digest}")

    def put(self, pack: CountPack, sort_key: str) -> None:
        self.partitions[partition_of(pack.shape, pack.key)][sort_key] = pack

    def look_up(
        self, bounds: Mapping[PositionKey, CountBound], known: NewestNotes
    ) -> dict[PositionKey, Counted]:
        newest = newest_counts(map(self.answer, note_queries(bounds, known)))
        return {place: count for place, count in newest.items() if bound_of(count) >= bounds[place]}

    def answer(self, query: NoteQuery) -> dict[PositionKey, Counted]:
        assert query.first <= query.last, "DynamoDB refuses such a range"
        packs = self.partitions[query.partition]
        keys = [key for key in packs if query.first <= key <= query.last]
        self.packs_read += len(keys)
        return noted_counts(
            ((key, packs[key].places, packs[key].counts) for key in sorted(keys, reverse=True)),
            query.bounds,
        )

    def listed(self, bounds: Mapping[PositionKey, CountBound]) -> dict[PositionKey, Counted]:
        """What a look-up must find, from the list of all counts."""
        return newest_counts(
            {(count.sku, count.location_id): count}
            for count in self.counts
            if (bound := bounds.get((count.sku, count.location_id))) and bound_of(count) >= bound
        )


SKUS = ["1", "2", "10", "A", "A#~", "~"]
LOCATIONS = ["7", "30", "x", "#"]
PLACES = [(sku, location_id) for sku in SKUS for location_id in LOCATIONS]
few_minutes = st.integers(0, 4)
CREATED_LATE = NewestNotes(dict.fromkeys(Shape, bound_key((at(60), -1))), bound_key((at(60), -1)))
"""The newest bounds that are created when there are notes already."""
ranks = st.sampled_from([None, None, None, 0, 1])


@st.composite
def batches(draw: st.DrawFn) -> tuple[Shape | None, list[Counted]]:
    """Counts of some positions, mostly of one instant; without a shape in the older format."""
    shape = draw(st.sampled_from([*Shape, None]))
    until = 2 if shape is None else 4
    common = draw(st.integers(0, until))
    counts = [
        Counted(
            "wms",
            draw(st.sampled_from("abc")),
            sequence if minute < until else None,
            *place,
            5,
            at(minute),
        )
        for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, unique=True))
        for minute in [draw(st.sampled_from([common, common, draw(st.integers(0, until))]))]
        for sequence in [draw(ranks)]
    ]
    return shape, counts


@examples(600)
@given(
    st.lists(batches(), max_size=8),
    st.dictionaries(
        st.sampled_from(PLACES),
        st.tuples(few_minutes.map(at), st.sampled_from([-1, -1, -1, 0, 1])),
    ),
    st.sampled_from([1, 2, 64]),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([1, 2, 64]),
    st.booleans(),
)
def test_a_look_up_finds_what_the_list_of_all_noted_counts_has(
    noted: list[tuple[Shape | None, list[Counted]]],
    bounds: dict[PositionKey, CountBound],
    buckets: int,
    few: int,
    most_keys: int,
    newest_known: bool,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skipped, "BUCKETS", buckets)
        patch.setattr(queries, "FEW", few)
        patch.setattr(queries, "MOST_KEYS", most_keys)
        notes = Notes()
        for shape, counts in noted:
            if shape is None:
                notes.note_in_older_format(counts)
            else:
                notes.note(counts, shape)
        found = notes.look_up(bounds, notes.known if newest_known else CREATED_LATE)
        assert found == notes.listed(bounds)


def test_a_message_after_all_noted_counts_needs_no_query() -> None:
    notes = Notes()
    for shape in Shape:
        notes.note([Counted("wms", "c", None, "1", "7", 4, at(3))], shape)
    assert list(note_queries({("1", "7"): (at(3), 0)}, notes.known)) == []
    assert len(list(note_queries({("1", "7"): (at(2.5), -1)}, notes.known))) == 3


def by_sku(number: int) -> PositionKey:
    return f"SKU-{number // 457}", f"store-{number % 457}"


def by_location(number: int) -> PositionKey:
    return f"SKU-{number % 3300}", f"store-{number // 3300}"


def by_small_location(number: int) -> PositionKey:
    return f"SKU-{number % 50}", f"store-{number // 50}"


def by_sku_in_many_locations(number: int) -> PositionKey:
    return f"SKU-{number // 100}", f"store-{number % 100}"


@pytest.mark.parametrize(
    "place", [by_sku, by_location, by_small_location, by_sku_in_many_locations]
)
def test_a_look_up_of_a_sorted_file_of_one_instant_stays_as_cheap(
    place: Callable[[int], PositionKey],
) -> None:
    """Half of the rows of each batch change, and look for noted counts of earlier batches."""
    rows, batch_count = 1_700, 12
    notes = Notes()
    calls, packs = [], []
    for batch in range(batch_count):
        places = [place(number) for number in range(batch * rows, (batch + 1) * rows)]
        notes.packs_read = 0
        changed = [one for one in places if crc32(repr(one).encode()) % 2]
        bounds = {one: (at(3), -1) for one in changed}
        calls.append(len(list(note_queries(bounds, notes.known))))
        assert notes.look_up(bounds, notes.known) == {}
        packs.append(notes.packs_read)
        unchanged = [Counted("wms", "c", None, *one, 4, at(3)) for one in {*places} - {*changed}]
        notes.note(unchanged, best_shape(unchanged))
    assert max(calls) <= 128
    assert max(packs) <= 2
