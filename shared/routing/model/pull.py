"""Where orders to come will be served from, and what that saves them: two numbers per shelf. Pure.

A unit on a shelf waits for the shopper who walks in, and for the orders whose first choice it is.
This computes the second, for one SKU at a time: per location the units per day (``Pull.rate``), and
what serving one from there saves against its next best, or against not serving it (``saving``).
price.opportunity makes a price of both at the moment of decision, from the stock as it is then.
What is stored are rates, which age slowly; prices would not (dual prices of a fluid LP, solved once
a season, did worse than none in the seasons of tests/bench/routing).

A first choice depends on prices, and these on it: a few rounds of the fixed point, of which the
mean is kept (successive averages, Robbins and Monro 1951), since choices flip from round to round.
It is the transportation LP of Acimovic and Graves (M&SOM 2015) seen from the shelf, with random
demand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import add

from shared.locations.model import Kind, distance_km
from shared.routing.model.decision import Candidate, Problem, Pull, RoutingLine
from shared.routing.model.filter import tariff
from shared.routing.model.price import SCALE, ShelfPrice, parcel_terms, periods, unit_terms, worth

ROUNDS = 6
SHARED_PARCEL = 0.5
"""What a line of a larger order adds to the cost of a warehouse's parcel: it holds most products,
so that the parcel is often sent anyway. A store's parcel is nearly always an additional one."""
MOST_CELLS = 40


@dataclass(frozen=True, slots=True)
class Network:
    """What serving an order costs, in minor units, by cell of demand and place: ``alone`` is a
    parcel with nothing else in it, ``together`` what a line of a larger order adds to parcels,
    ``kg`` is per kg; inf where no carrier goes. ``unit`` is per unit and place."""

    alone: Sequence[Sequence[float]]
    together: Sequence[Sequence[float]]
    kg: Sequence[Sequence[float]]
    unit: Sequence[float]


@dataclass(frozen=True, slots=True)
class Goods:
    """One SKU, minor units per unit: ``salvage`` by place, ``unserved`` what an order loses that is
    not served."""

    kg: float
    margin: int
    salvage: Sequence[int]
    unserved: float


@dataclass(frozen=True, slots=True)
class Place:
    """A location that ships."""

    location_id: str
    kind: Kind
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Cell:
    """Orders to about the same place: ``share`` of all."""

    latitude: float
    longitude: float
    share: float


def pulls(
    network: Network,
    goods: Goods,
    shelves: Mapping[int, ShelfPrice],
    orders: Sequence[float],
    *,
    alone: float,
    days: float,
    now: float,
) -> dict[int, Pull]:
    """By place the orders to come; ``shelves`` are those with stock or deliveries, by place.

    ``orders`` are units per day and cell, a share ``alone`` of them with no other line; ``days``
    are left, ``now`` is an epoch second.
    """
    at = [place for place, shelf in shelves.items() if shelf.stock > 0]
    if not at:
        return {}
    units = [network.unit[place] + goods.salvage[place] for place in at]
    rows = [*_rows(network.alone, network, goods, units, at)]
    rows += _rows(network.together, network, goods, units, at)
    rates = [*(alone * rate for rate in orders), *((1 - alone) * rate for rate in orders)]
    demand = [(row, rate) for row, rate in zip(rows, rates, strict=True) if rate > 0]
    shelf_of = [
        (
            periods(shelves[place], now, days),
            shelves[place].rate,
            max(0, goods.margin - goods.salvage[place]),
        )
        for place in at
    ]
    total, value = [0.0] * len(at), [0.0] * len(at)
    for done in range(ROUNDS):
        prices = [
            max(
                worth(stock, rate * left, margin, units * left / max(1, done), saved / (units or 1))
                for left, stock in ends
            )
            for (ends, rate, margin), units, saved in zip(shelf_of, total, value, strict=True)
        ]
        _choose(demand, prices, goods.unserved, total, value)
    return {
        place: Pull(units / ROUNDS, round(saved / units))
        for place, units, saved in zip(at, total, value, strict=True)
        if units
    }


def _rows(
    parcels: Sequence[Sequence[float]],
    network: Network,
    goods: Goods,
    units: Sequence[float],
    at: Sequence[int],
) -> list[list[float]]:
    """By cell what a unit costs from each place."""
    kg = goods.kg
    return [
        [unit + parcel[place] + kg * per_kg[place] for unit, place in zip(units, at, strict=True)]
        for parcel, per_kg in zip(parcels, network.kg, strict=True)
    ]


def _choose(
    demand: Sequence[tuple[list[float], float]],
    prices: Sequence[float],
    unserved: float,
    total: list[float],
    value: list[float],
) -> None:
    """Adds to each place the units per day that choose it first, and what that saves them."""
    for row, rate in demand:
        charged = list(map(add, row, prices))
        first = charged.index(min(charged))
        charged[first] = inf
        saving = min(unserved, *charged) - row[first]
        if saving > 0:
            total[first] += rate
            value[first] += rate * saving


def network_of(problem: Problem, places: Sequence[Place], cells: Sequence[Cell]) -> Network:
    """Of a policy's own terms: ``problem`` is one of its without lines and candidates."""
    alone, together, kg = [], [], []
    unit = [0.0] * len(places)
    for cell in cells:
        by_place = [_sending(problem, place, cell) for place in places]
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
    return Network(alone, together, kg, unit)


def _sending(problem: Problem, place: Place, cell: Cell) -> tuple[float, float, float]:
    """A parcel from ``place`` to ``cell``, a kg in it, a unit picked; minor units."""
    km = distance_km(place.latitude, place.longitude, cell.latitude, cell.longitude)
    candidate = Candidate(place.location_id, place.kind, km, ship=True, pickup=False, stock={})
    found = tariff(problem, km)
    empty = RoutingLine("", "", 1, kg=0.0, price=0)
    picked = sum(unit_terms(problem, candidate, None, empty).values()) / SCALE
    if found is None:
        return inf, 0.0, picked
    parcel = parcel_terms(problem, candidate, found)
    heavy = unit_terms(problem, candidate, found, RoutingLine("", "", 1, kg=1.0, price=0))
    sent = sum(parcel.values()) / SCALE - problem.policy.split
    return sent, sum(heavy.values()) / SCALE - picked, picked


def cells(points: Mapping[tuple[float, float], int]) -> tuple[Cell, ...]:
    """Units by (latitude, longitude), drawn together by degrees; beyond MOST_CELLS the lesser ones
    go to the nearest of the others."""
    grid: dict[tuple[int, int], list[float]] = {}
    for (latitude, longitude), ordered_units in sorted(points.items()):
        row = grid.setdefault((round(latitude), round(longitude)), [0.0, 0.0, 0.0])
        row[0] += ordered_units * latitude
        row[1] += ordered_units * longitude
        row[2] += ordered_units
    ordered = sorted((row for row in grid.values() if row[2] > 0), key=lambda row: -row[2])
    kept = [(row[0] / row[2], row[1] / row[2]) for row in ordered[:MOST_CELLS]]
    weights: list[float] = [row[2] for row in ordered[:MOST_CELLS]]
    for latitude, longitude, units in ordered[MOST_CELLS:]:
        here = latitude / units, longitude / units
        nearest = min(range(len(kept)), key=lambda index: distance_km(*here, *kept[index]))
        weights[nearest] += units
    whole = sum(weights)
    return tuple(
        Cell(latitude, longitude, weight / whole)
        for (latitude, longitude), weight in zip(kept, weights, strict=True)
    )
