"""What no policy can go below, not even one that knows the whole season (EUR).

Relax "no more units leave a node than have come to it" with prices. Each order is then routed by
itself, exactly and with its parcels kept whole, and each walk-in is served if that pays. For any
prices >= 0 the sum, less the prices times the stock, is a lower bound (Lagrangian duality); the
ascent only looks for good ones: AdaGrad (Duchi, Hazan, Singer 2011) with momentum, so that each
price has a step length of its own.

With deliveries there is one such row per delivery: what left until the next one was there. The
price of a unit is then the sum of the prices of its own and all later periods.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.routing.season import Floats, Ints, Network, Order, World

ITERATIONS = 300
STEP_EUR = 8.0
MOMENTUM = 0.8
HALVING = 30
SLICE = 500
LOST = -1


@dataclass(frozen=True, slots=True)
class Bound:
    """``prices`` are those of the best bound: periods x products x nodes."""

    value: float
    prices: Floats


def lower_bound(
    world: World, iterations: int = ITERATIONS, tell: Callable[[str], None] = lambda _: None
) -> Bound:
    network = world.network
    came = np.maximum(0, np.cumsum([units for _, units in network.deliveries], 0) - world.phantom)
    starts = [at for at, _ in network.deliveries]
    batches = _batches(world, starts)
    walked = np.zeros(came.shape)
    for event in world.walk_ins:
        walked[np.searchsorted(starts, event.at, side="right") - 1, event.product, event.node] += 1
    worth = network.walk_in_margin[:, None] - network.salvage
    prices = np.zeros(came.shape)
    prices[-1] = np.where(walked.sum(0) >= came[-1], np.maximum(worth, 0), 0)

    best = Bound(-np.inf, prices)
    squares, direction = np.full(came.shape, 1e-9), np.zeros(came.shape)
    for step in range(iterations):
        tell(f"bound: {step} of {iterations}, {best.value:,.0f}")
        charged = np.cumsum(prices[::-1], 0)[::-1]
        served = (charged < worth) & (came > 0)
        unserved = network.walk_in_margin[:, None]
        used = np.where(served, walked, 0)
        value = float((walked * np.where(served, charged + network.salvage, unserved)).sum())
        for batch in batches:
            value += batch.route(network, came, charged + network.salvage, used)
        value -= float((prices * came).sum())
        if value > best.value:
            best = Bound(value, prices)
        excess = np.where(came > 0, np.cumsum(used, 0) - came, 0)
        squares += excess * excess
        direction = MOMENTUM * direction + (1 - MOMENTUM) * excess
        stride = STEP_EUR / (1 + step / HALVING) ** 0.75
        prices = np.maximum(0, prices + stride * direction / np.sqrt(squares))
    return best


@dataclass(frozen=True, slots=True)
class Batch:
    """B orders of as many lines: ``products`` and ``units`` are B x lines."""

    region: Ints
    period: Ints
    products: Ints
    units: Ints

    def route(self, network: Network, came: Ints, unit_price: Floats, used: Floats) -> float:
        """What the orders cost at their best; the units they take are added to ``used``."""
        period, units = self.period[:, None], self.units
        kilo = network.kg[self.products][:, :, None] * network.per_kg[self.region][:, None, :]
        unit = network.pick + kilo + unit_price[period, self.products]
        there = came[period, self.products] >= units[:, :, None]
        whole = np.where(there, unit * units[:, :, None], np.inf)
        lost = network.online_margin[self.products] * units
        cost, plan = cheapest(network.parcel[self.region], whole, lost)
        row, line = np.nonzero(plan != LOST)
        place = self.period[row], self.products[row, line], plan[row, line]
        np.add.at(used, place, units[row, line])
        return float(cost.sum())


def _batches(world: World, starts: Sequence[float]) -> list[Batch]:
    by_lines: dict[int, list[Order]] = {}
    for order in world.orders:
        by_lines.setdefault(len(order.products), []).append(order)
    return [
        Batch(
            region=np.array([order.region for order in part]),
            period=np.searchsorted(starts, [order.at for order in part], side="right") - 1,
            products=np.array([order.products for order in part]),
            units=np.array([order.units for order in part]),
        )
        for _, orders in sorted(by_lines.items())
        for part in (orders[at : at + SLICE] for at in range(0, len(orders), SLICE))
    ]


def cheapest(parcel: Floats, whole: Floats, lost: Floats) -> tuple[Floats, Ints]:
    """Exact plans of B orders at once: the cost, and the node of each line, or LOST.

    ``parcel`` B x N, ``whole`` B x lines x N (inf where it cannot be), ``lost`` B x lines. For
    every set of lines the best single node; then the best way to cut the order into such sets,
    each with the lowest line that is left.
    """
    orders, lines = lost.shape
    rows = np.arange(orders)
    sets = 1 << lines
    single, at = np.zeros((sets, orders)), np.zeros((sets, orders), np.int64)
    summed = {0: parcel}
    for lot in range(1, sets):
        last = lot.bit_length() - 1
        summed[lot] = summed[lot ^ (1 << last)] + whole[:, last]
        at[lot] = summed[lot].argmin(1)
        single[lot] = summed[lot][rows, at[lot]]
    best, choice = np.zeros((sets, orders)), np.zeros((sets, orders), np.int64)
    for left in range(1, sets):
        lowest = left & -left
        best[left] = lost[:, lowest.bit_length() - 1] + best[left ^ lowest]
        for lot in range(1, left + 1):
            if lot & lowest and lot & left == lot:
                cost = single[lot] + best[left ^ lot]
                better = cost < best[left]
                best[left] = np.where(better, cost, best[left])
                choice[left] = np.where(better, lot, choice[left])
    plan = np.full((orders, lines), LOST)
    left_over = np.full(orders, sets - 1)
    for _ in range(lines):
        lot = choice[left_over, rows]
        for line in range(lines):
            taken = (lot >> line & 1) == 1
            plan[:, line] = np.where(taken, at[lot, rows], plan[:, line])
        left_over &= ~np.where(lot > 0, lot, left_over & -left_over)
    return best[-1], plan
