"""What orders would have become under another policy: their stored problems, routed again. Pure.

The stock, the distances and the instant are those that the decision saw; only the policy differs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from shared.routing.model.decision import Decision, Plan, Problem
from shared.routing.model.filter import tariff
from shared.routing.model.policy import Policy
from shared.routing.model.price import left_over, shelf
from shared.routing.model.route import route

PAID = ("package", "pick", "carrier")
"""The terms of a plan's cost that are paid, as opposed to weighed."""


@dataclass(slots=True)
class Totals:
    """``paid`` in minor units; ``late`` are parcels that arrive after their promise; ``load`` is
    units by location. A split is a parcel after an order's first. ``overstock`` are units that
    would more likely than not have been left over where they were taken."""

    orders: int = 0
    parcels: int = 0
    splits: int = 0
    late: int = 0
    unfilled: int = 0
    paid: int = 0
    overstock: int = 0
    km: float = 0.0
    kg_co2e: float = 0.0
    load: Counter[str] = field(default_factory=Counter)

    def add(self, problem: Problem, plan: Plan) -> None:
        self.orders += 1
        self.parcels += len(plan.units)
        self.splits += max(0, len(plan.units) - 1)
        self.late += sum(_is_late(problem, plan, location_id) for location_id in plan.units)
        self.unfilled += sum(plan.unfilled.values())
        self.paid += sum(plan.terms.get(name, 0) for name in PAID)
        self.km += plan.km
        self.kg_co2e += plan.kg_co2e
        for location_id, units in plan.units.items():
            self.load[location_id] += sum(units.values())
            self.overstock += _overstock(problem, location_id, units)

    def plus(self, more: "Totals") -> "Totals":
        found = {
            name: value + getattr(more, name)
            for name, value in asdict(self).items()
            if name != "load"
        }
        return Totals(**found, load=self.load + more.load)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "load": dict(self.load)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Totals":
        return Totals(**{**document, "load": Counter(document["load"])})


@dataclass(frozen=True, slots=True)
class Difference:
    """An order that would have come from elsewhere. ``paid`` is how much more it would cost."""

    order_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    paid: int
    kg_co2e: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    before: Totals
    after: Totals
    differences: list[Difference]


def what_if(decided: Iterable[tuple[str, Decision]], policy: Policy) -> WhatIf:
    """Of decisions by order id; what they were, what they would be under ``policy``, and where
    the two differ, the order that would cost most more first."""
    before, after = Totals(), Totals()
    differences = []
    for order_id, decision in decided:
        other = rerouted(decision, policy)
        before.add(decision.problem, decision.plan)
        after.add(other.problem, other.plan)
        if other.plan.units != decision.plan.units:
            differences.append(
                Difference(
                    order_id=order_id,
                    before=tuple(decision.plan.units),
                    after=tuple(other.plan.units),
                    paid=_paid(other.plan) - _paid(decision.plan),
                    kg_co2e=round(other.plan.kg_co2e - decision.plan.kg_co2e, 4),
                )
            )
    differences.sort(key=lambda row: (-row.paid, row.order_id))
    return WhatIf(before, after, differences)


def rerouted(decision: Decision, policy: Policy) -> Decision:
    return route(replace(decision.problem, policy=policy))


def _paid(plan: Plan) -> int:
    return sum(plan.terms.get(name, 0) for name in PAID)


def _is_late(problem: Problem, plan: Plan, location_id: str) -> bool:
    methods = {line.line_id: line.method for line in problem.lines}
    if not any(methods[line_id] == "ship" for line_id in plan.units[location_id]):
        return False
    (candidate,) = (row for row in problem.candidates if row.location_id == location_id)
    found = tariff(problem, candidate.km)
    promised = problem.policy.services[problem.service_level].promise_days
    return found is not None and found.days + candidate.delay_days > promised


def _overstock(problem: Problem, location_id: str, units: Mapping[str, int]) -> int:
    (candidate,) = (row for row in problem.candidates if row.location_id == location_id)
    lines = {line.line_id: line for line in problem.lines}
    found = 0
    for line_id, taken in units.items():
        line = lines[line_id]
        known = shelf(candidate, line.sku)
        if known is not None and left_over(problem, line, known) > 1 / 2:
            found += taken
    return found
