"""Learns from the orders of the last weeks how many each shelf is the first choice of (daily).

Two numbers per SKU and location (shared/routing/pull.py), which the router makes a price of with
the stock of the moment. A run without time left is gone on with by the next.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.model.pack import Pack
from shared.availability.store.packs import packs
from shared.availability.store.rebuild import packed_skus
from shared.catalog.model import Product
from shared.catalog.store import products
from shared.locations.store import all_locations
from shared.orders.reading import destination
from shared.orders.store.demand import Shipment, shipments_since
from shared.routing.model.decision import Expected, Problem, Pull, RoutingLine
from shared.routing.model.price import NO_PULL, SCALE, ShelfPrice, days_left, unfilled
from shared.routing.model.pull import Cell, Goods, Network, Place, cells, network_of, pulls
from shared.routing.store import policies
from shared.routing.store import pulls as pulls_store

WATCHED = timedelta(days=28)
LEAST_DAYS = 7.0
DAY_SECONDS = 86_400
PAGE = 200
SPARE_MS = 30_000

logger = Logger(service="norain", utc=True)


@dataclass(frozen=True, slots=True)
class Ordered:
    """Units per day by SKU, where they go, and the share of lines without another beside them."""

    rates: Mapping[str, float]
    cells: tuple[Cell, ...]
    alone: float


@dataclass(frozen=True, slots=True)
class Market:
    """All that one SKU's pulls depend on beside the SKU."""

    problem: Problem
    places: Sequence[Place]
    network: Network
    ordered: Ordered


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    problem = Problem((), (), policies.active(), now)
    ordered = ordered_in(shipments_since(now - WATCHED), now)
    places = [
        Place(found.location_id, found.type, found.latitude, found.longitude)
        for found in sorted(all_locations().values(), key=lambda found: found.location_id)
        if found.ship and found.capacity_per_hour
    ]
    market = Market(problem, places, network_of(problem, places, ordered.cells), ordered)
    done, after = 0, pulls_store.stopped_at()
    while True:
        skus, after = packed_skus(PAGE, after)
        known = products(skus)
        found = {
            sku: pulled(pack, known[sku], market)
            for sku, pack in packs(skus).items()
            if sku in known
        }
        pulls_store.put(found, now)
        done += len(found)
        if after is None or context.get_remaining_time_in_millis() < SPARE_MS:
            break
    pulls_store.stop_at(after)
    logger.info("learnt", extra={"skus": done, "through": after is None})
    return {"skus": done, "through": after is None}


def ordered_in(sent: Iterable[Shipment], now: datetime) -> Ordered:
    units: Counter[str] = Counter()
    points: Counter[tuple[float, float]] = Counter()
    lines = lone = 0
    first = now
    for order in sent:
        units.update(order.units)
        lines += len(order.units)
        lone += len(order.units) == 1
        first = min(first, order.placed_at)
        if (point := destination(order.ship_to)) is not None:
            points[point.latitude, point.longitude] += order.units.total()
    days = max(LEAST_DAYS, (now - first).total_seconds() / DAY_SECONDS)
    return Ordered(
        rates={sku: count / days for sku, count in units.items()},
        cells=cells(points),
        alone=lone / lines if lines else 1.0,
    )


def pulled(pack: Pack, product: Product, market: Market) -> dict[str, Pull]:
    """By location; empty for a SKU whose margin is unknown: nothing is made of it."""
    rate, places = market.ordered.rates.get(pack.sku, 0.0), market.places
    if product.margin is None or product.salvage is None or not rate:
        return {}
    problem, now = market.problem, market.problem.now
    line = RoutingLine(
        "", pack.sku, 1, product.kg, product.price, season_ends_at=product.season_ends_at
    )
    shelves = {
        index: ShelfPrice(
            row.available,
            pack.rate(place.location_id, now) or 0.0,
            NO_PULL,
            tuple(Expected(*each) for each in row.expected),
        )
        for index, place in enumerate(places)
        if (row := pack.rows.get(place.location_id)) is not None
    }
    found = pulls(
        market.network,
        Goods(
            kg=product.kg,
            margin=product.margin,
            salvage=[product.salvage] * len(places),
            unserved=unfilled(problem.policy, line) / SCALE,
        ),
        shelves,
        [rate * cell.share for cell in market.ordered.cells],
        alone=market.ordered.alone,
        days=days_left(problem, line),
        now=now.timestamp(),
    )
    return {places[index].location_id: pull for index, pull in found.items()}
