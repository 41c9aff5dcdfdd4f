"""Units of transfers that have not left and can go to an order instead. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from shared.orders.model import transfers
from shared.orders.model.supplies import SkuLocation
from shared.orders.model.transfers import Transfer, TransferChange
from shared.stock.model.position import Position


def transfer_positions(donors: Iterable[Transfer], skus: Collection[str]) -> set[SkuLocation]:
    """The positions of ``skus`` at both ends of the transfers."""
    return {
        (line.sku, location_id)
        for transfer in donors
        for line in transfer.lines
        if line.sku in skus
        for location_id in (transfer.from_location_id, transfer.to_location_id)
    }


def free_units(
    donors: Iterable[Transfer], skus: Collection[str], positions: Mapping[SkuLocation, Position]
) -> dict[tuple[str, str], int]:
    """By (transfer_id, SKU) the units that no backorder at the receiver has been promised."""
    free = {}
    for transfer in donors:
        for line in transfer.lines:
            if line.sku not in skus:
                continue
            receiver = positions.get((line.sku, transfer.to_location_id))
            due = receiver.due.get(transfer.transfer_id, 0) if receiver else 0
            if line.open > due:
                free[transfer.transfer_id, line.sku] = line.open - due
    return free


def shrink_for(
    donors: Iterable[Transfer],
    free: Mapping[tuple[str, str], int],
    needed: Mapping[tuple[str, str], int],
    order_id: str,
    now: datetime,
) -> tuple[TransferChange, ...]:
    """Shrink transfers until they have given up the ``needed`` units, by (location_id, SKU), to the
    order."""
    remaining = Counter(needed)
    changes = []
    for transfer in donors:
        units = {}
        for line in transfer.lines:
            place = transfer.from_location_id, line.sku
            if given := min(remaining[place], free.get((transfer.transfer_id, line.sku), 0)):
                remaining[place] -= given
                units[line.sku] = given
        change = transfers.shrink(transfer, units, "sold", now, "norain", order_id)
        if change is not None:
            changes.append(change)
    return tuple(changes)
