"""Which candidates may ship anything at all, and in one word why the others may not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.routing.model.decision import Candidate, Problem
from shared.routing.model.policy import Policy, Tariff

ExclusionReason = Literal[
    "rejected_before",
    "does_not_ship",
    "closed",
    "cut_off",
    "no_capacity",
    "no_stock",
    "no_carrier",
    "too_late",
]

SENTENCES: dict[ExclusionReason, str] = {
    "rejected_before": "it has rejected this order before",
    "does_not_ship": "it does not ship",
    "closed": "it is closed",
    "cut_off": "its cut-off passes before it could have the goods ready",
    "no_capacity": "it has too much to pick before it",
    "no_stock": "it has none of what is to be shipped",
    "no_carrier": "no carrier goes that far with this service",
    "too_late": "what it sends would arrive later than promised",
}


@dataclass(frozen=True, slots=True)
class Filtered:
    """``kept`` with the tariff of each; ``removed`` with the reason of each, by location."""

    kept: tuple[tuple[Candidate, Tariff], ...]
    removed: dict[str, ExclusionReason]


def filtered(problem: Problem, wanted: Mapping[str, int]) -> Filtered:
    """``wanted`` are the units per SKU to be shipped."""
    kept = []
    removed: dict[str, ExclusionReason] = {}
    for candidate in problem.candidates:
        found = tariff(problem, candidate.km)
        reason = unable(problem, candidate, wanted)
        if reason is None:
            reason = _undelivered(problem, candidate, found)
        if reason is not None:
            removed[candidate.location_id] = reason
        elif found is not None:
            kept.append((candidate, found))
    return Filtered(tuple(kept), removed)


def unable(
    problem: Problem, candidate: Candidate, wanted: Mapping[str, int]
) -> ExclusionReason | None:
    if candidate.location_id in problem.excluded:
        return "rejected_before"
    if not candidate.ship:
        return "does_not_ship"
    if candidate.unable is not None:
        return candidate.unable
    there = candidate.stock
    if not any(there.get(sku, 0) > 0 for sku in wanted):
        return "no_stock"
    if candidate.free is None:
        return None
    # All that it has of the order must fit: a part that does is not looked for.
    units = sum(min(units, max(0, there.get(sku, 0))) for sku, units in wanted.items())
    return "no_capacity" if candidate.free < units else None


def _undelivered(
    problem: Problem, candidate: Candidate, found: Tariff | None
) -> ExclusionReason | None:
    if found is None:
        return "no_carrier"
    service = problem.policy.services[problem.service_level]
    if not service.strict or found.days + candidate.delay_days <= service.promise_days:
        return None
    if candidate.delayed_by is not None and found.days <= service.promise_days:
        return candidate.delayed_by
    return "too_late"


def band(policy: Policy, km: float) -> int:
    """The index of the distance band that ``km`` falls in."""
    return next(
        (index for index, most in enumerate(policy.bands_km) if km <= most), len(policy.bands_km)
    )


def tariff(problem: Problem, km: float) -> Tariff | None:
    """What the carrier asks over ``km``, None where it does not go with this service level."""
    service = problem.policy.services.get(problem.service_level)
    return service.bands[band(problem.policy, km)] if service else None
