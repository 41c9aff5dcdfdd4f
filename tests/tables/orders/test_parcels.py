"""Parcels by their tracking number, step by step: what is read and written, and in which order."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared.aws.clients import dynamodb
from shared.carriers.model import CarrierStatus, TrackingEvent
from shared.orders import backorders, changing, model, parcels, store
from shared.orders.model import Order
from tests.support import shop
from tests.support.buyers import answer, buy
from tests.support.shop import NOW, line, request

LATER = NOW + timedelta(days=2)


@pytest.fixture(autouse=True)
def stocked(fake_tables: None) -> None:
    shop.stocked({"A": {"denver": 3, "boulder": 9}})


@pytest.fixture
def calls() -> Iterator[list[str]]:
    made: list[str] = []
    client: Any = dynamodb()

    def note(model: Any, **_: Any) -> None:
        made.append(model.name)

    client.meta.events.register("before-call.dynamodb", note)
    yield made
    client.meta.events.unregister("before-call.dynamodb", note)


def stored(name: str) -> Order:
    found = store.find(name)
    assert found is not None
    return found


def act(name: str, action: Any, part: int = 1, **more: Any) -> None:
    changing.change(
        name,
        lambda found: model.advance(found, f"{name}.{part}", action, NOW, "store", **more),
        NOW,
        request=request(f"{action}-{name}.{part}"),
        answer=answer,
    )


def shipped(name: str, tracking: str = "1Z 1", units: int = 1) -> None:
    buy(name, line("1", "A", units))
    act(name, "accept")
    act(name, "ship", carrier="UPS", tracking=tracking)


def event(status: CarrierStatus, tracking: str = "1Z1") -> TrackingEvent:
    return TrackingEvent(f"e-{status}", tracking, "UPS", status, NOW + timedelta(hours=1), "Omaha")


def test_a_shipment_is_one_read_and_one_transaction(calls: list[str]) -> None:
    buy("o-1")
    act("o-1", "accept")
    calls.clear()
    act("o-1", "ship", carrier="UPS", tracking="1Z1")
    assert calls == ["BatchGetItem", "TransactWriteItems"]


def test_a_report_is_two_reads_and_one_transaction(calls: list[str]) -> None:
    shipped("o-1")
    calls.clear()
    assert parcels.hear(event("delivered"), LATER) == "applied"
    assert calls == ["Query", "BatchGetItem", "TransactWriteItems"]
    calls.clear()
    assert parcels.hear(event("delivered"), LATER) == "unchanged"
    assert calls == ["Query", "BatchGetItem"]


def test_a_shipment_between_the_look_up_and_the_kept_event_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker of the shipment has looked for kept events before this one was written."""
    buy("o-1")
    act("o-1", "accept")
    keep = store.keep_early

    def overtaken(*arguments: Any) -> str:
        act("o-1", "ship", carrier="UPS", tracking="1Z1")
        parcels.hear_early(stored("o-1"), None, LATER)
        return keep(*arguments)

    monkeypatch.setattr(store, "keep_early", overtaken)
    assert parcels.hear(event("lost"), LATER) == "applied"
    assert stored("o-1").fulfillments[0].state == "lost"
    assert not [row for row in shop.items("orders") if row["sk"].startswith("EARLY#")]


def test_kept_events_are_applied_in_the_order_of_their_dates() -> None:
    assert parcels.hear(event("lost"), NOW) == "kept"
    assert parcels.hear(event("in_transit"), NOW) == "kept"
    kept = [row for row in shop.items("orders") if row["sk"].startswith("EARLY#")]
    assert len(kept) == 2
    assert "1Z1" not in str(kept)  # the number is hashed
    assert "Omaha" not in str(kept)
    assert {row["ttl"] - int(NOW.timestamp()) for row in kept} == {30 * 24 * 3600}
    shipped("o-1")
    parcels.hear_early(stored("o-1"), None, LATER)
    assert stored("o-1").fulfillments[0].state == "lost"


def test_a_number_may_be_that_of_several_parcels() -> None:
    """One label for two fulfillments of a location."""
    buy("o-1", line("1", "A", 2))
    act("o-1", "accept")
    act("o-1", "ship", carrier="UPS", tracking="1Z1", units={"1": 1})
    act("o-1", "ship", part=2, carrier="UPS", tracking="1z1")
    assert parcels.hear(event("delivered"), LATER) == "applied"
    assert {part.state for part in stored("o-1").fulfillments} == {"delivered"}


def test_a_label_does_not_follow_units_that_stay_behind() -> None:
    buy("o-1", line("1", "A", 2))
    act("o-1", "accept")
    act("o-1", "ship", carrier="UPS", tracking="1Z1", units={"1": 1})
    _, other = stored("o-1").fulfillments
    assert (other.state, other.tracking) == ("accepted", None)


def test_the_owner_of_a_claim_is_reminded_by_the_sweep() -> None:
    shipped("o-1")
    parcels.hear(event("lost"), LATER)
    due = LATER + timedelta(days=1)
    assert list(store.overdue_orders(due, 10)) == ["o-1"]
    assert backorders.act_on_deadlines("o-1", due) is not None
    assert list(store.overdue_orders(due, 10)) == []
    assert [entry.event for entry in stored("o-1").history].count("claim.open") == 2
    shop.laws()


def test_lost_units_that_are_nowhere_else_wait_for_supply() -> None:
    """All that was on the shelves is gone: the shopper is told, and refunded after two days."""
    shipped("o-1", units=12)
    for part in stored("o-1").fulfillments[1:]:
        number = int(part.fulfillment_id.rpartition(".")[2])
        act("o-1", "accept", part=number)
        act("o-1", "ship", part=number, carrier="UPS", tracking=f"2Z{number}")
    parcels.hear(event("lost"), LATER)
    changing.change(
        "o-1", lambda order: model.resolve_claim(order, "o-1.1", "resend", LATER, "agent"), LATER
    )
    order = stored("o-1")
    assert order.state == "exception"
    assert order.lines[0].unassigned == order.lines[0].open > 0
    assert order.deadline is not None
    shop.laws()
