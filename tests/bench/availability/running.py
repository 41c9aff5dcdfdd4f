"""On the local cloud: answers through its gateway, and how far behind availability runs."""

import json
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from infra.local import cloud, deploy, target
from infra.local.target import Target
from tests.bench.availability.shelves import forget, open_stores, stock
from tests.bench.report import Row, Table, Tell

CONNECTIONS = (1, 16)
STORES = 500
CHANGES_A_SECOND = 100
LOCATIONS_FED = 20
WARM_SECONDS = 6
"""The cloud starts a process for each request at once, as long as it has none that waits."""
PATIENCE_SECONDS = 60


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        tell("a local cloud")
        try:
            aim = deploy.up(folder, port=cloud.free_port())
            with reaching(aim):
                open_stores(STORES)
                stock("milk", STORES)
            yield _gateway(aim, 150 if quick else 2000, tell)
            yield _lag(aim, 10 if quick else 60, tell)
        finally:
            cloud.stop(folder)


@contextmanager
def reaching(aim: Target) -> Iterator[None]:
    """This process finds the tables of the cloud."""
    before = dict(os.environ)
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": aim.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": aim.region,
            **{f"NORAIN_TABLE_{name.upper()}": table for name, table in aim.tables.items()},
        }
    )
    forget()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        forget()


def _gateway(aim: Target, requests: int, tell: Tell) -> Table:
    questions: dict[str, tuple[str, Mapping[str, str]]] = {
        "a function that does nothing (GET /v1/health)": ("/v1/health", {}),
        f"1 SKU x {STORES} locations, 50 named": ("/v1/availability", {"sku": "milk"}),
        f"1 SKU x {STORES} locations, {STORES} named": (
            "/v1/availability",
            {"sku": "milk", "limit": str(STORES)},
        ),
    }
    rows: list[Row] = []
    with target.channel(aim, "web") as http:
        for path, query in questions.values():
            _asked(http, path, query, max(CONNECTIONS), until=time.monotonic() + WARM_SECONDS)
        for connections in CONNECTIONS:
            for title, (path, query) in questions.items():
                tell(f"{title}, {connections} at once")
                began = time.perf_counter()
                took = sorted(_asked(http, path, query, connections, requests=requests))
                rows.append(
                    {
                        "question": title,
                        "connections": connections,
                        "p50, ms": _at(took, 0.5),
                        "p99, ms": _at(took, 0.99),
                        "a second": len(took) / (time.perf_counter() - began),
                    }
                )
    return Table(
        "through the local cloud's gateway",
        rows,
        (
            f"{requests} requests each, one after the other, warm; asked from the same machine",
            "most of it is the gateway and the hand-over to the function: see the first row",
        ),
    )


def _asked(
    http: httpx.Client,
    path: str,
    query: Mapping[str, str],
    connections: int,
    *,
    requests: int | None = None,
    until: float = float("inf"),
) -> list[float]:
    """Milliseconds of each request; ``requests`` over all connections, or as many as there are
    ``until``."""
    took: list[float] = []
    left = iter(range(requests if requests is not None else 10**9))
    taking = threading.Lock()

    def ask() -> None:
        while time.monotonic() < until:
            with taking:
                if next(left, None) is None:
                    return
            began = time.perf_counter()
            answer = http.get(path, params=dict(query))
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.text

    askers = [threading.Thread(target=ask) for _ in range(connections)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    return took


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _lag(aim: Target, seconds: int, tell: Tell) -> Table:
    _feed(aim, uuid.uuid4().hex[:6], 2, tell)
    before = len(_eventually(lambda: _lags(aim), 1))
    _feed(aim, uuid.uuid4().hex[:6], seconds, tell)
    wanted = before + seconds * CHANGES_A_SECOND
    tell("the last changes")
    lags = sorted(_eventually(lambda: _lags(aim), wanted)[before:])
    return Table(
        f"availability behind stock, at {CHANGES_A_SECOND} changes a second",
        [
            {
                "changes": len(lags),
                "p50, ms": _at(lags, 0.5),
                "p99, ms": _at(lags, 0.99),
                "most, ms": lags[-1],
                "mean, ms": statistics.fmean(lags),
            }
        ],
        (
            f"counts of {CHANGES_A_SECOND} positions a second for {seconds} s, through the queue",
            "from the change of the position to its pack: the metric AvailabilityLag, each change",
        ),
    )


def _feed(aim: Target, name: str, seconds: int, tell: Tell) -> None:
    """Each second a message of so many counts, no position twice."""
    began = time.monotonic()
    for second in range(seconds):
        tell(f"changes, {second + 1} of {seconds} s")
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        counts = [
            {
                "specversion": "1.0",
                "id": uuid.uuid4().hex,
                "source": "bench:lag",
                "type": "stock.counted",
                "time": now,
                "data": {
                    "sku": f"{name}-{number // LOCATIONS_FED}-{second}",
                    "location_id": f"store-{number % LOCATIONS_FED:04}",
                    "quantity": 7,
                    "as_of": now,
                    "basis": "physical",
                },
            }
            for number in range(CHANGES_A_SECOND)
        ]
        aim.sqs.send_message(QueueUrl=aim.stock_feed_queue_url, MessageBody=json.dumps(counts))
        time.sleep(max(0.0, began + second + 1 - time.monotonic()))


def _lags(aim: Target) -> list[float]:
    """All that the projection has published, in the order of its log."""
    logs = aim.aws("logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
        if "Availability/ProjectLogs" in group["logGroupName"]
    ]
    found: list[tuple[int, list[float]]] = []
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern="AvailabilityLag"
        )
        for page in pages:
            for entry in page["events"]:
                line = _read(entry["message"])
                found.append((entry["timestamp"], line.get("AvailabilityLag", [])))
    return [lag for _, lags in sorted(found, key=lambda row: row[0]) for lag in lags]


def _read(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return found


def _eventually(look: Callable[[], list[float]], least: int) -> list[float]:
    until = time.monotonic() + PATIENCE_SECONDS
    while len(found := look()) < least:
        if time.monotonic() > until:
            raise TimeoutError(f"{len(found)} of {least} changes were projected")
        time.sleep(0.5)
    return found
