"""Forecast the future orders of each shelf from the orders of the last weeks, in rounds over all
packs (shared/aws/walks.py).

    a schedule, every few minutes: begins a round every day, and works on it
    a message of the queue:        helps with the round that it names

        ->  {"skus", "complete"}

A round stores two numbers per SKU and location (shared/routing/model/future_orders.py), from which
the router computes a price with the current stock. All its workers use the same sums of past orders
(shared/orders/store/demand.py), which the worker that begins the round makes from those of each day
and stores.

Orders that were placed before their rows were written with them come from a backfill: rounds over
the table ``orders``. The second one, a day after the first, finds those that older code has taken
while this code was being deployed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.model.pack import Pack
from shared.availability.store.packs import packs
from shared.availability.store.rebuild import packed_skus
from shared.aws import walks
from shared.aws.walks import Progress, Round, Segment, Step, Walk, key_after, start_key
from shared.catalog.model import Product
from shared.catalog.store import products
from shared.errors import NotFound
from shared.locations.store import all_locations
from shared.orders.demand import record_orders
from shared.orders.model.demand import DEGREE, Sums
from shared.orders.store import demand as demand_store
from shared.routing.model.decision import Expected, FutureOrders, Problem, RoutingLine
from shared.routing.model.future_orders import (
    DemandCell,
    ShippingLocation,
    ShippingNetwork,
    SkuEconomics,
    cells_of_sums,
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
from shared.web.batch import each_message

WALK = Walk("config", "learn-demand")
BACKFILL = Walk("config", "backfill-demand")
BACKFILLS = 2
SEGMENTS = 96
EVERY = timedelta(hours=24)
"""A round begins this long after the one before it, whether that one has ended or not."""
WATCHED = timedelta(days=28)
LEAST_DAYS = 7.0
DAY_SECONDS = 86_400
PAGE = 100
SPARE_MS = 20_000
"""A page ends within this time."""
DAY_MS = 120_000
"""The sums of a day of a million orders are made within this time."""

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
    if "Records" in event:
        return each_message(event["Records"], lambda message: _help(message, context))
    now = datetime.now(UTC)
    backfill = _backfill_round(now)
    if backfill is not None:
        backfill = _backfill(backfill, context, is_helper=False).round
        if backfill.ended_at is None and backfill.covered_since is None:
            return {"skus": 0, "complete": False}  # the sums would be too small
    round_ = walks.last_round(WALK)
    if round_ is None or now - round_.began_at >= EVERY:
        round_ = _begin(round_, now, context)
        if round_ is None:
            return {"skus": 0, "complete": False}
    if round_.ended_at is not None:
        return {"skus": 0, "complete": True}
    progress = _learn(round_, context, is_helper=False)
    return {
        "skus": progress.counts.get("skus", 0),
        "complete": progress.round.ended_at is not None,
    }


def _help(message: str, context: Any) -> None:
    for walk, work in ((WALK, _learn), (BACKFILL, _backfill)):
        round_ = walks.called_round(walk.table, message)
        if round_ is not None and round_.walk.name == walk.name:
            work(round_, context, is_helper=True)


def _backfill_round(now: datetime) -> Round | None:
    """The round of the backfill that is to be worked on; None when there is nothing left to do."""
    last = walks.last_round(BACKFILL)
    if last is None or (
        last.ended_at is not None and last.number < BACKFILLS and now - last.began_at >= EVERY
    ):
        return walks.begin(BACKFILL, last, SEGMENTS, now) or walks.last_round(BACKFILL)
    return last if last.ended_at is None else None


def _backfill(round_: Round, context: Any, *, is_helper: bool) -> Progress:
    since = round_.began_at - WATCHED - timedelta(days=1)

    def step(segment: Segment) -> Step:
        orders, after = demand_store.orders_page(segment, since)
        record_orders(orders, datetime.now(UTC))
        return Step(after, {"orders": len(orders)})

    return _work(round_, step, context, is_helper=is_helper)


def _begin(was: Round | None, now: datetime, context: Any) -> Round | None:
    """Begins a round with the sums of all days. None when the time is not enough: the sums of each
    settled day are stored, so that the next run continues with the days that are missing. None as
    well when another run has begun the round."""
    sums = Sums()
    first, days = (now - WATCHED).date(), WATCHED.days + 1
    for day in (first + timedelta(days=number) for number in range(days)):
        if context.get_remaining_time_in_millis() < DAY_MS:
            return None
        sums.add_all(demand_store.sums_of_day(day, now))
    number = was.number + 1 if was else 1
    demand_store.save_sums(_sums_name(number), sums, demand_store.expiry(now.date()), {})
    return walks.begin(WALK, was, SEGMENTS, now)


def _learn(round_: Round, context: Any, *, is_helper: bool) -> Progress:
    market = _market(round_)

    def step(segment: Segment) -> Step:
        skus, last = packed_skus(PAGE, start_key(segment.after), segment.scan_arguments)
        by_sku = products(sorted(skus))
        forecasts = {
            sku: forecast(pack, by_sku[sku], market)
            for sku, pack in packs(sorted(skus)).items()
            if sku in by_sku
        }
        future_orders_store.put(forecasts, round_.began_at)
        return Step(key_after(last), {"skus": len(forecasts)})

    return _work(round_, step, context, is_helper=is_helper)


def _work(
    round_: Round, step: Callable[[Segment], Step], context: Any, *, is_helper: bool
) -> Progress:
    progress = walks.work(
        round_,
        step,
        lambda _: True,
        lambda: context.get_remaining_time_in_millis() < SPARE_MS,
        None if is_helper else lambda free: walks.call_helpers(round_, free),
    )
    logger.info("learning demand", extra=progress.summary(datetime.now(UTC)))
    return progress


def _market(round_: Round) -> Market:
    """The same for all workers of the round. Raises NotFound when the sums have expired."""
    sums = demand_store.read_sums(_sums_name(round_.number), {})
    if sums is None:
        raise NotFound(f"there are no sums of orders for round {round_.number}")
    problem = Problem((), (), policies.active_policy(), round_.began_at)
    demand = demand_of(sums, round_.began_at)
    places = [
        ShippingLocation(location.location_id, location.type, location.latitude, location.longitude)
        for location in sorted(all_locations().values(), key=lambda row: row.location_id)
        if location.ship and location.capacity_per_hour
    ]
    return Market(problem, places, shipping_network(problem, places, demand.cells), demand)


def _sums_name(number: int) -> str:
    return f"ROUND-{number}"


def demand_of(sums: Sums, now: datetime) -> Demand:
    days = max(LEAST_DAYS, (now - (sums.first or now)).total_seconds() / DAY_SECONDS)
    degrees = {
        cell: (units, north / DEGREE, east / DEGREE)
        for cell, (units, north, east) in sums.cells.items()
    }
    return Demand(
        rates={sku: count / days for sku, count in sums.units.items()},
        cells=cells_of_sums(degrees),
        alone=sums.single_lines / sums.lines if sums.lines else 1.0,
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
