"""Why units of an order find no place, and with what else they would. Pure.

out_of_stock       there are not as many, wherever they lie
too_late           there are, where the carrier has called, or would arrive after the promise
no_capacity        there are, where too much waits to be picked
no_service         there are, where this service does not begin
too_many_parcels   there are, in more parcels than one order may have
too_dear           there are, and serving them costs more than not doing so
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.errors import NoCapacity, NoService, OutOfStock, TooDear, TooLate, TooManyParcels
from shared.locations.model import ServiceLevel
from shared.routing.model.decision import Candidate, Problem, RoutingLine
from shared.routing.model.policy import Policy, Unfilled
from shared.routing.model.route import RoutingTask, offers_pickup, route, routing_task

AT_ANY_PRICE = Unfilled(amount=10**9, share=0.0)
"""A penalty that no plan is dearer than."""
LEVELS: tuple[ServiceLevel, ...] = ("standard", "express", "next_day", "same_day")
WORDS = {
    "cut_off": "too_late",
    "no_carrier": "no_service",
    "closed": "no_service",
    "does_not_ship": "no_service",
}
"""Reasons of the filter, as a channel is told them."""
Why = Mapping[str, str]
"""By line id one of the words above."""
REFUSALS: Mapping[str, type[OutOfStock]] = {
    "out_of_stock": OutOfStock,
    "no_service": NoService,
    "too_late": TooLate,
    "no_capacity": NoCapacity,
    "too_many_parcels": TooManyParcels,
    "too_dear": TooDear,
}
"""The first that is the reason of any line is that of the whole."""


def at_any_price(policy: Policy) -> Policy:
    """The same, for units that have been sold already: how to serve them is the question, and not
    whether to."""
    return replace(policy, unfilled=AT_ANY_PRICE)


def refusal_reasons(problem: Problem, unfilled: Mapping[str, int]) -> dict[str, str]:
    """Of each line with ``unfilled`` units. ``problem`` is the one that left them so."""
    task = routing_task(problem)
    lines = {line.line_id: line for line in problem.lines}
    found = {}
    anyway: Mapping[str, int] | None = None
    for line_id in sorted(name for name, units in unfilled.items() if units and name in lines):
        line = lines[line_id]
        reason = _handing(problem, line) if line.method == "pickup" else _shipping(task, line.sku)
        if reason is None:
            if anyway is None:
                dear = replace(problem, policy=at_any_price(problem.policy))
                anyway = route(dear).plan.unfilled
            reason = "too_many_parcels" if anyway.get(line_id) else "too_dear"
        found[line_id] = WORDS.get(reason, reason)
    return found


def refusal(
    reasons: Why, short: list[dict[str, Any]], alternatives: list[dict[str, Any]]
) -> OutOfStock:
    given = set(reasons.values())
    kind = next((kind for word, kind in REFUSALS.items() if word in given), OutOfStock)
    return kind(short, alternatives)


def possible_service_levels(problem: Problem, line_id: str) -> list[str]:
    """The other service levels with which the line would be sent whole."""
    return [
        level
        for level in LEVELS
        if level != problem.service_level
        and level in problem.policy.services
        and not route(replace(problem, service_level=level)).plan.unfilled.get(line_id)
    ]


def shipping_locations(problem: Problem) -> frozenset[str]:
    """The locations that could send a parcel as it is asked for."""
    return frozenset(
        candidate.location_id for candidate, _ in routing_task(problem).filtered.eligible
    )


def _handing(problem: Problem, line: RoutingLine) -> str:
    """A location that hands nothing over says why; else it has not got the units."""
    there = _candidates(problem).get(line.location_id or "")
    if there is None or there.stock.get(line.sku, 0) < line.quantity:
        return "out_of_stock"
    if not offers_pickup(problem, there) and there.unable is not None:
        return there.unable
    return "out_of_stock"


def _shipping(task: RoutingTask, sku: str) -> str | None:
    """None when those that can ship have the units."""
    (demand,) = (demand for demand in task.demands if demand.sku == sku)
    kept = {candidate.location_id for candidate, _ in task.filtered.eligible}
    can = missed = 0
    by_reason: Counter[str] = Counter()
    for place, candidate in _candidates(task.problem).items():
        units = candidate.stock.get(sku, 0)
        if place in kept:
            can += units
            continue
        missed += units
        by_reason[task.filtered.refused[place]] += units
    if can >= demand.quantity:
        return None
    by_reason.pop("rejected_before", None)
    if can + missed < demand.quantity or not +by_reason:
        return "out_of_stock"
    return max(sorted(by_reason), key=lambda reason: by_reason[reason])


def _candidates(problem: Problem) -> dict[str, Candidate]:
    return {candidate.location_id: candidate for candidate in problem.candidates}
