"""Orders whose shopper wants all units together, and parcels of which nobody reports."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import Conflict
from shared.orders.model import (
    Order,
    OrderChange,
    Parcel,
    Rejection,
    Taken,
    act_on_deadlines,
    advance,
    check,
    complete,
    follow_parcel,
    offer,
    reject,
    settle,
)
from shared.orders.model.time_limits import (
    TIME_LIMITS,
)
from tests.unit.orders.orders import NOW, line, order, parcel, placed

LATER = NOW + timedelta(days=5)


def half() -> Order:
    """Two lines; one location has accepted the first, nobody has the second."""
    draft = replace(order(line("1", "A", 1), line("2", "B", 1)), ship_complete=True)
    promised = replace(parcel("S1", l1=1), deliver_by=NOW + timedelta(days=2))
    change = placed(draft, promised)
    return advance(change.order, "o1.1", "accept", NOW, "S1").order


def renewed(_: object) -> Parcel:
    """What a location can promise on LATER."""
    return Parcel("S1", "ship", (), LATER, LATER + timedelta(hours=2), LATER + timedelta(days=2))


def test_nothing_is_picked_while_a_unit_has_no_location() -> None:
    waits = half()
    with pytest.raises(Conflict, match="waits for line 2") as refused:
        advance(waits, "o1.1", "pick", NOW, "S1")
    assert refused.value.data["waits_for"] == ["2"]


def test_an_order_that_need_not_be_complete_is_picked() -> None:
    assert advance(replace(half(), ship_complete=False), "o1.1", "pick", NOW, "S1")


def test_nobody_is_late_with_what_waits_for_other_units() -> None:
    waits = half()
    late = act_on_deadlines(waits, LATER)
    assert late is not None
    events = [entry.event for _, entry in late.order.since(waits)]
    assert "fulfillment.late" not in events
    deadlines = [row.deadline for row in waits.lines if row.unassigned]
    assert [waits.deadline] == deadlines


def test_what_waited_is_promised_anew_when_the_order_is_complete() -> None:
    waits = half()
    found = Parcel("S2", "ship", (Taken("2", 1),), LATER, LATER, LATER + timedelta(days=3))
    change = settle(offer(OrderChange(waits, cause="order.filled"), [found], LATER), LATER)
    done = complete(waits, change, LATER, renewed).order
    check(done)
    assert not done.is_incomplete
    part = done.fulfillment("o1.1")
    assert part.ready_by == LATER + timedelta(hours=2)
    assert part.deadline is not None
    assert part.deadline > LATER
    assert "order.repromised" in [entry.event for _, entry in done.since(waits)]
    assert advance(done, "o1.1", "pick", LATER, "S1")


def test_what_is_ready_is_collected_although_another_part_was_rejected() -> None:
    """The shopper stands at the counter."""
    draft = replace(
        order(
            line("1", "A", 1, "pickup", location_id="S1"),
            line("2", "B", 1, "pickup", location_id="S2"),
        ),
        ship_complete=True,
    )
    current = placed(draft, parcel("S1", "pickup", l1=1), parcel("S2", "pickup", l2=1)).order
    for action in ("accept", "ready"):
        current = advance(current, "o1.1", action, NOW, "S1").order
    rejected = reject(current, "o1.2", [Rejection("2", 1, "not_found")], {}, now=NOW, actor="S2")
    current = settle(rejected, NOW).order
    assert current.is_incomplete
    assert advance(current, "o1.1", "collect", NOW, "S1").order.line("1").fulfilled == 1


def shipped() -> Order:
    promised = replace(parcel("S1", l1=3), deliver_by=NOW + timedelta(days=2))
    current = placed(order(), promised).order
    for action in ("accept", "pack", "ship"):
        current = advance(current, "o1.1", action, NOW, "S1", carrier="UPS", tracking="1Z").order
    return current


def test_a_parcel_that_nobody_reports_on_is_asked_about_once() -> None:
    """Without a deadline it stayed shipped for ever, and nobody owned it."""
    current = shipped()
    due = NOW + timedelta(days=2) + TIME_LIMITS.unreported
    assert (current.state, current.deadline) == ("fulfilled", due)
    assert act_on_deadlines(current, due - timedelta(seconds=1)) is None
    asked = act_on_deadlines(current, due)
    assert asked is not None
    assert asked.order.history[-1].event == "fulfillment.unreported"
    assert asked.order.deadline is None


@pytest.mark.parametrize(("status", "owned"), [("in_transit", True), ("delivered", False)])
def test_a_delivery_ends_the_question_and_a_scan_does_not(status: str, owned: bool) -> None:
    change = follow_parcel(shipped(), "o1.1", status, NOW, NOW, "UPS")  # type: ignore[arg-type]
    assert change is not None
    assert (change.order.deadline is not None) == owned
