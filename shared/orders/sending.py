"""Take back transfers to a store that their order no longer waits for."""

from collections import Counter
from datetime import datetime
from functools import partial

from shared.errors import NotFound
from shared.orders.model import Order
from shared.orders.model.transfers import Transfer, TransferChange, shrink
from shared.orders.store import transfers

REASON = "the order does not wait for them"


def release_unclaimed(order: Order, before: Order | None, now: datetime) -> int:
    """Shrink the transfers of the order by the units that it does not claim any more, as far as
    they have not left; the number of transfers that changed. A repeated or late call changes
    nothing."""
    dropped = _sent(before) - _sent(order)
    references = sorted({reference for _, reference in dropped})
    changed = 0
    for transfer_id in references:
        try:
            done = transfers.change(transfer_id, partial(_without_unclaimed, order, now), now)
        except NotFound:
            continue
        changed += done is not None
    return changed


def _without_unclaimed(order: Order, now: datetime, transfer: Transfer) -> TransferChange | None:
    claimed = _sent(order)
    unclaimed = {
        line.sku: line.open - claimed[line.sku, transfer.transfer_id] for line in transfer.lines
    }
    return shrink(
        transfer,
        {sku: units for sku, units in unclaimed.items() if units > 0},
        REASON,
        now,
        "norain",
    )


def _sent(order: Order | None) -> Counter[tuple[str, str]]:
    """The units that the order claims of transfers of its own, by (SKU, transfer_id)."""
    units: Counter[tuple[str, str]] = Counter()
    for line in order.lines if order else ():
        for claim in line.claims:
            if claim.source is not None:
                units[line.sku, claim.reference] += claim.quantity
    return units
