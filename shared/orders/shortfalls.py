"""More is promised at a location than is there: a count has corrected it, or somebody has bought
over the counter what was kept for an order. Those who came last get theirs from elsewhere."""

import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from shared.orders import model, placing, store, yielding
from shared.orders.model import UNPICKED, Order, OrderChange
from shared.orders.store import PageEnd, PickRow
from shared.stock import store as stock

BEHIND_SECONDS = 2.0
"""How far the pick lists may be behind an order that was placed just before."""


def cover(sku: str, location_id: str, now: datetime) -> int:
    """Finds other units for what has not been picked yet, the last offer first, until no more is
    promised there than there is; the number of orders and transfers that were changed. Transfers
    that have not left shrink before any customer loses a unit. What finds no other place
    is backordered, or an exception with a deadline.

    Units that are picked are in somebody's hands, whatever a shelf is counted to hold, and stay.
    What holds keep is looked at when they become orders (placing.py).
    """
    changed = yielding.to_those_promised(sku, location_id, _missing(sku, location_id), now)
    for wait in (0.0, BEHIND_SECONDS):
        if not _missing(sku, location_id):
            break
        time.sleep(wait)
        for pick in sorted(_unpicked(sku, location_id), key=_offered_at, reverse=True):
            fulfillment_id = pick.fulfillment.fulfillment_id
            decide = partial(
                _shortened, fulfillment_id=fulfillment_id, sku=sku, location_id=location_id, now=now
            )
            changed += placing.change(pick.order_id, decide, now) is not None
            if not _missing(sku, location_id):
                break
    return changed


def _shortened(
    order: Order, fulfillment_id: str, sku: str, location_id: str, now: datetime
) -> OrderChange | None:
    return model.fall_short(order, fulfillment_id, sku, _missing(sku, location_id), now)


def _missing(sku: str, location_id: str) -> int:
    """Units that are promised there beyond what there is (strongly consistent)."""
    position = stock.position(sku, location_id)
    return max(0, -position.available) if position else 0


def _unpicked(sku: str, location_id: str) -> Iterator[PickRow]:
    after: PageEnd | None = None
    while True:
        page = store.picks(location_id, UNPICKED, 100, after)
        for pick in page.picks:
            own = pick.fulfillment.location_id == location_id
            if own and any(held.sku == sku for held in pick.fulfillment.lines):
                yield pick
        after = page.after
        if after is None:
            return


def _offered_at(pick: PickRow) -> tuple[datetime, str]:
    return pick.fulfillment.offered_at, pick.fulfillment.fulfillment_id
