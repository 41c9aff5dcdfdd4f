"""The projection: how many changes a second of processor time folds into packs, and in how many
calls."""

import contextlib
import io
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from functions.availability import project
from shared.aws.items import to_item
from shared.instants import rfc3339
from tests.bench.availability.shelves import AT, counted, empty_tables, stock
from tests.bench.report import Row, Table, Tell

BATCH = 500
LOCATIONS = 500
FEED_WORKERS, FEED_SHARE, FEED_ROWS = 10, 1024 / 1769, 3_000
"""The workers of the feed, the share of a processor that each has, and the rows that change a
position in a CPU second (stock.feed)."""
PROJECTORS = 4 * 10
"""Ten workers, each with a processor, for each of the four shards of a new table."""
GOAL = round(FEED_WORKERS * FEED_SHARE * FEED_ROWS / PROJECTORS)
"""Changes a CPU second at which the projectors keep up with all workers of the feed."""


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    batches = 2 if quick else 6
    with empty_tables():
        tell("packs")
        skus = [f"sku-{number:05}" for number in range(BATCH)]
        for number, sku in enumerate(skus):
            stock(sku, LOCATIONS, number)
        rows = []
        cases = {
            f"each change of another SKU at {LOCATIONS} locations": [
                [_record(sku, number * 7 % LOCATIONS, batch) for number, sku in enumerate(skus)]
                for batch in range(1, 1 + batches)
            ],
            "a location's first load, SKUs that have packs": [
                [_record(sku, LOCATIONS + batch, 1) for sku in skus] for batch in range(batches)
            ],
            "the first load of SKUs without packs": [
                [_record(f"new-{batch}-{number}", 0, 1) for number in range(BATCH)]
                for batch in range(batches)
            ],
            "20 changes of each SKU": [
                [
                    _record(sku, (number + part) % LOCATIONS, 100 + batch)
                    for number, sku in enumerate(skus[: BATCH // 20])
                    for part in range(20)
                ]
                for batch in range(batches)
            ],
        }
        for title, parts in cases.items():
            tell(title)
            rows.append(_row(title, parts))
    yield Table(
        "changes of positions folded into packs",
        rows,
        (
            f"the whole handler, batches of {BATCH} records, on DynamoDB Local",
            f"goal: {PROJECTORS} projectors keep up with {FEED_WORKERS} workers of the feed",
        ),
    )


def _row(title: str, batches: Sequence[Sequence[Any]]) -> Row:
    changes = sum(map(len, batches))
    with counted() as used, contextlib.redirect_stdout(io.StringIO()):
        began, busy = time.perf_counter(), time.process_time()
        for records in batches:
            failed = project.handler({"Records": records}, None)["batchItemFailures"]
            if failed:
                raise RuntimeError(f"not projected: {failed}")
        took, cpu = time.perf_counter() - began, time.process_time() - busy
    return {
        "changes": title,
        "calls per change": len(used) / changes,
        "changes a CPU second": changes / cpu,
        "goal": GOAL,
        "changes a second": changes / took,
    }


def _record(sku: str, place: int, version: int) -> dict[str, Any]:
    location = f"store-{place:04}"
    version += 1_000_000
    at = rfc3339(AT + timedelta(seconds=version % 10_000))
    image = {
        "pk": f"SKU#{sku}",
        "sk": f"LOC#{location}",
        "sku": sku,
        "location_id": location,
        "location_key": f"LOC#{location}",
        "on_hand": version % 40,
        "reserved": 0,
        "available": version % 40,
        "damaged": 0,
        "version": version,
        "feed_version": version,
        "updated_at": at,
        "last": [
            {
                "id": f"c{version}",
                "source": "urn:wms",
                "type": "stock.counted",
                "reason": "stock_taking",
                "occurred_at": at,
                "quantity": version % 40,
            }
        ],
        "counted": {"at": at, "sequence": version, "source": "urn:wms", "id": f"c{version}"},
    }
    return {
        "eventID": f"{sku}-{location}-{version}",
        "dynamodb": {
            "Keys": to_item({"pk": image["pk"], "sk": image["sk"]}),
            "NewImage": to_item(image),
            "SequenceNumber": f"{sku}-{location}-{version}",
        },
    }
