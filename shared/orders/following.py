"""Orders that events of the bus name, as they are stored now: for workers that derive what they
keep of an order from its whole document.

An event may come twice, late, or after a later one. The document is at least as new as the event,
so that a worker which replaces what it derived from a lower version ends with the newest.
"""

import json
from collections.abc import Iterable

from shared.orders import store
from shared.orders.model import Order


def order_of_event(body: str) -> str:
    """The id of the order that an event is about, from its message of the bus.

    Raises KeyError, TypeError, ValueError for anything else.
    """
    order_id = json.loads(body)["detail"]["data"]["order_id"]
    if not isinstance(order_id, str):
        raise TypeError("order_id is not a text")
    return order_id


def orders_now(order_ids: Iterable[str]) -> list[Order]:
    """The orders that exist, each once and with its whole history: one call per 100, strongly
    consistent, and one for each long order."""
    items = store.order_items(dict.fromkeys(order_ids))
    return [store.with_past(store.order_of_item(item)) for item in items.values()]
