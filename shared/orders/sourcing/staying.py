"""Route unpicked units again, and move those that cost less elsewhere. Pure.

Units that stay keep their place in the work of their location: they cost a parcel once, with the
dates that were promised, on the shelf where they lie. Units are compared by SKU and not by line, so
that two lines of one SKU never swap places.

Xu, Allgor and Graves, Benefits of Reevaluating Real-Time Order Fulfillment Decisions, 2009.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.orders import model
from shared.orders.model import OPEN, UNPICKED, Fulfillment, Order, OrderChange
from shared.orders.sourcing.needs import Inputs, Needs
from shared.orders.sourcing.plan import parcels
from shared.orders.sourcing.problem import candidate, midnights, with_shelf_facts
from shared.orders.sourcing.problem import problem as problem_of
from shared.orders.sourcing.supply import Supply
from shared.routing.model.decision import Assignment, Candidate, Decision, Problem
from shared.routing.model.filter import carrier_tariff
from shared.routing.model.route import route, routing_task, shipping_cost

HeldUnits = Mapping[tuple[str, str], int]
"""Units that the order holds, by (location_id, SKU)."""


@dataclass(frozen=True, slots=True)
class Moves:
    """``leaving`` units by fulfillment and line, ``coming`` units by location and line. A location
    in ``apart`` keeps units and gets more of them, in a parcel of their own."""

    leaving: dict[str, dict[str, int]]
    coming: Assignment
    apart: frozenset[str]


def plan_improvement(order: Order, inputs: Inputs, now: datetime) -> OrderChange | Needs | None:
    """Move unpicked units when that saves at least what the policy asks for (``offers.saving``) and
    no line arrives later than it was promised. What is in a wave stays, because a person is on the
    way to it. None when everything stays where it is."""
    unpicked = [
        part
        for part in order.fulfillments
        if part.state in UNPICKED
        and part.method == "ship"
        and not part.rivals
        and part.wave is None
    ]
    if not unpicked or any(line.unassigned for line in order.lines):
        return None
    if inputs.supply is None:
        places = frozenset((sku, location_id) for location_id, sku in units_of(unpicked))
        return Needs(packs=frozenset(sku for sku, _ in places), stock=places)
    least_saving = inputs.supply.policy.offers.saving
    if least_saving is None:
        return None
    supply = inputs.supply.with_facts(inputs.learnt)
    asked = problem(order, unpicked, supply, now)
    decision = route(asked)
    planned = moves(unpicked, decision)
    cost_now = shipping_cost(asked, by_line(unpicked))
    cost_then = shipping_cost(asked, decision.plan.units, planned.apart)
    if cost_now is None or cost_then is None or decision.plan.unfilled or not planned.leaving:
        return None
    if cost_now - cost_then < max(1, least_saving):
        return None
    change = _moved(order, planned, decision, supply, now)
    if unread := supply.unread_positions(change):
        return Needs(stock=frozenset(unread))
    return change if _in_time(unpicked, change.order.fulfillments) else None


def _moved(
    order: Order, planned: Moves, decision: Decision, supply: Supply, now: datetime
) -> OrderChange:
    freed = model.withdraw_units(order, planned.leaving, now, "router")
    coming = replace(decision, plan=replace(decision.plan, units=planned.coming))
    offered = model.offer(freed, parcels(coming, freed.order, supply, now), now)
    decisions = (*order.decisions, decision.to_bytes())
    return replace(offered, order=replace(offered.order, decisions=decisions))


def _in_time(before: Iterable[Fulfillment], after: Iterable[Fulfillment]) -> bool:
    """Whether no line arrives later than it was promised."""
    promised, planned = model.promised_dates(before), model.promised_dates(after)
    return all(planned.get(line_id, at) <= at for line_id, at in promised.items())


def units_of(parts: Iterable[Fulfillment]) -> Counter[tuple[str, str]]:
    """Units by (location_id, SKU)."""
    units: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for line in part.lines:
            units[part.location_id, line.sku] += line.quantity
    return units


def by_line(parts: Iterable[Fulfillment]) -> Assignment:
    """Units by location and line."""
    units: dict[str, Counter[str]] = {}
    for part in parts:
        for line in part.lines:
            units.setdefault(part.location_id, Counter())[line.line_id] += line.quantity
    return {location_id: dict(by_id) for location_id, by_id in units.items()}


def problem(order: Order, parts: Sequence[Fulfillment], supply: Supply, now: datetime) -> Problem:
    """The routing problem of ``parts`` as if their units were free. Each of their locations can do
    at least what it has been asked to do already. ``supply`` has the positions as they are stored,
    with these units reserved."""
    held = units_of(parts)
    freed = _with_held_units(supply, held)
    asked = problem_of(_unassigned(order, parts), freed, now)
    removed = routing_task(asked).filtered.refused
    candidates = {candidate.location_id: candidate for candidate in asked.candidates}
    for location_id in sorted({part.location_id for part in parts} & supply.locations.keys()):
        own = {sku: units for (place, sku), units in held.items() if place == location_id}
        known = candidates.get(location_id)
        more = known.stock if known is not None and location_id not in removed else {}
        location = supply.locations[location_id]
        current = known or candidate(location, {}, 1, asked.destination, now, policy=asked.policy)
        stock = {sku: max(units, own.get(sku, 0)) for sku, units in {**own, **more}.items()}
        current = with_shelf_facts(replace(current, stock=stock), freed, now)
        candidates[location_id] = _as_promised(current, parts, supply, asked, now)
    return replace(
        asked,
        candidates=tuple(candidate for _, candidate in sorted(candidates.items())),
        excluded=asked.excluded - {part.location_id for part in parts},
    )


def moves(parts: Sequence[Fulfillment], decision: Decision) -> Moves:
    """The fewest moves that turn ``parts`` into the plan of ``decision``."""
    skus = {line.line_id: line.sku for line in decision.problem.lines}
    planned: Counter[tuple[str, str]] = Counter()
    for location_id, units in decision.plan.units.items():
        for line_id, quantity in units.items():
            planned[location_id, skus[line_id]] += quantity
    surplus = units_of(parts) - planned
    leaving: dict[str, dict[str, int]] = {}
    freed: dict[str, Counter[str]] = {}
    # Offers without an answer give up units before accepted ones, the latest first.
    ranks = {part.fulfillment_id: (OPEN.index(part.state), -n) for n, part in enumerate(parts)}
    for part in sorted(parts, key=lambda part: ranks[part.fulfillment_id]):
        for line in part.lines:
            if taken := min(line.quantity, surplus[part.location_id, line.sku]):
                surplus[part.location_id, line.sku] -= taken
                leaving.setdefault(part.fulfillment_id, {})[line.line_id] = taken
                freed.setdefault(line.sku, Counter())[line.line_id] += taken
    coming: dict[str, dict[str, int]] = {}
    for (location_id, sku), missing in sorted((planned - units_of(parts)).items()):
        remaining = missing
        for line_id, units_freed in sorted(freed.get(sku, Counter()).items()):
            if given := min(remaining, units_freed):
                freed[sku][line_id] -= given
                remaining -= given
                coming.setdefault(location_id, {})[line_id] = given
    keeps = {location_id for location_id, _ in units_of(parts) & planned}
    return Moves(leaving, coming, frozenset(coming.keys() & keeps))


def _unassigned(order: Order, parts: Iterable[Fulfillment]) -> Order:
    """The order with exactly the units of ``parts`` unassigned."""
    units: Counter[str] = Counter()
    for part in parts:
        for line in part.lines:
            units[line.line_id] += line.quantity
    lines = (replace(line, unassigned=units[line.line_id]) for line in order.lines)
    return replace(order, lines=tuple(lines))


def _with_held_units(supply: Supply, held: HeldUnits) -> Supply:
    """The supply as if the order did not exist: its units available, none of them to be picked."""
    unpicked = dict(supply.unpicked)
    for (location_id, _), units in held.items():
        unpicked[location_id] = max(0, unpicked.get(location_id, 0) - units)
    facts = {
        (location_id, sku): replace(known, available=known.available + units)
        for (location_id, sku), units in held.items()
        for known in [supply.facts(sku, location_id)]
    }
    return replace(supply.with_facts(facts), unpicked=unpicked)


def _as_promised(
    current: Candidate, parts: Iterable[Fulfillment], supply: Supply, asked: Problem, now: datetime
) -> Candidate:
    """The candidate without limits on what it has accepted, and with a delay that reaches the dates
    that were promised."""
    rates = carrier_tariff(asked, current.km)
    location = supply.locations[current.location_id]
    hand_overs = [
        part.deliver_by - timedelta(days=rates.days if rates else 0)
        for part in parts
        if part.location_id == current.location_id and part.deliver_by
    ]
    delay = max((midnights(location, now, at) for at in hand_overs), default=0)
    return replace(
        current, ship=True, unable=None, free=None, delay_days=max(0, delay), delayed_by=None
    )
