"""Forecast the future orders of each shelf from the orders of the last weeks (runs daily).

It stores two numbers per SKU and location (shared/routing/model/future_orders.py), from which the
router computes a price with the current stock. A run that is out of time is continued by the next.
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
from shared.routing.model.decision import Expected, FutureOrders, Problem, RoutingLine
from shared.routing.model.future_orders import (
    DemandCell,
    ShippingLocation,
    ShippingNetwork,
    SkuEconomics,
    demand_cells,
    future_orders,
    shipping_network,
)
from shared.routing.model.price import (
    NO_FUTURE_ORDERS,
    SCALE,
    ShelfState,
    selling_days,
    unfilled_penalty,
)
from shared.routing.store import future_orders as future_orders_store
from shared.routing.store import policies

WATCHED = timedelta(days=28)
LEAST_DAYS = 7.0
DAY_SECONDS = 86_400
PAGE = 200
SPARE_MS = 30_000

logger = Logger(service="norain", utc=True)


@dataclass(frozen=True, slots=True)
class Demand:
    """Orders of the last weeks: units per day by SKU, the cells they go to, and the share of
    single-line orders among the lines (``alone``)."""

    rates: Mapping[str, float]
    cells: tuple[DemandCell, ...]
    alone: float


@dataclass(frozen=True, slots=True)
class Market:
    """Everything that the future orders of a SKU depend on, besides the SKU itself."""

    problem: Problem
    places: Sequence[ShippingLocation]
    network: ShippingNetwork
    demand: Demand


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    problem = Problem((), (), policies.active_policy(), now)
    demand = demand_of(shipments_since(now - WATCHED), now)
    places = [
        ShippingLocation(location.location_id, location.type, location.latitude, location.longitude)
        for location in sorted(all_locations().values(), key=lambda row: row.location_id)
        if location.ship and location.capacity_per_hour
    ]
    market = Market(problem, places, shipping_network(problem, places, demand.cells), demand)
    done, after = 0, future_orders_store.resume_key()
    while True:
        skus, after = packed_skus(PAGE, after)
        by_sku = products(skus)
        forecasts = {
            sku: forecast(pack, by_sku[sku], market)
            for sku, pack in packs(skus).items()
            if sku in by_sku
        }
        future_orders_store.put(forecasts, now)
        done += len(forecasts)
        if after is None or context.get_remaining_time_in_millis() < SPARE_MS:
            break
    future_orders_store.save_resume_key(after)
    logger.info("forecast future orders", extra={"skus": done, "complete": after is None})
    return {"skus": done, "complete": after is None}


def demand_of(orders: Iterable[Shipment], now: datetime) -> Demand:
    units: Counter[str] = Counter()
    points: Counter[tuple[float, float]] = Counter()
    lines = single_lines = 0
    first = now
    for order in orders:
        units.update(order.units)
        lines += len(order.units)
        single_lines += len(order.units) == 1
        first = min(first, order.placed_at)
        if (point := destination(order.ship_to)) is not None:
            points[point.latitude, point.longitude] += order.units.total()
    days = max(LEAST_DAYS, (now - first).total_seconds() / DAY_SECONDS)
    return Demand(
        rates={sku: count / days for sku, count in units.items()},
        cells=demand_cells(points),
        alone=single_lines / lines if lines else 1.0,
    )


def forecast(pack: Pack, product: Product, market: Market) -> dict[str, FutureOrders]:
    """The future orders of the SKU by location; empty for a SKU whose margin is unknown."""
    rate, places = market.demand.rates.get(pack.sku, 0.0), market.places
    if product.margin is None or product.salvage is None or not rate:
        return {}
    problem, now = market.problem, market.problem.now
    line = RoutingLine(
        "", pack.sku, 1, product.kg, product.price, season_ends_at=product.season_ends_at
    )
    shelves = {
        index: ShelfState(
            row.available,
            pack.rate(place.location_id, now) or 0.0,
            NO_FUTURE_ORDERS,
            tuple(Expected(*each) for each in row.expected),
        )
        for index, place in enumerate(places)
        if (row := pack.rows.get(place.location_id)) is not None
    }
    by_place = future_orders(
        market.network,
        SkuEconomics(
            kg=product.kg,
            margin=product.margin,
            salvage=[product.salvage] * len(places),
            unserved=unfilled_penalty(problem.policy, line) / SCALE,
        ),
        shelves,
        [rate * cell.share for cell in market.demand.cells],
        alone=market.demand.alone,
        days=selling_days(problem, line),
        now=now.timestamp(),
    )
    return {places[index].location_id: pull for index, pull in by_place.items()}
