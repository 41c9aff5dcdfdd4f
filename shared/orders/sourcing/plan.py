"""The decision of the router as offers to locations, each with its promised dates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.locations.model import (
    Location,
    ServiceLevel,
    add_opening_time,
    carrier_pickup,
)
from shared.orders.model import Method, Order, Parcel, Taken
from shared.orders.sourcing.supply import Supply, km_to
from shared.routing.model.decision import Decision
from shared.routing.model.filter import distance_band
from shared.routing.model.policy import Policy
from shared.routing.model.route import rival_locations

ANSWER_WITHIN = timedelta(minutes=30)
"""Of opening time: how long a location has to accept an offer."""


def parcels(decision: Decision, order: Order, supply: Supply, now: datetime) -> list[Parcel]:
    """The plan as offers: one per location and method, the methods told apart."""
    found = []
    for location_id, units in sorted(decision.plan.units.items()):
        by_method: dict[Method, list[Taken]] = {}
        for line_id, quantity in sorted(units.items()):
            if quantity:
                line = order.line(line_id)
                limit = supply.limit(line.sku, location_id)
                by_method.setdefault(line.method, []).append(Taken(line_id, quantity, limit))
        for method, lines in sorted(by_method.items()):
            made = parcel(location_id, method, lines, order.service_level, supply=supply, now=now)
            if method == "ship" and supply.policy.offers.rivals and not made.accepted:
                made = replace(made, rivals=_rivals(made, decision, order, supply, now))
            found.append(made)
    return found


def _rivals(
    made: Parcel, decision: Decision, order: Order, supply: Supply, now: datetime
) -> tuple[str, ...]:
    """Who else can be asked for the parcel, and would keep the date that it promises."""
    found = []
    for name in rival_locations(decision, made.location_id):
        theirs = parcel(name, made.method, made.lines, order.service_level, supply=supply, now=now)
        if made.deliver_by and theirs.deliver_by and theirs.deliver_by <= made.deliver_by:
            found.append(name)
    return tuple(found[: supply.policy.offers.rivals])


def parcel(
    location_id: str,
    method: Method,
    lines: Sequence[Taken],
    service_level: ServiceLevel,
    *,
    supply: Supply,
    now: datetime,
) -> Parcel:
    """An offer to a location with its promise: when it is ready, when it arrives."""
    location = supply.locations[location_id]
    ready = supply.ready_by(location_id, now, sum(taken.quantity for taken in lines))
    deliver_by = None
    if method == "ship" and ready is not None:
        days = carrier_days(supply.policy, service_level, km_to(location, supply.destination))
        leaves = carrier_pickup(location, ready, service_level)
        deliver_by = None if days is None or leaves is None else leaves + timedelta(days=days)
    return Parcel(
        location_id=location_id,
        method=method,
        lines=tuple(lines),
        answer_by=opened(supply.locations, location_id, now, ANSWER_WITHIN),
        accepted=location.auto_accept,
        ready_by=ready,
        deliver_by=deliver_by,
    )


def opened(
    locations: Mapping[str, Location], location_id: str, at: datetime, passes: timedelta
) -> datetime:
    """When the location has been open for so long since ``at``; where it never is, by the clock."""
    location = locations.get(location_id)
    found = add_opening_time(location, at, passes) if location else None
    return found or at + passes


def carrier_days(policy: Policy, service_level: ServiceLevel, km: float) -> int | None:
    """Days from hand-over to delivery; None where the carrier does not go."""
    service = policy.services.get(service_level)
    if service is None:
        return None
    tariff = service.bands[distance_band(policy, km)]
    return tariff.days if tariff else None


def decided(order: Order) -> Decision:
    """The decision that was made just now: it is still whole in the order."""
    made = order.decisions[-1]
    assert isinstance(made, bytes)
    return Decision.from_bytes(made)
