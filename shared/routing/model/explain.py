"""Explain a decision for each candidate, in words and numbers. Pure.

Explanations are not stored: they follow from the problem and the plan.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shared.routing.model.allot import allotment_lines, distribute_units
from shared.routing.model.decision import Candidate, Decision, Plan
from shared.routing.model.filter import REFUSAL_SENTENCES
from shared.routing.model.policy import Policy, Tariff
from shared.routing.model.price import SCALE, CostTerms, in_minor_units
from shared.routing.model.route import (
    RoutingTask,
    offers_pickup,
    pickup_terms,
    pricing_lines,
    routing_task,
    shipping_terms,
)

WITHOUT_DECIMALS = frozenset({"CLP", "JPY", "KRW", "VND"})


@dataclass(frozen=True, slots=True)
class CandidateExplanation:
    """Why one candidate was or was not chosen: a ``reason`` in one word, and a ``sentence``.

    ``terms`` are the costs of the candidate's part of the plan when ``chosen`` (without split
    penalties, which belong to the whole plan), else of serving alone all that it can. ``total`` is
    their sum; None for a refused candidate, and for one that could serve no line.
    ``short`` are the units per SKU that it lacks to ship everything. ``words`` is the sentence
    without prices, for readers who may not see costs; ``price`` is its end for the others.
    """

    location_id: str
    chosen: bool
    reason: str
    words: str
    terms: dict[str, int]
    total: int | None
    short: dict[str, int]
    price: str = ""

    @property
    def sentence(self) -> str:
        return self.words + self.price


@dataclass(frozen=True, slots=True)
class Explanation:
    """``considered`` are the candidates: first the chosen ones, then by cost, the refused last.
    ``words`` is the summary without prices."""

    summary: str
    words: str
    considered: tuple[CandidateExplanation, ...]


def explain(decision: Decision) -> Explanation:
    task = routing_task(decision.problem)
    shipped_cost = _shipped_cost(task, decision.plan)
    explanations = [
        _explain_eligible(task, decision.plan, candidate, tariff, shipped_cost)
        for candidate, tariff in task.filtered.eligible
    ]
    explanations += [
        _explain_refused(task, decision.plan, candidate)
        for candidate in task.problem.candidates
        if candidate.location_id in task.filtered.refused
    ]
    explanations.sort(
        key=lambda row: (not row.chosen, row.total is None, row.total or 0, row.location_id)
    )
    return Explanation(_summary(decision), _summary_without_prices(decision), tuple(explanations))


def _shipped_cost(task: RoutingTask, plan: Plan) -> int:
    """The cost of the lines to ship in the plan, unfilled units included, in thousandths."""
    lines = pricing_lines(task)
    cost = 0
    served: Counter[str] = Counter()
    for candidate, tariff in task.filtered.eligible:
        units = _shipped_units(task, plan, candidate.location_id)
        if units:
            cost += sum(shipping_terms(task.problem, candidate, tariff, units, lines).values())
            served.update(units)
    if served:
        cost -= SCALE * task.problem.policy.split
    for demand in task.demands:
        for line, penalty in zip(demand.lines, demand.penalties, strict=True):
            cost += (line.quantity - served[line.line_id]) * penalty
    return cost


def _shipped_units(task: RoutingTask, plan: Plan, location_id: str) -> dict[str, int]:
    shipped = {line.line_id for demand in task.demands for line in demand.lines}
    units = plan.units.get(location_id, {})
    return {line_id: taken for line_id, taken in units.items() if line_id in shipped}


def _explain_eligible(
    task: RoutingTask, plan: Plan, candidate: Candidate, tariff: Tariff, shipped_cost: int
) -> CandidateExplanation:
    policy, lines = task.problem.policy, pricing_lines(task)
    location_id = candidate.location_id
    short = _lacking_units(task, candidate)
    if units := plan.units.get(location_id):
        shipped = _shipped_units(task, plan, location_id)
        terms: Counter[str] = Counter()
        if shipped:
            terms.update(shipping_terms(task.problem, candidate, tariff, shipped, lines))
            terms["split"] = 0
        handed = {line_id: taken for line_id, taken in units.items() if line_id not in shipped}
        terms.update(pickup_terms(task.problem, candidate, handed, lines))
        cost = in_minor_units(terms)
        return CandidateExplanation(
            location_id=location_id,
            chosen=True,
            reason="ships" if shipped else "hands_over",
            words=_describe_part(task, candidate, shipped, handed),
            terms=cost,
            total=sum(cost.values()),
            short=short,
            price=f" for {_money(sum(cost.values()), policy)}",
        )
    alone = _cost_alone(task, candidate, tariff, short)
    if not alone:
        sentence = "it has the full quantity of no line, and none of the lines may be split"
        return CandidateExplanation(location_id, False, "incomplete", sentence, {}, None, short)
    total = sum(alone.values())
    price = f" by {_money(total - _rounded(shipped_cost), policy)}"
    if short:
        reason = "incomplete"
        lacks = ", ".join(f"{units} of {sku}" for sku, units in short.items())
        sentence = f"alone it lacks {lacks}; serving the rest from it is dearer"
    else:
        reason = "dearer"
        sentence = "it has everything, but serving all from it is dearer"
    return CandidateExplanation(location_id, False, reason, sentence, alone, total, short, price)


def _cost_alone(
    task: RoutingTask, candidate: Candidate, tariff: Tariff, short: Mapping[str, int]
) -> CostTerms:
    """The cost terms if only this candidate shipped, all that it can; empty if it can ship none."""
    lines = pricing_lines(task)
    units: dict[str, int] = {}
    unsent = 0
    for demand in task.demands:
        available = demand.quantity - short.get(demand.sku, 0)
        handed = distribute_units(allotment_lines(demand), {0: available})
        for line, penalty in zip(demand.lines, demand.penalties, strict=True):
            served = sum(handed.get(line.line_id, {}).values())
            unsent += (line.quantity - served) * penalty
            if served:
                units[line.line_id] = served
    if not units:
        return {}
    terms = Counter(shipping_terms(task.problem, candidate, tariff, units, lines))
    terms["split"] = 0
    terms["unfilled"] = unsent
    return in_minor_units(terms)


def _lacking_units(task: RoutingTask, candidate: Candidate) -> dict[str, int]:
    missing = (
        (demand.sku, demand.quantity - max(0, candidate.stock.get(demand.sku, 0)))
        for demand in task.demands
    )
    return {sku: units for sku, units in missing if units > 0}


def _describe_part(
    task: RoutingTask,
    candidate: Candidate,
    shipped: Mapping[str, int],
    handed: Mapping[str, int],
) -> str:
    parts = []
    if shipped:
        parts.append(f"ships {_describe_units(task, shipped)} over {candidate.km:.0f} km")
    if handed:
        parts.append(f"hands over {_describe_units(task, handed)}")
    return " and ".join(parts)


def _explain_refused(task: RoutingTask, plan: Plan, candidate: Candidate) -> CandidateExplanation:
    location_id = candidate.location_id
    lines = pricing_lines(task)
    if handed := plan.units.get(location_id):
        cost = in_minor_units(pickup_terms(task.problem, candidate, handed, lines))
        words = _describe_part(task, candidate, {}, handed)
        total = sum(cost.values())
        price = f" for {_money(total, task.problem.policy)}"
        return CandidateExplanation(location_id, True, "hands_over", words, cost, total, {}, price)
    reason = task.filtered.refused[location_id]
    sentence = REFUSAL_SENTENCES[reason]
    collects = any(
        line.method == "pickup" and line.location_id == location_id for line in task.problem.lines
    )
    if collects and not offers_pickup(task.problem, candidate) and reason == "does_not_ship":
        sentence = "it neither ships nor offers pickup"
    return CandidateExplanation(
        location_id, False, reason, sentence, {}, None, _lacking_units(task, candidate)
    )


def _describe_units(task: RoutingTask, units: Mapping[str, int]) -> str:
    skus: Counter[str] = Counter()
    lines = {line.line_id: line for line in task.problem.lines}
    for line_id, taken in units.items():
        skus[lines[line_id].sku] += taken
    return ", ".join(f"{taken} of {sku}" for sku, taken in sorted(skus.items()))


def _summary(decision: Decision) -> str:
    plan, policy = decision.plan, decision.problem.policy
    terms = ", ".join(f"{name} {_money(amount, policy)}" for name, amount in plan.terms.items())
    proof = (
        "no plan is cheaper"
        if plan.proven
        else f"at most {_money(plan.cost - plan.lower_bound, policy)} above the cheapest"
    )
    return (
        f"{_describe_locations(plan)} for {_money(plan.cost, policy)} ({terms}), "
        f"{_describe_distance(plan)}; {proof}{_describe_unfilled(plan)}"
    )


def _summary_without_prices(decision: Decision) -> str:
    plan = decision.plan
    proof = "; no plan is cheaper" if plan.proven else ""
    return (
        f"{_describe_locations(plan)}, {_describe_distance(plan)}{proof}{_describe_unfilled(plan)}"
    )


def _describe_locations(plan: Plan) -> str:
    return "1 location" if len(plan.units) == 1 else f"{len(plan.units)} locations"


def _describe_distance(plan: Plan) -> str:
    return f"{plan.km:.0f} km, {plan.kg_co2e:.2f} kg CO2e"


def _describe_unfilled(plan: Plan) -> str:
    return f"; {sum(plan.unfilled.values())} units stay unfilled" if plan.unfilled else ""


def _rounded(thousandths: int) -> int:
    return (thousandths + SCALE // 2) // SCALE


def _money(amount: int, policy: Policy) -> str:
    if policy.currency in WITHOUT_DECIMALS:
        return f"{amount} {policy.currency}"
    return f"{amount / 100:.2f} {policy.currency}"
