"""Why no location serves units of an order, and which service levels would. Pure.

out_of_stock       too few units in all locations
too_late           units only where the carrier has left, or would deliver after the promised date
no_capacity        units only where too many units wait to be picked
no_service         units only where the service level is not offered
too_many_parcels   units only in more parcels than one order may have
too_dear           units, at a cost above that of not serving them
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
"""A penalty for unfilled units that is above the cost of any plan."""
LEVELS: tuple[ServiceLevel, ...] = ("standard", "express", "next_day", "same_day")
WORDS = {
    "cut_off": "too_late",
    "no_carrier": "no_service",
    "closed": "no_service",
    "does_not_ship": "no_service",
}
"""Reasons of the router's filter, in the words that a channel gets."""
Why = Mapping[str, str]
"""The reason of each line, by line id."""
REFUSALS: Mapping[str, type[OutOfStock]] = {
    "out_of_stock": OutOfStock,
    "no_service": NoService,
    "too_late": TooLate,
    "no_capacity": NoCapacity,
    "too_many_parcels": TooManyParcels,
    "too_dear": TooDear,
}
"""The first that is the reason of any line is the reason of the refusal."""


def at_any_price(policy: Policy) -> Policy:
    """The policy for units that are sold already: they must be served, at whatever cost."""
    return replace(policy, unfilled=AT_ANY_PRICE)


def refusal_reasons(problem: Problem, unfilled: Mapping[str, int]) -> dict[str, str]:
    """The reason of each line that the routing of ``problem`` left ``unfilled``."""
    task = routing_task(problem)
    lines = {line.line_id: line for line in problem.lines}
    reasons = {}
    unfilled_at_any_price: Mapping[str, int] | None = None
    for line_id in sorted(name for name, units in unfilled.items() if units and name in lines):
        line = lines[line_id]
        pickup = line.method == "pickup"
        reason = _pickup_reason(problem, line) if pickup else _shipping_reason(task, line.sku)
        if reason is None:
            if unfilled_at_any_price is None:
                unpriced = replace(problem, policy=at_any_price(problem.policy))
                unfilled_at_any_price = route(unpriced).plan.unfilled
            reason = "too_many_parcels" if unfilled_at_any_price.get(line_id) else "too_dear"
        reasons[line_id] = WORDS.get(reason, reason)
    return reasons


def refusal(
    reasons: Why, short: list[dict[str, Any]], alternatives: list[dict[str, Any]]
) -> OutOfStock:
    """The error that refuses an order with these reasons."""
    words = set(reasons.values())
    error = next((error for word, error in REFUSALS.items() if word in words), OutOfStock)
    return error(short, alternatives)


def possible_service_levels(problem: Problem, line_id: str) -> list[str]:
    """The other service levels with which all units of the line would be shipped."""
    return [
        level
        for level in LEVELS
        if level != problem.service_level
        and level in problem.policy.services
        and not route(replace(problem, service_level=level)).plan.unfilled.get(line_id)
    ]


def shipping_locations(problem: Problem) -> frozenset[str]:
    """The locations that could ship a parcel with the service level of the problem."""
    return frozenset(
        candidate.location_id for candidate, _ in routing_task(problem).filtered.eligible
    )


def _pickup_reason(problem: Problem, line: RoutingLine) -> str:
    """Why the location of a pickup line does not serve it."""
    candidate = _candidates(problem).get(line.location_id or "")
    if candidate is None or candidate.stock.get(line.sku, 0) < line.quantity:
        return "out_of_stock"
    if not offers_pickup(problem, candidate) and candidate.unable is not None:
        return candidate.unable
    return "out_of_stock"


def _shipping_reason(task: RoutingTask, sku: str) -> str | None:
    """Why the locations that have units of the SKU cannot ship them: the reason that removes most
    units. None when the locations that can ship have enough."""
    (demand,) = (demand for demand in task.demands if demand.sku == sku)
    can_ship = {candidate.location_id for candidate, _ in task.filtered.eligible}
    units_to_ship = units_removed = 0
    by_reason: Counter[str] = Counter()
    for location_id, candidate in _candidates(task.problem).items():
        units = candidate.stock.get(sku, 0)
        if location_id in can_ship:
            units_to_ship += units
            continue
        units_removed += units
        by_reason[task.filtered.refused[location_id]] += units
    if units_to_ship >= demand.quantity:
        return None
    by_reason.pop("rejected_before", None)
    if units_to_ship + units_removed < demand.quantity or not +by_reason:
        return "out_of_stock"
    return max(sorted(by_reason), key=lambda reason: by_reason[reason])


def _candidates(problem: Problem) -> dict[str, Candidate]:
    return {candidate.location_id: candidate for candidate in problem.candidates}
