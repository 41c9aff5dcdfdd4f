"""The nightly fit: what it is made from, and what it leaves.

    MODEL   HEAD                {stamp, parts, at, ttl}
    MODEL   PART#<stamp>#<nn>   {data, ttl}         which items of a home predict which others

5,000 items predict 250,000 others: 3 parts of 300 KB. Parts of an earlier night expire.
"""

import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from shared.aws import dynamodb as tables
from shared.aws.cache import Cached
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.recommendations.model.fitting import Predicted
from shared.recommendations.store import rows
from shared.recommendations.store.packing import THOUSANDTHS

PART = 300_000
KEPT = timedelta(days=10)
"""How long a model is used when no later one is fitted."""
CACHED_SECONDS = 600
SEGMENTS = 500
PAGE = 1_000


def sample(most: int, seed: int, ended: Callable[[], bool]) -> list[tuple[str, ...]]:
    """What some homes buy: of random segments of the table, until there are enough, or none is
    left."""
    found: list[tuple[str, ...]] = []
    order = list(range(SEGMENTS))
    random.Random(seed).shuffle(order)
    for segment in order:
        if ended() or len(found) >= most:
            break
        found += _homes(segment)
    return found[:most]


def _homes(segment: int) -> Iterator[tuple[str, ...]]:
    after = None
    while True:
        page = tables.scan_page(
            rows.table(),
            PAGE,
            after,
            FilterExpression="sk = :bought AND attribute_exists(bought)",
            ExpressionAttributeValues=to_item({":bought": "BOUGHT"}),
            Segment=segment,
            TotalSegments=SEGMENTS,
        )
        for row in page.items:
            yield tuple(rows.again_of(row).items)
        after = page.last
        if after is None:
            return


def save_model(predicted: Predicted, now: datetime) -> None:
    """Replaces the model: first its parts, then the head that names them."""
    data = zlib.compress(_text(predicted).encode(), 6)
    stamp, ttl = uuid4().hex, int((now + KEPT).timestamp())
    parts = [data[at : at + PART] for at in range(0, len(data), PART)]
    for number, part in enumerate(parts):
        key = _part_key(stamp, number)
        item = {"pk": key.pk, "sk": key.sk, "data": part, "ttl": ttl}
        tables.write("put_item", TableName=key.table, Item=to_item(item))
    head = {"pk": "MODEL", "sk": "HEAD", "stamp": stamp, "parts": len(parts), "at": rfc3339(now)}
    tables.write("put_item", TableName=rows.table(), Item=to_item({**head, "ttl": ttl}))


def _read_model() -> Predicted:
    head = tables.get(rows.table(), "MODEL", "HEAD")
    if head is None:
        return {}
    keys = [_part_key(head["stamp"], number) for number in range(head["parts"])]
    parts = tables.get_many(keys)
    if len(parts) < len(keys):  # they have expired
        return {}
    return _model(zlib.decompress(b"".join(bytes(parts[key]["data"]) for key in keys)))


_cached = Cached(_read_model, CACHED_SECONDS)


def model() -> Predicted:
    """Which items of a home predict which others, by the last fit; empty before the first one.
    CACHED_SECONDS old at most."""
    return _cached.get()


def clear() -> None:
    """Makes the next ``model`` read again."""
    _cached.clear()


def _part_key(stamp: str, number: int) -> Key:
    return Key(rows.table(), "MODEL", f"PART#{stamp}#{number:02d}")


def _text(predicted: Mapping[str, Iterable[tuple[str, float]]]) -> str:
    names = sorted({*predicted, *(sku for row in predicted.values() for sku, _ in row)})
    places = {sku: place for place, sku in enumerate(names)}
    lines = [
        [
            places[sku],
            [places[other] for other, _ in row],
            [round(weight * THOUSANDTHS) for _, weight in row],
        ]
        for sku, row in sorted(predicted.items())
    ]
    return json.dumps([names, lines], separators=(",", ":"))


def _model(text: bytes) -> Predicted:
    names, lines = json.loads(text)
    return {
        names[place]: [
            (names[other], weight / THOUSANDTHS)
            for other, weight in zip(others, weights, strict=True)
        ]
        for place, others, weights in lines
    }
