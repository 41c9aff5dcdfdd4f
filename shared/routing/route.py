"""filter -> price -> solve: one order, one plan. Pure; shared/routing/explain.py says why.

Lines to be picked up are served by the location they name, as far as it can. Then what is to be
shipped is taken from the stock that is left.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from shared.routing.filter import Filtered, filtered
from shared.routing.model import Candidate, Decision, Line, Plan, Problem, Tariff, Units
from shared.routing.price import (
    SCALE,
    Demand,
    Terms,
    demands,
    in_minor_units,
    parcel_terms,
    unfilled,
    unit_co2e,
    unit_terms,
)
from shared.routing.solve import Instance, Solution, solve


def route(problem: Problem) -> Decision:
    """The cheapest plan under the problem's policy; it does not depend on the order of anything."""
    task = task_of(problem)
    solution = solve(_instance(task))
    shipped = _shipped(task, solution)
    return Decision(problem, _plan(task, shipped, solution))


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


def cost_of(problem: Problem, units: Units, apart: Iterable[str] = ()) -> int | None:
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
    collected: Units
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


def _collected(problem: Problem, candidates: Mapping[str, Candidate]) -> Units:
    taken: Counter[tuple[str, str]] = Counter()
    found: Units = {}
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


def _as_splittable(line: Line, there: int) -> int:
    if there >= line.quantity:
        return line.quantity
    return max(0, there) if line.splittable else 0


def _without(
    candidate: Candidate, units: Mapping[str, int], lines: Mapping[str, Line]
) -> Candidate:
    stock = dict(candidate.stock)
    for line_id, taken in units.items():
        stock[lines[line_id].sku] -= taken
    return replace(candidate, stock=stock)


def _instance(task: Task) -> Instance:
    problem, policy = task.problem, task.problem.policy
    opening, offers = [], []
    place = {demand.sku: i for i, demand in enumerate(task.demands)}
    for candidate, tariff in task.offered.kept:
        opening.append(sum(parcel_terms(problem, candidate, tariff).values()))
        row = []
        for sku, units in candidate.stock.items():
            i = place.get(sku)
            if i is not None and units > 0:
                line = task.demands[i].line
                unit = sum(unit_terms(problem, candidate, tariff, line).values())
                row.append((i, unit, units))
        offers.append(tuple(sorted(row)))
    return Instance(
        quantity=tuple(demand.quantity for demand in task.demands),
        splittable=tuple(demand.splittable for demand in task.demands),
        unfilled=tuple(demand.unfilled for demand in task.demands),
        packages=policy.max_packages,
        opening=tuple(opening),
        offers=tuple(offers),
        # Every parcel is charged the split penalty there, the first one too.
        nothing=SCALE * policy.split,
    )


def _shipped(task: Task, solution: Solution) -> Units:
    """The units of each demand handed out to its lines, location by location."""
    open_units = {line.line_id: line.quantity for demand in task.demands for line in demand.lines}
    found: Units = {}
    for n, taken in solution.take.items():
        location_id = task.offered.kept[n][0].location_id
        for i, units in taken.items():
            left = units
            for line in task.demands[i].lines:
                if given := min(left, open_units[line.line_id]):
                    found.setdefault(location_id, {})[line.line_id] = given
                    open_units[line.line_id] -= given
                    left -= given
    return found


def _plan(task: Task, shipped: Units, solution: Solution) -> Plan:
    problem = task.problem
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
    penalties = {line.line_id: demand.unfilled for demand in task.demands for line in demand.lines}
    missing = {}
    for line in sorted(problem.lines, key=lambda line: line.line_id):
        if left := line.quantity - served[line.line_id]:
            missing[line.line_id] = left
            each = penalties.get(line.line_id, unfilled(problem.policy, line))
            terms["unfilled"] += left * each
    rounded = in_minor_units(terms)
    cost = sum(rounded.values())
    unproven = -((solution.lower_bound - solution.cost) // SCALE)
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
        proven=solution.proven,
        km=round(km, 3),
        kg_co2e=round(kg_co2e, 4),
    )


def priced_as(task: Task) -> dict[str, Line]:
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
    lines: Mapping[str, Line],
) -> Terms:
    """What one parcel with ``units`` by line costs, with the split penalty."""
    terms = Counter(parcel_terms(problem, candidate, tariff))
    for line_id, taken in units.items():
        for name, each in unit_terms(problem, candidate, tariff, lines[line_id]).items():
            terms[name] += taken * each
    return terms


def handing_terms(
    problem: Problem, candidate: Candidate, units: Mapping[str, int], lines: Mapping[str, Line]
) -> Terms:
    """What handing ``units`` by line over the counter costs."""
    terms: Counter[str] = Counter()
    for line_id, taken in units.items():
        for name, each in unit_terms(problem, candidate, None, lines[line_id]).items():
            terms[name] += taken * each
    return terms
