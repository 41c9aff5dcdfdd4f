"""Promise expected supply to backorders, and act when it arrives, slips, shrinks or is cancelled.
Pure.

A claim is the promise of some units of one supply (a purchase order or a transfer, by its
reference) at one location by its date. The position counts the claimed units of each of its
supplies (``Position.due``); a write that claims more than a supply has is refused. Claims are
served in the order in which their lines began to wait.
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
    """Units that the order claims of each supply."""
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
    """At most ``most`` claims by line for the unassigned units of lines that may be backordered,
    the earliest supply first.

    ``reach`` has by line the locations that can serve it. The order may claim again the units that
    it claimed ``before`` and has given up, also of an overdue supply; no other units of an overdue
    supply are promised.
    """
    own = claimed_units(before)
    own.subtract(claimed_units(order))
    free: dict[str, list[tuple[datetime, str, str, int]]] = defaultdict(list)
    for (sku, location_id), position in positions.items():
        for row in position.expected:
            given_up = max(0, own[sku, location_id, row.reference])
            units = row.quantity - position.due.get(row.reference, 0) + given_up
            if row.expected_at <= now:
                units = min(units, given_up)
            if units > 0:
                free[sku].append((row.expected_at, location_id, row.reference, units))
    taken: Counter[SupplyKey] = Counter()
    claims_by_line: dict[str, tuple[Claim, ...]] = {}
    count = 0
    for line in order.lines:
        remaining = line.unassigned if line.backorder else 0
        claims = []
        for expected_at, location_id, reference, units in sorted(free[line.sku]):
            supply = line.sku, location_id, reference
            given = min(remaining, units - taken[supply])
            if given <= 0 or location_id not in reach.get(line.line_id, ()):
                continue
            if count >= most:
                break
            count += 1
            remaining -= given
            taken[supply] += given
            claims.append(Claim(location_id, reference, given, expected_at))
        if claims:
            claims_by_line[line.line_id] = tuple(claims)
    return claims_by_line


def claim_positions(before: Order | None, change: OrderChange) -> set[SkuLocation]:
    """The positions of the supplies of which the change makes or gives up claims."""
    return {(sku, place) for sku, place, _ in _deltas(before, change)}


def claim_effects(
    before: Order | None, change: OrderChange, positions: PositionsByPlace
) -> tuple[Effect, ...]:
    """The effects on positions of the claims that the change makes and gives up.

    Units that have arrived for a claim that is given up are on sale again.
    """
    all_effects = []
    for (sku, location_id, reference), delta in sorted(_deltas(before, change).items()):
        position = positions.get((sku, location_id))
        if position is None:
            raise LookupError(f"the position of {sku} at {location_id} was not read")
        if delta > 0:
            quantity = sum(r.quantity for r in position.expected if r.reference == reference)
            part = Supplied(reference, delta, 0, quantity, position.feed_version)
            all_effects.append(Effect(sku, location_id, 0, 0, supply=(part,)))
            continue
        landed = min(-delta, position.landed.get(reference, 0))
        if position.due.get(reference, 0) >= -delta:
            landed = 0
        part = Supplied(reference, delta + landed, -landed)
        all_effects.append(Effect(sku, location_id, 0, -landed, supply=(part,)))
    return tuple(all_effects)


def _deltas(before: Order | None, change: OrderChange) -> Counter[SupplyKey]:
    """By supply the units claimed more (or less), without those that an effect of the change counts
    already."""
    units = claimed_units(change.order)
    units.subtract(claimed_units(before))
    for effect in change.effects:
        for part in effect.supply:
            units[effect.sku, effect.location_id, part.reference] -= part.due + part.landed
    return Counter({supply: delta for supply, delta in units.items() if delta})


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A claim in the queue of its position, which is ordered by ``since``."""

    since: datetime
    order_id: str
    line_id: str
    claim: Claim


@dataclass(frozen=True, slots=True)
class SupplyStep:
    """``fill``: ``units`` have arrived and go to the line. ``free``: the promise of ``units`` is
    broken, or its date has changed: they must be promised again."""

    kind: Literal["fill", "free"]
    order_id: str
    line_id: str
    reference: str
    units: int


def supply_steps(position: Position, queue: Iterable[WaitingLine]) -> list[SupplyStep]:
    """The steps that the supplies of a position call for, in the order of the promises.

    Arrived units go to the lines that have waited longest. When less is expected than is promised,
    the latest promises are broken. A changed date breaks all promises of its supply.
    """
    landed = Counter(position.landed)
    supplies = {row.reference: row for row in position.expected}
    unpromised = Counter({row.reference: row.quantity for row in position.expected})
    result: list[SupplyStep] = []
    for waiting in sorted(queue, key=lambda row: (row.since, row.order_id, row.line_id)):
        claim = waiting.claim
        reference, units = claim.reference, claim.quantity
        target = waiting.order_id, waiting.line_id, reference
        if filled := min(units, landed[reference]):
            landed[reference] -= filled
            units -= filled
            result.append(SupplyStep("fill", *target, filled))
        supply = supplies.get(reference)
        promised = min(units, unpromised[reference]) if supply else 0
        if supply is None and claim.source is not None:
            # The transfer was requested with the order, and is not announced to the position yet.
            promised = units
        if supply is not None and supply.expected_at != claim.expected_at:
            promised = 0
        unpromised[reference] -= promised
        if units > promised:
            result.append(SupplyStep("free", *target, units - promised))
    return result
