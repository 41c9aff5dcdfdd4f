"""Notes of counts that changed nothing, many in one item: they still hide older messages."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.stock.model.events import Counted
from shared.stock.model.feed import CountBound
from shared.stock.model.position import PositionKey
from shared.stock.model.skipped import (
    CountPack,
    bound_of,
    bucket_of,
    find_counts,
    newest_counts,
    pack_counts,
)
from shared.stock.store.rows import LEDGER_KEPT, stock_table

ParallelMap = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""A map function, for example that of a thread pool."""


def skipped_counts(
    bounds: Mapping[PositionKey, CountBound], each: ParallelMap = map
) -> dict[PositionKey, Counted]:
    """The newest noted count of each position, if it is not before the position's bound.

    One strongly consistent query for each bucket: 1 read unit when there is nothing behind the
    bounds.
    """
    by_bucket: dict[int, dict[PositionKey, CountBound]] = defaultdict(dict)
    for place, bound in bounds.items():
        by_bucket[bucket_of(place[1])][place] = bound
    newest: dict[PositionKey, Counted] = {}
    for counts in each(lambda bucket: _skipped_in_bucket(bucket, by_bucket[bucket]), by_bucket):
        newest |= counts
    return newest


def _skipped_in_bucket(
    bucket: int, bounds: Mapping[PositionKey, CountBound]
) -> dict[PositionKey, Counted]:
    newest: dict[PositionKey, Counted] = {}
    for item in tables.query(
        stock_table(),
        "pk = :pk AND sk >= :since",
        to_item({":pk": _bucket_key(bucket), ":since": _bound_key(min(bounds.values()))}),
        ScanIndexForward=False,
        ConsistentRead=True,
    ):
        at, sequence, _ = item["sk"].split("#")
        pack = CountPack(
            bucket,
            (datetime.fromisoformat(at), int(sequence) - 1),
            item["places"],
            item["counts"],
        )
        missing = [
            place
            for place, bound in bounds.items()
            if bound <= pack.newest
            and not (place in newest and bound_of(newest[place]) > pack.newest)
        ]
        if not missing:
            break
        newest = newest_counts([newest, find_counts(pack, missing)])
    return {place: count for place, count in newest.items() if bound_of(count) >= bounds[place]}


def save_skipped_counts(counts: Iterable[Counted], now: datetime) -> None:
    """Notes skipped counts, one of each position: an item per bucket and batch."""
    items = []
    for pack in pack_counts(counts):
        content = hashlib.sha256(pack.places + pack.counts).hexdigest()[:16]
        items.append(
            to_item(
                {
                    "pk": _bucket_key(pack.bucket),
                    "sk": f"{_bound_key(pack.newest)}#{content}",
                    "places": pack.places,
                    "counts": pack.counts,
                    "ttl": int((now + LEDGER_KEPT).timestamp()),
                }
            )
        )
    tables.put_many(stock_table(), items)


def _bucket_key(bucket: int) -> str:
    return f"SKIPPED#{bucket:02d}"


def _bound_key(bound: CountBound) -> str:
    at, sequence = bound
    return f"{rfc3339(at)}#{sequence + 1:019d}"
