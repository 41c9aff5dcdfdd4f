"""Notes of counts that changed nothing, many in one item: they still hide older messages.

    pk SKIPPED#<bucket>, #S<bucket>, #L<bucket>   a pack (model/skipped.py)
    pk SKIPPED   sk NEWEST    the newest bound of any pack of each shape, ``older_until``
    pk SKIPPED   sk CREATED   stays when that item is deleted

A worker that skips counts raises the newest bound of their shape, writes the packs, then reads the
positions. A worker that writes positions writes them, then reads the newest bounds, then the packs
(``note_queries``). All reads are strongly consistent, so at least one of the two sees the other:

    the writer read the newest bound before it was raised, or the packs before they were
    written: then the position had been written before. The skipping worker reads it afterwards and
    sees the write.

    otherwise the writer read the bound after it was raised, and the packs after they were written:
    it sees the noted count.

A bound never falls, so a process need not raise one that it has seen. A raise without packs (its
worker died) costs only reads.

**Older code** notes packs of the mixed shape and raises nothing. Whoever creates the item in a
table that has packs already therefore sets the newest bound of every shape, and ``older_until``, to
an hour ahead: nobody notes counts after the present, and a deployment is shorter. Until then counts
are noted in the mixed shape only, whose packs older code reads; ties up to then are read with the
packs in the older format. Whoever finds no item creates it, looking up or noting. So it may be
deleted at any time, and must be before new code follows older code again, or when the table was
restored from a backup. A table without packs that never had the item is that of a new installation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.stock.model.events import Counted
from shared.stock.model.feed import CountBound
from shared.stock.model.note_queries import (
    NewestNotes,
    NoteQuery,
    note_queries,
    noted_counts,
)
from shared.stock.model.position import PositionKey
from shared.stock.model.skipped import (
    BUCKETS,
    Shape,
    best_shape,
    bound_key,
    bound_of,
    newest_counts,
    pack_counts,
    pack_sort_key,
    partition_of,
)
from shared.stock.store.rows import LEDGER_KEPT, stock_table

NEWEST = "SKIPPED", "NEWEST"
CREATED = "SKIPPED", "CREATED"
DEPLOYMENT = timedelta(hours=1)
"""Longer than older code still runs beside this code."""
NEVER = ""
"""Sorts before every bound."""

ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""A map function, for example that of a thread pool."""


class _LastSeen:
    """The newest bounds that this process has read or raised: the stored ones are not before them.

    They belong to the client and the table that they were read with, as in shared/aws/cache.Cached.
    """

    def __init__(self) -> None:
        self._source: Any = None
        self._notes: NewestNotes | None = None

    def get(self) -> NewestNotes | None:
        return self._notes if self._source == (dynamodb(), stock_table()) else None

    def set(self, notes: NewestNotes | None) -> None:
        self._source, self._notes = (dynamodb(), stock_table()), notes


last_seen = _LastSeen()


def skipped_counts(
    bounds: Mapping[PositionKey, CountBound], now: datetime, each: ParallelMap = map
) -> dict[PositionKey, Counted]:
    """The newest noted count of each position, if it is not before the position's bound.

    One strongly consistent read of 1 unit when no shape has packs from the bounds on; otherwise
    also the queries of model/note_queries.py, of 1 read unit each when they find nothing.
    """
    if not bounds:
        return {}
    queries = note_queries(bounds, _read_newest() or _create_newest(now))
    newest = newest_counts(each(_noted_counts, queries))
    return {place: count for place, count in newest.items() if bound_of(count) >= bounds[place]}


def _noted_counts(asked: NoteQuery) -> dict[PositionKey, Counted]:
    """The newest counts in the packs of one query, read from the newest pack on."""
    items = tables.query(
        stock_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item({":pk": asked.partition, ":first": asked.first, ":last": asked.last}),
        ScanIndexForward=False,
        ConsistentRead=True,
    )
    return noted_counts(
        ((item["sk"], item["places"], item["counts"]) for item in items), asked.bounds
    )


def save_skipped_counts(counts: Iterable[Counted], now: datetime) -> None:
    """Notes skipped counts, one of each position: an item per SKU, location or bucket, and batch.

    The same counts again are the same items.
    """
    noted = list(counts)
    known = last_seen.get() or _read_newest() or _create_newest(now)
    # Older code that may still run reads only the mixed shape.
    older = bound_key((now, -1)) <= known.older_until
    shape = Shape.MIXED if older else best_shape(noted)
    packs = list(pack_counts(noted, shape))
    _raise_newest(known, shape, bound_key(max(pack.newest for pack in packs)), now)
    ttl = int((now + LEDGER_KEPT).timestamp())
    tables.put_many(
        stock_table(),
        [
            to_item(
                {
                    "pk": partition_of(pack.shape, pack.key),
                    "sk": pack_sort_key(pack),
                    "places": pack.places,
                    "counts": pack.counts,
                    "ttl": ttl,
                }
            )
            for pack in packs
        ],
    )


def _read_newest() -> NewestNotes | None:
    item = tables.get(stock_table(), *NEWEST, consistent=True)
    notes = None if item is None else _newest_of_item(item)
    last_seen.set(notes)
    return notes


def _create_newest(now: datetime) -> NewestNotes:
    before = tables.get(stock_table(), *CREATED, consistent=True)
    newest = bound_key((now + DEPLOYMENT, -1)) if before or _older_packs() else NEVER
    item = {"pk": NEWEST[0], "sk": NEWEST[1], "older_until": newest}
    item |= {shape.value: newest for shape in Shape}
    refused = tables.transact(
        [
            {
                "Put": {
                    "TableName": stock_table(),
                    "Item": to_item(item),
                    # Holds when nobody has created it meanwhile.
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
            {"Put": {"TableName": stock_table(), "Item": tables.key(*CREATED)}},
        ]
    )
    notes = _newest_of_item(next((one.item for one in refused if one.item), item))
    last_seen.set(notes)
    return notes


def _older_packs() -> bool:
    """Whether the table has packs of the shape that older code notes: a query for each partition,
    once in the life of a table."""
    partitions = (partition_of(Shape.MIXED, f"{bucket:02d}") for bucket in range(BUCKETS))
    return any(
        tables.query_page(
            stock_table(), "pk = :pk", to_item({":pk": partition}), 1, ConsistentRead=True
        ).items
        for partition in partitions
    )


def _raise_newest(known: NewestNotes, shape: Shape, newest: str, now: datetime) -> None:
    """Raises the newest bound of ``shape`` to ``newest``, in one write unless it is known to stand
    there or higher."""
    while known.newest[shape] < newest:
        update = Update()
        update.set(shape.value, newest)
        update.require(f"{shape.value} < {{}}", newest)
        refused = tables.write("update_item", **update.request(stock_table(), *NEWEST))
        if refused is None:
            known = replace(known, newest={**known.newest, shape: newest})
            last_seen.set(known)
        elif refused.item is None:
            known = _create_newest(now)
        else:
            known = _newest_of_item(refused.item)
            last_seen.set(known)


def _newest_of_item(item: Mapping[str, Any]) -> NewestNotes:
    return NewestNotes({shape: item[shape.value] for shape in Shape}, item["older_until"])
