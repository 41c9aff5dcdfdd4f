"""Route one order: filter -> price -> solve. Pure; explain.py explains the result.

Pickup lines come first: each takes what it can from the location that it names. The lines to ship
are then served from the remaining stock.
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
from shared.routing.model.filter import FilteredCandidates, filter_candidates
from shared.routing.model.policy import Tariff
from shared.routing.model.price import (
    SCALE,
    CostTerms,
    Demand,
    goods_terms,
    in_minor_units,
    parcel_terms,
    shipping_demands,
    unfilled_penalty,
    unit_co2e,
)


def route(problem: Problem) -> Decision:
    """The cheapest plan under the problem's policy, whatever the order of lines and candidates."""
    task = routing_task(problem)
    allotment = allot(problem, task.demands, task.filtered.eligible)
    return Decision(problem, _plan(task, allotment))


def replay(data: bytes) -> Decision:
    """Runs a stored decision again from its problem. Other bytes mean that the rules changed."""
    return route(Decision.from_bytes(data).problem)


def rival_locations(decision: Decision, location_id: str) -> list[str]:
    """Locations outside the plan that could ship everything that ``location_id`` is to ship; the
    cheapest first."""
    task, plan = routing_task(decision.problem), decision.plan
    lines = pricing_lines(task)
    shipped = {line.line_id for demand in task.demands for line in demand.lines}
    units = {
        line_id: taken for line_id, taken in plan.units[location_id].items() if line_id in shipped
    }
    needed: Counter[str] = Counter()
    for line_id, taken in units.items():
        needed[lines[line_id].sku] += taken
    costs = []
    for candidate, tariff in task.filtered.eligible:
        if candidate.location_id not in plan.units and all(
            candidate.stock.get(sku, 0) >= taken for sku, taken in needed.items()
        ):
            terms = shipping_terms(decision.problem, candidate, tariff, units, lines)
            costs.append((sum(terms.values()), candidate.location_id))
    return [rival_id for _, rival_id in sorted(costs)]


def shipping_cost(problem: Problem, units: Assignment, apart: Iterable[str] = ()) -> int | None:
    """The cost of shipping exactly ``units`` (by location and line), priced as ``route`` does.

    Each location of ``apart`` sends one more parcel. None when one of the locations cannot ship.
    """
    task = routing_task(problem)
    eligible = {
        candidate.location_id: (candidate, tariff) for candidate, tariff in task.filtered.eligible
    }
    if not units.keys() <= eligible.keys():
        return None
    lines = pricing_lines(task)
    terms: Counter[str] = Counter()
    for location_id, taken in units.items():
        terms.update(shipping_terms(problem, *eligible[location_id], taken, lines))
    for location_id in apart:
        terms.update(parcel_terms(problem, *eligible[location_id]))
    terms["split"] -= SCALE * problem.policy.split
    return sum(in_minor_units(terms).values())


@dataclass(frozen=True, slots=True)
class RoutingTask:
    """The open decision: which of ``filtered.eligible`` ship the ``demands``.

    ``collected`` are the pickup units by location and line, already taken from the stock.
    """

    problem: Problem
    collected: Assignment
    demands: tuple[Demand, ...]
    filtered: FilteredCandidates


def routing_task(problem: Problem) -> RoutingTask:
    candidates = {
        candidate.location_id: candidate
        for candidate in sorted(problem.candidates, key=lambda candidate: candidate.location_id)
    }
    collected = _pickup_units(problem, candidates)
    by_line = {line.line_id: line for line in problem.lines}
    for location_id, units in collected.items():
        candidates[location_id] = _without_units(candidates[location_id], units, by_line)
    to_ship = shipping_demands(problem.lines, problem.policy)
    remaining = replace(problem, candidates=tuple(candidates.values()))
    filtered = filter_candidates(remaining, {demand.sku: demand.quantity for demand in to_ship})
    return RoutingTask(problem, collected, to_ship, filtered)


def _pickup_units(problem: Problem, candidates: Mapping[str, Candidate]) -> Assignment:
    taken: Counter[tuple[str, str]] = Counter()
    collected: Assignment = {}
    for line in sorted(problem.lines, key=lambda line: line.line_id):
        candidate = candidates.get(line.location_id or "")
        if line.method == "pickup" and candidate and offers_pickup(problem, candidate):
            position = candidate.location_id, line.sku
            units = _units_to_take(line, candidate.stock.get(line.sku, 0) - taken[position])
            if units:
                taken[position] += units
                collected.setdefault(candidate.location_id, {})[line.line_id] = units
    return collected


def offers_pickup(problem: Problem, candidate: Candidate) -> bool:
    """Whether the location can hand goods to a shopper at all."""
    return (
        candidate.pickup
        and candidate.unable is None
        and candidate.location_id not in problem.excluded
    )


def _units_to_take(line: RoutingLine, available: int) -> int:
    if available >= line.quantity:
        return line.quantity
    return max(0, available) if line.splittable else 0


def _without_units(
    candidate: Candidate, units: Mapping[str, int], lines: Mapping[str, RoutingLine]
) -> Candidate:
    stock = dict(candidate.stock)
    for line_id, taken in units.items():
        stock[lines[line_id].sku] -= taken
    return replace(candidate, stock=stock)


def _plan(task: RoutingTask, allotment: Allotment) -> Plan:
    problem, shipped = task.problem, allotment.units
    lines = pricing_lines(task)
    served: Counter[str] = Counter()
    for units in (*task.collected.values(), *shipped.values()):
        served.update(units)
    eligible = {
        candidate.location_id: (candidate, tariff) for candidate, tariff in task.filtered.eligible
    }
    terms: Counter[str] = Counter()
    km = kg_co2e = 0.0
    for location_id, units in shipped.items():
        candidate, tariff = eligible[location_id]
        terms.update(shipping_terms(problem, candidate, tariff, units, lines))
        km += candidate.km
        kg_co2e += problem.policy.carbon.stop + sum(
            taken * unit_co2e(problem.policy, candidate.km, lines[line_id].kg)
            for line_id, taken in units.items()
        )
    candidates = {candidate.location_id: candidate for candidate in problem.candidates}
    for location_id, units in task.collected.items():
        terms.update(pickup_terms(problem, candidates[location_id], units, lines))
    if shipped:
        terms["split"] -= SCALE * problem.policy.split
    missing = {}
    for line in sorted(problem.lines, key=lambda line: line.line_id):
        if unserved := line.quantity - served[line.line_id]:
            missing[line.line_id] = unserved
            terms["unfilled"] += unserved * unfilled_penalty(problem.policy, line)
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


def pricing_lines(task: RoutingTask) -> dict[str, RoutingLine]:
    """The line to price with (mass, margin, quantity), by line id.

    All shipped lines of one SKU share one, with the sum of their units.
    """
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
    """The cost terms of one parcel with ``units`` by line, including a split penalty."""
    terms = Counter(parcel_terms(problem, candidate, tariff))
    for line, taken in _by_sku(units, lines):
        terms.update(goods_terms(problem, candidate, tariff, line, taken))
    return terms


def pickup_terms(
    problem: Problem,
    candidate: Candidate,
    units: Mapping[str, int],
    lines: Mapping[str, RoutingLine],
) -> CostTerms:
    """The cost terms of handing ``units`` by line over the counter."""
    terms: Counter[str] = Counter()
    for line, taken in _by_sku(units, lines):
        priced_line = replace(line, quantity=max(line.quantity, taken))
        terms.update(goods_terms(problem, candidate, None, priced_line, taken))
    return terms


def _by_sku(
    units: Mapping[str, int], lines: Mapping[str, RoutingLine]
) -> Iterable[tuple[RoutingLine, int]]:
    """The units of each SKU with one of its lines. Lines of one SKU are priced together, because
    each of them takes from the same shelf."""
    taken: Counter[str] = Counter()
    line_of: dict[str, RoutingLine] = {}
    for line_id, quantity in units.items():
        line = lines[line_id]
        taken[line.sku] += quantity
        line_of.setdefault(line.sku, line)
    return [(line_of[sku], quantity) for sku, quantity in taken.items()]
