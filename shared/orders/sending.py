"""Transfers to the store where the shopper of an order collects the units: when they may leave, and
when the order no longer waits for them."""

from collections import Counter
from datetime import datetime
from functools import partial

from shared.errors import Conflict, NotFound
from shared.orders import store
from shared.orders.model import Order
from shared.orders.model.fulfilling import must_not_be_paused
from shared.orders.model.transfers import Transfer, TransferChange, shrink
from shared.orders.store import transfers

REASON = "the order does not wait for them"


def check_may_leave(transfer: Transfer) -> None:
    """Raises OrderPaused, or Conflict while nobody has paid, for units of such an order: a review
    may end with a cancel. An order that is paused a moment later lets them go."""
    order = store.find(transfer.order_id) if transfer.order_id is not None else None
    if order is None:
        return
    must_not_be_paused(order)
    if order.unpaid:
        raise Conflict(
            f"order {order.order_id} waits to be paid: its units stay where they are",
            payment="pending",
        )


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
