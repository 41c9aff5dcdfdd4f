"""Simulate another policy: route the stored problems of past orders again. Pure.

Stock, distances and time are those of the original decision; only the policy differs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from shared.routing.model.decision import Decision, Plan, Problem
from shared.routing.model.filter import carrier_tariff
from shared.routing.model.policy import Policy
from shared.routing.model.price import leftover_probability, shelf_state
from shared.routing.model.route import route
from shared.stored import from_row

PAID = ("package", "pick", "carrier")
"""The cost terms that are paid in money, as opposed to weights of the optimisation."""


@dataclass(slots=True)
class Totals:
    """Totals over many orders. ``paid`` is in minor units. ``splits`` are parcels after an order's
    first, ``late`` are parcels that arrive after their promise, ``load`` are units by location.
    ``overstock`` are units taken from a shelf where they would probably have been left over."""

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
        sums = {
            name: value + getattr(more, name)
            for name, value in asdict(self).items()
            if name != "load"
        }
        return Totals(**sums, load=self.load + more.load)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "load": dict(self.load)}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Totals":
        return from_row(Totals, {**document, "load": Counter(document["load"])})


@dataclass(frozen=True, slots=True)
class Difference:
    """An order that other locations would have shipped. ``paid`` is the increase of its paid
    costs."""

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
    """Route the ``decided`` orders (order id, decision) again under ``policy``. Differences are
    sorted by the increase of paid costs, highest first."""
    before, after = Totals(), Totals()
    differences = []
    for order_id, decision in decided:
        rerouted = reroute(decision, policy)
        before.add(decision.problem, decision.plan)
        after.add(rerouted.problem, rerouted.plan)
        if rerouted.plan.units != decision.plan.units:
            differences.append(
                Difference(
                    order_id=order_id,
                    before=tuple(decision.plan.units),
                    after=tuple(rerouted.plan.units),
                    paid=_paid(rerouted.plan) - _paid(decision.plan),
                    kg_co2e=round(rerouted.plan.kg_co2e - decision.plan.kg_co2e, 4),
                )
            )
    return WhatIf(before, after, in_order(differences))


def combine(parts: Iterable[WhatIf]) -> WhatIf:
    """The what-if of the orders of all ``parts``: the same as ``what_if`` of all of them, up to the
    rounding of the sums of km and kg CO2e."""
    before, after = Totals(), Totals()
    differences: list[Difference] = []
    for part in parts:
        before, after = before.plus(part.before), after.plus(part.after)
        differences += part.differences
    return WhatIf(before, after, in_order(differences))


def in_order(differences: Iterable[Difference]) -> list[Difference]:
    """The differences with the highest increase of paid costs first."""
    return sorted(differences, key=lambda row: (-row.paid, row.order_id))


MILLI = ("km", "kg_co2e")
"""Totals that ``figures`` counts in thousandths."""


def figures(result: WhatIf) -> dict[str, int]:
    """The totals as whole numbers, without the load of the locations: what progress is counted
    with. ``totals_of`` reads them."""
    counts = {"orders": result.before.orders, "differences": len(result.differences)}
    for name, totals in (("before", result.before), ("after", result.after)):
        for key, value in totals.to_json().items():
            if key not in {"orders", "load"}:
                counts[f"{name}.{key}"] = round(value * 1000) if key in MILLI else value
    return counts


def totals_of(counts: Mapping[str, int], name: str) -> Totals:
    """The totals ``before`` or ``after``, from ``figures``."""
    values: dict[str, Any] = {
        key: counts.get(f"{name}.{key}", 0) for key in Totals().to_json() if key != "load"
    }
    values["orders"] = counts.get("orders", 0)
    return Totals(**{key: v / 1000 if key in MILLI else v for key, v in values.items()})


def reroute(decision: Decision, policy: Policy) -> Decision:
    return route(replace(decision.problem, policy=policy))


def _paid(plan: Plan) -> int:
    return sum(plan.terms.get(name, 0) for name in PAID)


def _is_late(problem: Problem, plan: Plan, location_id: str) -> bool:
    methods = {line.line_id: line.method for line in problem.lines}
    if not any(methods[line_id] == "ship" for line_id in plan.units[location_id]):
        return False
    (candidate,) = (row for row in problem.candidates if row.location_id == location_id)
    tariff = carrier_tariff(problem, candidate.km)
    promised = problem.policy.services[problem.service_level].promise_days
    return tariff is not None and tariff.days + candidate.delay_days > promised


def _overstock(problem: Problem, location_id: str, units: Mapping[str, int]) -> int:
    (candidate,) = (row for row in problem.candidates if row.location_id == location_id)
    lines = {line.line_id: line for line in problem.lines}
    overstock = 0
    for line_id, taken in units.items():
        line = lines[line_id]
        shelf = shelf_state(candidate, line.sku)
        if shelf is not None and leftover_probability(problem, line, shelf) > 1 / 2:
            overstock += taken
    return overstock
