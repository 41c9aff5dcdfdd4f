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

from shared.routing.model.bounds import (
    FirstPlan,
    LowerBound,
    Worth,
    ascent,
    dual_value,
    greedy,
    lot_sizes,
    reduced_costs,
    replaced_runs,
    saving,
    subgradient,
    worth_opening,
)
from shared.routing.model.instance import CLOSED, Instance, Paid, Solution

MOST_STEPS = 20_000


RUNS_PER_STEP = 1_000
"""Looking at so many runs of offers takes as long as a step of the search does otherwise."""


FEW_NODES = 8


MANY_NODES = 40


def solve(instance: Instance, most_steps: int = MOST_STEPS) -> Solution:
    lots = lot_sizes(instance)
    worth = worth_opening(instance, lots)
    plan = greedy(worth)
    bound = ascent(worth, plan.cost)
    if len(bound.nodes) > FEW_NODES:
        bound, plan = subgradient(worth, bound, plan)
    complete = True
    if bound.nodes:
        search = _Search(worth, bound, plan, most_steps)
        search.run()
        plan, complete = search.plan, search.steps < most_steps
    take, cost = _assigned(worth, plan.opened, lots)
    proven = complete or bound.value >= cost
    return Solution(take, cost, cost if proven else bound.value, proven)


class _Search:
    """Depth-first search for plans cheaper than ``plan``, which it replaces by what it finds."""

    def __init__(self, worth: Worth, bound: LowerBound, plan: FirstPlan, most_steps: int) -> None:
        self.plan = plan
        self.steps = 0.0
        self._most_steps = most_steps
        self._worth = worth
        self._prices = bound.prices
        self._nodes = bound.nodes
        self._size = {
            n: sum([len(runs) for _, runs in worth.offers[n]]) / RUNS_PER_STEP for n in bound.nodes
        }
        self._rho = reduced_costs(worth, bound.prices, bound.nodes)
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
        bound = dual_value(self._worth, self._prices)
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
            self.plan = FirstPlan(cost + with_nothing, opened)
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
                    self.plan = FirstPlan(then, [*opened, n])

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
        return saving(self._worth.offers[n], paid) - self._worth.opening[n]

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
                paid[i], dropped = replaced_runs(before, runs)
                bound += sum([many * (price - each) for each, many in dropped if each < price])
                over[i] = sum([many * (each - price) for each, many in paid[i] if each > price])
        return bound, paid, over


def _assigned(
    worth: Worth, opened: Iterable[int], lots: Sequence[int]
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
