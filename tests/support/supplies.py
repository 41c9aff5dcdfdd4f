"""Expected supply of SKU A, and orders that wait for it."""

from datetime import datetime, timedelta
from typing import Any

from shared.orders import placing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Line, Order
from shared.stock import store as stock
from shared.stock.model.events import Announced, Event, Moved
from tests.support import shop
from tests.support.shop import NOW, line, order, request


def fed(event: Event, now: datetime = NOW) -> None:
    """As the feed's worker applies it; and the pack follows."""
    found = stock.position(event.sku, event.location_id)
    stock.apply_events([event], found, stock.applied_movements([event]), now)
    shop.project(event.sku)


def announced(
    reference: str, quantity: int, days: float, at: str = "depot", minute: int = 0
) -> None:
    time = NOW + timedelta(minutes=minute)
    name = f"{reference}-{minute}"
    fed(Announced("erp", name, None, "A", at, time, quantity, NOW + days * DAY, reference))


def received(reference: str, units: int, at: str = "depot", minute: int = 60) -> None:
    when = NOW + timedelta(minutes=minute)
    name = f"got-{reference}-{minute}"
    fed(Moved("erp", name, None, "A", at, units, "receiving", when, reference))


def bought(name: str, units: int = 1, minute: int = 1, **more: Any) -> Line:
    """The line of an order that may wait, as it stands once it is placed."""
    now = NOW + timedelta(minutes=minute)
    draft = order(name, line("1", "A", units, backorder=True, **more))
    placing.place(
        draft, request(name), "web", now, lambda made: order_answer(made).model_dump_json()
    )
    shop.project("A")
    shop.laws()
    return stands(name).line("1")


def stands(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def shipped_from(name: str) -> list[tuple[str, int]]:
    return [
        (part.location_id, sum(held.quantity for held in part.lines))
        for part in stands(name).fulfillments
    ]


DAY = timedelta(days=1)
