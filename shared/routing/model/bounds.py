"""A first plan and lower bounds for an instance: greedy opening, dual ascent, subgradient steps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

from shared.routing.model.instance import Instance, Paid, Runs

SUBGRADIENT_STEPS = 15


BREAKPOINTS = 16


_Row = tuple[int, int, int, int, int]
"""(cost of one unit, node, units, cost of the node's first unit, its units up to these) of a
demand, cheapest first. Counting all units of a node from the cost of its first bounds what a higher
price takes from the node's slack."""


class FirstPlan(NamedTuple):
    cost: int
    opened: list[int]


class LowerBound(NamedTuple):
    """No plan cheaper than the best known costs less than ``value``, or opens a node that is not
    among ``nodes``; ``prices`` are what proves it."""

    value: int
    prices: list[int]
    nodes: list[int]


@dataclass(frozen=True, slots=True)
class Worth:
    """The instance with demands in lots, and only the nodes that can pay for themselves.

    A demand that no one would serve in parts is one lot; then most demands are a single unit.
    ``base`` is what its units cost while no node is open; ``offers`` are those of each node, by
    demand.
    """

    base: list[Paid]
    unfilled: list[int]
    packages: int
    nothing: int
    opening: list[int]
    offers: list[list[tuple[int, Runs]]]
    names: list[int]
    gains: list[int]
    """What each node saves when it is opened first, above what ``nothing`` costs."""


def lot_sizes(instance: Instance) -> list[int]:
    """Units per demand that always go together."""
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


def worth_opening(instance: Instance, lots: Sequence[int]) -> Worth:
    unfilled = [each * lot for each, lot in zip(instance.unfilled, lots, strict=True)]
    quantity = [units // lot for units, lot in zip(instance.quantity, lots, strict=True)]
    base: list[Paid] = [((cost, units),) for cost, units in zip(unfilled, quantity, strict=True)]
    for i, unit, units in sorted(instance.free):
        if units:
            base[i] = merged_runs(base[i], ((unit, min(units, quantity[i])),))
    packages, nothing = instance.packages, instance.nothing
    worth = Worth(base, unfilled, packages, nothing, [], [], [], [])
    for n, row in enumerate(instance.offers):
        runs: dict[int, list[tuple[int, int]]] = {}
        for i, unit, units in sorted(row):
            cost, most = unit * lots[i], min(units // lots[i], quantity[i])
            if most and cost < unfilled[i]:
                runs.setdefault(i, []).append((cost, most))
        useful = [(i, tuple(found)) for i, found in runs.items()]
        gain = nothing - instance.opening[n] + saving(useful, base)
        if useful and gain > 0:
            worth.opening.append(instance.opening[n])
            worth.offers.append(useful)
            worth.names.append(n)
            worth.gains.append(gain)
    return worth


def total_paid(paid: Iterable[Paid]) -> int:
    return sum([price * units for runs in paid for price, units in runs])


def merged_runs(paid: Paid, runs: Runs) -> Paid:
    """``paid`` with the units of ``runs`` too, and as many of the dearest dropped."""
    if runs[0][0] >= paid[-1][0]:
        return paid
    if len(paid) == len(runs) == 1:
        ((cost, units),), ((dearest, most),) = runs, paid
        return ((cost, units), (dearest, most - units)) if units < most else ((cost, most),)
    return replaced_runs(paid, runs)[0]


def replaced_runs(paid: Paid, runs: Runs) -> tuple[Paid, Paid]:
    """``paid`` with the units of ``runs`` too, and the dearest that are dropped for them."""
    kept, dropped = sorted((*paid, *runs)), []
    left = sum([units for _, units in runs])
    while left:
        price, most = kept.pop()
        taken = min(most, left)
        dropped.append((price, taken))
        if taken < most:
            kept.append((price, most - taken))
        left -= taken
    return tuple(kept), tuple(dropped)


def saving(offers: Iterable[tuple[int, Runs]], paid: Sequence[Paid]) -> int:
    """What the units of a node's ``offers`` save, each in place of one that is dearer."""
    saved = 0
    for i, runs in offers:
        replaced = paid[i]
        at = len(replaced) - 1
        dearest, most = replaced[at]
        for unit, units in runs:
            left = units
            while unit < dearest:
                if left <= most:
                    saved += left * (dearest - unit)
                    most -= left
                    break
                saved += most * (dearest - unit)
                left -= most
                at -= 1
                if at < 0:
                    break
                dearest, most = replaced[at]
            if at < 0 or unit >= dearest:
                break
    return saved


def greedy(worth: Worth) -> FirstPlan:
    """Open the node that saves most, of equals the first, as long as one does.

    Savings only shrink, so a node whose last known saving is not the most need not be looked at.
    """
    paid = list(worth.base)
    opened: list[int] = []
    cost = total_paid(paid) + worth.nothing
    known = [(-gain, n) for n, gain in enumerate(worth.gains)]
    heapify(known)
    while known and len(opened) < worth.packages:
        change, best = known[0]
        if opened:
            now = worth.opening[best] - saving(worth.offers[best], paid)
            if now != change:
                heapreplace(known, (now, best))
                continue
        if change >= 0:
            break
        heappop(known)
        opened.append(best)
        cost += change
        for i, runs in worth.offers[best]:
            paid[i] = merged_runs(paid[i], runs)
    return FirstPlan(cost, opened)


def _cost(worth: Worth, opened: Iterable[int]) -> int:
    """What the plan with exactly these nodes (at least one) open costs."""
    paid = list(worth.base)
    cost = 0
    for n in opened:
        cost += worth.opening[n]
        for i, runs in worth.offers[n]:
            paid[i] = merged_runs(paid[i], runs)
    return cost + total_paid(paid)


def reduced_costs(worth: Worth, prices: Sequence[int], nodes: Iterable[int]) -> dict[int, int]:
    """rho of each of ``nodes``."""
    found = {}
    for n in nodes:
        rho = worth.opening[n]
        for i, runs in worth.offers[n]:
            price = prices[i]
            for unit, units in runs:
                if unit >= price:
                    break
                rho -= units * (price - unit)
        found[n] = rho
    return found


def dual_value(worth: Worth, prices: Sequence[int]) -> int:
    """What the demands cost where a unit is had at its price, or free when that is cheaper."""
    return sum(
        [
            units * min(price, cost)
            for runs, price in zip(worth.base, prices, strict=True)
            for cost, units in runs
        ]
    )


def ascent(worth: Worth, cost: int) -> LowerBound:
    """Prices at the average cost of a full parcel leave every rho at 0 or above; where that bound
    does not do, dual ascent follows on the nodes it leaves."""
    prices = list(worth.unfilled)
    for n, row in enumerate(worth.offers):
        share = worth.opening[n] // sum([units for _, runs in row for _, units in runs])
        for i, runs in row:
            prices[i] = min(prices[i], runs[0][0] + share)
    value = dual_value(worth, prices)
    rho = reduced_costs(worth, prices, range(len(worth.names)))
    nodes = [n for n in rho if value + rho[n] < cost]
    if not nodes:
        return LowerBound(value, prices, nodes)
    ascended, slack = _ascended(worth, nodes)
    higher = dual_value(worth, ascended)
    return LowerBound(max(value, higher), ascended, [n for n in nodes if higher + slack[n] < cost])


def _ascended(worth: Worth, nodes: Iterable[int]) -> tuple[list[int], dict[int, int]]:
    """Prices raised in turn, each to the next unit cost, until a node's rho would go below 0."""
    offers = _offers_by_demand(worth, nodes)
    slack = {n: worth.opening[n] for n in nodes}
    prices = [
        rows[0][0] if rows else most for rows, most in zip(offers, worth.unfilled, strict=True)
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
            risen = rows[k][0] if k < len(rows) else worth.unfilled[i]
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
            if not blocked and prices[i] < worth.unfilled[i]:
                still.append(i)
        rising = still
    return prices, slack


def _offers_by_demand(worth: Worth, nodes: Iterable[int]) -> list[list[_Row]]:
    offers: list[list[_Row]] = [[] for _ in worth.base]
    for n in nodes:
        for i, runs in worth.offers[n]:
            first, together = runs[0][0], 0
            for unit, units in runs:
                together += units
                offers[i].append((unit, n, units, first, together))
    for rows in offers:
        rows.sort()
    return offers


def subgradient(worth: Worth, bound: LowerBound, plan: FirstPlan) -> tuple[LowerBound, FirstPlan]:
    """Better prices, and better plans from the nodes that look best on the way."""
    best, prices, nodes = bound.value, bound.prices, bound.nodes
    best_prices, scale, stalled = prices, 1.0, 0
    for step in range(SUBGRADIENT_STEPS):
        rho = reduced_costs(worth, prices, nodes)
        top = sorted((value, n) for n, value in rho.items() if value <= 0)[: worth.packages]
        chosen = [n for _, n in top]
        if step % 3 == 0 and chosen:
            plan = min(plan, FirstPlan(_cost(worth, chosen), chosen))
        value = dual_value(worth, prices) + sum([part for part, _ in top])
        stalled += 1
        if value > best:
            best, best_prices, stalled = value, prices, 0
        elif stalled == 3:
            scale, stalled = scale / 2, 0
        # Opening a node beside a full set closes the weakest of them.
        weakest = top[-1][0] if len(top) == worth.packages else 0
        nodes = [n for n in nodes if value + max(0, rho[n] - weakest) < plan.cost]
        short = _short(worth, prices, chosen)
        length = sum([units * units for units in short])
        if not nodes or not length:
            break
        stride = scale * (1.02 * plan.cost - value) / length
        prices = [
            min(most, price + int(stride * units))
            for most, price, units in zip(worth.unfilled, prices, short, strict=True)
        ]
    return LowerBound(best, best_prices, nodes), plan


def _short(worth: Worth, prices: Sequence[int], chosen: Iterable[int]) -> list[int]:
    """Units per demand that the relaxed plan serves too few (or, below 0, too many)."""
    served = [0] * len(prices)
    for n in chosen:
        for i, runs in worth.offers[n]:
            served[i] += sum([units for unit, units in runs if unit < prices[i]])
    short = []
    for runs, price, units in zip(worth.base, prices, served, strict=True):
        # Units that cost just the price without a node may be served or not.
        least = sum([many for cost, many in runs if cost > price])
        most = sum([many for cost, many in runs if cost >= price])
        short.append(max(0, least - units) or min(0, most - units))
    return short
