"""Units that wait at a location to be picked: counted with the pick lists, and promised behind."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from shared.availability.store import unpicked
from shared.errors import InvalidTransition
from shared.locations import store as locations
from shared.orders import changing, model, placing, store
from shared.orders.contract.orders import order_answer
from shared.orders.model import Order
from tests.support import shop
from tests.support.places import place
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")
LATER = NOW + timedelta(minutes=5)


def buy(name: str, *lines: model.Line) -> Order:
    draft = order(name, *lines)
    placing.place(draft, request(name, name), "web", NOW, lambda o: order_answer(o).order_id)
    return stored(name)


def stored(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def step(name: str, action: Any, number: int = 1) -> Order:
    changing.change(name, lambda o: acted(o, f"{name}.{number}", action), LATER)
    return stored(name)


def acted(found: Order, fulfillment_id: str, action: Any) -> model.OrderChange:
    if action == "cancel":
        return model.cancel(found, None, "changed my mind", LATER, "web")
    return model.advance(found, fulfillment_id, action, LATER, "store")


def counted() -> dict[str, int]:
    rows = (row for row in shop.items("availability") if row["pk"] == unpicked.PARTITION)
    return {row["sk"].removeprefix("LOC#"): row["units"] for row in rows if row["units"]}


def waiting() -> dict[str, int]:
    """What the orders themselves say."""
    units: Counter[str] = Counter()
    for found in shop.all_orders():
        for part in found.fulfillments:
            if part.state in model.UNPICKED:
                units[part.location_id] += sum(held.quantity for held in part.lines)
    return dict(units)


def test_units_wait_from_the_offer_until_they_are_picked() -> None:
    shop.stocked({"A": {"denver": 9}})
    offered = buy("o-1", line("1", "A", 3))
    store.project_pick_rows(offered, None)
    assert counted() == {"denver": 3}
    accepted = step("o-1", "accept")
    store.project_pick_rows(accepted, offered)
    assert counted() == {"denver": 3}
    picked = step("o-1", "pick")
    store.project_pick_rows(picked, accepted)
    assert counted() == {}


def test_repeated_late_or_left_out_changes_count_once() -> None:
    shop.stocked({"A": {"denver": 9}})
    offered = buy("o-1", line("1", "A", 3))
    accepted, picked = step("o-1", "accept"), step("o-1", "pick")
    for image in (picked, picked, offered, accepted):
        store.project_pick_rows(image, None)
    assert counted() == {}
    second = buy("o-2", line("1", "A", 2))
    for _ in range(3):
        store.project_pick_rows(second, None)
    assert counted() == {"denver": 2}
    store.project_pick_rows(step("o-2", "cancel"), None)  # the image before was never seen
    assert counted() == {}


@pytest.mark.parametrize("seed", range(4))
def test_what_is_counted_is_what_the_orders_say(seed: int) -> None:
    """Whatever happens to orders, and however their images come."""
    dice = random.Random(seed)
    shop.stocked({"A": {"denver": 9, "boulder": 9}, "B": {"denver": 9, "omaha": 9}})
    images = [
        buy(f"o-{n}", line("1", "A", dice.randint(1, 3)), line("2", "B", dice.randint(1, 3)))
        for n in range(4)
    ]
    for _ in range(12):
        found = stored(f"o-{dice.randrange(4)}")
        part = dice.choice(found.fulfillments).fulfillment_id
        action = dice.choice(["accept", "pick", "pack", "ship", "cancel"])
        try:
            changing.change(
                found.order_id, partial(acted, fulfillment_id=part, action=action), LATER
            )
        except InvalidTransition:
            continue
        images.append(stored(found.order_id))
    dice.shuffle(images)
    for image in images + dice.sample(images, 4):
        store.project_pick_rows(image, None)
    assert counted() == waiting()
    shop.laws()


def test_the_next_order_is_promised_behind_those_that_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.stocked({"A": {"denver": 99}})
    locations.put(replace(place("denver"), capacity_per_hour=10, lead_time_minutes=30))
    first = buy("o-1", line("1", "A", 20, "pickup", location_id="denver"))
    assert first.fulfillments[0].ready_by == NOW + timedelta(hours=2)
    store.project_pick_rows(first, None)
    unpicked.cache.clear()
    second = buy("o-2", line("1", "A", 10, "pickup", location_id="denver"))
    assert second.fulfillments[0].ready_by == NOW + timedelta(hours=3)
