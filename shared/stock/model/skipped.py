"""Packs of counts that changed nothing: about 25 bytes per count instead of a write each. Pure.

``places`` of a pack are the 8-byte digests of (sku, location), rising, so that one count is found
without unpacking the others; ``counts`` are the counts in the same order, compressed.

The counts of one batch are packed in one of three shapes, so that a later look-up can name the
packs that may have its positions instead of reading all that were noted at the same instant:

    by SKU        one pack per SKU       partition SKIPPED#S<nn>, of 64, by a hash of the SKU
    by location   one pack per location  partition SKIPPED#L<nn>, of 64, by a hash of the location
    mixed         one pack per bucket    partition SKIPPED#<nn>, of 64, by a hash of the location

A sort key begins with the pack's newest bound (``bound_key``). Behind it stand, where the shape has
one key per pack, the hash of that key; the sort key of the greatest name of the other kind in the
pack (the greatest SKU of a location, of a bucket; the greatest location of a SKU); and a digest of
the content, so that the same batch makes the same item again:

    narrow        <as_of>#<sequence + 1>#<hash of key>#<greatest name>#<digest>
    mixed         <as_of>#<sequence + 1>#~<greatest name>~<digest>
    older format  <as_of>#<sequence + 1>#<digest>

The mixed form has the three parts that older code expects, which still reads it.
"""

import hashlib
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from shared.instants import rfc3339
from shared.stock.model.events import Counted
from shared.stock.model.feed import CountBound
from shared.stock.model.position import PositionKey

BUCKETS = 64
"""Partitions of each shape, and the most packs of a batch below MOST_COUNTS. Trade-off of costs: a
batch pays each pack by the whole KB, while a message that is older than noted counts reads whole
partitions."""
DIGEST = 8
MOST_COUNTS = 5000
"""Counts of a pack: below half of the size limit of an item."""
COUNT_BYTES, PACK_BYTES = 32, 200
"""About what a count adds to its pack, and what an empty pack takes."""
KILOBYTE = 1024
FILE_SURCHARGE = 3 / 2
"""How much more a narrow shape may cost than the mixed one, in write units, for a file of one
instant. Three later batches that read its mixed packs, twice each, would cost as much."""
SORT_KEY_LENGTH = 64
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DIGITS = re.compile(r"0*([0-9]+)")


class Shape(StrEnum):
    """How the counts of a batch are packed; the values are stored."""

    SKU = "by_sku"
    LOCATION = "by_location"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class CountPack:
    """``key`` is the SKU, the location or the number of the bucket whose counts the pack has.
    ``newest`` is the greatest bound of its counts, ``greatest`` the greatest ``sort_key`` of the
    names that ``key`` does not fix."""

    shape: Shape
    key: str
    newest: CountBound
    greatest: str
    places: bytes
    counts: bytes


def bucket_of(name: str) -> int:
    return zlib.crc32(name.encode()) % BUCKETS


def bound_of(count: Counted) -> CountBound:
    return count.stamp.at, count.stamp.sequence


def bound_key(bound: CountBound) -> str:
    """A text of fixed length that sorts as the bound does."""
    at, sequence = bound
    return f"{rfc3339(at)}#{sequence + 1:019d}"


def bound_of_key(sort_key: str) -> CountBound:
    """The newest bound of the pack with that sort key, in any format."""
    at, sequence = sort_key.split("#")[:2]
    return datetime.fromisoformat(at), int(sequence) - 1


def sort_key(name: str) -> str:
    """A text by which names sort as files usually do, numbers by their value: each run of digits
    loses its leading zeros and begins with its length.

    Look-ups are exact whatever the order is (see model/note_queries.py): a file in another order
    only reads more. The text is bounded in length and has no ``#``, which separates the parts of
    mixed keys.
    """
    numbered = DIGITS.sub(lambda run: f"{min(len(run[1]), 99):02d}{run[1]}", name)
    return numbered.replace("#", '"')[:SORT_KEY_LENGTH]


def key_hash(name: str) -> str:
    return blake2b(name.encode(), digest_size=DIGEST).hexdigest()


def shape_key(shape: Shape, place: PositionKey) -> str:
    """The key of the pack that has the counts of ``place``."""
    match shape:
        case Shape.SKU:
            return place[0]
        case Shape.LOCATION:
            return place[1]
        case Shape.MIXED:
            return f"{bucket_of(place[1]):02d}"


def other_name(shape: Shape, place: PositionKey) -> str:
    """The name of ``place`` that the key of its pack does not fix."""
    return place[1] if shape is Shape.SKU else place[0]


def partition_of(shape: Shape, key: str) -> str:
    """The partition of a pack with that key."""
    match shape:
        case Shape.SKU:
            return f"SKIPPED#S{bucket_of(key):02d}"
        case Shape.LOCATION:
            return f"SKIPPED#L{bucket_of(key):02d}"
        case Shape.MIXED:
            return f"SKIPPED#{key}"


def pack_sort_key(pack: CountPack) -> str:
    content = hashlib.sha256(pack.places + pack.counts).hexdigest()[:16]
    bound = bound_key(pack.newest)
    if pack.shape is Shape.MIXED:
        return f"{bound}#~{pack.greatest}~{content}"
    return f"{bound}#{key_hash(pack.key)}#{pack.greatest}#{content}"


def best_shape(counts: Collection[Counted]) -> Shape:
    """The shape for a batch of counts: the narrow shape of the fewest write units if it has few
    packs and does not cost more than the mixed one, otherwise the mixed one.

    A narrow shape costs less for most files: its few packs waste fewer beginnings of a KB. Where
    most counts share an instant it may cost more, because it saves reads in every later batch of
    that instant.
    """
    places = [(count.sku, count.location_id) for count in counts]
    sizes = {shape: Counter(shape_key(shape, place) for place in places) for shape in Shape}
    units = {shape: sum(map(_write_units, packs.values())) for shape, packs in sizes.items()}
    is_file = 2 * len({bound_of(count) for count in counts}) <= len(counts)
    most = units[Shape.MIXED] * (FILE_SURCHARGE if is_file else 1)
    narrow = [
        shape
        for shape in (Shape.SKU, Shape.LOCATION)
        if len(sizes[shape]) <= BUCKETS and units[shape] <= most
    ]
    return min(narrow, key=lambda shape: (units[shape], len(sizes[shape])), default=Shape.MIXED)


def _write_units(counts: int) -> int:
    return -(-(PACK_BYTES + COUNT_BYTES * counts) // KILOBYTE)


def pack_counts(counts: Iterable[Counted], shape: Shape) -> Iterator[CountPack]:
    """Packs of ``counts``, one count per position."""
    by_key: dict[str, list[tuple[str, Counted]]] = defaultdict(list)
    for count in counts:
        place = count.sku, count.location_id
        by_key[shape_key(shape, place)].append((sort_key(other_name(shape, place)), count))
    for key, rows in by_key.items():
        rows.sort(key=lambda row: (row[0], row[1].sku, row[1].location_id))
        for start in range(0, len(rows), MOST_COUNTS):
            part = rows[start : start + MOST_COUNTS]
            yield _pack(shape, key, part[-1][0], [count for _, count in part])


def find_counts(
    places: bytes, counts: bytes, keys: Collection[PositionKey]
) -> dict[PositionKey, Counted]:
    """The counts of the positions in ``keys``, in a pack with these ``places`` and ``counts``."""
    rows_found = {key: row for key in keys if (row := _row_of(places, key)) is not None}
    if not rows_found:
        return {}
    sources, rows = json.loads(zlib.decompress(counts))
    return {key: _counted(key, sources, rows[row]) for key, row in rows_found.items()}


def newest_counts(
    counts_by_pack: Iterable[Mapping[PositionKey, Counted]],
) -> dict[PositionKey, Counted]:
    """The count with the greatest stamp for each position."""
    newest: dict[PositionKey, Counted] = {}
    for counts in counts_by_pack:
        for place, count in counts.items():
            if place not in newest or newest[place].stamp < count.stamp:
                newest[place] = count
    return newest


def _pack(shape: Shape, key: str, greatest: str, counts: Iterable[Counted]) -> CountPack:
    rows = sorted(
        ((_digest((count.sku, count.location_id)), count) for count in counts),
        key=lambda row: row[0],
    )
    sources = sorted({count.source for _, count in rows})
    numbers = {source: number for number, source in enumerate(sources)}
    written = [
        [
            numbers[count.source],
            count.sequence,
            (count.as_of - EPOCH) // MILLISECOND,
            count.net_through and (count.net_through - EPOCH) // MILLISECOND,
            count.quantity,
            count.id,
        ]
        for _, count in rows
    ]
    return CountPack(
        shape,
        key,
        max(bound_of(count) for _, count in rows),
        greatest,
        b"".join(digest for digest, _ in rows),
        zlib.compress(json.dumps([sources, written], separators=(",", ":")).encode()),
    )


def _counted(place: PositionKey, sources: Sequence[str], row: Sequence[Any]) -> Counted:
    source, sequence, as_of, net_through, quantity, name = row
    return Counted(
        sources[source],
        name,
        sequence,
        *place,
        quantity,
        EPOCH + as_of * MILLISECOND,
        None if net_through is None else EPOCH + net_through * MILLISECOND,
    )


def _row_of(places: bytes, place: PositionKey) -> int | None:
    digest = _digest(place)
    low, high = 0, len(places) // DIGEST
    while low < high:
        middle = (low + high) // 2
        if places[middle * DIGEST : (middle + 1) * DIGEST] < digest:
            low = middle + 1
        else:
            high = middle
    return low if places[low * DIGEST : (low + 1) * DIGEST] == digest else None


def _digest(place: PositionKey) -> bytes:
    return blake2b("\n".join(place).encode(), digest_size=DIGEST).digest()
