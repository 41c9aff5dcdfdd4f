"""Processor time: the function's import beside boto3's, its answer beside a bare GetItem."""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import boto3

from functions.availability.query import handler
from shared.availability.store import packs, recent
from tests.bench.availability.shelves import (
    ENVIRONMENT,
    empty_tables,
    open_stores,
    question,
    stock,
)
from tests.bench.report import Row, Table, Tell

IMPORTS = {
    "import boto3, a DynamoDB client": "import boto3; boto3.client('dynamodb')",
    "functions.availability.query, with its client": "import functions.availability.query",
    "functions.availability.api (the resolver, pydantic)": "import functions.availability.api",
}
RUN = "import time; began = time.process_time(); {}; print(time.process_time() - began)"


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    yield _imports(7 if quick else 21, tell)
    yield _answers(100 if quick else 400, tell)


def _imports(runs: int, tell: Tell) -> Table:
    took: dict[str, list[float]] = {title: [] for title in IMPORTS}
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, **ENVIRONMENT, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for run in range(1 + runs):
            tell(f"imports, {run} of {runs}")
            for title, code in IMPORTS.items():
                told = subprocess.run(
                    [sys.executable, "-c", RUN.format(code)],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                if run:  # the first one compiles
                    took[title].append(float(told.stdout) * 1000)
    return Table(
        "cold import, ms of processor time",
        _compared(took, "module"),
        (
            f"{runs} fresh processes of each, in turns; ratios to the first row (goal: 1.15)",
            "from compiled modules, as deployed",
        ),
    )


def _answers(runs: int, tell: Tell) -> Table:
    with empty_tables():
        tell("shelves")
        open_stores(500)
        stock("milk", 500)
        key = packs.pack_key("milk")
        client = boto3.client("dynamodb")
        item = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
        cases: dict[str, Callable[[], Any]] = {
            "bare boto3 GetItem of the pack": lambda: client.get_item(
                TableName=key.table, Key=item
            ),
            **{
                f"1 SKU x 500 locations, {limit} named": _asking(sku="milk", limit=limit)
                for limit in ("500", "50", "0")
            },
            "1 SKU, within 25 km of a point": _asking(
                sku="milk", near="39.5,-114.2", radius_km="25"
            ),
            "1 SKU, 50 named, the nearest": _asking(sku="milk", near="39.5,-114.2"),
            "1 SKU, in a group of 50 locations": _asking(sku="milk", location_group="group-3"),
            "1 SKU that is not there: instead": _asking(sku="milk", near="60,10", radius_km="25"),
        }
        took: dict[str, list[float]] = {title: [] for title in cases}
        with contextlib.redirect_stdout(io.StringIO()):
            for run in range(runs):
                tell(f"answers, {run + 1} of {runs}")
                for title, case in cases.items():
                    began = time.process_time()
                    case()
                    if run >= runs // 10:
                        took[title].append((time.process_time() - began) * 1000)
    return Table(
        "an answer, ms of processor time",
        _compared(took, "question"),
        (
            f"{runs} of each, in turns, in one process, on DynamoDB Local; ratios to the first row",
            "an answer is the whole handler: parse, read, fold, write JSON, ETag, one log line;",
            "its pack is read from the table each time (availability.hot is about the memory)",
        ),
    )


def _asking(**query: str) -> Callable[[], Any]:
    asked = question(**query)

    def ask() -> None:
        recent.packs_cache.clear()
        handler(asked, None)

    return ask


def _compared(took: dict[str, list[float]], what: str) -> Sequence[Row]:
    least, *_ = (min(times) for times in took.values())
    middle, *_ = (statistics.median(times) for times in took.values())
    return [
        {
            what: title,
            "min": min(times),
            "median": statistics.median(times),
            "min ratio": min(times) / least,
            "median ratio": statistics.median(times) / middle,
        }
        for title, times in took.items()
    ]
