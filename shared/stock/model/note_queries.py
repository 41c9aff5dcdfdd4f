"""Which packs of noted counts a look-up must read. Pure.

A look-up has a bound for each of its positions, and needs the position's noted counts from that
bound on. A count stands in a pack whose newest bound is its own or a greater one. So the packs that
matter for a position with bound b are:

    newer   the packs with a newest bound after b: any pack of the position's partition
    ties    the packs with the newest bound b: a sort key names those that can have the position

The newest bound of any pack is known for each shape (``NewestNotes``). A shape whose newest bound
is before b has neither; one whose newest bound is b has only ties. So in a file of counts that have
one instant and no sequence, a batch reads its own SKUs or locations of earlier batches, and of
these only the packs whose greatest name is not before the least name that the batch looks for:
next to nothing when the file is sorted.

The greatest name of a pack is the maximum of the very texts that a look-up compares it with, so it
is never before the name of a position that the pack has. That holds for every function
``sort_key``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.stock.model.events import Counted
from shared.stock.model.feed import CountBound
from shared.stock.model.position import PositionKey
from shared.stock.model.skipped import (
    BUCKETS,
    Shape,
    bound_key,
    bound_of,
    bound_of_key,
    find_counts,
    key_hash,
    newest_counts,
    other_name,
    partition_of,
    shape_key,
    sort_key,
)

MOST_KEYS = BUCKETS
"""Keys of a narrow shape that are looked up one by one; more are read by partition."""
FEW = 2
"""Positions of a look-up that share a bound by chance. A file has more of them."""
LAST = "~"
"""Sorts behind every sort key of a pack."""
PAST = "$"
"""Sorts behind ``#``: behind all keys that begin with the text before it."""


@dataclass(frozen=True, slots=True)
class NewestNotes:
    """The newest bound of any pack, by shape, and the newest bound of packs in the older format, as
    ``bound_key``. None of them ever falls."""

    newest: Mapping[Shape, str]
    older_until: str


@dataclass(frozen=True, slots=True)
class NoteQuery:
    """The packs of ``partition`` with sort keys from ``first`` to ``last``; they may have counts
    of the positions in ``bounds``."""

    partition: str
    first: str
    last: str
    bounds: Mapping[PositionKey, CountBound]


Range = tuple[str, str, Sequence[PositionKey]]
"""The first and the last sort key, and the positions that its packs may have."""


def note_queries(
    bounds: Mapping[PositionKey, CountBound], known: NewestNotes
) -> Iterator[NoteQuery]:
    """The queries that find all noted counts from ``bounds`` on."""
    texts = {place: bound_key(bound) for place, bound in bounds.items()}
    sharing = Counter(texts.values())
    for shape in Shape:
        newest = known.newest[shape]
        partitions: dict[str, list[PositionKey]] = defaultdict(list)
        keys = set()
        for place, text in texts.items():
            if text <= newest:
                key = shape_key(shape, place)
                keys.add(key)
                partitions[partition_of(shape, key)].append(place)
        for partition, places in partitions.items():
            least = min(texts[place] for place in places)
            ties = [place for place in places if texts[place] == least]
            newer = newest > least
            ranges: Iterable[Range]
            if shape is Shape.MIXED and least <= known.older_until:
                ranges = [(f"{least}#", LAST, places)]
            elif shape is Shape.MIXED:
                ranges = [(f"{least}#~{_least_name(shape, ties)}", LAST, places)]
            elif len(keys) > MOST_KEYS or (newer and sharing[least] <= FEW):
                ranges = [_joint_range(shape, least, ties, places, newer=newer)]
            else:
                ranges = _ranges_of_keys(shape, least, ties)
                if newer:
                    ranges = [*ranges, (f"{least}{PAST}", LAST, places)]
            for first, last, sought in ranges:
                yield NoteQuery(partition, first, last, {place: bounds[place] for place in sought})


def noted_counts(
    packs: Iterable[tuple[str, bytes, bytes]], bounds: Mapping[PositionKey, CountBound]
) -> dict[PositionKey, Counted]:
    """The newest count of each position in ``packs`` (sort key, places, counts), whose sort keys
    fall. Reads no further than some position may have a newer count."""
    newest: dict[PositionKey, Counted] = {}
    for sort_key_of_pack, pack_places, pack_counts in packs:
        newest_of_pack = bound_of_key(sort_key_of_pack)
        missing = [
            place
            for place, bound in bounds.items()
            if bound <= newest_of_pack
            and not (place in newest and bound_of(newest[place]) > newest_of_pack)
        ]
        if not missing:
            break
        newest = newest_counts([newest, find_counts(pack_places, pack_counts, missing)])
    return newest


def _joint_range(
    shape: Shape,
    bound: str,
    ties: Sequence[PositionKey],
    places: Sequence[PositionKey],
    *,
    newer: bool,
) -> Range:
    """One range over the ties of all keys and what is newer: fewer calls, but it also reads the
    packs between the keys."""
    by_hash = sorted((key_hash(shape_key(shape, place)), place) for place in ties)
    least, greatest = by_hash[0][0], by_hash[-1][0]
    last = LAST if newer else f"{bound}#{greatest}{PAST}"
    return f"{bound}#{least}#", last, places


def _ranges_of_keys(shape: Shape, bound: str, ties: Iterable[PositionKey]) -> Iterator[Range]:
    by_key: dict[str, list[PositionKey]] = defaultdict(list)
    for place in ties:
        by_key[shape_key(shape, place)].append(place)
    for key, places in by_key.items():
        beginning = f"{bound}#{key_hash(key)}"
        yield f"{beginning}#{_least_name(shape, places)}", f"{beginning}{PAST}", places


def _least_name(shape: Shape, places: Iterable[PositionKey]) -> str:
    return min(sort_key(other_name(shape, place)) for place in places)
