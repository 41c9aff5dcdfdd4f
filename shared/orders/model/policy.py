"""The retailer's terms for orders: how long each state may last, and what may be returned. Pure.

Rules apply in their order; of those that match, the last one that gives a time decides it. What no
rule gives is as in TIME_LIMITS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from shared.locations.model import Kind, Location, ServiceLevel
from shared.orders.model.return_terms import RETURN_TERMS, ReturnTerms
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)

MINUTES: Mapping[str, str] = {
    "accept_minutes": "accept",
    "work_minutes": "work",
    "warning_minutes": "warning",
    "reminder_minutes": "escalate",
    "collect_minutes": "collect",
    "payment_minutes": "payment",
    "consent_minutes": "consent",
    "unreported_minutes": "unreported",
    "give_up_minutes": "give_up",
    "give_up_backorder_minutes": "give_up_backorder",
}
"""The times that a rule can give, by their names in the document, with their TimeLimits."""


@dataclass(frozen=True, slots=True)
class TimeRule:
    """``minutes`` by name (see MINUTES), where all that is given matches; an empty set matches
    everything. A rule for places does not apply to what belongs to the order as a whole."""

    minutes: Mapping[str, int]
    location_types: frozenset[Kind] = frozenset()
    location_groups: frozenset[str] = frozenset()
    location_ids: frozenset[str] = frozenset()
    service_levels: frozenset[ServiceLevel] = frozenset()

    def matches(self, location: Location | None, service_level: ServiceLevel) -> bool:
        if self.service_levels and service_level not in self.service_levels:
            return False
        if location is None:
            return not (self.location_types or self.location_groups or self.location_ids)
        return (
            (not self.location_types or location.type in self.location_types)
            and (not self.location_groups or bool(self.location_groups & location.groups))
            and (not self.location_ids or location.location_id in self.location_ids)
        )


@dataclass(frozen=True, slots=True)
class OrderPolicy:
    """Version 0 is the policy without rules."""

    version: int = 0
    times: tuple[TimeRule, ...] = ()
    returns: ReturnTerms = RETURN_TERMS
    code_required: bool = False
    """Whether goods are handed over only for the code that the shopper was told."""

    def limits(self, location: Location | None, service_level: ServiceLevel) -> TimeLimits:
        """The limits at a location; with None those of the order as a whole."""
        given: dict[str, Any] = {}
        for rule in self.times:
            if rule.matches(location, service_level):
                for name, minutes in rule.minutes.items():
                    given[MINUTES[name]] = timedelta(minutes=minutes)
        return replace(TIME_LIMITS, **given) if given else TIME_LIMITS


NO_RULES = OrderPolicy()


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of one order: of the order as a whole, and at each of its locations."""

    policy: OrderPolicy = NO_RULES
    service_level: ServiceLevel = "standard"
    locations: Mapping[str, Location] = field(default_factory=dict)

    @property
    def order(self) -> TimeLimits:
        return self.policy.limits(None, self.service_level)

    def at(self, location_id: str) -> TimeLimits:
        return self.policy.limits(self.locations.get(location_id), self.service_level)


LimitsAt = Callable[[str], TimeLimits]
"""location_id -> the limits there."""
