"""Turn a routing decision into parcels to offer, each with its dates and when the offer expires."""

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


def parcels(decision: Decision, order: Order, supply: Supply, now: datetime) -> list[Parcel]:
    """The parcels of a decision: one for each location and method."""
    planned = []
    for location_id, units in sorted(decision.plan.units.items()):
        by_method: dict[Method, list[Taken]] = {}
        for line_id, quantity in sorted(units.items()):
            if quantity:
                line = order.line(line_id)
                limit = supply.limit(line.sku, location_id)
                by_method.setdefault(line.method, []).append(Taken(line_id, quantity, limit))
        for method, lines in sorted(by_method.items()):
            offer = parcel(location_id, method, lines, order.service_level, supply=supply, now=now)
            if method == "ship" and supply.policy.offers.rivals and not offer.accepted:
                offer = replace(offer, rivals=_rivals(offer, decision, order, supply, now))
            planned.append(offer)
    return planned


def _rivals(
    offer: Parcel, decision: Decision, order: Order, supply: Supply, now: datetime
) -> tuple[str, ...]:
    """The further locations to ask for the parcel, which would deliver it no later."""
    in_time = []
    for location_id in rival_locations(decision, offer.location_id):
        rival = parcel(
            location_id, offer.method, offer.lines, order.service_level, supply=supply, now=now
        )
        if offer.deliver_by and rival.deliver_by and rival.deliver_by <= offer.deliver_by:
            in_time.append(location_id)
    return tuple(in_time[: supply.policy.offers.rivals])


def parcel(
    location_id: str,
    method: Method,
    lines: Sequence[Taken],
    service_level: ServiceLevel,
    *,
    supply: Supply,
    now: datetime,
) -> Parcel:
    """An offer to a location: when it expires, is ready, and arrives."""
    location = supply.locations[location_id]
    limits = supply.order_policy.limits(location, service_level)
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
        answer_by=end_of_open_time(supply.locations, location_id, now, limits.accept),
        limits=limits,
        accepted=location.auto_accept,
        ready_by=ready,
        deliver_by=deliver_by,
    )


def end_of_open_time(
    locations: Mapping[str, Location], location_id: str, at: datetime, passes: timedelta
) -> datetime:
    """When the location has been open for ``passes`` since ``at``. A location that never opens is
    treated as always open."""
    location = locations.get(location_id)
    end = add_opening_time(location, at, passes) if location else None
    return end or at + passes


def carrier_days(policy: Policy, service_level: ServiceLevel, km: float) -> int | None:
    """Days from hand-over to delivery; None where the carrier does not deliver."""
    service = policy.services.get(service_level)
    if service is None:
        return None
    tariff = service.bands[distance_band(policy, km)]
    return tariff.days if tariff else None


def latest_decision(order: Order) -> Decision:
    """The decision of a routing that is not stored yet: its bytes are still in the order."""
    decision = order.decisions[-1]
    assert isinstance(decision, bytes)
    return Decision.from_bytes(decision)
