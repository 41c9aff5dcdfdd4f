"""What a passed deadline costs, and how long 100,000 of one minute take."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import pytest

from functions.orders import sweep
from functions.stock import expire_holds
from shared.aws import clients, settings
from shared.orders import changing, model
from shared.orders.store.keys import SHARDS
from shared.stock import store as stock
from shared.web.portions import SECONDS, WHOLE, WORKERS
from tests.bench.report import Row, Table, Tell
from tests.support import shop
from tests.support.buyers import buy
from tests.support.deadlines import DUE, hold, transfer
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.shop import NOW
from tests.support.tables import make_tables
from tests.support.units import metered

DEADLINES = 100_000
GOAL_SECONDS = 120
PARTITION_WRITES = 1000
"""Writes of 1 KB that a partition takes a second."""
METERED = 50
"""Rows whose calls and units are counted; the CPU is that of the others, without the counting."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``make`` stores one due document by its name; ``sweep`` acts on at most so many. ``index``
    are the writes of the index of deadlines for one, which ``shards`` partitions take."""

    title: str
    name: str
    make: Callable[[str], object]
    sweep: Callable[[int], int]
    index: int
    shards: int


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    logging.disable(logging.INFO)  # standard output is for the results
    rows = 150 if quick else 550
    with DynamoDbLocal() as running, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        patch.setenv("NORAIN_STAGE", "bench")
        _forget()
        make_tables(patch, prefix="sweeps")
        shop.stocked({sku: dict.fromkeys(shop.PLACES, 10_000) for sku in _skus()})
        measured = [_measured(kind, rows, tell) for kind in _kinds()]
    logging.disable(logging.NOTSET)
    _forget()
    yield Table(
        "A passed deadline",
        measured,
        notes=[
            f"CPU: of {rows - METERED} documents on the threads of a worker, its functions' own;",
            f"calls and units: of {METERED} documents, indexes included. Listing and reading the",
            "documents is in all of them. Seconds for 100,000 are computed, and the larger figure",
            f"counts: by CPU with {WORKERS} workers of one virtual CPU each, which work {SECONDS}",
            f"of every 60 seconds; by index with {PARTITION_WRITES} writes a second of each of its",
            f"partitions. Goal: {GOAL_SECONDS} s. A run begins up to 60 s after the deadline.",
        ],
    )


def _skus() -> Iterable[str]:
    return (f"S{number:02}" for number in range(20))


def _forget() -> None:
    clients.client.cache_clear()
    settings.setting.cache_clear()


def _kinds() -> list[Kind]:
    return [
        Kind("an offer without an answer, routed again", "offer", _offer, _sweep_orders, 2, SHARDS),
        Kind("accepted work that is late, reminded of", "late", _late, _sweep_orders, 2, SHARDS),
        Kind(
            "a transfer that is late, reminded of", "transfer", _move, _sweep_transfers, 2, SHARDS
        ),
        Kind("a hold that has expired", "hold", _hold, _expire, 1, stock.SHARDS),
    ]


def _offer(name: str) -> None:
    buy(name, shop.line("1", _sku(name), 1))


def _late(name: str) -> None:
    _offer(name)
    at = NOW + timedelta(minutes=5)
    changing.change(
        name, lambda found: model.advance(found, f"{name}.1", "accept", at, "associate"), at
    )


def _move(name: str) -> None:
    transfer(name, _sku(name))


def _hold(name: str) -> None:
    hold(name, _sku(name))


def _sku(name: str) -> str:
    return f"S{int(name.rpartition('-')[2]) % 20:02}"


def _sweep_orders(most: int) -> int:
    due, _ = sweep.list_due(DUE, WHOLE, most)
    (orders, _) = due
    return _acted(sweep.act_on({orders: due[orders]}, DUE, float("inf"))["acted"])


def _sweep_transfers(most: int) -> int:
    due, _ = sweep.list_due(DUE, WHOLE, most)
    (_, transfers) = due
    return _acted(sweep.act_on({transfers: due[transfers]}, DUE, float("inf"))["acted"])


def _acted(acted: int) -> int:
    assert acted
    return acted


def _expire(most: int) -> int:
    run = expire_holds.Run(DUE)
    return run.expire(islice(stock.due_holds(DUE), most), float("inf"))["expired"]


def _measured(kind: Kind, rows: int, tell: Tell) -> Row:
    for number in range(rows):
        tell(f"{kind.title}: {number} of {rows} stored")
        kind.make(f"{kind.name}-{number}")
    tell(f"{kind.title}: swept")
    with pytest.MonkeyPatch.context() as alone:
        alone.setattr(sweep, "THREADS", 1)
        alone.setattr(expire_holds, "WRITERS", 1)
        with metered() as units:
            counted = kind.sweep(METERED)
    began, clock = time.process_time(), time.perf_counter()
    acted = kind.sweep(rows)
    cpu = (time.process_time() - began) / acted
    wall = (time.perf_counter() - clock) / acted
    work = DEADLINES * cpu / WORKERS
    full_minutes, rest = divmod(work, SECONDS)
    cpu_seconds = 60 * full_minutes + rest
    index_seconds = DEADLINES * kind.index / (kind.shards * PARTITION_WRITES)
    return {
        "due": kind.title,
        "calls": (units.reads + units.writes) / counted,
        "RU": units.read / counted,
        "WU": units.write / counted,
        "CPU, ms": 1000 * cpu,
        "a second, here": 1 / wall,
        "100,000 by CPU, s": cpu_seconds,
        "100,000 by index, s": index_seconds,
        "goal, s": GOAL_SECONDS,
    }
