"""What-ifs: CPU and units per order that is routed again, by a step of the job's worker; from these
what 30 days of 10,000 orders a day take and cost."""

import contextlib
import io
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.routing import run_what_if
from infra.concurrency import WHAT_IF_HELPERS
from shared.aws import dynamodb, walks
from shared.aws.walks import Round, Segment
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.locations import store as locations
from shared.orders import placing, store
from shared.orders.model import DeliveryPlace
from shared.orders.model.what_ifs import WhatIfJob
from shared.orders.store import what_ifs
from shared.routing.model.decision import Decision
from shared.routing.model.policy import DEFAULT_POLICY
from shared.routing.model.whatif import reroute
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect
from tests.bench import prices
from tests.bench.operations.deployed import deployed, forget
from tests.bench.report import Row, Table, Tell
from tests.support import shop
from tests.support.places import hours, place
from tests.support.tables import make_tables
from tests.support.units import metered

ORDERS = 300_000
GOAL_MINUTES = 10
SHAPES = ((20, 1), (20, 3), (200, 2), (2000, 2))  # locations, lines
FEWER = 5
"""At 2,000 locations so many times fewer orders are placed."""
DRAFT = replace(
    DEFAULT_POLICY, carbon=replace(DEFAULT_POLICY.carbon, price=10**7), split=0
)  # nearer and in more parcels
WORKERS = 1 + WHAT_IF_HELPERS


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    count = 20 if quick else 200
    logging.disable(logging.WARNING)
    try:
        rows = [
            _measured(places, lines, count // FEWER if places > 1000 else count, tell)
            for places, lines in SHAPES
        ]
    finally:
        logging.disable(logging.NOTSET)
    yield Table(
        f"What-ifs: an order, and {ORDERS:,} orders (goal: {GOAL_MINUTES} minutes)",
        rows,
        (
            f"{count} orders to places by chance, placed on DynamoDB Local, in one step of the",
            "worker (the last row: a fifth of them). Each line is in a part of the stores.",
            f"router: the CPU of routing alone. minutes: by {WORKERS} workers with a whole",
            "processor each, and the adding up by one. RU, WU: a step's, with what it stores. A",
            "scan reads the whole table: older orders add their RU. $: Lambda while it computes,",
            "and DynamoDB.",
        ),
    )


def _measured(places: int, lines: int, count: int, tell: Tell) -> Row:
    with deployed() as patch, contextlib.redirect_stdout(io.StringIO()):
        make_tables(patch, "whatif")
        forget()
        locations.locations_cache.clear()
        tell(f"{count} orders of {lines} lines over {places} locations")
        skus = _fill(places, lines)
        chance = random.Random(places)
        for number in range(count):
            draft = shop.order(
                f"o{number:04}",
                *(shop.line(str(at), sku, 1) for at, sku in enumerate(skus)),
            )
            point = chance.uniform(30, 49), chance.uniform(-115, -75)
            ship_to = DeliveryPlace("80202", "US", *point)
            draft = replace(draft, placed_at=walks.now(), ship_to=ship_to)
            request = shop.request(draft.order_id)
            placing.place(draft, request, "web", draft.placed_at, lambda _: "{}")
        return _row(patch, places, lines, count)


def _fill(places: int, lines: int) -> list[str]:
    rows = [
        place(
            f"store-{number:03}",
            latitude=30.0 + number % 20,
            longitude=-115.0 + number * 40 / places,
            hours=hours(every="09:00-21:00"),
        )
        for number in range(places)
    ]
    for row in rows:
        locations.put(row)
    skus = [f"S{number}" for number in range(lines)]
    for at, sku in enumerate(skus):
        catalog.put(Product(sku, f"The {sku}", 1000, "USD", 0.5, margin=300))
        having = [row for n, row in enumerate(rows) if n % lines == at or n % 5 == 4]
        for start in range(0, len(having), 40):
            part = having[start : start + 40]
            effects = [Effect(sku, row.location_id, 100_000, 0) for row in part]
            cause = Cause("bench", f"{sku}-{part[0].location_id}", "stock.counted", "stock_taking")
            _, parts = stock.effect_parts(effects, cause, shop.NOW)
            if dynamodb.transact(parts):
                raise RuntimeError("the stock is not written")
        shop.project(sku)
    return skus


def _row(patch: pytest.MonkeyPatch, places: int, lines: int, count: int) -> Row:
    patch.setattr(run_what_if, "STEP_SECONDS", 600)
    now = walks.now()
    job = WhatIfJob("BENCH", "", 30, now - timedelta(days=30), 1, DRAFT, now)
    segment = Segment(Round(what_ifs.WALK, 1, 1, now), 0)

    def step() -> Any:
        return run_what_if._step(segment, job, lambda: 300_000)

    with metered() as units:
        done = step()
    if done.counts["orders"] != count:
        raise RuntimeError(f"{done.counts['orders']} orders")
    busy = time.process_time()
    step()
    busy = (time.process_time() - busy) / count
    ((result,),) = [what_ifs.pieces(job, done.kept)]
    adding = time.process_time()
    what_ifs.end(job, result, now)
    adding = (time.process_time() - adding) / count
    orders = [
        Decision.from_bytes(store.decision(order.order_id, order.decisions[0]))
        for order in shop.all_orders()
    ]
    alone = time.process_time()
    for decision in orders:
        reroute(decision, DRAFT)
    alone = (time.process_time() - alone) / count
    return {
        "locations": places,
        "lines": lines,
        "CPU ms": 1000 * busy,
        "router": 1000 * alone,
        "RU": units.read / count,
        "WU": units.write / count,
        "different %": 100 * done.counts["differences"] / count,
        "minutes": ORDERS * (busy / WORKERS + adding) / 60,
        "goal": GOAL_MINUTES,
        "alone, hours": ORDERS * busy / 3600,
        "$": prices.compute(ORDERS * (busy + adding))
        + ORDERS / count * (units.read * prices.READ_UNIT + units.write * prices.WRITE_UNIT),
    }
