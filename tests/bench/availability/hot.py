"""One popular SKU at 2,000 stores: what an answer from memory costs, how many processes 20,000
questions a second keep busy, and how many of its partition's 3,000 units their reads take."""

import contextlib
import io
import time
from collections.abc import Iterator

from functions.availability.query import handler
from shared.availability.store import recent
from shared.aws.cache import DUE_SHARE
from tests.bench.availability.shelves import counted, empty_tables, open_stores, question, stock
from tests.bench.report import Row, Table, Tell

STORES = 2_000
QUESTIONS = 20_000
PARTITION = 3_000
"""Read units a second of one partition (AWS, DynamoDB developer guide, "Burst and adaptive
capacity", read 2026-11-28)."""
OVERHEAD_MS = 5.0
"""Assumed for each request, beside the handler: Lambda's runtime and JSON of the event."""
CPU_SHARE = 1024 / 1769
"""Of a virtual CPU, which a function of 1,769 MB has; this one has 1,024 MB."""
ASKED = {
    "limit 0": {"limit": "0"},
    "20 locations": {"location_id": ",".join(f"store-{number:04}" for number in range(20))},
    "nearest 50 in 100 km": {"near": "40,-110", "radius_km": "100"},
    "nearest 50 of 2,000": {"near": "40,-110"},
    "limit 500": {"limit": "500"},
}


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    with empty_tables():
        tell("shelves")
        open_stores(STORES)
        stock("hot", STORES)
        with contextlib.redirect_stdout(io.StringIO()):
            rows = [_row(name, asked, 20 if quick else 200) for name, asked in ASKED.items()]
    yield Table(
        f"one SKU at {STORES:,} stores, {QUESTIONS:,} questions a second",
        rows,
        (
            f"processes: busy with {QUESTIONS:,} requests of the CPU time at {CPU_SHARE:.2f}",
            f"of a virtual CPU and {OVERHEAD_MS:g} ms beside. Each reads the pack {_reads():.2f}",
            f"times a second; goal: below the {PARTITION:,} units a second of the partition.",
            f"Without the memory of packs: {QUESTIONS:,} reads a second.",
        ),
    )


def _reads() -> float:
    return 1 / (recent.PACK_SECONDS * sum(DUE_SHARE) / len(DUE_SHARE))


def _row(name: str, asked: dict[str, str], times: int) -> Row:
    event = question(sku="hot", **asked)
    handler(event, None)
    recent.clear()
    with counted() as used:
        assert handler(event, None)["statusCode"] == 200
    units = sum(one["units"] for one in used)
    with counted() as used:
        started = time.process_time()
        for _ in range(times):
            handler(event, None)
        cpu = 1000 * (time.process_time() - started) / times
    processes = QUESTIONS * (cpu / CPU_SHARE + OVERHEAD_MS) / 1000
    return {
        "question": name,
        "CPU ms": cpu,
        "calls per 1,000": 1000 * len(used) / times,
        "processes": round(processes),
        "read units of a read": units,
        "units a second": processes * _reads() * units,
        "goal": PARTITION,
    }
