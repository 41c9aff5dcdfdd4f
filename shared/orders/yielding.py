"""A transfer that has not left gives way: to a customer who wants its units, and where more is
promised than there is. Whoever asked for it is told by an event."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from shared.orders import model
from shared.orders.model import OrderChange, transfers
from shared.orders.model.transfers import Transfer, TransferChange
from shared.orders.sourcing import Supply
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock
from shared.stock.model.rules import FloorFacts

Reserve = Callable[[Supply], tuple[OrderChange, Supply]]
"""An order routed and reserved within a supply."""


def to_order(
    change: OrderChange, supply: Supply, reserve: Reserve, now: datetime
) -> tuple[OrderChange, Supply, tuple[TransferChange, ...]]:
    """``change`` with fewer units left unassigned, and the transfers that shrink for it in the same
    transaction; as it is when none can give. Units that wait for a transfer keep those that they
    were promised of it."""
    skus = sorted({line.sku for line in change.order.lines if line.unassigned})
    found = {one.transfer_id: one for sku in skus for one in transfers_store.giving(sku)}
    donors = [one for one in found.values() if one.from_location_id in supply.locations]
    if not donors:
        return change, supply, ()
    free = _free(donors, skus)
    places = sorted({(sku, found[name].from_location_id) for name, sku in free})
    positions = stock.positions_of(places, consistent=True)
    known = {(place, sku): FloorFacts.of(positions.get((sku, place))) for sku, place in places}
    more: Counter[tuple[str, str]] = Counter()
    for (name, sku), units in free.items():
        more[found[name].from_location_id, sku] += units
    with_them = supply.knowing(
        {at: replace(known[at], available=known[at].available + n) for at, n in more.items()}
    )
    again, seen = reserve(with_them)
    if _left(again) >= _left(change):
        return change, supply, ()
    needed: Counter[tuple[str, str]] = Counter()
    for effect in again.effects:
        at = effect.location_id, effect.sku
        if at in more:
            there = max(0, known[at].available - (effect.floor or 0))
            needed[at] = min(more[at], max(0, effect.reserved - there))
    moved = _shrunk(donors, free, needed, now)
    effects = (effect for one in moved for effect in one.effects)
    given = replace(again, effects=model.summed((*again.effects, *effects)))
    return given, replace(seen, learnt={**seen.learnt, **known}), tuple(moved)


def to_those_promised(sku: str, location_id: str, missing: int, now: datetime) -> int:
    """Shrinks transfers from there until ``missing`` units are back; how many transfers."""
    changed = 0
    for one in transfers_store.giving(sku, location_id):
        if missing <= 0:
            break
        given = min(missing, sum(line.open for line in one.lines if line.sku == sku))
        told = transfers_store.change(
            one.transfer_id,
            lambda found, units=given: transfers.shrink(  # type: ignore[misc]
                found, {sku: units}, "gone", now, "norain"
            ),
            now,
        )
        if told is not None:
            changed += 1
            missing -= given
    return changed


def _free(donors: list[Transfer], skus: list[str]) -> dict[tuple[str, str], int]:
    """By (transfer_id, SKU) the units that nobody has been promised at the other end."""
    places = {(line.sku, one.to_location_id) for one in donors for line in one.lines}
    positions = stock.positions_of(sorted(at for at in places if at[0] in skus), consistent=True)
    free = {}
    for one in donors:
        for line in one.lines:
            if line.sku not in skus:
                continue
            there = positions.get((line.sku, one.to_location_id))
            due = there.due.get(one.transfer_id, 0) if there else 0
            if line.open > due:
                free[one.transfer_id, line.sku] = line.open - due
    return free


def _shrunk(
    donors: list[Transfer],
    free: dict[tuple[str, str], int],
    needed: Counter[tuple[str, str]],
    now: datetime,
) -> list[TransferChange]:
    found = []
    for one in donors:
        units = {}
        for line in one.lines:
            at = one.from_location_id, line.sku
            if taken := min(needed[at], free.get((one.transfer_id, line.sku), 0)):
                needed[at] -= taken
                units[line.sku] = taken
        if units and (moved := transfers.shrink(one, units, "sold", now, "norain")):
            found.append(moved)
    return found


def _left(change: OrderChange) -> int:
    return sum(line.unassigned for line in change.order.lines)
