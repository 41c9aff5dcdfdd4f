"""Law 7: whatever happens to an order, somebody acts on it, and it comes to an end."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.orders import backorders, changing, model, placing, store
from shared.orders.contract import events
from shared.orders.contract.orders import order_answer
from shared.orders.model import Line, Order, Rejection
from shared.orders.sourcing import planning
from shared.stock import store as stock
from shared.stock.model.events import Announced
from shared.stock.model.position import Hold, HoldLine, HoldState
from shared.stock.model.rules import ChannelTerms
from tests.support import shop
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def place(*lines: Line, key: str = "k", name: str = "o-1", **more: Any) -> None:
    placing.place(order(name, *lines, **more), request(key, name), "web", NOW, answer)


def found(name: str = "o-1") -> Order:
    stored = store.find(name)
    assert stored is not None
    return stored


def reject(location_id: str, reason: Any, line_id: str, at: datetime = NOW) -> None:
    def decide(stored: Order) -> model.OrderChange:
        part = next(
            part for part in stored.fulfillments if part.is_open and part.location_id == location_id
        )
        rows = [Rejection(line_id, 1, reason)]
        shelf = changing.believed_available(stored, part.fulfillment_id, rows)
        return model.reject(stored, part.fulfillment_id, rows, shelf, now=at, actor="store")

    changing.change("o-1", decide, at)


def held(units: Iterable[tuple[str, str, int]]) -> None:
    lines = tuple(HoldLine(*row) for row in units)
    until = NOW + timedelta(hours=1)
    hold = Hold("h-1", lines, "web", HoldState.OPEN, NOW, until, "digest", "{}")
    stock.open_hold(hold, ChannelTerms.unrestricted())


@pytest.mark.parametrize("reason", ["not_found", "no_capacity"])
def test_who_has_rejected_one_sku_is_asked_for_the_others_alone(reason: str) -> None:
    shop.stocked({"A": {"depot": 1}, "B": {"boulder": 1}})
    place(line("1", "A", 1), line("2", "B", 1))
    reject("depot", reason, "1")
    shop.project("A")
    shop.stocked({"B": {"depot": 7}})
    reject("boulder", "damaged", "2")
    parts = [(part.location_id, part.lines[0].sku) for part in found().fulfillments if part.is_open]
    assert parts == [("depot", "B")]
    shop.laws()


def test_one_unit_not_found_leaves_the_rest_of_the_shelf_on_sale() -> None:
    """One order of one unit counted a shelf of 20 to 0 for every channel."""
    shop.stocked({"A": {"denver": 20}})
    place(line("1", "A", 1))
    reject("denver", "not_found", "1")
    assert shop.counts("A", "denver") == (19, 0, 19, 0)
    (asked,) = [entry for entry in found().history if entry.event == "stock.count_requested"]
    assert (asked.detail["not_found"], asked.detail["believed"]) == (1, 19)
    shop.laws()


def test_a_store_that_has_not_seen_a_pickup_is_reminded_and_asked_again() -> None:
    shop.stocked({"A": {"denver": 2}})
    place(line("1", "A", 1, "pickup", location_id="denver"))
    for _ in range(model.TIME_LIMITS.patience):
        due = found().deadline
        assert due is not None
        backorders.act_on_deadlines("o-1", due)
        assert found().fulfillments[0].state == "offered"
        assert found().history[-1].event == "fulfillment.late"
    due = found().deadline
    assert due is not None
    backorders.act_on_deadlines("o-1", due)
    assert found().state == "exception"
    retry = found().deadline
    assert retry is not None
    backorders.act_on_deadlines("o-1", retry)
    assert [part.state for part in found().fulfillments] == ["expired", "offered"]
    shop.laws()


def test_a_later_date_is_told_with_the_one_before() -> None:
    shop.stocked({"A": {"denver": 1, "omaha": 1}})
    place(line("1", "A", 1))
    before = found()
    was = before.fulfillments[0].deliver_by
    reject("denver", "no_capacity", "1", NOW + timedelta(minutes=5))
    after = found()
    told = {event["type"]: event["data"] for event in events.of_change(before, after)}
    at = after.fulfillments[1].deliver_by
    assert was is not None
    assert at is not None
    assert at > was
    moved = told["order.repromised"]
    assert (moved["was"], moved["expected_at"]) == (
        was.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    assert told["fulfillment.offered"]["deliver_by"] == moved["expected_at"]


def test_an_order_over_more_places_than_can_change_at_once_moves_on() -> None:
    """45 lines of two units, from two stores each: released and taken elsewhere, 135 positions."""
    skus = [f"S{n:02d}" for n in range(45)]
    shop.stocked({sku: {"denver": 1, "boulder": 1, "omaha": 2} for sku in skus})
    held([(sku, at, 1) for sku in skus for at in ("denver", "boulder")])
    for sku in skus:
        shop.project(sku)
    place(*(line(sku, sku, 2) for sku in skus), hold_id="h-1")
    until = found().deadline
    assert until is not None
    for _ in range(12):
        backorders.act_on_deadlines("o-1", until)
        for sku in skus:
            shop.project(sku)
        if not any(row.unassigned for row in found().lines):
            parts = [part for part in found().fulfillments if part.is_open]
            if {part.location_id for part in parts} == {"omaha"}:
                break
        until = max(until, found().deadline or until)
    else:
        raise AssertionError(found().state)
    shop.laws()


def test_an_order_that_waits_for_much_can_still_be_cancelled() -> None:
    skus = [f"S{n:02d}" for n in range(25)]
    shop.stocked({sku: {} for sku in skus})
    for sku in skus:
        for at in ("depot", "omaha"):
            due = NOW + timedelta(days=10)
            event = Announced("erp", f"{sku}{at}", None, sku, at, NOW, 1, due, "PO")
            stock.apply_events(
                [event], stock.position(sku, at), stock.applied_movements([event]), NOW
            )
        shop.project(sku)
    place(*(line(sku, sku, 2, backorder=True) for sku in skus))
    for _ in range(3):
        until = found().deadline
        assert until is not None
        backorders.act_on_deadlines("o-1", until)
    assert sum(len(row.claims) for row in found().lines) == planning.MOST_CLAIMS
    changing.change(
        "o-1",
        lambda stored: model.cancel(stored, None, "too long", NOW, "web"),
        NOW,
        request=request("cancel"),
        answer=answer,
    )
    assert found().state == "cancelled"
    shop.laws()


def test_what_is_left_of_a_backorder_has_its_own_date() -> None:
    shop.stocked({"A": {}})
    for reference, days in (("PO-1", 2), ("PO-2", 10)):
        due = NOW + timedelta(days=days)
        event = Announced("erp", reference, None, "A", "depot", NOW, 1, due, reference)
        stock.apply_events(
            [event], stock.position("A", "depot"), stock.applied_movements([event]), NOW
        )
    shop.project("A")
    place(line("1", "A", 2, backorder=True))
    assert found().lines[0].expected_at == NOW + timedelta(days=10)
    changing.change("o-1", lambda o: model.cancel(o, {"1": 1}, "one will do", NOW, "web"), NOW)
    (row,) = found().lines
    assert (row.expected_at, row.deadline) == (NOW + timedelta(days=2),) * 2
    shop.laws()


def test_all_that_is_due_is_found_however_much_there_is() -> None:
    shop.stocked({"A": {"denver": 20}})
    for n in range(9):
        place(line("1", "A", 1), key=f"k{n}", name=f"o-{n}")
    assert sorted(store.overdue_orders(NOW + timedelta(days=1), 2)) == [f"o-{n}" for n in range(9)]


def test_a_long_order_that_is_never_paid_is_cancelled_piece_by_piece() -> None:
    skus = [f"S{n:02d}" for n in range(20)]
    shop.stocked({sku: {"denver": 1} for sku in skus})
    draft = replace(order("o-1", *(line(sku, sku, 1) for sku in skus)), payments=())
    placing.place(draft, request("k", "o-1"), "web", NOW, answer)
    at = NOW + model.TIME_LIMITS.payment
    backorders.act_on_deadlines("o-1", at)
    assert found().state != "cancelled"
    backorders.act_on_deadlines("o-1", at)
    assert found().state == "cancelled"
    shop.laws()
