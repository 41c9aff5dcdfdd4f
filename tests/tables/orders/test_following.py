"""Orders that events of the bus name are read as they are now, with their whole history."""

import json
from functools import partial

import pytest

from shared.orders import changing, model, placing, store
from shared.orders.contract import events
from shared.orders.contract.orders import order_answer
from shared.orders.following import order_of_event, orders_now
from shared.orders.model import Order
from tests.support import shop
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def placed(name: str, units: int = 1) -> Order:
    placing.place(order(name, line("1", "A", units)), request(name, name), "web", NOW, answer)
    found = store.find(name)
    assert found is not None
    return found


def test_each_order_is_read_once_and_unknown_ones_are_left_out() -> None:
    shop.stocked({"A": {"denver": 9}})
    told = [*events.of_change(None, placed("o-1")), *events.of_change(None, placed("o-2"))]
    names = [order_of_event(json.dumps({"detail": each})) for each in told]
    assert {"o-1", "o-2"} == set(names)
    assert [each.order_id for each in orders_now([*names, "o-1", "gone"])] == ["o-1", "o-2"]


def test_a_long_order_comes_with_its_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.orders.store.orders.MOST_IN_ORDER", 4_000)
    shop.stocked({"A": {"denver": 30}})
    placed("o-1", 30)
    accept = partial(model.advance, fulfillment_id="o-1.1", action="accept", now=NOW, actor="x")
    changing.change("o-1", accept, NOW)
    for _ in range(20):

        def ship(stored: Order) -> model.OrderChange:
            (part,) = (part for part in stored.fulfillments if part.is_open)
            return model.advance(stored, part.fulfillment_id, "ship", NOW, "x", units={"1": 1})

        changing.change("o-1", ship, NOW)
    stored = store.find("o-1")
    assert stored is not None
    assert stored.past.parts
    (whole,) = orders_now(["o-1"])
    handed = [part for part in whole.fulfillments if part.state == "shipped"]
    assert len(handed) == 20


@pytest.mark.parametrize(
    "body", ["no json", "{}", '{"detail": {"data": {"transfer_id": "t"}}}', "[]", '{"detail": 1}']
)
def test_what_names_no_order_is_unreadable(body: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        order_of_event(body)
