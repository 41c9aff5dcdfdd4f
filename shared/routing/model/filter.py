"""Refuse the candidates that cannot ship, each with its reason. Pure."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.routing.model.decision import Candidate, Problem
from shared.routing.model.policy import Policy, Tariff

RefusalReason = Literal[
    "rejected_before",
    "does_not_ship",
    "closed",
    "cut_off",
    "no_capacity",
    "no_stock",
    "no_carrier",
    "too_late",
]

REFUSAL_SENTENCES: dict[RefusalReason, str] = {
    "rejected_before": "it has rejected this order before",
    "does_not_ship": "it does not ship",
    "closed": "it is closed",
    "cut_off": "its carrier cut-off passes before it could have the goods ready",
    "no_capacity": "it has too many units to pick already",
    "no_stock": "it has no stock of the items to ship",
    "no_carrier": "no carrier goes that far with this service",
    "too_late": "its parcel would arrive later than promised",
}


@dataclass(frozen=True, slots=True)
class FilteredCandidates:
    """``eligible`` candidates with their tariffs; reasons of the ``refused`` ones by location."""

    eligible: tuple[tuple[Candidate, Tariff], ...]
    refused: dict[str, RefusalReason]


def filter_candidates(problem: Problem, to_ship: Mapping[str, int]) -> FilteredCandidates:
    """``to_ship`` are the units to ship, by SKU."""
    eligible = []
    refused: dict[str, RefusalReason] = {}
    for candidate in problem.candidates:
        tariff = carrier_tariff(problem, candidate.km)
        reason = refusal_reason(problem, candidate, to_ship)
        if reason is None:
            reason = _delivery_refusal(problem, candidate, tariff)
        if reason is not None:
            refused[candidate.location_id] = reason
        elif tariff is not None:
            eligible.append((candidate, tariff))
    return FilteredCandidates(tuple(eligible), refused)


def refusal_reason(
    problem: Problem, candidate: Candidate, to_ship: Mapping[str, int]
) -> RefusalReason | None:
    """Why the location cannot ship any of ``to_ship``, apart from its carrier; None if it can."""
    if candidate.location_id in problem.excluded:
        return "rejected_before"
    if not candidate.ship:
        return "does_not_ship"
    if candidate.unable is not None:
        return candidate.unable
    stock = candidate.stock
    if not any(stock.get(sku, 0) > 0 for sku in to_ship):
        return "no_stock"
    if candidate.free is None:
        return None
    # The capacity must suffice for everything that the location has of the order: a smaller part
    # that would fit is not considered.
    units = sum(min(units, max(0, stock.get(sku, 0))) for sku, units in to_ship.items())
    return "no_capacity" if candidate.free < units else None


def _delivery_refusal(
    problem: Problem, candidate: Candidate, tariff: Tariff | None
) -> RefusalReason | None:
    if tariff is None:
        return "no_carrier"
    service = problem.policy.services[problem.service_level]
    if not service.strict or tariff.days + candidate.delay_days <= service.promise_days:
        return None
    if candidate.delayed_by is not None and tariff.days <= service.promise_days:
        return candidate.delayed_by
    return "too_late"


def distance_band(policy: Policy, km: float) -> int:
    """The index of the policy's distance band for ``km``."""
    return bisect_left(policy.bands_km, km)


def carrier_tariff(problem: Problem, km: float) -> Tariff | None:
    """The carrier's tariff for ``km``; None where it does not offer the order's service level."""
    service = problem.policy.services.get(problem.service_level)
    return service.bands[distance_band(problem.policy, km)] if service else None
