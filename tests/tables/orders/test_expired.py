"""Offers that nobody answers: an expired one is not a rejected one, and is counted in open time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.locations import store as locations
from shared.orders import backorders, changing, model, placing, store
from shared.orders.contract import events
from shared.orders.contract.orders import order_answer
from shared.orders.model import Order
from tests.support import shop
from tests.support.places import hours
from tests.support.shop import NOW, line, order, request

pytestmark = pytest.mark.usefixtures("fake_tables")


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def place(*lines: model.Line, at: datetime = NOW, **more: Any) -> None:
    draft = order("o-1", *lines, **more)
    placing.place(draft, request("k", "o-1"), "web", at, answer)


def found() -> Order:
    stored = store.find("o-1")
    assert stored is not None
    return stored


def due() -> datetime:
    at = found().deadline
    assert at is not None
    return at


def test_the_only_place_is_asked_again_when_its_offer_has_lapsed() -> None:
    """It was excluded for the order's life, and 500 units lay there when the order was given up."""
    shop.stocked({"A": {"denver": 500}})
    place(line("1", "A", 1))
    states = []
    for _ in range(6):
        backorders.act_on_deadlines("o-1", due())
        states.append(found().state)
    assert states == ["exception", "placed"] * 3
    offered = found().fulfillments[-1]
    assert (offered.location_id, offered.state) == ("denver", "offered")
    shop.laws()


def test_who_has_rejected_is_not_asked_again_and_who_was_silent_is() -> None:
    shop.stocked({"A": {"denver": 9, "omaha": 9}})
    place(line("1", "A", 1))
    no = [model.Rejection("1", 1, "no_capacity")]
    changing.change("o-1", lambda o: model.reject(o, "o-1.1", no, {}, now=NOW, actor="store"), NOW)
    for _ in range(4):
        backorders.act_on_deadlines("o-1", due())
    assert [(part.location_id, part.state) for part in found().fulfillments] == [
        ("denver", "rejected"),
        ("omaha", "expired"),
        ("omaha", "expired"),
        ("omaha", "offered"),
    ][: len(found().fulfillments)]
    assert len(found().fulfillments) >= 3
    assert found().lines[0].excluded == ("denver",)
    shop.laws()


def test_somebody_else_is_asked_before_who_was_silent() -> None:
    shop.stocked({"A": {"denver": 9, "omaha": 9}})
    place(line("1", "A", 1))
    before = found()
    backorders.act_on_deadlines("o-1", due())
    assert [(part.location_id, part.state) for part in found().fulfillments] == [
        ("denver", "expired"),
        ("omaha", "offered"),
    ]
    (told, *_) = events.of_change(before, found())
    assert told["type"] == "fulfillment.expired"
    assert told["data"]["lines"][0]["reason"] == "no_answer"


def test_an_offer_of_the_evening_is_answered_in_the_morning() -> None:
    """30 minutes of wall clock ended in the night, when nobody could have answered."""
    shop.stocked({"A": {"denver": 5}})
    locations.put(replace(shop.PLACES["denver"], hours=hours(every="09:00-18:00")))
    evening = datetime.fromisoformat("2026-11-20T17:50:00-07:00")
    place(line("1", "A", 1), at=evening)
    assert due() == datetime.fromisoformat("2026-11-21T09:20:00-07:00")


def test_reminders_wait_for_the_morning_too() -> None:
    shop.stocked({"A": {"denver": 5}})
    locations.put(replace(shop.PLACES["denver"], hours=hours(every="09:00-18:00")))
    evening = datetime.fromisoformat("2026-11-20T17:00:00-07:00")
    place(line("1", "A", 1, "pickup", location_id="denver"), at=evening)
    changing.change("o-1", lambda o: model.advance(o, "o-1.1", "accept", evening, "store"), evening)
    until = due() + timedelta(days=3)
    told = []
    while due() < until and found().fulfillments[-1].state == "accepted":
        told.append(due())
        backorders.act_on_deadlines("o-1", due())
    reminders = [at.astimezone(evening.tzinfo).hour for at in told[2:]]
    assert reminders
    assert all(9 <= hour <= 18 for hour in reminders)


def test_a_location_may_accept_by_itself() -> None:
    shop.stocked({"A": {"denver": 5, "omaha": 5}})
    locations.put(replace(shop.PLACES["denver"], auto_accept=True))
    place(line("1", "A", 1))
    (part,) = found().fulfillments
    assert (part.location_id, part.state, part.rivals) == ("denver", "accepted", ())
    assert part.deadline is not None
    assert [entry.event for entry in found().history] == [
        "order.placed",
        "fulfillment.offered",
        "fulfillment.accepted",
    ]
    assert found().state == "in_progress"
    shop.laws()
