"""A requested transfer that has not left never beats a customer."""

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import OutOfStock
from shared.orders import changing, model, placing, shortfalls, store
from shared.orders.contract import transfer_events
from shared.orders.contract.orders import order_answer
from shared.orders.model import Order, transfers
from shared.orders.model.transfers import Transfer, TransferLine
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock
from shared.stock.model.events import Announced, Counted
from tests.support import shop
from tests.support.shop import NOW, line, order, request

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def no_wait(fake_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortfalls, "BEHIND_SECONDS", 0.0)


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def buy(name: str, *lines: model.Line, **more: Any) -> Order:
    placing.place(order(name, *lines, **more), request(name), "web", NOW, answer)
    found = store.find(name)
    assert found is not None
    return found


def asked(units: int, name: str = "t-1", to: str = "omaha", sku: str = "A") -> None:
    draft = Transfer(
        name, "denver", to, (TransferLine(sku, units, units),), NOW, NOW + timedelta(days=2)
    )
    moved = transfers.request(draft, NOW, "planner")
    transfers_store.request_once(moved, NOW, request(name), lambda _: "{}")
    transfers_store.index_unshipped(transfers_store.find(name))
    shop.project(sku)


def test_a_customer_has_the_units_of_a_transfer_that_has_not_left() -> None:
    shop.stocked({"A": {"denver": 5}})
    asked(5)
    before = transfers_store.find("t-1")
    bought = buy("o-1", line("1", "A", 2))
    assert [(part.location_id, part.lines[0].quantity) for part in bought.fulfillments] == [
        ("denver", 2)
    ]
    after = transfers_store.find("t-1")
    assert (after.state, after.lines[0].open, after.lines[0].cancelled) == ("requested", 3, 2)
    (told,) = transfer_events.of_transfer(before, after)
    assert (told["type"], told["data"]["shrunk"]) == (
        "transfer.shrunk",
        [{"sku": "A", "quantity": 2}],
    )
    assert shop.counts("A", "denver") == (5, 5, 0, 0)
    assert [row.quantity for row in transfers.supply_events(after)] == [3]
    # The position has not changed, so that its ledger does not name the order: the transfer does.
    promised = [units for _, units in store.reserved_by_open({"t-1"}, indexed=False)]
    assert sum(units["A", "denver"] for units in promised) == 5
    shop.laws()


def test_only_what_is_lacking_is_taken_and_one_without_units_is_cancelled() -> None:
    shop.stocked({"A": {"denver": 5}})
    asked(3)
    buy("o-1", line("1", "A", 2))
    assert transfers_store.find("t-1").lines[0].open == 3
    shop.project("A")
    buy("o-2", line("1", "A", 3))
    left = transfers_store.find("t-1")
    assert (left.state, left.deadline, left.lines[0].cancelled) == ("cancelled", None, 3)
    shop.laws()


def test_what_has_left_stays_on_its_way() -> None:
    shop.stocked({"A": {"denver": 5}})
    asked(5)
    transfers_store.change("t-1", lambda found: transfers.ship(found, NOW, "denver"), NOW)
    shop.project("A")
    with pytest.raises(OutOfStock):
        buy("o-1", line("1", "A", 1))
    assert transfers_store.find("t-1").lines[0].open == 5
    shop.laws()


def test_a_transfer_does_not_shrink_for_an_order_that_is_refused_all_the_same() -> None:
    shop.stocked({"A": {"denver": 5}})
    asked(5)
    with pytest.raises(OutOfStock):
        buy("o-1", line("1", "A", 6))
    assert transfers_store.find("t-1").lines[0].open == 5
    shop.laws()


def test_a_shortfall_takes_from_the_transfer_before_it_takes_from_a_customer() -> None:
    shop.stocked({"A": {"denver": 5}})
    bought = buy("o-1", line("1", "A", 2))
    store.project_pick_rows(bought, None)
    shop.project("A")
    asked(3)
    count = Counted("wms", "c", None, "A", "denver", 3, LATER)
    stock.apply_events(
        [count], stock.position("A", "denver"), stock.applied_movements([count]), LATER
    )
    assert shop.counts("A", "denver") == (3, 5, -2, 0)
    assert shortfalls.cover("A", "denver", LATER) == 1
    assert store.find("o-1") == bought
    left = transfers_store.find("t-1")
    assert (left.lines[0].open, left.lines[0].cancelled) == (1, 2)
    assert left.history[-1].event == "transfer.shrunk"
    shop.laws()


def test_a_rerouted_order_has_the_units_too() -> None:
    shop.stocked({"A": {"boulder": 2}})
    bought = buy("o-1", line("1", "A", 2))
    assert bought.fulfillments[0].location_id == "boulder"
    shop.stocked({"A": {"denver": 3}})
    asked(3)
    no = [model.Rejection("1", 2, "no_capacity")]
    changing.change("o-1", lambda o: model.reject(o, "o-1.1", no, {}, now=NOW, actor="x"), NOW)
    now = store.find("o-1")
    assert now is not None
    assert (now.fulfillments[-1].location_id, now.state) == ("denver", "placed")
    assert transfers_store.find("t-1").lines[0].open == 1
    shop.laws()


def test_those_who_wait_for_the_transfer_keep_what_they_were_promised() -> None:
    shop.stocked({"A": {"denver": 3}})
    asked(3)
    coming = transfers.supply_events(transfers_store.find("t-1"))
    for event in coming:
        assert isinstance(event, Announced)
        stock.apply_events(
            [event], stock.position("A", "omaha"), stock.applied_movements([event]), NOW
        )
    shop.project("A")
    wants = line("1", "A", 2, "pickup", location_id="omaha", backorder=True)
    waits = buy("o-1", wants)
    assert waits.lines[0].claims
    shop.project("A")
    buy("o-2", line("1", "A", 1))
    with pytest.raises(OutOfStock):
        buy("o-3", line("1", "A", 1))
    assert transfers_store.find("t-1").lines[0].open == 2
    shop.laws()


def test_two_buyers_of_the_same_units_do_not_both_get_them() -> None:
    shop.stocked({"A": {"denver": 1}})
    asked(1)
    buy("o-1", line("1", "A", 1))
    with pytest.raises(OutOfStock):
        buy("o-2", line("1", "A", 1))
    shop.laws()
