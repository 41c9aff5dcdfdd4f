"""Backorders and preorders against expected supply, from the feed's event to the fulfillment."""

from datetime import timedelta
from typing import Any

import pytest

from shared.orders import backorders, changing, model
from shared.orders.contract import events
from shared.orders.contract.orders import order_answer
from shared.orders.model import transfers
from shared.orders.model.transfers import Transfer, TransferLine
from shared.orders.store import transfers as transfers_store
from shared.stock.contract.positions import OnePosition
from shared.stock.model.events import Counted
from tests.support import shop
from tests.support.shop import NOW, request
from tests.support.supplies import DAY, announced, bought, fed, received, shipped_from, stands


def reviewed(at: str = "depot", minute: int = 90) -> int:
    done = backorders.review_supplies("A", at, NOW + timedelta(minutes=minute))
    shop.project("A")
    shop.laws()
    return done


def told(name: str) -> list[dict[str, Any]]:
    return [
        event for event in events.of_change(None, stands(name)) if "repromised" in event["type"]
    ]


@pytest.fixture(autouse=True)
def places(fake_tables: None) -> None:
    shop.stocked({"A": {}})


def test_a_preorder_takes_units_of_the_supply_that_comes_first() -> None:
    announced("PO-2", 9, 20)
    announced("PO-1", 3, 10)
    found = bought("o1", 2)
    assert (found.backordered, found.expected_at) == (2, NOW + 10 * DAY)
    assert shop.position("A", "depot").due == {"PO-1": 2}
    told = OnePosition.of(shop.position("A", "depot")).expected
    assert [(row.reference, row.quantity, row.promised) for row in told] == [
        ("PO-1", 3, 2),
        ("PO-2", 9, None),
    ]
    second = bought("o2", 2)
    assert second.expected_at == NOW + 20 * DAY
    assert shop.position("A", "depot").due == {"PO-1": 3, "PO-2": 1}
    answer = order_answer(stands("o2")).lines[0]
    assert answer.awaits is not None
    assert [(row.quantity, row.expected_at) for row in answer.awaits] == [
        (1, NOW + 10 * DAY),
        (1, NOW + 20 * DAY),
    ]


def test_shelves_are_sold_before_supply_is_promised() -> None:
    shop.stocked({"A": {"denver": 1}})
    announced("PO-1", 5, 10)
    found = bought("o1", 3)
    assert (found.open, found.backordered) == (1, 2)
    assert shop.position("A", "depot").due == {"PO-1": 2}


def test_what_is_promised_is_no_more_announced_as_free() -> None:
    announced("PO-1", 3, 10)
    bought("o1", 3)
    late = bought("o2", 1)
    assert (late.backordered, late.expected_at, late.claims) == (1, None, ())


def test_what_comes_is_reserved_at_once_and_goes_to_those_who_waited_longest() -> None:
    announced("PO-1", 5, 10)
    for n, name in enumerate(("o3", "o1", "o2")):
        bought(name, 2, minute=n) if n < 2 else bought(name, 1, minute=n)
    received("PO-1", 3)
    assert shop.counts("A", "depot") == (3, 3, 0, 0)
    assert [row.quantity for row in shop.position("A", "depot").expected] == [2]
    shop.laws()
    assert reviewed() == 2
    assert (shipped_from("o3"), shipped_from("o1"), shipped_from("o2")) == (
        [("depot", 2)],
        [("depot", 1)],
        [],
    )
    assert stands("o1").line("1").backordered == 1
    assert reviewed() == 0
    received("PO-1", 2, minute=120)
    assert reviewed(minute=121) == 2
    assert [stands(name).state for name in ("o1", "o2", "o3")] == ["placed"] * 3
    assert shop.counts("A", "depot") == (5, 5, 0, 0)
    assert all(event["data"]["state"] for event in events.of_change(None, stands("o2")))


def test_nobody_else_buys_what_has_come_for_those_who_wait() -> None:
    announced("PO-1", 2, 10)
    bought("o1", 2)
    received("PO-1", 2)
    late = bought("o2", 1, minute=70)
    assert late.backordered == 1
    reviewed()
    assert shipped_from("o1") == [("depot", 2)]


def test_a_receipt_that_is_repeated_lands_once() -> None:
    announced("PO-1", 4, 10)
    bought("o1", 3)
    received("PO-1", 2)
    received("PO-1", 2)
    assert shop.counts("A", "depot") == (2, 2, 0, 0)
    assert shop.position("A", "depot").due == {"PO-1": 1}


def test_a_supply_that_slips_is_promised_anew_and_told_with_both_dates() -> None:
    announced("PO-1", 2, 10)
    bought("o1", 2)
    announced("PO-1", 2, 15, minute=5)
    assert reviewed() == 1
    found = stands("o1").line("1")
    assert (found.backordered, found.expected_at) == (2, NOW + 15 * DAY)
    (event,) = told("o1")
    assert event["type"] == "order.repromised"
    assert event["data"]["was"] == "2026-11-30T18:00:00.000Z"
    assert event["data"]["expected_at"] == "2026-12-05T18:00:00.000Z"
    assert reviewed() == 0


def test_one_that_slips_past_another_is_promised_of_the_other() -> None:
    announced("PO-1", 2, 10)
    announced("PO-2", 2, 12)
    bought("o1", 2)
    announced("PO-1", 2, 15, minute=5)
    reviewed()
    assert shop.position("A", "depot").due == {"PO-2": 2}
    assert stands("o1").line("1").expected_at == NOW + 12 * DAY


def test_a_short_supply_breaks_the_promises_made_last() -> None:
    announced("PO-1", 4, 10)
    bought("o1", 2, minute=1)
    bought("o2", 2, minute=2)
    announced("PO-1", 3, 10, minute=5)
    assert reviewed() == 1
    assert told("o1") == []
    (event,) = told("o2")
    assert "expected_at" not in event["data"]
    assert stands("o2").line("1").deadline is not None
    assert shop.position("A", "depot").due == {"PO-1": 3}


def test_a_cancelled_supply_leaves_the_order_waiting_without_a_date() -> None:
    announced("PO-1", 4, 10)
    bought("o1", 2)
    announced("PO-1", 0, 10, minute=5)
    reviewed()
    assert shop.position("A", "depot").due == {}
    assert stands("o1").line("1").expected_at is None
    announced("PO-9", 4, 12, minute=6)
    later = NOW + timedelta(hours=9)
    assert backorders.act_on_deadlines("o1", later) is not None
    assert stands("o1").line("1").expected_at == NOW + 12 * DAY
    assert [event["data"].get("was") for event in told("o1")] == ["2026-11-30T18:00:00.000Z", None]
    shop.laws()


def test_what_comes_by_a_count_is_sold_to_those_whose_promise_it_was() -> None:
    announced("PO-1", 2, 10)
    bought("o1", 2)
    at = NOW + timedelta(minutes=30)
    fed(Counted("wms", "c1", None, "A", "depot", 2, at))
    announced("PO-1", 0, 10, minute=31)
    reviewed()
    assert shipped_from("o1") == [("depot", 2)]


def test_a_cancelled_order_gives_its_promise_up_before_and_after_it_has_come() -> None:
    announced("PO-1", 4, 10)
    for name in ("o1", "o2"):
        bought(name, 2)
    cancelled("o1")
    assert shop.position("A", "depot").due == {"PO-1": 2}
    received("PO-1", 4)
    assert shop.counts("A", "depot") == (4, 2, 2, 0)
    cancelled("o2")
    assert shop.counts("A", "depot") == (4, 0, 4, 0)
    assert reviewed() == 0


def cancelled(name: str) -> None:
    now = NOW + timedelta(minutes=80)
    changing.change(name, lambda o: model.cancel(o, None, "no more", now, "web"), now)
    shop.project("A")
    shop.laws()


def test_an_overdue_supply_keeps_its_promise_until_it_comes() -> None:
    announced("PO-1", 2, 1)
    bought("o1", 2)
    later = NOW + 1.1 * DAY
    assert backorders.act_on_deadlines("o1", later) is not None
    found = stands("o1").line("1")
    assert (found.backordered, found.expected_at) == (2, NOW + DAY)
    assert found.deadline == later + timedelta(hours=6)
    assert told("o1") == []
    received("PO-1", 2, minute=60 * 30)
    assert reviewed(minute=60 * 31) == 1
    shop.laws()


def test_the_sweep_gives_what_the_worker_has_missed() -> None:
    announced("PO-1", 2, 1)
    bought("o1", 2)
    received("PO-1", 2)
    backorders.act_on_deadlines("o1", NOW + 2 * DAY)
    assert shipped_from("o1") == [("depot", 2)]
    shop.laws()


def test_a_pickup_waits_for_supply_of_its_own_store() -> None:
    announced("PO-1", 5, 2, at="depot")
    announced("PO-2", 5, 9, at="denver")
    found = bought("o1", 1, method="pickup", location_id="denver")
    assert found.expected_at == NOW + 9 * DAY
    received("PO-2", 5, at="denver")
    assert reviewed("denver") == 1
    (part,) = stands("o1").fulfillments
    assert (part.location_id, part.method) == ("denver", "pickup")


def test_units_in_transit_are_promised_and_reserved_when_they_arrive() -> None:
    shop.stocked({"A": {"omaha": 5}})
    lines = (TransferLine("A", 5, 5),)
    made = Transfer("T1", "omaha", "depot", lines, NOW, NOW + 2 * DAY)

    def text(moved: Transfer) -> str:
        return moved.transfer_id

    transfers_store.request_once(transfers.request(made, NOW, "ops"), NOW, request("T1"), text)
    transfers_store.change("T1", lambda t: transfers.ship(t, NOW, "ops"), NOW)
    transfers_store.announce_supply(transfers_store.find("T1"), NOW)
    shop.project("A")
    found = bought("o1", 3)
    assert (found.backordered, found.expected_at) == (3, NOW + 2 * DAY)
    transfers_store.change("T1", lambda t: transfers.receive(t, {"A": 4}, NOW, "ops"), NOW)
    assert shop.counts("A", "depot") == (4, 3, 1, 0)
    assert [row.quantity for row in shop.position("A", "depot").expected] == [1]
    transfers_store.announce_supply(transfers_store.find("T1"), NOW)
    assert [row.quantity for row in shop.position("A", "depot").expected] == [0]
    shop.laws()
    assert reviewed() == 1
    assert shipped_from("o1") == [("depot", 3)]
