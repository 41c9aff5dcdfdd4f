"""An order stays an item, whatever happens to it."""

import json
from functools import partial
from typing import Any

import pytest

from functions.orders import api
from shared.errors import Conflict, NotFound
from shared.orders import changing, model, placing, store
from shared.orders.contract import events
from shared.orders.contract.orders import order_answer
from shared.orders.model import Order, OrderChange
from tests.support import shop
from tests.support.requests import answered
from tests.support.requests import request as sample
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")
SHIPPED = 40


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def found() -> Order:
    stored = store.find("o-1")
    assert stored is not None
    return stored


def changed(decide: Any) -> tuple[Order, Order]:
    before = found()
    changing.change("o-1", decide, NOW)
    return before, found()


def ship_one(stored: Order) -> OrderChange:
    (part,) = (part for part in stored.fulfillments if part.is_open)
    one = {"1": 1}
    return model.advance(stored, part.fulfillment_id, "ship", NOW, "store", units=one)


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """An order with SHIPPED partial shipments, and the events that were told of it."""
    monkeypatch.setattr("shared.orders.store.orders.MOST_IN_ORDER", 6_000)
    shop.stocked({"A": {"denver": SHIPPED + 5}})
    placing.place(
        order("o-1", line("1", "A", SHIPPED + 5)), request("k", "o-1"), "web", NOW, answer
    )
    told = events.of_change(None, found())
    accept = partial(model.advance, fulfillment_id="o-1.1", action="accept", now=NOW, actor="x")
    told += events.of_change(*changed(accept))
    for _ in range(SHIPPED):
        told += events.of_change(*changed(ship_one))
    return told


def test_closed_history_moves_beside_the_order(grown: list[dict[str, Any]]) -> None:
    """627 partial shipments were an item of 400 KB, and nothing could be written any more."""
    (item,) = (row for row in shop.items("orders") if row["sk"] == "ORDER")
    assert len(json.dumps(item, default=str)) < 20_000
    short, whole = found(), store.with_past(found())
    assert short.past.parts > 1
    assert len(whole.history) == short.history_length == 3 + SHIPPED
    assert [entry.event for entry in whole.history].count("fulfillment.shipped") == SHIPPED
    names = [part.fulfillment_id for part in whole.fulfillments]
    assert names == [f"o-1.{number}" for number in range(1, SHIPPED + 2)]
    assert sum(part.state == "shipped" for part in whole.fulfillments) == SHIPPED
    assert short.lines[0].fulfilled == SHIPPED
    shop.laws()
    ids = [event["id"] for event in grown]
    assert len(set(ids)) == len(ids)
    assert [event["type"] for event in grown].count("fulfillment.shipped") == SHIPPED


def test_a_long_order_is_told_whole(grown: list[dict[str, Any]]) -> None:
    path = "/v1/orders/o-1"
    status, told = answered(api.handler(sample("orders/get_order", path=path), None))
    assert (status, len(told["fulfillments"])) == (200, SHIPPED + 1)
    made = sample("orders/get_history", path=f"{path}/history")
    status, history = answered(api.handler(made, None))
    assert (status, len(history["entries"])) == (200, 3 + SHIPPED)


def test_what_was_closed_long_ago_is_closed_and_goods_still_come_back(
    grown: list[dict[str, Any]],
) -> None:
    with pytest.raises(Conflict, match="closed"):
        found().fulfillment("o-1.2")
    with pytest.raises(NotFound):
        found().fulfillment("o-1.999")
    back = [model.Returned("1", SHIPPED, "sellable", "all of it")]
    changed(lambda stored: model.take_back(stored, "omaha", back, NOW, "store"))
    changed(lambda stored: model.cancel(stored, None, "enough", NOW, "web"))
    assert found().state == "fulfilled"
    assert found().lines[0].returned == SHIPPED
    shop.laws()
