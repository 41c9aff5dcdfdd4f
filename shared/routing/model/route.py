"""filter -> price -> solve: one order, one plan. Pure; shared/routing/explain.py says why.

Lines to be picked up are served by the location they name, as far as it can. Then what is to be
shipped is taken from the stock that is left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from shared.routing.model.allot import Allotment, allot
from shared.routing.model.decision import (
    Assignment,
    Candidate,
    Decision,
    Plan,
    Problem,
    RoutingLine,
)
from shared.routing.model.filter import Filtered, filtered
from shared.routing.model.policy import Tariff
from shared.routing.model.price import (
    SCALE,
    CostTerms,
    Demand,
    demands,
    goods_terms,
    in_minor_units,
    parcel_terms,
    unfilled,
    unit_co2e,
)


def route(problem: Problem) -> Decision:
    """The cheapest plan under the problem's policy; it does not depend on the order of anything."""
    task = task_of(problem)
    return Decision(problem, _plan(task, allot(problem, task.demands, task.offered.kept)))


def replay(data: bytes) -> Decision:
    """A stored decision taken again from its problem: the same bytes, or the rules have changed."""
    return route(Decision.from_bytes(data).problem)


def rivals(decision: Decision, location_id: str) -> list[str]:
    """Other locations that have all that ``location_id`` is to ship, and could ship it; those of
    the least cost first. What the plan uses elsewhere is none."""
    task, plan = task_of(decision.problem), decision.plan
    lines = priced_as(task)
    shipped = {line.line_id for demand in task.demands for line in demand.lines}
    units = {name: taken for name, taken in plan.units[location_id].items() if name in shipped}
    needed: Counter[str] = Counter()
    for line_id, taken in units.items():
        needed[lines[line_id].sku] += taken
    costs = []
    for candidate, tariff in task.offered.kept:
        if candidate.location_id not in plan.units and all(
            candidate.stock.get(sku, 0) >= taken for sku, taken in needed.items()
        ):
            terms = shipping_terms(decision.problem, candidate, tariff, units, lines)
            costs.append((sum(terms.values()), candidate.location_id))
    return [name for _, name in sorted(costs)]


def cost_of(problem: Problem, units: Assignment, apart: Iterable[str] = ()) -> int | None:
    """What shipping exactly ``units``, by location and line, costs, as ``route`` would price it; a
    location of ``apart`` sends a parcel more. None when one of the locations cannot ship."""
    task = task_of(problem)
    kept = {candidate.location_id: (candidate, tariff) for candidate, tariff in task.offered.kept}
    if not units.keys() <= kept.keys():
        return None
    lines = priced_as(task)
    terms: Counter[str] = Counter()
    for location_id, taken in units.items():
        terms.update(shipping_terms(problem, *kept[location_id], taken, lines))
    for location_id in apart:
        terms.update(parcel_terms(problem, *kept[location_id]))
    terms["split"] -= SCALE * problem.policy.split
    return sum(in_minor_units(terms).values())


@dataclass(frozen=True, slots=True)
class Task:
    """What is left to decide: which of ``offered.kept`` ship the ``demands``.

    ``collected`` are the units handed over, by location and line; they are gone from the stock.
    """

    problem: Problem
    collected: Assignment
    demands: tuple[Demand, ...]
    offered: Filtered


def task_of(problem: Problem) -> Task:
    candidates = {
        candidate.location_id: candidate
        for candidate in sorted(problem.candidates, key=lambda candidate: candidate.location_id)
    }
    collected = _collected(problem, candidates)
    by_line = {line.line_id: line for line in problem.lines}
    for location_id, units in collected.items():
        candidates[location_id] = _without(candidates[location_id], units, by_line)
    wanted = demands(problem.lines, problem.policy)
    remaining = replace(problem, candidates=tuple(candidates.values()))
    offered = filtered(remaining, {demand.sku: demand.quantity for demand in wanted})
    return Task(problem, collected, wanted, offered)


def _collected(problem: Problem, candidates: Mapping[str, Candidate]) -> Assignment:
    taken: Counter[tuple[str, str]] = Counter()
    found: Assignment = {}
    for line in sorted(problem.lines, key=lambda line: line.line_id):
        candidate = candidates.get(line.location_id or "")
        if line.method == "pickup" and candidate and hands_over(problem, candidate):
            place = candidate.location_id, line.sku
            units = _as_splittable(line, candidate.stock.get(line.sku, 0) - taken[place])
            if units:
                taken[place] += units
                found.setdefault(candidate.location_id, {})[line.line_id] = units
    return found


def hands_over(problem: Problem, candidate: Candidate) -> bool:
    """Whether it can hand goods to a shopper at all."""
    return (
        candidate.pickup
        and candidate.unable is None
        and candidate.location_id not in problem.excluded
    )


def _as_splittable(line: RoutingLine, there: int) -> int:
    if there >= line.quantity:
        return line.quantity
    return max(0, there) if line.splittable else 0


def _without(
    candidate: Candidate, units: Mapping[str, int], lines: Mapping[str, RoutingLine]
) -> Candidate:
    stock = dict(candidate.stock)
    for line_id, taken in units.items():
        stock[lines[line_id].sku] -= taken
    return replace(candidate, stock=stock)


def _plan(task: Task, allotment: Allotment) -> Plan:
    problem, shipped = task.problem, allotment.units
    lines = priced_as(task)
    served: Counter[str] = Counter()
    for units in (*task.collected.values(), *shipped.values()):
        served.update(units)
    kept = {candidate.location_id: row for row in task.offered.kept for candidate in row[:1]}
    terms: Counter[str] = Counter()
    km = kg_co2e = 0.0
    for location_id, units in shipped.items():
        candidate, tariff = kept[location_id]
        terms.update(shipping_terms(problem, candidate, tariff, units, lines))
        km += candidate.km
        kg_co2e += problem.policy.carbon.stop + sum(
            taken * unit_co2e(problem.policy, candidate.km, lines[line_id].kg)
            for line_id, taken in units.items()
        )
    candidates = {candidate.location_id: candidate for candidate in problem.candidates}
    for location_id, units in task.collected.items():
        terms.update(handing_terms(problem, candidates[location_id], units, lines))
    if shipped:
        terms["split"] -= SCALE * problem.policy.split
    missing = {}
    for line in sorted(problem.lines, key=lambda line: line.line_id):
        if left := line.quantity - served[line.line_id]:
            missing[line.line_id] = left
            terms["unfilled"] += left * unfilled(problem.policy, line)
    rounded = in_minor_units(terms)
    cost = sum(rounded.values())
    unproven = -((allotment.lower_bound - allotment.cost) // SCALE)
    return Plan(
        units={
            location_id: dict(
                sorted(
                    {**task.collected.get(location_id, {}), **shipped.get(location_id, {})}.items()
                )
            )
            for location_id in sorted(task.collected.keys() | shipped.keys())
        },
        unfilled=missing,
        terms=rounded,
        cost=cost,
        lower_bound=cost - unproven,
        proven=allotment.proven,
        km=round(km, 3),
        kg_co2e=round(kg_co2e, 4),
    )


def priced_as(task: Task) -> dict[str, RoutingLine]:
    """By line id the line whose mass and margin count: one for all shipped lines of a SKU, and of
    their units together."""
    return {line.line_id: line for line in task.problem.lines} | {
        line.line_id: demand.line for demand in task.demands for line in demand.lines
    }


def shipping_terms(
    problem: Problem,
    candidate: Candidate,
    tariff: Tariff,
    units: Mapping[str, int],
    lines: Mapping[str, RoutingLine],
) -> CostTerms:
    """What one parcel with ``units`` by line costs, with the split penalty."""
    terms = Counter(parcel_terms(problem, candidate, tariff))
    for line, taken in _by_sku(units, lines):
        terms.update(goods_terms(problem, candidate, tariff, line, taken))
    return terms


def handing_terms(
    problem: Problem,
    candidate: Candidate,
    units: Mapping[str, int],
    lines: Mapping[str, RoutingLine],
) -> CostTerms:
    """What handing ``units`` by line over the counter costs."""
    terms: Counter[str] = Counter()
    for line, taken in _by_sku(units, lines):
        together = replace(line, quantity=max(line.quantity, taken))
        terms.update(goods_terms(problem, candidate, None, together, taken))
    return terms


def _by_sku(
    units: Mapping[str, int], lines: Mapping[str, RoutingLine]
) -> Iterable[tuple[RoutingLine, int]]:
    """The units of each SKU together, with one of its lines: each takes from what the one before
    has left on the shelf."""
    taken: Counter[str] = Counter()
    named: dict[str, RoutingLine] = {}
    for line_id, many in units.items():
        line = lines[line_id]
        taken[line.sku] += many
        named.setdefault(line.sku, line)
    return [(named[sku], many) for sku, many in taken.items()]
