"""Why a decision is what it is, for each candidate, in words and numbers. Pure.

Nothing of it is stored: it follows from the problem and the plan.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from shared.routing.model.allot import hand_out, lines_of
from shared.routing.model.decision import Candidate, Decision, Plan
from shared.routing.model.filter import SENTENCES
from shared.routing.model.policy import Policy, Tariff
from shared.routing.model.price import SCALE, CostTerms, in_minor_units
from shared.routing.model.route import (
    Task,
    handing_terms,
    hands_over,
    priced_as,
    shipping_terms,
    task_of,
)

WITHOUT_DECIMALS = frozenset({"CLP", "JPY", "KRW", "VND"})


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate as the decision saw it: a reason in one word, and as a sentence.

    ``terms`` are those of its part in the plan when ``chosen`` (split penalties are of the whole
    plan, and not among them), else of serving by itself all that it could; ``total`` is their sum,
    None when it was filtered out or could serve nothing whole.
    ``short`` names the units per SKU that it lacks to ship everything. ``words`` are the sentence
    for those who are not told what things cost, ``price`` is how it ends for the others.
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
    """``considered`` by location, the chosen first, then the cheapest, the filtered ones last.
    ``words`` are the summary without what things cost."""

    summary: str
    words: str
    considered: tuple[Considered, ...]


def explain(decision: Decision) -> Explanation:
    task = task_of(decision.problem)
    shipped_cost = _shipped_cost(task, decision.plan)
    found = [
        _kept(task, decision.plan, candidate, tariff, shipped_cost)
        for candidate, tariff in task.offered.kept
    ]
    found += [
        _removed(task, decision.plan, candidate)
        for candidate in task.problem.candidates
        if candidate.location_id in task.offered.removed
    ]
    found.sort(key=lambda row: (not row.chosen, row.total is None, row.total or 0, row.location_id))
    return Explanation(_summary(decision), _words(decision), tuple(found))


def _shipped_cost(task: Task, plan: Plan) -> int:
    """What the shipped lines cost in the plan, what stays unsent included; thousandths."""
    lines = priced_as(task)
    cost = 0
    served: Counter[str] = Counter()
    for candidate, tariff in task.offered.kept:
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


def _shipped_units(task: Task, plan: Plan, location_id: str) -> dict[str, int]:
    shipped = {line.line_id for demand in task.demands for line in demand.lines}
    units = plan.units.get(location_id, {})
    return {line_id: taken for line_id, taken in units.items() if line_id in shipped}


def _kept(
    task: Task, plan: Plan, candidate: Candidate, tariff: Tariff, shipped_cost: int
) -> Considered:
    policy, lines = task.problem.policy, priced_as(task)
    location_id = candidate.location_id
    short = _short(task, candidate)
    if units := plan.units.get(location_id):
        shipped = _shipped_units(task, plan, location_id)
        terms: Counter[str] = Counter()
        if shipped:
            terms.update(shipping_terms(task.problem, candidate, tariff, shipped, lines))
            terms["split"] = 0
        handed = {line_id: taken for line_id, taken in units.items() if line_id not in shipped}
        terms.update(handing_terms(task.problem, candidate, handed, lines))
        cost = in_minor_units(terms)
        return Considered(
            location_id=location_id,
            chosen=True,
            reason="ships" if shipped else "hands_over",
            words=_chosen(task, candidate, shipped, handed),
            terms=cost,
            total=sum(cost.values()),
            short=short,
            price=f" for {_money(sum(cost.values()), policy)}",
        )
    alone = _alone(task, candidate, tariff, short)
    if not alone:
        sentence = "it holds no line whole, and none of them may be split"
        return Considered(location_id, False, "incomplete", sentence, {}, None, short)
    total = sum(alone.values())
    price = f" by {_money(total - _rounded(shipped_cost), policy)}"
    if short:
        reason = "incomplete"
        lacks = ", ".join(f"{units} of {sku}" for sku, units in short.items())
        sentence = f"by itself it lacks {lacks}; serving the rest alone is dearer"
    else:
        reason = "dearer"
        sentence = "has everything, but alone it is dearer"
    return Considered(location_id, False, reason, sentence, alone, total, short, price)


def _alone(task: Task, candidate: Candidate, tariff: Tariff, short: Mapping[str, int]) -> CostTerms:
    """The cost if this candidate served all it can and the rest stayed unsent; empty if nothing."""
    lines = priced_as(task)
    units: dict[str, int] = {}
    unsent = 0
    for demand in task.demands:
        there = demand.quantity - short.get(demand.sku, 0)
        handed = hand_out(lines_of(demand), {0: there})
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


def _short(task: Task, candidate: Candidate) -> dict[str, int]:
    missing = (
        (demand.sku, demand.quantity - max(0, candidate.stock.get(demand.sku, 0)))
        for demand in task.demands
    )
    return {sku: units for sku, units in missing if units > 0}


def _chosen(
    task: Task,
    candidate: Candidate,
    shipped: Mapping[str, int],
    handed: Mapping[str, int],
) -> str:
    parts = []
    if shipped:
        parts.append(f"ships {_named(task, shipped)} over {candidate.km:.0f} km")
    if handed:
        parts.append(f"hands over {_named(task, handed)}")
    return " and ".join(parts)


def _removed(task: Task, plan: Plan, candidate: Candidate) -> Considered:
    location_id = candidate.location_id
    lines = priced_as(task)
    if handed := plan.units.get(location_id):
        cost = in_minor_units(handing_terms(task.problem, candidate, handed, lines))
        words = _chosen(task, candidate, {}, handed)
        total = sum(cost.values())
        price = f" for {_money(total, task.problem.policy)}"
        return Considered(location_id, True, "hands_over", words, cost, total, {}, price)
    reason = task.offered.removed[location_id]
    sentence = SENTENCES[reason]
    collects = any(
        line.method == "pickup" and line.location_id == location_id for line in task.problem.lines
    )
    if collects and not hands_over(task.problem, candidate) and reason == "does_not_ship":
        sentence = "it neither ships nor hands over"
    return Considered(location_id, False, reason, sentence, {}, None, _short(task, candidate))


def _named(task: Task, units: Mapping[str, int]) -> str:
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
        f"{_places(plan)} for {_money(plan.cost, policy)} ({terms}), {_way(plan)}; {proof}"
        f"{_unsent(plan)}"
    )


def _words(decision: Decision) -> str:
    plan = decision.plan
    proof = "; no plan is cheaper" if plan.proven else ""
    return f"{_places(plan)}, {_way(plan)}{proof}{_unsent(plan)}"


def _places(plan: Plan) -> str:
    return "1 location" if len(plan.units) == 1 else f"{len(plan.units)} locations"


def _way(plan: Plan) -> str:
    return f"{plan.km:.0f} km, {plan.kg_co2e:.2f} kg CO2e"


def _unsent(plan: Plan) -> str:
    return f"; {sum(plan.unfilled.values())} units cannot be served" if plan.unfilled else ""


def _rounded(thousandths: int) -> int:
    return (thousandths + SCALE // 2) // SCALE


def _money(amount: int, policy: Policy) -> str:
    if policy.currency in WITHOUT_DECIMALS:
        return f"{amount} {policy.currency}"
    return f"{amount / 100:.2f} {policy.currency}"
