"""Keep and read how well locations keep their times: model/punctuality.py."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import partial

from shared.locations.store import all_locations
from shared.orders import store
from shared.orders.model import Order
from shared.orders.model.punctuality import Standings, Sums, standings
from shared.orders.store import punctuality
from shared.orders.store.punctuality import PunctualityRow

READERS = 8


def record_order(order: Order, before: Order | None, now: datetime) -> None:
    """Write the rows of the fulfillments that count as something else than ``before``. A repeated
    or late call changes nothing."""
    if before is not None and _counts_alike(before, order):
        return
    former = _standings(before) if before else {}
    changed = [
        standing for key, standing in _standings(order).items() if former.get(key) != standing
    ]
    punctuality.record([PunctualityRow(order.version, standing) for standing in changed], now)


def _counts_alike(before: Order, order: Order) -> bool:
    """Whether nothing that counts has changed: entries that do come with their fulfillment."""
    return (before.fulfillments, before.service_level) == (order.fulfillments, order.service_level)


def _standings(order: Order) -> Standings:
    return standings(store.with_past(order), all_locations())


def report(
    first: date, last: date, location_id: str | None, now: datetime
) -> Iterator[tuple[date, Sums]]:
    """The counts of each day by location, of one or of all."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    of_day = partial(punctuality.sums_of_day, now=now, location_id=location_id)
    with ThreadPoolExecutor(READERS) as pool:
        yield from zip(days, pool.map(of_day, days), strict=True)
