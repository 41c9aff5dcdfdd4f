"""Count what orders want: where, on which day, each once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.aws.dynamodb import attempts
from shared.errors import Busy
from shared.locations.model import Location
from shared.locations.store import all_locations
from shared.orders.model import Order
from shared.orders.reading import destination
from shared.plans.model.wanted import Cell, day_of, place_of
from shared.plans.store import wanted
from shared.plans.store.wanted import Mark


def count_wanted(orders: Iterable[Order], now: datetime) -> int:
    """Counts the orders as they are now, and returns how many had changed. A repeated or late call
    changes nothing.

    Takes a read call for the marks, and a transaction for some 30 orders. Raises Busy when others
    count the same orders all the time.
    """
    by_id = {order.order_id: order for order in orders}
    counted: set[str] = set()
    for _ in attempts():
        marks = wanted.marks_of(by_id)
        changed = [
            (marks.get(name) or Mark(name), order)
            for name, order in by_id.items()
            if name not in marks or marks[name].version < order.version
        ]
        if not changed:
            return len(counted)
        counted |= {order.order_id for _, order in changed}
        locations = all_locations()
        if wanted.count([(mark, _counted(mark, order, locations)) for mark, order in changed], now):
            return len(counted)
    raise Busy("others count the same orders")


def _counted(mark: Mark, order: Order, locations: Mapping[str, Location]) -> Mark:
    """The mark of the order as it is now: units that were cancelled are not wanted, substitutes
    were never asked for."""
    place = destination(order.ship_to)
    point = (place.latitude, place.longitude) if place else None
    places = dict(mark.places)
    units: Counter[Cell] = Counter()
    for line in order.lines:
        if line.instead_of is not None or line.card_id is not None:
            continue
        where = places.get(line.line_id) or place_of(line.location_id, point, locations)
        places[line.line_id] = where
        if wanted_units := line.quantity - line.cancelled:
            units[Cell(day_of(order.placed_at, where, locations), where, line.sku)] += wanted_units
    return Mark(order.order_id, order.version, places, units)
