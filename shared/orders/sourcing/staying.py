"""Which units of an order that is routed again stay where they are, and what that costs. Pure.

What stays has its place in the work of its location already: it is charged once, with the dates
that it was promised with, on the shelf that it lies on. Units are told apart by SKU and not by
line, so that two lines of one SKU never change places.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.orders.model import OPEN, Fulfillment, Order
from shared.orders.sourcing.problem import candidate, midnights, shelved
from shared.orders.sourcing.problem import problem as problem_of
from shared.orders.sourcing.supply import Supply
from shared.routing.model.decision import Assignment, Candidate, Decision, Problem
from shared.routing.model.filter import carrier_tariff
from shared.routing.model.route import routing_task

Own = Mapping[tuple[str, str], int]
"""Units that the order holds, by (location_id, SKU)."""


@dataclass(frozen=True, slots=True)
class Moves:
    """``leaving`` units by fulfillment and line, ``coming`` ones by location and line. Locations
    ``apart`` get more beside what they keep: in a parcel of its own."""

    leaving: dict[str, dict[str, int]]
    coming: Assignment
    apart: frozenset[str]


def units_of(parts: Iterable[Fulfillment]) -> Counter[tuple[str, str]]:
    """By (location_id, SKU)."""
    found: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for held in part.lines:
            found[part.location_id, held.sku] += held.quantity
    return found


def by_line(parts: Iterable[Fulfillment]) -> Assignment:
    """By location and line."""
    found: dict[str, Counter[str]] = {}
    for part in parts:
        for held in part.lines:
            found.setdefault(part.location_id, Counter())[held.line_id] += held.quantity
    return {place: dict(units) for place, units in found.items()}


def problem(order: Order, parts: Sequence[Fulfillment], supply: Supply, now: datetime) -> Problem:
    """The routing of ``parts`` as if they were free, in which each of their locations can do at
    least what it is to do already. ``supply`` knows the positions as they are, with these units
    reserved."""
    own = units_of(parts)
    freed = _with_own(supply, own)
    asked = problem_of(_unassigned(order, parts), freed, now)
    removed = routing_task(asked).filtered.refused
    found = {candidate.location_id: candidate for candidate in asked.candidates}
    for place in sorted({part.location_id for part in parts} & supply.locations.keys()):
        mine = {sku: units for (at, sku), units in own.items() if at == place}
        known = found.get(place)
        more = known.stock if known is not None and place not in removed else {}
        location = supply.locations[place]
        there = known or candidate(location, {}, 1, asked.destination, now)
        stock = {sku: max(units, mine.get(sku, 0)) for sku, units in {**mine, **more}.items()}
        there = shelved(replace(there, stock=stock), freed, now)
        found[place] = _as_promised(there, parts, supply, asked, now)
    return replace(
        asked,
        candidates=tuple(candidate for _, candidate in sorted(found.items())),
        excluded=asked.excluded - {part.location_id for part in parts},
    )


def moves(parts: Sequence[Fulfillment], decision: Decision) -> Moves:
    """What the plan asks to be done, beside leaving everything else as it is."""
    skus = {line.line_id: line.sku for line in decision.problem.lines}
    goes: Counter[tuple[str, str]] = Counter()
    for place, units in decision.plan.units.items():
        for line_id, quantity in units.items():
            goes[place, skus[line_id]] += quantity
    surplus = units_of(parts) - goes
    leaving: dict[str, dict[str, int]] = {}
    loose: dict[str, Counter[str]] = {}
    # Who has not answered yet is relieved before who has accepted, the latest first.
    ranks = {part.fulfillment_id: (OPEN.index(part.state), -n) for n, part in enumerate(parts)}
    for part in sorted(parts, key=lambda part: ranks[part.fulfillment_id]):
        for held in part.lines:
            if taken := min(held.quantity, surplus[part.location_id, held.sku]):
                surplus[part.location_id, held.sku] -= taken
                leaving.setdefault(part.fulfillment_id, {})[held.line_id] = taken
                loose.setdefault(held.sku, Counter())[held.line_id] += taken
    coming: dict[str, dict[str, int]] = {}
    for (place, sku), wanted in sorted((goes - units_of(parts)).items()):
        left = wanted
        for line_id, free in sorted(loose.get(sku, Counter()).items()):
            if given := min(left, free):
                loose[sku][line_id] -= given
                left -= given
                coming.setdefault(place, {})[line_id] = given
    keeps = {place for place, _ in units_of(parts) & goes}
    return Moves(leaving, coming, frozenset(coming.keys() & keeps))


def _unassigned(order: Order, parts: Iterable[Fulfillment]) -> Order:
    units: Counter[str] = Counter()
    for part in parts:
        for held in part.lines:
            units[held.line_id] += held.quantity
    lines = (replace(line, unassigned=units[line.line_id]) for line in order.lines)
    return replace(order, lines=tuple(lines))


def _with_own(supply: Supply, own: Own) -> Supply:
    """As it would be without the order: its units on the shelf, and nobody asked to pick them."""
    waiting = dict(supply.unpicked)
    for (place, _), units in own.items():
        waiting[place] = max(0, waiting.get(place, 0) - units)
    facts = {
        (place, sku): replace(known, available=known.available + units)
        for (place, sku), units in own.items()
        for known in [supply.facts(sku, place)]
    }
    return replace(supply.knowing(facts), unpicked=waiting)


def _as_promised(
    there: Candidate, parts: Iterable[Fulfillment], supply: Supply, asked: Problem, now: datetime
) -> Candidate:
    """It can do what it is to do, and the carrier has it when that was promised."""
    found = carrier_tariff(asked, there.km)
    location = supply.locations[there.location_id]
    leaves = [
        part.deliver_by - timedelta(days=found.days if found else 0)
        for part in parts
        if part.location_id == there.location_id and part.deliver_by
    ]
    delay = max((midnights(location, now, at) for at in leaves), default=0)
    return replace(
        there, ship=True, unable=None, free=None, delay_days=max(0, delay), delayed_by=None
    )
