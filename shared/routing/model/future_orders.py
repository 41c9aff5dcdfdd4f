"""Forecast which location future orders will choose first, and what that saves them. Pure.

A unit on a shelf serves a walk-in shopper, or an order whose first choice the shelf is. This module
computes the second kind of demand, for one SKU at a time. Per location it gives the units per day
(``FutureOrders.rate``) and the saving of serving a unit from there instead of from the second
choice, or instead of not at all (``saving``). price.opportunity_cost turns both into a price at the
time of a decision, with the stock of that moment. Rates are stored because they age slowly. Prices
do not: dual prices of a fluid LP, solved once a season, did worse than none in the seasons of
tests/bench/routing.

First choices depend on prices, and prices on first choices. A few rounds of fixed-point iteration
are averaged (successive averages, Robbins and Monro 1951), since choices flip between rounds. This
is the transportation LP of Acimovic and Graves (M&SOM 2015) seen from the shelf, with random
demand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import add

from shared.locations.model import Kind, distance_km
from shared.routing.model.decision import Candidate, FutureOrders, Problem, RoutingLine
from shared.routing.model.filter import carrier_tariff
from shared.routing.model.price import (
    SCALE,
    ShelfState,
    delivery_periods,
    expected_unit_value,
    parcel_terms,
    unit_terms,
)

ROUNDS = 6
SHARED_PARCEL = 0.5
"""The share of a warehouse's parcel cost that a line of a larger order adds. A warehouse has most
products, so it often sends a parcel anyway; a store's parcel is nearly always an additional one."""
MAX_CELLS = 40


@dataclass(frozen=True, slots=True)
class ShippingNetwork:
    """Shipping costs in minor units, by demand cell and location. ``alone`` is the cost of a parcel
    for a single-line order (inf where no carrier goes), ``together`` the parcel cost that a line of
    a larger order adds, ``kg`` the cost per kg. ``unit`` is the picking cost per unit, by
    location."""

    alone: Sequence[Sequence[float]]
    together: Sequence[Sequence[float]]
    kg: Sequence[Sequence[float]]
    unit: Sequence[float]


@dataclass(frozen=True, slots=True)
class SkuEconomics:
    """One SKU, in minor units per unit: ``salvage`` by location, ``unserved`` is the cost of a unit
    that is not served."""

    kg: float
    margin: int
    salvage: Sequence[int]
    unserved: float


@dataclass(frozen=True, slots=True)
class ShippingLocation:
    """A location that ships."""

    location_id: str
    kind: Kind
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class DemandCell:
    """Orders to one area: its centre, and its ``share`` of all orders."""

    latitude: float
    longitude: float
    share: float


def future_orders(
    network: ShippingNetwork,
    goods: SkuEconomics,
    shelves: Mapping[int, ShelfState],
    orders: Sequence[float],
    *,
    alone: float,
    days: float,
    now: float,
) -> dict[int, FutureOrders]:
    """The future orders of each location, by its index.

    ``shelves`` are the locations with stock or deliveries, ``orders`` the units per day of each
    cell. The share ``alone`` of the orders has a single line. ``days`` remain to sell the product;
    ``now`` is an epoch second.
    """
    stocked = [place for place, shelf in shelves.items() if shelf.stock > 0]
    if not stocked:
        return {}
    units = [network.unit[place] + goods.salvage[place] for place in stocked]
    rows = [*_unit_costs(network.alone, network, goods, units, stocked)]
    rows += _unit_costs(network.together, network, goods, units, stocked)
    rates = [*(alone * rate for rate in orders), *((1 - alone) * rate for rate in orders)]
    demand = [(row, rate) for row, rate in zip(rows, rates, strict=True) if rate > 0]
    shelf_of = [
        (
            delivery_periods(shelves[place], now, days),
            shelves[place].rate,
            max(0, goods.margin - goods.salvage[place]),
        )
        for place in stocked
    ]
    total, value = [0.0] * len(stocked), [0.0] * len(stocked)
    for round_ in range(ROUNDS):
        prices = [
            max(
                expected_unit_value(
                    stock, rate * left, margin, units * left / max(1, round_), saved / (units or 1)
                )
                for left, stock in ends
            )
            for (ends, rate, margin), units, saved in zip(shelf_of, total, value, strict=True)
        ]
        _add_first_choices(demand, prices, goods.unserved, total, value)
    return {
        place: FutureOrders(units / ROUNDS, round(saved / units))
        for place, units, saved in zip(stocked, total, value, strict=True)
        if units
    }


def _unit_costs(
    parcels: Sequence[Sequence[float]],
    network: ShippingNetwork,
    goods: SkuEconomics,
    units: Sequence[float],
    at: Sequence[int],
) -> list[list[float]]:
    """The cost of a unit from each stocked location, by cell."""
    kg = goods.kg
    return [
        [unit + parcel[place] + kg * per_kg[place] for unit, place in zip(units, at, strict=True)]
        for parcel, per_kg in zip(parcels, network.kg, strict=True)
    ]


def _add_first_choices(
    demand: Sequence[tuple[list[float], float]],
    prices: Sequence[float],
    unserved: float,
    total: list[float],
    value: list[float],
) -> None:
    """Add to each location the units per day that choose it first, and their saving."""
    for row, rate in demand:
        charged = list(map(add, row, prices))
        first = charged.index(min(charged))
        charged[first] = inf
        saving = min(unserved, *charged) - row[first]
        if saving > 0:
            total[first] += rate
            value[first] += rate * saving


def shipping_network(
    problem: Problem, places: Sequence[ShippingLocation], cells: Sequence[DemandCell]
) -> ShippingNetwork:
    """The shipping costs under the policy of ``problem``, which has no lines or candidates."""
    alone, together, kg = [], [], []
    unit = [0.0] * len(places)
    for cell in cells:
        by_place = [_shipping_costs(problem, place, cell) for place in places]
        split = problem.policy.split
        alone.append([parcel for parcel, _, _ in by_place])
        together.append(
            [
                (parcel + split) * (SHARED_PARCEL if place.kind == "warehouse" else 1.0)
                for place, (parcel, _, _) in zip(places, by_place, strict=True)
            ]
        )
        kg.append([per_kg for _, per_kg, _ in by_place])
        unit = [each for _, _, each in by_place]
    return ShippingNetwork(alone, together, kg, unit)


def _shipping_costs(
    problem: Problem, place: ShippingLocation, cell: DemandCell
) -> tuple[float, float, float]:
    """The costs of a parcel from ``place`` to ``cell``, of a kg in it and of picking a unit, in
    minor units."""
    km = distance_km(place.latitude, place.longitude, cell.latitude, cell.longitude)
    candidate = Candidate(place.location_id, place.kind, km, ship=True, pickup=False, stock={})
    tariff = carrier_tariff(problem, km)
    empty = RoutingLine("", "", 1, kg=0.0, price=0)
    picked = sum(unit_terms(problem, candidate, None, empty).values()) / SCALE
    if tariff is None:
        return inf, 0.0, picked
    parcel = parcel_terms(problem, candidate, tariff)
    heavy = unit_terms(problem, candidate, tariff, RoutingLine("", "", 1, kg=1.0, price=0))
    sent = sum(parcel.values()) / SCALE - problem.policy.split
    return sent, sum(heavy.values()) / SCALE - picked, picked


def demand_cells(points: Mapping[tuple[float, float], int]) -> tuple[DemandCell, ...]:
    """Group ordered units, given by (latitude, longitude), into cells of one degree."""
    grid: dict[tuple[int, int], tuple[float, float, float]] = {}
    for (latitude, longitude), units in sorted(points.items()):
        cell = round(latitude), round(longitude)
        ordered, north, east = grid.get(cell, (0.0, 0.0, 0.0))
        grid[cell] = ordered + units, north + units * latitude, east + units * longitude
    return cells_of_sums(grid)


def cells_of_sums(
    sums: Mapping[tuple[int, int], tuple[float, float, float]],
) -> tuple[DemandCell, ...]:
    """Cells from sums by degree of latitude and longitude: ordered units, and latitude and
    longitude times units. Beyond MAX_CELLS, the smaller cells are merged into the nearest larger
    one."""
    ordered = [
        row
        for _, row in sorted(sums.items(), key=lambda entry: (-entry[1][0], entry[0]))
        if row[0] > 0
    ]
    centres = [(north / units, east / units) for units, north, east in ordered[:MAX_CELLS]]
    weights = [row[0] for row in ordered[:MAX_CELLS]]
    for units, north, east in ordered[MAX_CELLS:]:
        point = north / units, east / units
        nearest = min(range(len(centres)), key=lambda index: distance_km(*point, *centres[index]))
        weights[nearest] += units
    total = sum(weights)
    return tuple(
        DemandCell(latitude, longitude, weight / total)
        for (latitude, longitude), weight in zip(centres, weights, strict=True)
    )
