"""The cheapest way to serve demands from nodes that charge for being opened: exact. Pure integers.

    min  sum_n opening[n] y_n + sum_ni unit_ni x_ni + sum_i unfilled_i z_i
         sum_n x_ni + z_i = quantity_i      0 <= x_ni <= units_ni y_n      sum_n y_n <= packages

x, y, z integer, y 0 or 1; a demand that may not be split has x_ni in {0, quantity_i}. Units of one
node may cost more one after the other, and some units of a demand may be had without a node
(``Instance.free``): both only make the cost of a demand a convex function. Given the open nodes the
demands fall apart (cheapest open unit first), so only the open nodes are searched.

1. Greedy opening gives a plan.
2. Lagrangian relaxation of the demand rows at prices v gives a bound:
   L(v) = sum_i value_i(v_i) + the ``packages`` most negative of
   rho_n = opening_n - sum_i units_ni max(0, v_i - unit_ni),        v_i <= unfilled_i,
   where value_i(v_i) is quantity_i v_i, less what the free units below v_i save.
   Prices come from dual ascent (Erlenkotter 1978: raise each price until a node is about to pay
   for itself) and, when nodes are left, from subgradient steps (Held, Wolfe, Crowder 1974).
3. A node whose opening takes L(v) to the plan's cost is out.
4. What is left is searched depth first: take the demand whose price is exceeded most, open each
   node that could serve it cheaper in turn, then none of them. The bound of a set of open nodes is
   sum quantity v + sum rho, plus what units that two of them would serve were counted twice, plus
   by how much the demands that were closed exceed their price. Savings are submodular, which
   bounds what is left from the other side, and the last node is simply the one that saves most.

All bounds hold for any integers v, so the arithmetic is exact, and the plan found is optimal
unless the search was cut off after ``MOST_STEPS``; then the bound of step 2 is what is proven.
Units of one price are counted, never listed: neither time nor memory grow with the quantities.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

MOST_STEPS = 20_000
RUNS_PER_STEP = 1_000
"""Looking at so many runs of offers takes as long as a step of the search does otherwise."""
SUBGRADIENT_STEPS = 15
FEW_NODES = 8
MANY_NODES = 40
BREAKPOINTS = 16
CLOSED = -1

Offer = tuple[int, int, int]
"""(demand, cost of one unit, units that may be taken)"""
Runs = tuple[tuple[int, int], ...]
"""(cost of one unit, units that cost it), cheapest first."""
Paid = Runs
"""What the units of a demand cost now, the unfilled ones their penalty. At first these are the free
units and the unfilled ones; each open node adds its own."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Unit costs may be negative, opening costs not.

    ``offers[n]`` and ``free`` may name a demand several times, each with units of another cost; one
    that may not be split is named at most once by each node, and not by ``free``. ``free`` are
    units that need no node: leaving the units of a less important line unfilled, or taking them
    from a location that sends a parcel anyway. ``nothing`` is added to the cost of the plan without
    a node; it is at most the least opening.
    """

    quantity: tuple[int, ...]
    splittable: tuple[bool, ...]
    unfilled: tuple[int, ...]
    packages: int
    opening: tuple[int, ...]
    offers: tuple[tuple[Offer, ...], ...]
    nothing: int = 0
    free: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Solution:
    """``take[n][i]`` units of demand i from node n; the others are free or unfilled, whichever is
    cheaper. No plan costs less than ``lower_bound``."""

    take: dict[int, dict[int, int]]
    cost: int
    lower_bound: int
    proven: bool


_Row = tuple[int, int, int, int, int]
"""(cost of one unit, node, units, cost of the node's first unit, its units up to these) of a
demand, cheapest first. Counting all units of a node from the cost of its first bounds what a higher
price takes from the node's slack."""


class _Plan(NamedTuple):
    cost: int
    opened: list[int]


class _Bound(NamedTuple):
    """No plan cheaper than the best known costs less than ``value``, or opens a node that is not
    among ``nodes``; ``prices`` are what proves it."""

    value: int
    prices: list[int]
    nodes: list[int]


def solve(instance: Instance, most_steps: int = MOST_STEPS) -> Solution:
    lots = _lots(instance)
    worth = _worth_opening(instance, lots)
    plan = _greedy(worth)
    bound = _ascent(worth, plan.cost)
    if len(bound.nodes) > FEW_NODES:
        bound, plan = _subgradient(worth, bound, plan)
    complete = True
    if bound.nodes:
        search = _Search(worth, bound, plan, most_steps)
        search.run()
        plan, complete = search.plan, search.steps < most_steps
    take, cost = _assigned(worth, plan.opened, lots)
    proven = complete or bound.value >= cost
    return Solution(take, cost, cost if proven else bound.value, proven)


@dataclass(frozen=True, slots=True)
class _Worth:
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


def _lots(instance: Instance) -> list[int]:
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


def _worth_opening(instance: Instance, lots: Sequence[int]) -> _Worth:
    unfilled = [each * lot for each, lot in zip(instance.unfilled, lots, strict=True)]
    quantity = [units // lot for units, lot in zip(instance.quantity, lots, strict=True)]
    base: list[Paid] = [((cost, units),) for cost, units in zip(unfilled, quantity, strict=True)]
    for i, unit, units in sorted(instance.free):
        if units:
            base[i] = _merged(base[i], ((unit, min(units, quantity[i])),))
    packages, nothing = instance.packages, instance.nothing
    worth = _Worth(base, unfilled, packages, nothing, [], [], [], [])
    for n, row in enumerate(instance.offers):
        runs: dict[int, list[tuple[int, int]]] = {}
        for i, unit, units in sorted(row):
            cost, most = unit * lots[i], min(units // lots[i], quantity[i])
            if most and cost < unfilled[i]:
                runs.setdefault(i, []).append((cost, most))
        useful = [(i, tuple(found)) for i, found in runs.items()]
        gain = nothing - instance.opening[n] + _saved(useful, base)
        if useful and gain > 0:
            worth.opening.append(instance.opening[n])
            worth.offers.append(useful)
            worth.names.append(n)
            worth.gains.append(gain)
    return worth


def _total(paid: Iterable[Paid]) -> int:
    return sum([price * units for runs in paid for price, units in runs])


def _merged(paid: Paid, runs: Runs) -> Paid:
    """``paid`` with the units of ``runs`` too, and as many of the dearest dropped."""
    if runs[0][0] >= paid[-1][0]:
        return paid
    if len(paid) == len(runs) == 1:
        ((cost, units),), ((dearest, most),) = runs, paid
        return ((cost, units), (dearest, most - units)) if units < most else ((cost, most),)
    return _replaced(paid, runs)[0]


def _replaced(paid: Paid, runs: Runs) -> tuple[Paid, Paid]:
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


def _saved(offers: Iterable[tuple[int, Runs]], paid: Sequence[Paid]) -> int:
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


def _greedy(worth: _Worth) -> _Plan:
    """Open the node that saves most, of equals the first, as long as one does.

    Savings only shrink, so a node whose last known saving is not the most need not be looked at.
    """
    paid = list(worth.base)
    opened: list[int] = []
    cost = _total(paid) + worth.nothing
    known = [(-gain, n) for n, gain in enumerate(worth.gains)]
    heapify(known)
    while known and len(opened) < worth.packages:
        change, best = known[0]
        if opened:
            now = worth.opening[best] - _saved(worth.offers[best], paid)
            if now != change:
                heapreplace(known, (now, best))
                continue
        if change >= 0:
            break
        heappop(known)
        opened.append(best)
        cost += change
        for i, runs in worth.offers[best]:
            paid[i] = _merged(paid[i], runs)
    return _Plan(cost, opened)


def _cost(worth: _Worth, opened: Iterable[int]) -> int:
    """What the plan with exactly these nodes (at least one) open costs."""
    paid = list(worth.base)
    cost = 0
    for n in opened:
        cost += worth.opening[n]
        for i, runs in worth.offers[n]:
            paid[i] = _merged(paid[i], runs)
    return cost + _total(paid)


def _reduced_costs(worth: _Worth, prices: Sequence[int], nodes: Iterable[int]) -> dict[int, int]:
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


def _value(worth: _Worth, prices: Sequence[int]) -> int:
    """What the demands cost where a unit is had at its price, or free when that is cheaper."""
    return sum(
        [
            units * min(price, cost)
            for runs, price in zip(worth.base, prices, strict=True)
            for cost, units in runs
        ]
    )


def _ascent(worth: _Worth, cost: int) -> _Bound:
    """Prices at the average cost of a full parcel leave every rho at 0 or above; where that bound
    does not do, dual ascent follows on the nodes it leaves."""
    prices = list(worth.unfilled)
    for n, row in enumerate(worth.offers):
        share = worth.opening[n] // sum([units for _, runs in row for _, units in runs])
        for i, runs in row:
            prices[i] = min(prices[i], runs[0][0] + share)
    value = _value(worth, prices)
    rho = _reduced_costs(worth, prices, range(len(worth.names)))
    nodes = [n for n in rho if value + rho[n] < cost]
    if not nodes:
        return _Bound(value, prices, nodes)
    ascended, slack = _ascended(worth, nodes)
    higher = _value(worth, ascended)
    return _Bound(max(value, higher), ascended, [n for n in nodes if higher + slack[n] < cost])


def _ascended(worth: _Worth, nodes: Iterable[int]) -> tuple[list[int], dict[int, int]]:
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


def _offers_by_demand(worth: _Worth, nodes: Iterable[int]) -> list[list[_Row]]:
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


def _subgradient(worth: _Worth, bound: _Bound, plan: _Plan) -> tuple[_Bound, _Plan]:
    """Better prices, and better plans from the nodes that look best on the way."""
    best, prices, nodes = bound.value, bound.prices, bound.nodes
    best_prices, scale, stalled = prices, 1.0, 0
    for step in range(SUBGRADIENT_STEPS):
        rho = _reduced_costs(worth, prices, nodes)
        top = sorted((value, n) for n, value in rho.items() if value <= 0)[: worth.packages]
        chosen = [n for _, n in top]
        if step % 3 == 0 and chosen:
            plan = min(plan, _Plan(_cost(worth, chosen), chosen))
        value = _value(worth, prices) + sum([part for part, _ in top])
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
    return _Bound(best, best_prices, nodes), plan


def _short(worth: _Worth, prices: Sequence[int], chosen: Iterable[int]) -> list[int]:
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


class _Search:
    """Depth-first search for plans cheaper than ``plan``, which it replaces by what it finds."""

    def __init__(self, worth: _Worth, bound: _Bound, plan: _Plan, most_steps: int) -> None:
        self.plan = plan
        self.steps = 0.0
        self._most_steps = most_steps
        self._worth = worth
        self._prices = bound.prices
        self._nodes = bound.nodes
        self._size = {
            n: sum([len(runs) for _, runs in worth.offers[n]]) / RUNS_PER_STEP for n in bound.nodes
        }
        self._rho = _reduced_costs(worth, bound.prices, bound.nodes)
        self._any_negative = any(rho < 0 for rho in self._rho.values())
        self._unit: list[dict[int, int]] = [{} for _ in bound.prices]
        for n in bound.nodes:
            for i, runs in worth.offers[n]:
                self._unit[i][n] = runs[0][0]

    def run(self) -> None:
        base = self._worth.base
        over = [
            sum([units * (cost - price) for cost, units in runs if cost > price])
            for runs, price in zip(base, self._prices, strict=True)
        ]
        bound = _value(self._worth, self._prices)
        self._below([], bound, list(base), over, self._nodes)

    def _below(
        self,
        opened: list[int],
        bound: int,
        paid: list[Paid],
        over: list[int],
        allowed: list[int],
    ) -> None:
        """Try every set that holds ``opened`` and beside them only ``allowed`` nodes.

        ``over`` is by how much the units of a demand cost more than its price; it becomes part of
        ``bound``, and CLOSED, when no further node may serve the demand cheaper.
        """
        self.steps += 1
        cost = bound + sum([each for each in over if each > 0])
        with_nothing = 0 if opened else self._worth.nothing
        if cost + with_nothing < self.plan.cost:
            self.plan = _Plan(cost + with_nothing, opened)
        left = self._worth.packages - len(opened)
        if self.steps >= self._most_steps:
            return
        if left == 1:
            self._last(opened, cost, paid, allowed, bound)
            return
        if len(allowed) > MANY_NODES:
            allowed = self._helpful(cost + with_nothing, cost, paid, left, allowed)
        while left and self.steps < self._most_steps:
            # What the nodes still to open could gain, were it not for what is double.
            gains = self._gains(allowed)[:left] if self._any_negative else []
            gain, gain_after_one = sum(gains), sum(gains[: left - 1])
            if bound + gain >= self.plan.cost:
                return
            limit = self.plan.cost - bound - gain_after_one
            within = [n for n in allowed if self._rho[n] < limit]
            demand, branches = self._branches(paid, over, within)
            for n in branches:
                if self.steps >= self._most_steps:
                    return
                allowed = [other for other in allowed if other != n]
                if bound + self._rho[n] + gain_after_one < self.plan.cost:
                    then, paid_then, over_then = self._opening(n, bound, paid, over)
                    limit = self.plan.cost - then - gain_after_one
                    if limit > 0:
                        further = [other for other in allowed if self._rho[other] < limit]
                        self._below([*opened, n], then, paid_then, over_then, further)
            if demand is None:
                return
            bound += over[demand]
            over = list(over)
            over[demand] = CLOSED

    def _last(
        self, opened: list[int], cost: int, paid: list[Paid], allowed: Iterable[int], bound: int
    ) -> None:
        """Try every set of ``opened``, at ``cost``, and one node more."""
        for n in allowed:
            if bound + self._rho[n] < self.plan.cost:
                then = cost - self._saving(n, paid)
                if then < self.plan.cost:
                    self.plan = _Plan(then, [*opened, n])

    def _helpful(
        self, cost: int, cost_of_opened: int, paid: list[Paid], left: int, allowed: Iterable[int]
    ) -> list[int]:
        """The nodes that could be part of a cheaper plan with ``left`` more nodes.

        What a node saves only shrinks when others are opened first (savings are submodular), so
        one that saves nothing now never will, and ``left`` nodes together save at most what the
        ``left`` that save most would save one by one.
        """
        savings = [(self._saving(n, paid), n) for n in allowed]
        others = sum(sorted([saving for saving, _ in savings if saving > 0])[1 - left :])
        least = max(cost_of_opened - cost, cost_of_opened - others - self.plan.cost)
        return [n for saving, n in savings if saving > least]

    def _saving(self, n: int, paid: list[Paid]) -> int:
        """What opening ``n`` saves; below 0 if it costs more than it brings."""
        self.steps += self._size[n]
        return _saved(self._worth.offers[n], paid) - self._worth.opening[n]

    def _gains(self, allowed: Iterable[int]) -> list[int]:
        rho = self._rho
        return sorted([rho[n] for n in allowed if rho[n] < 0])

    def _branches(
        self, paid: list[Paid], over: list[int], allowed: list[int]
    ) -> tuple[int | None, list[int]]:
        """A demand that is far above its price and that few nodes could serve cheaper, and those
        nodes; without such a demand the nodes that gain by themselves. The best rho first."""
        rho = self._rho
        demand, found, most = None, [n for n in allowed if rho[n] < 0], 0.0
        for i, above in enumerate(over):
            if above > 0:
                dearest, unit = paid[i][-1][0], self._unit[i]
                serving = [n for n in allowed if n in unit and unit[n] < dearest]
                score = above / (len(serving) + 1)
                if score > most:
                    demand, found, most = i, serving, score
        return demand, sorted(found, key=lambda n: (rho[n], n))

    def _opening(
        self, n: int, bound: int, paid: list[Paid], over: list[int]
    ) -> tuple[int, list[Paid], list[int]]:
        """Bound, paid and over with ``n`` open too. A unit that is dropped below its price was
        counted twice in the bound."""
        self.steps += self._size[n]
        bound += self._rho[n]
        paid, over = list(paid), list(over)
        for i, runs in self._worth.offers[n]:
            price, before = self._prices[i], paid[i]
            dearest, most = before[-1]
            unit, units = runs[0]
            if unit >= dearest:
                bound += sum([many * (price - each) for each, many in runs if each < price])
            elif len(runs) == len(before) == 1 and units == most:
                if dearest < price:
                    bound += units * (price - dearest)
                paid[i] = runs
                over[i] = max(0, units * (unit - price))
            else:
                paid[i], dropped = _replaced(before, runs)
                bound += sum([many * (price - each) for each, many in dropped if each < price])
                over[i] = sum([many * (each - price) for each, many in paid[i] if each > price])
        return bound, paid, over


def _assigned(
    worth: _Worth, opened: Iterable[int], lots: Sequence[int]
) -> tuple[dict[int, dict[int, int]], int]:
    """Each demand from the cheapest of the open nodes, of equals from the first; and the cost."""
    take: dict[int, dict[int, int]] = {}
    offers: list[list[tuple[int, int, int]]] = [[] for _ in worth.base]
    for n in opened:
        for i, found in worth.offers[n]:
            offers[i] += [(unit, n, units) for unit, units in found]
    cost = 0
    for i, runs in enumerate(worth.base):
        paid = list(runs)
        for unit, n, units in sorted(offers[i]):
            left = units
            while left and paid and unit < paid[-1][0]:
                dearest, most = paid.pop()
                taken = min(left, most)
                if taken < most:
                    paid.append((dearest, most - taken))
                take.setdefault(n, {}).setdefault(i, 0)
                take[n][i] += taken * lots[i]
                cost += taken * unit
                left -= taken
        cost += sum([units * each for each, units in paid])
    cost += sum(worth.opening[n] for n in take) if take else worth.nothing
    return {worth.names[n]: take[n] for n in sorted(take)}, cost
