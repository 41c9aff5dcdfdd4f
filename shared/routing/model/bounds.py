"""The first plan and the lower bounds of an instance: greedy opening, dual ascent and subgradient
steps. ``rho`` is the reduced cost of a node."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

from shared.routing.model.instance import Instance, Paid, Runs

SUBGRADIENT_STEPS = 15


BREAKPOINTS = 16


_Row = tuple[int, int, int, int, int]
"""(cost of a unit, node, units, cost of the node's first unit, its cumulated units) of a demand,
cheapest first. Charging all units of a node from the cost of its first unit bounds what a higher
price takes from the node's slack."""


class FirstPlan(NamedTuple):
    cost: int
    opened: list[int]


class LowerBound(NamedTuple):
    """Every plan that is cheaper than the best known one costs at least ``value`` and opens only
    ``nodes``. The dual ``prices`` prove both."""

    value: int
    prices: list[int]
    nodes: list[int]


@dataclass(frozen=True, slots=True)
class ReducedInstance:
    """The instance with demands in lots, and only the nodes that can pay for their opening.

    A demand that no node would serve in parts is one lot, so that most demands are a single unit.
    ``base`` are the costs of a demand's units while no node is open; ``offers`` are those of each
    node, by demand.
    """

    base: list[Paid]
    unfilled: list[int]
    packages: int
    nothing: int
    opening: list[int]
    offers: list[list[tuple[int, Runs]]]
    names: list[int]
    gains: list[int]
    """The saving of each node when it is opened first, ``nothing`` included."""


def lot_sizes(instance: Instance) -> list[int]:
    """The number of units of each demand that always go together."""
    lots = list(instance.quantity)
    for row in instance.offers:
        last = None
        for i, _, units in sorted(row):
            if instance.splittable[i] and (units < instance.quantity[i] or i == last):
                lots[i] = 1
            last = i
    for i, _, _ in instance.free:
        lots[i] = 1
    return lots


def reduce_instance(instance: Instance, lots: Sequence[int]) -> ReducedInstance:
    """Count demands in lots and drop the nodes that cannot pay for their opening."""
    unfilled = [each * lot for each, lot in zip(instance.unfilled, lots, strict=True)]
    quantity = [units // lot for units, lot in zip(instance.quantity, lots, strict=True)]
    base: list[Paid] = [((cost, units),) for cost, units in zip(unfilled, quantity, strict=True)]
    for i, unit, units in sorted(instance.free):
        if units:
            base[i] = merged_runs(base[i], ((unit, min(units, quantity[i])),))
    packages, nothing = instance.packages, instance.nothing
    reduced = ReducedInstance(base, unfilled, packages, nothing, [], [], [], [])
    for n, row in enumerate(instance.offers):
        runs: dict[int, list[tuple[int, int]]] = {}
        for i, unit, units in sorted(row):
            cost, most = unit * lots[i], min(units // lots[i], quantity[i])
            if most and cost < unfilled[i]:
                runs.setdefault(i, []).append((cost, most))
        useful = [(i, tuple(offer_runs)) for i, offer_runs in runs.items()]
        gain = nothing - instance.opening[n] + opening_saving(useful, base)
        if useful and gain > 0:
            reduced.opening.append(instance.opening[n])
            reduced.offers.append(useful)
            reduced.names.append(n)
            reduced.gains.append(gain)
    return reduced


def total_paid(paid: Iterable[Paid]) -> int:
    return sum([price * units for runs in paid for price, units in runs])


def merged_runs(paid: Paid, runs: Runs) -> Paid:
    """``paid`` plus the units of ``runs``, minus as many of the dearest units."""
    if runs[0][0] >= paid[-1][0]:
        return paid
    if len(paid) == len(runs) == 1:
        ((cost, units),), ((dearest, most),) = runs, paid
        return ((cost, units), (dearest, most - units)) if units < most else ((cost, most),)
    return replaced_runs(paid, runs)[0]


def replaced_runs(paid: Paid, runs: Runs) -> tuple[Paid, Paid]:
    """``paid`` plus the units of ``runs``, minus as many of the dearest units; and those units."""
    kept, dropped = sorted((*paid, *runs)), []
    excess = sum([units for _, units in runs])
    while excess:
        price, most = kept.pop()
        taken = min(most, excess)
        dropped.append((price, taken))
        if taken < most:
            kept.append((price, most - taken))
        excess -= taken
    return tuple(kept), tuple(dropped)


def opening_saving(offers: Iterable[tuple[int, Runs]], paid: Sequence[Paid]) -> int:
    """The saving when the units of a node's ``offers`` replace dearer ones of ``paid``."""
    saved = 0
    for i, runs in offers:
        replaced = paid[i]
        at = len(replaced) - 1
        dearest, most = replaced[at]
        for unit, units in runs:
            remaining = units
            while unit < dearest:
                if remaining <= most:
                    saved += remaining * (dearest - unit)
                    most -= remaining
                    break
                saved += most * (dearest - unit)
                remaining -= most
                at -= 1
                if at < 0:
                    break
                dearest, most = replaced[at]
            if at < 0 or unit >= dearest:
                break
    return saved


def greedy_plan(reduced: ReducedInstance) -> FirstPlan:
    """Open the node with the highest saving (the first of equals) as long as there is a saving.

    Savings only shrink as nodes open, so only the node with the highest last known saving needs to
    be computed again.
    """
    paid = list(reduced.base)
    opened: list[int] = []
    cost = total_paid(paid) + reduced.nothing
    savings = [(-gain, n) for n, gain in enumerate(reduced.gains)]
    heapify(savings)
    while savings and len(opened) < reduced.packages:
        change, best = savings[0]
        if opened:
            now = reduced.opening[best] - opening_saving(reduced.offers[best], paid)
            if now != change:
                heapreplace(savings, (now, best))
                continue
        if change >= 0:
            break
        heappop(savings)
        opened.append(best)
        cost += change
        for i, runs in reduced.offers[best]:
            paid[i] = merged_runs(paid[i], runs)
    return FirstPlan(cost, opened)


def _plan_cost(reduced: ReducedInstance, opened: Iterable[int]) -> int:
    """The cost of the plan that opens exactly these nodes (at least one)."""
    paid = list(reduced.base)
    cost = 0
    for n in opened:
        cost += reduced.opening[n]
        for i, runs in reduced.offers[n]:
            paid[i] = merged_runs(paid[i], runs)
    return cost + total_paid(paid)


def reduced_costs(
    reduced: ReducedInstance, prices: Sequence[int], nodes: Iterable[int]
) -> dict[int, int]:
    """The reduced cost rho of each of ``nodes``."""
    rho_of = {}
    for n in nodes:
        rho = reduced.opening[n]
        for i, runs in reduced.offers[n]:
            price = prices[i]
            for unit, units in runs:
                if unit >= price:
                    break
                rho -= units * (price - unit)
        rho_of[n] = rho
    return rho_of


def dual_value(reduced: ReducedInstance, prices: Sequence[int]) -> int:
    """The cost of all demands when each unit costs its price, or less as a cheaper free unit."""
    return sum(
        [
            units * min(price, cost)
            for runs, price in zip(reduced.base, prices, strict=True)
            for cost, units in runs
        ]
    )


def dual_ascent(reduced: ReducedInstance, cost: int) -> LowerBound:
    """A lower bound from dual prices.

    Prices at the average cost of a full parcel keep every rho at 0 or above. If that bound leaves
    nodes open, dual ascent raises the prices for those nodes.
    """
    prices = list(reduced.unfilled)
    for n, row in enumerate(reduced.offers):
        share = reduced.opening[n] // sum([units for _, runs in row for _, units in runs])
        for i, runs in row:
            prices[i] = min(prices[i], runs[0][0] + share)
    value = dual_value(reduced, prices)
    rho = reduced_costs(reduced, prices, range(len(reduced.names)))
    nodes = [n for n in rho if value + rho[n] < cost]
    if not nodes:
        return LowerBound(value, prices, nodes)
    ascended, slack = _raise_prices(reduced, nodes)
    higher = dual_value(reduced, ascended)
    return LowerBound(max(value, higher), ascended, [n for n in nodes if higher + slack[n] < cost])


def _raise_prices(
    reduced: ReducedInstance, nodes: Iterable[int]
) -> tuple[list[int], dict[int, int]]:
    """Raise the prices in turn, each to the next unit cost, until a node's rho would fall below 0.
    Returns the prices and the remaining slack (rho) of each node."""
    offers = _offers_by_demand(reduced, nodes)
    slack = {n: reduced.opening[n] for n in nodes}
    prices = [
        rows[0][0] if rows else most for rows, most in zip(offers, reduced.unfilled, strict=True)
    ]
    reached = [0] * len(prices)
    rising = [i for i, rows in enumerate(offers) if rows]
    while rising:
        still = []
        for i in rising:
            rows, price, k = offers[i], prices[i], reached[i]
            while k < len(rows) and rows[k][0] <= price:
                k += 1
            k = min(len(rows), k + len(rows) // BREAKPOINTS)
            reached[i] = k
            risen = rows[k][0] if k < len(rows) else reduced.unfilled[i]
            blocked = False
            for _, n, _, first, together in rows[:k]:
                most = max(first, price) + slack[n] // together
                if most < risen:
                    risen, blocked = most, True
            if risen > price:
                for unit, n, units, _, _ in rows[:k]:
                    if unit < risen:
                        slack[n] -= units * (risen - max(unit, price))
                prices[i] = risen
            if not blocked and prices[i] < reduced.unfilled[i]:
                still.append(i)
        rising = still
    return prices, slack


def _offers_by_demand(reduced: ReducedInstance, nodes: Iterable[int]) -> list[list[_Row]]:
    offers: list[list[_Row]] = [[] for _ in reduced.base]
    for n in nodes:
        for i, runs in reduced.offers[n]:
            first, together = runs[0][0], 0
            for unit, units in runs:
                together += units
                offers[i].append((unit, n, units, first, together))
    for rows in offers:
        rows.sort()
    return offers


def subgradient_steps(
    reduced: ReducedInstance, bound: LowerBound, plan: FirstPlan
) -> tuple[LowerBound, FirstPlan]:
    """Improve the prices by subgradient steps, and the plan with the most negative nodes on the
    way."""
    best, prices, nodes = bound.value, bound.prices, bound.nodes
    best_prices, scale, stalled = prices, 1.0, 0
    for step in range(SUBGRADIENT_STEPS):
        rho = reduced_costs(reduced, prices, nodes)
        lowest = sorted((value, n) for n, value in rho.items() if value <= 0)[: reduced.packages]
        chosen = [n for _, n in lowest]
        if step % 3 == 0 and chosen:
            plan = min(plan, FirstPlan(_plan_cost(reduced, chosen), chosen))
        value = dual_value(reduced, prices) + sum([part for part, _ in lowest])
        stalled += 1
        if value > best:
            best, best_prices, stalled = value, prices, 0
        elif stalled == 3:
            scale, stalled = scale / 2, 0
        # When the set is full, opening another node closes the weakest one.
        weakest = lowest[-1][0] if len(lowest) == reduced.packages else 0
        nodes = [n for n in nodes if value + max(0, rho[n] - weakest) < plan.cost]
        unserved = _unserved_units(reduced, prices, chosen)
        length = sum([units * units for units in unserved])
        if not nodes or not length:
            break
        stride = scale * (1.02 * plan.cost - value) / length
        prices = [
            min(most, price + int(stride * units))
            for most, price, units in zip(reduced.unfilled, prices, unserved, strict=True)
        ]
    return LowerBound(best, best_prices, nodes), plan


def _unserved_units(
    reduced: ReducedInstance, prices: Sequence[int], chosen: Iterable[int]
) -> list[int]:
    """The units of each demand that the relaxed plan does not serve (below 0: serves too often)."""
    served = [0] * len(prices)
    for n in chosen:
        for i, runs in reduced.offers[n]:
            served[i] += sum([units for unit, units in runs if unit < prices[i]])
    short = []
    for runs, price, units in zip(reduced.base, prices, served, strict=True):
        # A unit whose cost without a node equals the price may be served or not.
        least = sum([many for cost, many in runs if cost > price])
        most = sum([many for cost, many in runs if cost >= price])
        short.append(max(0, least - units) or min(0, most - units))
    return short
