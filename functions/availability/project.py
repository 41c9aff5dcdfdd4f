"""Folds changes of positions into the packs of their SKUs (a DynamoDB stream), and learns the
confidence in the stock from counts."""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from statistics import median
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.model.confidence import ShelfCount
from shared.availability.model.pack import PackChange, PackRow
from shared.availability.model.positions import row_of
from shared.availability.model.sales import Sale
from shared.availability.store import confidence, projection
from shared.aws.items import from_item
from shared.stock.model.position import Position
from shared.stock.store import position_of_item
from shared.stock.store.heartbeat import KEY as HEARTBEAT
from shared.web.batch import StreamRecord, again, number_of, readable

WRITERS = 8
SOLD = "retail_selling"
MOST_VALUES = 100
"""Values of one metric in one line."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One read and one write per item of the packs that change, 100 and 25 in one call; one read
    and one write per location that people have counted.

    Returns the first record that could not be folded: Lambda sends it and all later ones again, and
    changes that were folded already change nothing then. A record that cannot be read is stored
    away.
    """
    changes: dict[str, list[PackChange]] = defaultdict(list)
    first: dict[str, str] = {}
    counted: dict[str, list[tuple[str, ShelfCount]]] = defaultdict(list)
    failed: list[str] = []
    records = event["Records"]
    # A heartbeat is only measured.
    moved = (record for record in records if _sort_key(record) != HEARTBEAT)
    for record, (sku, change, countings) in readable(moved, _change):
        changes[sku].append(change)
        number = first.setdefault(sku, number_of(record))
        if countings:
            counted[change.location_id] += ((number, counting) for counting in countings)
    written = 0
    confidences = confidence.confidence_of(changes)
    with ThreadPoolExecutor(WRITERS) as pool:
        results = projection.project_all(changes, confidences, pool.map)
    for sku, result in results.items():
        if isinstance(result, Exception):
            logger.error("the pack was not written", exc_info=result, extra={"sku": sku})
            failed.append(first[sku])
        else:
            written += result
    failed += _learn(counted)
    _measure(records, written, len(failed))
    return again(next(([name] for name in map(number_of, records) if name in failed), []))


def _sort_key(record: StreamRecord) -> str | None:
    key: str | None = record["dynamodb"].get("Keys", {}).get("sk", {}).get("S")
    return key


def _change(record: StreamRecord) -> tuple[str, PackChange, Sequence[ShelfCount]]:
    """The SKU, the change of its position (without a new image it was deleted), and the counts."""
    images = record["dynamodb"]
    image = from_item(images.get("NewImage") or images["OldImage"])
    position = position_of_item(image)
    row: PackRow | None = None
    sold: tuple[Sale, ...] = ()
    counted: tuple[ShelfCount, ...] = ()
    if "NewImage" in images:
        row = row_of(position)
        sold = _sold(image.get("last", ()))
        counted = _counted(position, image.get("last", ()))
    change = PackChange(position.location_id, position.version, row, position.updated_at, sold)
    return position.sku, change, counted


def _sold(entries: Iterable[Mapping[str, Any]]) -> tuple[Sale, ...]:
    """The sales over the counter in a write; our own hand-overs do not count."""
    return tuple(
        Sale(-entry["delta"], int(datetime.fromisoformat(entry["occurred_at"]).timestamp()))
        for entry in entries
        if entry["reason"] == SOLD and not entry.get("own") and entry.get("delta", 0) < 0
    )


def _counted(position: Position, entries: Iterable[Mapping[str, Any]]) -> tuple[ShelfCount, ...]:
    """The counts that people made, with the units believed before, in a write."""
    return tuple(
        ShelfCount(
            id=f"{entry['source']} {entry['id']}",
            sku=position.sku,
            location_id=position.location_id,
            quantity=entry["quantity"],
            believed=entry["believed"],
            second=int(datetime.fromisoformat(entry["occurred_at"]).timestamp()),
        )
        for entry in entries
        if "believed" in entry
    )


def _learn(counted: Mapping[str, Sequence[tuple[str, ShelfCount]]]) -> list[str]:
    """Learns from counts; returns the numbers of the records for which that failed."""
    failed = []
    for location_id, rows in counted.items():
        try:
            confidence.learn_counts(location_id, (counting for _, counting in rows))
        except Exception:
            logger.exception("the confidence was not written", extra={"location_id": location_id})
            failed.append(rows[0][0])
    return failed


def _measure(records: list[dict[str, Any]], written: int, failed: int) -> None:
    """The time between each change and its projection: as a metric (EMF), and its maximum in the
    log."""
    now = time.time()
    lags = [
        max(0, round((now - made) * 1000))
        for made in (_made(record.get("dynamodb", {})) for record in records)
        if made is not None
    ]
    for start in range(0, len(lags), MOST_VALUES):
        _publish(lags[start : start + MOST_VALUES], now)
    logger.info(
        "projected",
        extra={
            "records": len(records),
            "written": written,
            "failed": failed,
            "lag_ms": max(lags, default=0),
            "lag_median_ms": round(median(lags)) if lags else 0,
        },
    )


def _publish(lags: list[int], now: float) -> None:
    """One line in CloudWatch's embedded metric format; each element of an array is a value."""
    line = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "NoRain",
                    "Dimensions": [["service"]],
                    "Metrics": [{"Name": "AvailabilityLag", "Unit": "Milliseconds"}],
                }
            ],
        },
        "service": "availability",
        "AvailabilityLag": lags,
    }
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")


def _made(record: Mapping[str, Any]) -> float | None:
    """Epoch seconds of the change: to a millisecond from its position, else to a second from the
    stream."""
    written: str | None = record.get("NewImage", {}).get("updated_at", {}).get("S")
    try:
        return datetime.fromisoformat(written).timestamp() if written else _stream_time(record)
    except ValueError:
        return _stream_time(record)


def _stream_time(record: Mapping[str, Any]) -> float | None:
    at = record.get("ApproximateCreationDateTime")
    return None if at is None else float(at)
