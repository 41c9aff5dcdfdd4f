"""The stock feed: units and dollars per row, rows per second, memory of a long file."""

import json
import logging
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config

from functions.stock import apply_feed, ingest_file
from shared.aws import clients, s3, settings
from shared.documents import batches_of
from shared.instants import rfc3339
from shared.stock.intake import ingest
from tests.bench import prices
from tests.bench.report import Row, Table, Tell
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.tables import make_tables
from tests.support.units import Units, metered

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
LOCATIONS = 457
GOAL = 1_800
MESSAGES = 4
"""That the worker takes at once."""
MESSAGE_BYTES = 256 * 1024
FILE_ROWS, QUICK_FILE_ROWS = 1_500_000, 50_000

Document = dict[str, Any]


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    logging.disable(logging.WARNING)
    try:
        with DynamoDbLocal() as running, pytest.MonkeyPatch.context() as patch:
            _environment(patch, running.url)
            tell("units per row")
            units = list(_units(patch, 1_000 if quick else 3_000))
            yield Table(
                "Feed: request units per row",
                [row for row, _ in units],
                notes=[
                    "RU, WU: as DynamoDB Local tells them, indexes included. writes: of positions.",
                    "A changed row costs another WU for its row of the ledger, which the stream's",
                    "worker writes. budget: writes of the position.",
                ],
            )
            rates = list(_rates(patch, 600 if quick else 10_000, tell))
            yield Table(
                "Feed: rows applied, by one worker",
                rates,
                notes=[
                    f"goal: {GOAL:,} rows a CPU s where all rows change, with a sequence.",
                    "The whole handler on DynamoDB Local, on one machine; CPU s are those of the",
                    "worker alone. Locations one after the other, all as of one instant.",
                ],
            )
            yield _dollars(units, rates)
    finally:
        logging.disable(logging.NOTSET)
        clients.client.cache_clear()
        settings.setting.cache_clear()
    yield _memory(QUICK_FILE_ROWS if quick else FILE_ROWS, tell)


def _environment(patch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "test")
    patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    # DynamoDB Local executes the statements of 16 calls one after another.
    patch.setattr(clients, "CONFIG", clients.CONFIG.merge(Config(read_timeout=60)))
    clients.client.cache_clear()


def _fresh(patch: pytest.MonkeyPatch, name: str) -> None:
    make_tables(patch, prefix=name)
    settings.setting.cache_clear()


# Rows


def place(number: int, *, by_sku: bool = False) -> tuple[str, str]:
    """A file that is sorted by location, or by SKU over all locations."""
    if by_sku:
        return f"SKU-{number // LOCATIONS:06}", f"store-{number % LOCATIONS:03}"
    return f"SKU-{number % 3300:06}", f"store-{number // 3300:03}"


def count(
    number: int, quantity: int, minute: int, *, sequenced: bool = True, by_sku: bool = False
) -> Document:
    sku, location_id = place(number, by_sku=by_sku)
    at = rfc3339(START + timedelta(minutes=minute))
    data = {"sku": sku, "location_id": location_id, "quantity": quantity, "as_of": at}
    return _event(
        "stock.counted", f"c{minute}-{number}", number if sequenced else None, at, data
    ) | {"data": data | {"basis": "physical"}}


def move(number: int, minute: int, *, sequenced: bool, part: int = 0) -> Document:
    sku, location_id = place(number)
    at = rfc3339(START + timedelta(minutes=minute, seconds=part))
    data = {"sku": sku, "location_id": location_id, "delta": -1, "occurred_at": at}
    name, sequence = f"m{minute}-{number}-{part}", minute * 100 + part if sequenced else None
    return _event("stock.moved", name, sequence, at, data | {"reason": "retail_selling"})


def _event(kind: str, name: str, sequence: int | None, at: str, data: Document) -> Document:
    event = {
        "specversion": "1.0",
        "id": name,
        "source": "urn:wms",
        "type": kind,
        "time": at,
        "data": data,
    }
    return event | ({} if sequence is None else {"sequence": sequence})


def feed(documents: Sequence[Document]) -> int:
    """Through the worker, as the queue would hand them over; the number of messages."""
    messages = list(batches_of(documents, MESSAGE_BYTES))
    for start in range(0, len(messages), MESSAGES):
        records = [
            {"messageId": f"m{start + n}", "body": body}
            for n, body in enumerate(messages[start : start + MESSAGES])
        ]
        failed = apply_feed.handler({"Records": records}, None)["batchItemFailures"]
        if failed:
            raise RuntimeError(f"not applied: {failed}")
    return len(messages)


# Units


def _units(patch: pytest.MonkeyPatch, rows: int) -> Iterator[tuple[Row, Units]]:
    def measured(
        name: str, each: int, budget: float | None, documents: Sequence[Document]
    ) -> tuple[Row, Units]:
        with metered() as units:
            feed(documents)
        many = len(documents) if each == 1 else len(documents) / each
        per = Units(write=units.write / many, read=units.read / many)
        row: Row = {
            "row": name,
            "rows": len(documents),
            "writes": units.updates / many,
            "budget": budget,
            "WU": per.write,
            "RU": per.read,
        }
        return row, per

    _fresh(patch, "alone")
    feed([count(n, 10, 0) for n in range(20)])
    alone = [
        ("count that changes, alone", [count(0, 11, 1)], 1.0),
        ("count that changes nothing, alone", [count(1, 10, 1)], 0.0),
        ("movement with sequence, alone", [move(2, 2, sequenced=True)], 1.0),
        ("movement without, alone", [move(3, 2, sequenced=False)], None),
        ("the same again", [move(3, 2, sequenced=False)], 0.0),
    ]
    for name, documents, budget in alone:
        yield measured(name, 1, budget, documents)
    folded = [move(4, 3, sequenced=True, part=part) for part in range(40)]
    yield measured("40 movements of one position", 40, 1.0, folded)

    for by_sku in (False, True):
        sorted_by = "by SKU" if by_sku else "by location"
        _fresh(patch, "sku" if by_sku else "location")

        def counts(
            quantity: Callable[[int], int], minute: int, by_sku: bool = by_sku
        ) -> list[Document]:
            return [count(n, quantity(n), minute, by_sku=by_sku) for n in range(rows)]

        yield measured(f"new positions, {sorted_by}", 1, 1.0, counts(lambda _: 10, 0))
        yield measured(f"all changed, {sorted_by}", 1, 1.0, counts(lambda _: 11, 1))
        yield measured(f"none changed, {sorted_by}", 1, 0.0, counts(lambda _: 11, 2))
        mixed = counts(lambda n: 12 if n % 20 == 0 else 11, 3)
        yield measured(f"5 % changed, {sorted_by}", 1, 0.05, mixed)
        yield measured(f"the same again, {sorted_by}", 1, 0.0, mixed)
    _fresh(patch, "moves")
    feed([count(n, 10, 0) for n in range(rows)])
    for sequenced in (True, False):
        moves = [move(n, 1 + sequenced, sequenced=sequenced) for n in range(rows)]
        kind = "with sequence" if sequenced else "without"
        yield measured(f"movements {kind}", 1, 1.0 if sequenced else None, moves)
        yield measured(f"movements {kind}, again", 1, 0.0, moves)


# Rows per second


def _rates(patch: pytest.MonkeyPatch, rows: int, tell: Tell) -> Iterator[Row]:
    for sequenced in (True, False):
        for unchanged in (0, 50, 95):
            name = f"{'with' if sequenced else 'no'} sequence, {unchanged} % unchanged"
            tell(name)
            _fresh(patch, f"rate{sequenced:d}{unchanged}")
            feed([count(n, 10, 0, sequenced=sequenced) for n in range(rows)])
            documents = [
                count(n, 10 + (n % 100 >= unchanged), 1, sequenced=sequenced) for n in range(rows)
            ]
            yield {"counts": name, **_timed(documents)}
    for sequenced in (True, False):
        name = f"movements, {'with' if sequenced else 'no'} sequence"
        tell(name)
        _fresh(patch, f"moves{sequenced:d}")
        feed([count(n, 10, 0) for n in range(rows)])
        moves = [move(n, 1, sequenced=sequenced) for n in range(rows)]
        yield {"counts": name, **_timed(moves)}


def _timed(documents: Sequence[Document]) -> dict[str, float]:
    started, busy = time.perf_counter(), time.process_time()
    feed(documents)
    return {
        "rows": len(documents),
        "rows/s": len(documents) / (time.perf_counter() - started),
        "rows/CPU s": len(documents) / (time.process_time() - busy),
    }


# Dollars


def _dollars(units: Sequence[tuple[Row, Units]], rates: Sequence[Row]) -> Table:
    rate = {str(row["counts"]): float(row["rows/CPU s"] or 1) for row in rates}
    told = {str(row["row"]): per for row, per in units}
    rows = []
    for name, unit, speed, changed in (
        ("counts, all changed", "all changed, by location", "0 %", 1.0),
        ("counts, 5 % changed", "5 % changed, by location", "95 %", 0.05),
        ("counts, 5 % changed, by SKU", "5 % changed, by SKU", "95 %", 0.05),
        ("movements, with sequence", "movements with sequence", "movements, with", 1.0),
        ("movements, no sequence", "movements without", "movements, no", 1.0),
    ):
        per = told[unit]
        fast = next(value for known, value in rate.items() if speed in known)
        size = len(json.dumps(count(0, 10, 0)))
        requests = 2 * size / prices.SQS_BYTES + 1 / (MESSAGE_BYTES / size)
        parts = {
            "position": per.write * prices.WRITE_UNIT,
            "ledger": changed * prices.WRITE_UNIT,
            "reads": per.read * prices.READ_UNIT,
            "queue": requests * prices.SQS_REQUEST,
            "Lambda": prices.compute(1 / fast),
        }
        rows.append(
            {"$ per million rows": name}
            | {part: 1e6 * cost for part, cost in parts.items()}
            | {"sum": 1e6 * sum(parts.values()), "1.5 M rows": 1.5e6 * sum(parts.values())}
        )
    return Table(
        f"Feed: dollars at list price ({prices.DATE})",
        rows,
        notes=[
            "position: with what is noted of unchanged counts. Lambda: the worker's CPU time on",
            "this machine, at Lambda's price of a whole processor; waiting, the ledger's worker",
            "and availability's are not in here.",
        ],
    )


# Memory


def _memory(rows: int, tell: Tell) -> Table:
    found = []
    for many in (rows // 10, rows):
        tell(f"a file of {many:,} rows")
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.stock.feed", str(many)],
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return Table(
        "Feed: a long file read onto the queue",
        found,
        notes=[
            "A CSV file of counts, made while it is read, through ingest_file's handler. peak MB:",
            "the most that the process has held, its packages included. The queue, the table's",
            "place to go on from, and the object itself are stand-ins in this process.",
        ],
    )


def _read_file(rows: int) -> dict[str, Any]:
    """In a process of its own, so that its peak is told."""
    sent: Counter[str] = Counter()
    line = "SKU-%06d,store-%03d,%d,2026-03-01T08:00:00Z\n"
    header = b"sku,location_id,quantity,as_of\n"

    def pieces(_: Any, start: int = 0) -> Iterator[bytes]:
        assert not start
        yield header
        for first in range(0, rows, 10_000):
            yield "".join(
                line % (n % 3300, n // 3300, n % 40)
                for n in range(first, min(rows, first + 10_000))
            ).encode()

    def send(_: str, body: str) -> None:
        sent["messages"] += 1
        sent["bytes"] += len(body)

    with pytest.MonkeyPatch.context() as patch:
        whole = s3.Object("b", "f.csv", "e", rows * 44, START, {})
        patch.setattr(s3, "look", lambda *_: whole)
        patch.setattr(s3, "pieces", pieces)
        patch.setattr(ingest, "send", send)
        patch.setattr(
            ingest, "_so_far", lambda *_: ingest.IntakeProgress("b", "f.csv", "e", "", rows)
        )
        patch.setattr(ingest, "_note", lambda *_: True)
        patch.setenv("NORAIN_BULK_QUEUE", "q")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started, busy = time.perf_counter(), time.process_time()
        body = json.dumps({"bucket": "b", "key": "f.csv"})
        context = type("Context", (), {"get_remaining_time_in_millis": lambda _: 900_000})()
        failed = ingest_file.handler({"Records": [{"messageId": "m", "body": body}]}, context)
        if failed["batchItemFailures"]:
            raise RuntimeError("the file was not read")
    return {
        "rows": rows,
        "messages": sent["messages"],
        "MB sent": sent["bytes"] / 1e6,
        "rows/s": rows / (time.perf_counter() - started),
        "rows/CPU s": rows / (time.process_time() - busy),
        "MB before": before / 1024,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    print(json.dumps(_read_file(int(sys.argv[1]))))
