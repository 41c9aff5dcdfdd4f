"""Expected supply promised to backorders, by date: who gets which units, and what follows when it
comes, slips, shrinks or is cancelled. Pure.

A claim is the promise: so many units of one supply (a purchase order or a transfer, by its
reference) at one location, by its date. The position counts the units that are claimed of each of
its supplies (DUE of a Position); the write that adds a claim is refused when a supply has
not as many left. Claims stand in the order of when their line began to wait.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.orders.model.change import OrderChange
from shared.orders.model.order import Claim, Order
from shared.stock.model.position import Effect, Position, Supplied

SupplyKey = tuple[str, str, str]
"""(SKU, location_id, reference)"""
SkuLocation = tuple[str, str]
"""(SKU, location_id)"""
PositionsByPlace = Mapping[SkuLocation, Position]


def claimed_units(order: Order | None) -> Counter[SupplyKey]:
    """Units that the order has claimed of each supply."""
    units: Counter[SupplyKey] = Counter()
    for line in order.lines if order else ():
        for claim in line.claims:
            units[line.sku, claim.location_id, claim.reference] += claim.quantity
    return units


def allot_supply(
    before: Order | None,
    order: Order,
    positions: PositionsByPlace,
    reach: Mapping[str, frozenset[str]],
    now: datetime,
    most: int,
) -> dict[str, tuple[Claim, ...]]:
    """At most ``most`` claims for the unassigned units of the lines that may wait, the earliest
    supply first.

    ``reach`` names by line the locations that can serve it. What the order had claimed ``before``
    and has given up is its own to claim again, also when the supply is overdue; of other supplies
    that are overdue nothing is promised.
    """
    own = claimed_units(before)
    own.subtract(claimed_units(order))
    free: dict[str, list[tuple[datetime, str, str, int]]] = defaultdict(list)
    for (sku, location_id), position in positions.items():
        for row in position.expected:
            mine = max(0, own[sku, location_id, row.reference])
            units = row.quantity - position.due.get(row.reference, 0) + mine
            if row.expected_at <= now:
                units = min(units, mine)
            if units > 0:
                free[sku].append((row.expected_at, location_id, row.reference, units))
    taken: Counter[SupplyKey] = Counter()
    found: dict[str, tuple[Claim, ...]] = {}
    count = 0
    for line in order.lines:
        wanted = line.unassigned if line.backorder else 0
        claims = []
        for expected_at, location_id, reference, units in sorted(free[line.sku]):
            source = line.sku, location_id, reference
            given = min(wanted, units - taken[source])
            if given <= 0 or location_id not in reach.get(line.line_id, ()):
                continue
            if count >= most:
                break
            count += 1
            wanted -= given
            taken[source] += given
            claims.append(Claim(location_id, reference, given, expected_at))
        if claims:
            found[line.line_id] = tuple(claims)
    return found


def claim_positions(before: Order | None, change: OrderChange) -> set[SkuLocation]:
    """The positions whose supplies the change claims, or gives up."""
    return {(sku, place) for sku, place, _ in _deltas(before, change)}


def claim_effects(
    before: Order | None, change: OrderChange, positions: PositionsByPlace
) -> tuple[Effect, ...]:
    """What the claims that the change makes and gives up do to their positions.

    Units that have come meanwhile, and are given up, are on sale again.
    """
    found = []
    for (sku, location_id, reference), delta in sorted(_deltas(before, change).items()):
        position = positions.get((sku, location_id))
        if position is None:
            raise LookupError(f"the position of {sku} at {location_id} was not read")
        if delta > 0:
            quantity = sum(r.quantity for r in position.expected if r.reference == reference)
            part = Supplied(reference, delta, 0, quantity, position.feed_version)
            found.append(Effect(sku, location_id, 0, 0, supply=(part,)))
            continue
        landed = min(-delta, position.landed.get(reference, 0))
        if position.due.get(reference, 0) >= -delta:
            landed = 0
        part = Supplied(reference, delta + landed, -landed)
        found.append(Effect(sku, location_id, 0, -landed, supply=(part,)))
    return tuple(found)


def _deltas(before: Order | None, change: OrderChange) -> Counter[SupplyKey]:
    """Units that are claimed more, or less; without what the change has done itself."""
    units = claimed_units(change.order)
    units.subtract(claimed_units(before))
    for effect in change.effects:
        for part in effect.supply:
            units[effect.sku, effect.location_id, part.reference] -= part.due + part.landed
    return Counter({source: delta for source, delta in units.items() if delta})


# What follows from a supply


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A claim as it stands in the queue of its position, in the order of ``since``."""

    since: datetime
    order_id: str
    line_id: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class SupplyStep:
    """``fill``: so many units have come, and go to the line. ``free``: the promise of so many
    units is broken, or could be kept at another date: they are to be promised anew."""

    kind: Literal["fill", "free"]
    order_id: str
    line_id: str
    reference: str
    units: int


def supply_steps(position: Position, queue: Iterable[WaitingLine]) -> list[SupplyStep]:
    """What is to be done about a position's supplies, in the order in which it was promised.

    What has come goes to those who have waited longest. When less is to come than is promised,
    the promises made last are broken; a date that has changed breaks all promises of its supply.
    """
    landed = Counter(position.landed)
    coming = {row.reference: row for row in position.expected}
    left = Counter({row.reference: row.quantity for row in position.expected})
    found: list[SupplyStep] = []
    for waiting in sorted(queue, key=lambda row: (row.since, row.order_id, row.line_id)):
        claim = waiting.claim
        reference, units = claim.reference, claim.quantity
        named = waiting.order_id, waiting.line_id, reference
        if filled := min(units, landed[reference]):
            landed[reference] -= filled
            units -= filled
            found.append(SupplyStep("fill", *named, filled))
        row = coming.get(reference)
        kept = min(units, left[reference]) if row else 0
        if row is not None and row.expected_at != claim.expected_at:
            kept = 0
        left[reference] -= kept
        if units > kept:
            found.append(SupplyStep("free", *named, units - kept))
    return found
