"""Serve demands from nodes with opening costs at the lowest total cost: exact, in integers.

    min  sum_n opening[n] y_n + sum_ni unit_ni x_ni + sum_i unfilled_i z_i
         sum_n x_ni + z_i = quantity_i      0 <= x_ni <= units_ni y_n      sum_n y_n <= packages

x, y, z integer, y 0 or 1; an unsplittable demand has x_ni in {0, quantity_i}. Later units of a node
may cost more than earlier ones, and some units of a demand need no node (``Instance.free``); the
cost of a demand stays a convex function. Once the open nodes are known, the demands are independent
(cheapest open unit first), so the search is over the sets of open nodes only.

1. Greedy opening gives a first plan.
2. Lagrangian relaxation of the demand rows at prices v gives a bound:
   L(v) = sum_i value_i(v_i) + the ``packages`` most negative of
   rho_n = opening_n - sum_i units_ni max(0, v_i - unit_ni),        v_i <= unfilled_i,
   where value_i(v_i) is quantity_i v_i, less what the free units below v_i save.
   The reduced cost of node n is rho_n. Prices come from dual ascent (Erlenkotter 1978: raise each
   price until a node would pay for itself) and, if nodes remain, from subgradient steps (Held,
   Wolfe, Crowder 1974).
3. A node is discarded when opening it raises L(v) to the plan's cost.
4. The remaining nodes are searched depth first: take the demand whose cost exceeds its price most,
   open each node that could serve it cheaper in turn, then none of them. The bound of a set of open
   nodes is sum quantity v + sum rho, plus a correction for units that two of them would serve
   (counted twice), plus the excess over the price of the demands that were closed. Savings are
   submodular, which bounds the remaining gain from the other side; the last node is the one with
   the highest saving.

All bounds hold for any integers v, so the arithmetic is exact. The plan is optimal unless the
search ends after ``MAX_STEPS``; then the bound of step 2 is proven. Units of equal price are
counted, not listed, so neither time nor memory grows with the quantities.
"""

from collections.abc import Iterable, Sequence

from shared.routing.model.bounds import (
    FirstPlan,
    LowerBound,
    ReducedInstance,
    dual_ascent,
    dual_value,
    greedy_plan,
    lot_sizes,
    opening_saving,
    reduce_instance,
    reduced_costs,
    replaced_runs,
    subgradient_steps,
)
from shared.routing.model.instance import CLOSED, Instance, Paid, Solution

MAX_STEPS = 20_000


RUNS_PER_STEP = 1_000
"""Visiting this many runs of offers takes as long as one step of the search."""


FEW_NODES = 8


MANY_NODES = 40


def solve(instance: Instance, max_steps: int = MAX_STEPS) -> Solution:
    """The cheapest solution, with its lower bound."""
    lots = lot_sizes(instance)
    reduced = reduce_instance(instance, lots)
    plan = greedy_plan(reduced)
    bound = dual_ascent(reduced, plan.cost)
    if len(bound.nodes) > FEW_NODES:
        bound, plan = subgradient_steps(reduced, bound, plan)
    complete = True
    if bound.nodes:
        search = _Search(reduced, bound, plan, max_steps)
        search.run()
        plan, complete = search.plan, search.steps < max_steps
    take, cost = _assign_units(reduced, plan.opened, lots)
    proven = complete or bound.value >= cost
    return Solution(take, cost, cost if proven else bound.value, proven)


class _Search:
    """Depth-first search. ``plan`` is the cheapest plan so far."""

    def __init__(
        self, reduced: ReducedInstance, bound: LowerBound, plan: FirstPlan, max_steps: int
    ) -> None:
        self.plan = plan
        self.steps = 0.0
        self._max_steps = max_steps
        self._reduced = reduced
        self._prices = bound.prices
        self._nodes = bound.nodes
        self._size = {
            n: sum([len(runs) for _, runs in reduced.offers[n]]) / RUNS_PER_STEP
            for n in bound.nodes
        }
        self._rho = reduced_costs(reduced, bound.prices, bound.nodes)
        self._any_negative = any(rho < 0 for rho in self._rho.values())
        self._unit: list[dict[int, int]] = [{} for _ in bound.prices]
        for n in bound.nodes:
            for i, runs in reduced.offers[n]:
                self._unit[i][n] = runs[0][0]

    def run(self) -> None:
        base = self._reduced.base
        excess = [
            sum([units * (cost - price) for cost, units in runs if cost > price])
            for runs, price in zip(base, self._prices, strict=True)
        ]
        bound = dual_value(self._reduced, self._prices)
        self._search([], bound, list(base), excess, self._nodes)

    def _search(
        self,
        opened: list[int],
        bound: int,
        paid: list[Paid],
        excess: list[int],
        allowed: list[int],
    ) -> None:
        """Try every set of nodes that contains ``opened`` and otherwise only ``allowed`` nodes.

        ``excess`` is by how much the cost of each demand exceeds its price. When no further node
        may serve a demand cheaper, its excess is added to ``bound`` and replaced by CLOSED.
        """
        self.steps += 1
        cost = bound + sum([each for each in excess if each > 0])
        with_nothing = 0 if opened else self._reduced.nothing
        if cost + with_nothing < self.plan.cost:
            self.plan = FirstPlan(cost + with_nothing, opened)
        remaining = self._reduced.packages - len(opened)
        if self.steps >= self._max_steps:
            return
        if remaining == 1:
            self._try_last_node(opened, cost, paid, allowed, bound)
            return
        if len(allowed) > MANY_NODES:
            allowed = self._useful_nodes(cost + with_nothing, cost, paid, remaining, allowed)
        while remaining and self.steps < self._max_steps:
            # The highest gain of the nodes still to open, ignoring units that are counted twice.
            gains = self._gains(allowed)[:remaining] if self._any_negative else []
            gain, gain_after_one = sum(gains), sum(gains[: remaining - 1])
            if bound + gain >= self.plan.cost:
                return
            limit = self.plan.cost - bound - gain_after_one
            candidates = [n for n in allowed if self._rho[n] < limit]
            demand, branches = self._choose_branches(paid, excess, candidates)
            for n in branches:
                if self.steps >= self._max_steps:
                    return
                allowed = [other for other in allowed if other != n]
                if bound + self._rho[n] + gain_after_one < self.plan.cost:
                    child_bound, child_paid, child_excess = self._open(n, bound, paid, excess)
                    limit = self.plan.cost - child_bound - gain_after_one
                    if limit > 0:
                        further = [other for other in allowed if self._rho[other] < limit]
                        self._search([*opened, n], child_bound, child_paid, child_excess, further)
            if demand is None:
                return
            bound += excess[demand]
            excess = list(excess)
            excess[demand] = CLOSED

    def _try_last_node(
        self, opened: list[int], cost: int, paid: list[Paid], allowed: Iterable[int], bound: int
    ) -> None:
        """Try every set of ``opened`` (at ``cost``) plus one node."""
        for n in allowed:
            if bound + self._rho[n] < self.plan.cost:
                plan_cost = cost - self._saving(n, paid)
                if plan_cost < self.plan.cost:
                    self.plan = FirstPlan(plan_cost, [*opened, n])

    def _useful_nodes(
        self,
        cost: int,
        cost_of_opened: int,
        paid: list[Paid],
        remaining: int,
        allowed: Iterable[int],
    ) -> list[int]:
        """The nodes that could be part of a cheaper plan with ``remaining`` more nodes.

        The saving of a node only shrinks when others open first (savings are submodular). So a node
        without a saving now never has one, and ``remaining`` nodes together save at most the sum
        of the ``remaining`` highest savings.
        """
        savings = [(self._saving(n, paid), n) for n in allowed]
        others = sum(sorted([saving for saving, _ in savings if saving > 0])[1 - remaining :])
        least = max(cost_of_opened - cost, cost_of_opened - others - self.plan.cost)
        return [n for saving, n in savings if saving > least]

    def _saving(self, n: int, paid: list[Paid]) -> int:
        """The saving of opening ``n``; below 0 if the opening costs more."""
        self.steps += self._size[n]
        return opening_saving(self._reduced.offers[n], paid) - self._reduced.opening[n]

    def _gains(self, allowed: Iterable[int]) -> list[int]:
        rho = self._rho
        return sorted([rho[n] for n in allowed if rho[n] < 0])

    def _choose_branches(
        self, paid: list[Paid], excess: list[int], allowed: list[int]
    ) -> tuple[int | None, list[int]]:
        """The demand to branch on (far above its price, few nodes could serve it cheaper) and those
        nodes; without such a demand, the nodes with a negative rho. Lowest rho first."""
        rho = self._rho
        demand, branch_nodes, most = None, [n for n in allowed if rho[n] < 0], 0.0
        for i, exceeding in enumerate(excess):
            if exceeding > 0:
                dearest, unit = paid[i][-1][0], self._unit[i]
                serving = [n for n in allowed if n in unit and unit[n] < dearest]
                score = exceeding / (len(serving) + 1)
                if score > most:
                    demand, branch_nodes, most = i, serving, score
        return demand, sorted(branch_nodes, key=lambda n: (rho[n], n))

    def _open(
        self, n: int, bound: int, paid: list[Paid], excess: list[int]
    ) -> tuple[int, list[Paid], list[int]]:
        """Bound, paid and excess after opening ``n``. A dropped unit that cost less than its price
        was counted twice in the bound, which is corrected here."""
        self.steps += self._size[n]
        bound += self._rho[n]
        paid, excess = list(paid), list(excess)
        for i, runs in self._reduced.offers[n]:
            price, before = self._prices[i], paid[i]
            dearest, most = before[-1]
            unit, units = runs[0]
            if unit >= dearest:
                bound += sum([many * (price - each) for each, many in runs if each < price])
            elif len(runs) == len(before) == 1 and units == most:
                if dearest < price:
                    bound += units * (price - dearest)
                paid[i] = runs
                excess[i] = max(0, units * (unit - price))
            else:
                paid[i], dropped = replaced_runs(before, runs)
                bound += sum([many * (price - each) for each, many in dropped if each < price])
                excess[i] = sum([many * (each - price) for each, many in paid[i] if each > price])
        return bound, paid, excess


def _assign_units(
    reduced: ReducedInstance, opened: Iterable[int], lots: Sequence[int]
) -> tuple[dict[int, dict[int, int]], int]:
    """Serve each demand from the cheapest of the open nodes (the first of equals). Returns the
    units by node and demand, and the cost."""
    take: dict[int, dict[int, int]] = {}
    offers: list[list[tuple[int, int, int]]] = [[] for _ in reduced.base]
    for n in opened:
        for i, node_runs in reduced.offers[n]:
            offers[i] += [(unit, n, units) for unit, units in node_runs]
    cost = 0
    for i, runs in enumerate(reduced.base):
        paid = list(runs)
        for unit, n, units in sorted(offers[i]):
            remaining = units
            while remaining and paid and unit < paid[-1][0]:
                dearest, most = paid.pop()
                taken = min(remaining, most)
                if taken < most:
                    paid.append((dearest, most - taken))
                take.setdefault(n, {}).setdefault(i, 0)
                take[n][i] += taken * lots[i]
                cost += taken * unit
                remaining -= taken
        cost += sum([units * each for each, units in paid])
    cost += sum(reduced.opening[n] for n in take) if take else reduced.nothing
    return {reduced.names[n]: take[n] for n in sorted(take)}, cost
