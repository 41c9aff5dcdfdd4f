"""Learning from past orders: write units of an order's row, CPU and units of the sums of a day, and
CPU of the forecast of a SKU; from these what a day's round takes and costs."""

import logging
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from functions.routing import learn_demand
from infra.concurrency import LEARN_HELPERS
from shared.availability.store import packs as packs_store
from shared.catalog.model import Product
from shared.locations import store as locations
from shared.locations.store import all_locations
from shared.orders import demand
from shared.orders.model import DeliveryPlace, Line
from shared.orders.model.demand import Sums
from shared.orders.store import demand as demand_store
from shared.routing.model.decision import Problem
from shared.routing.model.future_orders import ShippingLocation, shipping_network
from shared.routing.model.policy import DEFAULT_POLICY
from tests.bench import prices
from tests.bench.availability.shelves import empty_tables, open_stores, stock
from tests.bench.report import Row, Table, Tell
from tests.support.shop import line, order
from tests.support.units import metered

DAILY = (10_000, 864_000)
SKUS = 500_000
WORKERS = 1 + LEARN_HELPERS
GOAL_HOURS = 24


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    logging.disable(logging.WARNING)
    try:
        with empty_tables():
            tell("rows of orders, and the sums of their day")
            counted = _counted(100 if quick else 2000)
        yield Table(
            "Orders that the stream counts: each, and a day of them (goal: 1 write unit an order)",
            counted,
            (
                "Orders of two lines on DynamoDB Local. row: the writes of one order. sums: the",
                "CPU and the reads of a day, made once from its rows.",
            ),
        )
        rows: list[Row] = []
        for places in (200, 2_000):
            with empty_tables():
                tell(f"forecasts at {places} locations")
                rows.append(_forecast(places, 5 if quick else 30))
        yield Table(
            f"Forecasts: a SKU, and a round of {SKUS:,} SKUs (goal: within {GOAL_HOURS} hours)",
            rows,
            (
                "Every SKU is in stock everywhere and was ordered. hours: by",
                f"{WORKERS} workers with a whole processor each. $: Lambda while it computes.",
            ),
        )
    finally:
        logging.disable(logging.NOTSET)


def _counted(count: int) -> list[Row]:
    now = datetime.now(UTC).replace(hour=12)
    chance = random.Random(1)
    orders = [
        replace(
            order(f"o{number:06}", *(_line(chance, at) for at in "12")),
            placed_at=now,
            ship_to=DeliveryPlace("1", "US", chance.uniform(30, 48), chance.uniform(-120, -75)),
            version=1,
        )
        for number in range(count)
    ]
    busy = time.process_time()
    with metered() as writing:
        for each in orders:
            demand.record_order(each, None, now)
    busy = (time.process_time() - busy) / count
    settled = now + timedelta(days=2)
    making = time.process_time()
    with metered() as made:
        sums = demand_store.sums_of_day(now.date(), settled)
    making = (time.process_time() - making) / count
    if sums.orders != count:
        raise RuntimeError(f"{sums.orders} orders")
    rows: list[Row] = []
    for daily in DAILY:
        seconds = daily * (busy + making)
        rows.append(
            {
                "orders a day": daily,
                "row: WU": writing.write / count,
                "CPU ms": 1000 * busy,
                "sums: CPU s": daily * making,
                "RU": daily * made.read / count,
                "$ a day": prices.compute(seconds)
                + daily * writing.write / count * prices.WRITE_UNIT
                + daily * made.read / count * prices.READ_UNIT,
            }
        )
    return rows


def _line(chance: random.Random, at: str) -> Line:
    return line(at, f"sku-{chance.randint(0, 100_000):06}", 1)


def _forecast(places: int, skus: int) -> Row:
    locations.locations_cache.clear()
    open_stores(places)
    chance = random.Random(places)
    now = datetime.now(UTC)
    sums = Sums()
    for number in range(2000):
        each = replace(
            order(f"o{number}", line("1", f"sku-{number % skus}", 1)),
            placed_at=now - timedelta(days=chance.uniform(0, 28)),
            ship_to=DeliveryPlace("1", "US", chance.uniform(25, 48), chance.uniform(-120, -75)),
        )
        row = demand._row(each)
        if row is not None:
            sums.add(row.shipment)
    market_demand = learn_demand.demand_of(sums, now)
    shipping = [
        ShippingLocation(row.location_id, row.type, row.latitude, row.longitude)
        for row in all_locations().values()
    ]
    problem = Problem((), (), DEFAULT_POLICY, now)
    beginning = time.process_time()
    market = learn_demand.Market(
        problem,
        shipping,
        shipping_network(problem, shipping, market_demand.cells),
        market_demand,
    )
    beginning = time.process_time() - beginning
    names = [f"sku-{number}" for number in range(skus)]
    for number, sku in enumerate(names):
        stock(sku, places, number)
    found = packs_store.packs(names)
    busy = time.process_time()
    for sku in names:
        product = Product(sku, sku, 1000, "USD", 0.5, margin=300, salvage=100)
        if not learn_demand.forecast(found[sku], product, market):
            raise RuntimeError("nothing is forecast")
    busy = (time.process_time() - busy) / skus
    return {
        "locations": places,
        "cells": len(market_demand.cells),
        "begin s": beginning,
        "CPU ms a SKU": 1000 * busy,
        "hours": SKUS * busy / WORKERS / 3600,
        "page s": learn_demand.PAGE * busy,
        "$": prices.compute(SKUS * busy),
    }
