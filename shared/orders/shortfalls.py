"""Cover a shortfall: a location has fewer units than are promised there.

A count has corrected the stock, or units that were kept for an order were sold over the counter.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from shared.orders import changing, model, store
from shared.orders.model import UNPICKED, Order, OrderChange, transfers
from shared.orders.model.transfers import Transfer, TransferChange
from shared.orders.store import PageEnd, PickRow
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock

BEHIND_SECONDS = 2.0
"""How far the pick lists may lag behind an order that was just placed."""


def cover(sku: str, location_id: str, now: datetime) -> int:
    """Find other units for what is promised at the location beyond its stock, and return the number
    of orders and transfers that changed.

    Transfers that have not left shrink first. Then the units of orders are routed elsewhere, the
    last offer first, until no more is promised than is in stock. Units that find no other location
    are backordered, or become an exception with a deadline.

    Picked units stay with their order, because somebody has them in hand whatever a count says.
    Units of holds are checked when the hold becomes an order (sourcing/planning.py).
    """
    changed = _shrink_transfers(sku, location_id, _missing(sku, location_id), now)
    for wait in (0.0, BEHIND_SECONDS):
        if not _missing(sku, location_id):
            break
        time.sleep(wait)
        for pick in sorted(_unpicked(sku, location_id), key=_offered_at, reverse=True):
            decide = partial(
                _give_up_missing,
                fulfillment_id=pick.fulfillment.fulfillment_id,
                sku=sku,
                location_id=location_id,
                now=now,
            )
            changed += changing.change(pick.order_id, decide, now) is not None
            if not _missing(sku, location_id):
                break
    return changed


def _shrink_transfers(sku: str, location_id: str, missing: int, now: datetime) -> int:
    """Shrink transfers from the location until ``missing`` units are free; the number changed."""
    changed = 0
    for transfer in transfers_store.unshipped(sku, location_id):
        if missing <= 0:
            break
        units = min(missing, sum(line.open for line in transfer.lines if line.sku == sku))
        decide = partial(_give_up_units, sku=sku, units=units, now=now)
        if transfers_store.change(transfer.transfer_id, decide, now) is not None:
            changed += 1
            missing -= units
    return changed


def _give_up_units(
    transfer: Transfer, sku: str, units: int, now: datetime
) -> TransferChange | None:
    return transfers.shrink(transfer, {sku: units}, "gone", now, "norain")


def _give_up_missing(
    order: Order, fulfillment_id: str, sku: str, location_id: str, now: datetime
) -> OrderChange | None:
    return model.release_missing(order, fulfillment_id, sku, _missing(sku, location_id), now)


def _missing(sku: str, location_id: str) -> int:
    """Units promised at the location beyond its stock (strongly consistent)."""
    position = stock.position(sku, location_id)
    return max(0, -position.available) if position else 0


def _unpicked(sku: str, location_id: str) -> Iterator[PickRow]:
    """The location's own unpicked fulfillments with the SKU, without those where it is a rival."""
    after: PageEnd | None = None
    while True:
        page = store.pick_list(location_id, UNPICKED, 100, after)
        for pick in page.picks:
            own = pick.fulfillment.location_id == location_id
            if own and any(line.sku == sku for line in pick.fulfillment.lines):
                yield pick
        after = page.after
        if after is None:
            return


def _offered_at(pick: PickRow) -> tuple[datetime, str]:
    return pick.fulfillment.offered_at, pick.fulfillment.fulfillment_id
