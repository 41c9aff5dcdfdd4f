"""What carriers report of parcels, and claims."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Conflict, InvalidRequest, InvalidTransition
from shared.orders.contract.events import of_change
from shared.orders.model import (
    Order,
    OrderChange,
    ReceivedUnits,
    Returned,
    act_on_deadlines,
    advance,
    check,
    follow_parcel,
    receive_parcel,
    resolve_claim,
    settle,
    split_past,
    take_back,
)
from shared.orders.model import past as past_module
from tests.unit.orders.orders import NOW, line, order, parcel, placed

LATER = NOW + timedelta(days=3)
PART = "o1.1"


def shipped(quantity: int = 3) -> Order:
    made = placed(order(line("1", "A", quantity)), parcel("S1", l1=quantity)).order
    made = advance(made, PART, "accept", NOW, "s").order
    return advance(made, PART, "ship", NOW, "s", carrier="UPS", tracking="1Z").order


def reported(of: Order, status: Any, hours: int = 0) -> Order:
    change = follow_parcel(of, PART, status, NOW + timedelta(hours=hours), LATER, "carrier")
    assert change is not None
    check(change.order)
    return change.order


def events(of: Order, since: Order) -> list[str]:
    """The types of the CloudEvents, each checked against its shape."""
    told = [event["type"] for event in of_change(since, of)]
    assert told == [entry.event for _, entry in of.since(since)]
    return told


def part(of: Order) -> Any:
    return of.fulfillment(PART)


def resolved(of: Order, resolution: Any) -> OrderChange:
    change = resolve_claim(of, PART, resolution, LATER, "agent")
    return settle(change, LATER)


def test_a_delivery_closes_the_promise() -> None:
    before = shipped()
    after = reported(before, "delivered", 5)
    assert part(after).state == "delivered"
    assert after.state == "fulfilled"
    assert after.deadline is None
    assert events(after, before) == ["fulfillment.delivered"]
    detail = after.history[-1].detail
    assert detail["delivered_at"] == "2026-11-20T15:00:00.000Z"
    assert "in_time" not in detail  # nothing was promised


@pytest.mark.parametrize(("hours", "in_time"), [(47, True), (48, True), (49, False)])
def test_a_delivery_is_in_time_or_late(hours: int, in_time: bool) -> None:
    before = shipped()
    promised = NOW + timedelta(hours=48)
    (only,) = before.fulfillments
    before = replace(before, fulfillments=(replace(only, deliver_by=promised),))
    assert reported(before, "delivered", hours).history[-1].detail["in_time"] is in_time


def test_scans_are_told_once_and_only_while_under_way() -> None:
    before = shipped()
    scanned = reported(reported(before, "in_transit", 1), "out_for_delivery", 2)
    for status in ("in_transit", "out_for_delivery"):
        assert follow_parcel(scanned, PART, status, LATER, LATER, "carrier") is None
    delivered = reported(scanned, "delivered", 3)
    assert follow_parcel(delivered, PART, "exception", LATER, LATER, "carrier") is None
    assert events(delivered, before) == [
        "fulfillment.in_transit",
        "fulfillment.out_for_delivery",
        "fulfillment.delivered",
    ]


def test_a_lost_parcel_opens_a_claim_with_owner_and_deadline() -> None:
    before = shipped()
    after = reported(before, "lost")
    assert after.state == "exception"
    assert after.deadline == LATER + timedelta(days=1)
    assert events(after, before) == ["fulfillment.lost", "claim.open"]
    detail = after.history[-1].detail
    assert (detail["owner"], detail["reason"]) == ("customer_service", "lost")
    reminded = act_on_deadlines(after, LATER + timedelta(days=1))
    assert reminded is not None
    assert events(reminded.order, after) == ["claim.open"]
    assert reminded.order.history[-1].detail["reminders"] == 1
    assert reminded.order.deadline == LATER + timedelta(days=2)
    check(reminded.order)


def test_what_was_lost_is_found() -> None:
    lost = reported(shipped(), "lost")
    for found in (reported(lost, "delivered", 1), resolved(lost, "found").order):
        assert part(found).state == "delivered"
        assert found.state == "fulfilled"
        assert found.deadline is None
        assert events(found, lost) == ["fulfillment.delivered", "claim.withdrawn"]
        again = follow_parcel(found, PART, "lost", LATER, LATER, "carrier")
        assert again is None or part(again.order).state == "delivered"


def test_lost_units_are_sent_again() -> None:
    """Units keep their states where parcels are taken apart: solidus#5669 moved too many of them,
    and made backordered ones on hand."""
    lost = reported(shipped(), "lost")
    change = resolve_claim(lost, PART, "resend", LATER, "agent")
    (one,) = change.order.lines
    assert (one.fulfilled, one.open, one.unassigned) == (0, 3, 3)
    assert events(change.order, lost) == ["claim.resolved"]
    assert part(change.order).state == "resent"
    check(settle(change, LATER).order)
    for status in ("delivered", "lost", "returned_to_sender"):
        assert follow_parcel(change.order, PART, status, LATER, LATER, "carrier") is None


def test_lost_units_are_refunded() -> None:
    """Goods or money, never neither: saleor#14733 had paid orders without both."""
    after = resolved(reported(shipped(), "lost"), "refund").order
    check(after)
    (one,) = after.lines
    assert (one.fulfilled, one.cancelled) == (0, 3)
    assert after.state == "cancelled"
    assert after.history[-1].event == "refund.due"
    assert "claim.resolved" in events(after, shipped())
    assert after.history[-1].detail["amount"] == 3000


def test_a_claim_is_resolved_once() -> None:
    """Two agents: the second is told what the first did."""
    after = resolved(reported(shipped(), "lost"), "refund").order
    with pytest.raises(InvalidTransition) as refused:
        resolve_claim(after, PART, "resend", LATER, "another agent")
    assert refused.value.data == {"state": "refunded", "allowed": []}


def test_a_claim_needs_a_loss() -> None:
    for state in (shipped(), reported(shipped(), "delivered")):
        with pytest.raises(InvalidTransition):
            resolve_claim(state, PART, "refund", LATER, "agent")


def test_a_returned_parcel_is_received_before_its_claim_ends() -> None:
    back = reported(shipped(), "returned_to_sender")
    assert back.history[-1].detail["owner"] == "location"
    with pytest.raises(Conflict, match="S1 has not received the parcel yet"):
        resolve_claim(back, PART, "refund", LATER, "agent")
    with pytest.raises(InvalidTransition):
        resolve_claim(back, PART, "found", LATER, "agent")
    change = receive_parcel(
        back,
        PART,
        [
            ReceivedUnits("1", 1, "sellable"),
            ReceivedUnits("1", 1, "damaged"),
            ReceivedUnits("1", 1, None),
        ],
        LATER,
        "store",
    )
    ((effect),) = change.effects
    assert (effect.on_hand, effect.reserved, effect.damaged) == (1, 0, 1)
    assert events(change.order, back) == ["fulfillment.received_back", "claim.open"]
    assert change.order.history[-1].detail["owner"] == "customer_service"
    check(change.order)
    with pytest.raises(InvalidTransition):
        receive_parcel(change.order, PART, None, LATER, "store")
    assert resolved(change.order, "refund").order.lines[0].cancelled == 3


@pytest.mark.parametrize(
    "rows", [[], [("1", 2)], [("1", 4)], [("1", 3), ("2", 1)], [("1", 2), ("1", 2)]]
)
def test_a_returned_parcel_is_counted_whole(rows: list[tuple[str, int]]) -> None:
    back = reported(shipped(), "returned_to_sender")
    received = [ReceivedUnits(line_id, units, "sellable") for line_id, units in rows]
    with pytest.raises(InvalidRequest, match="each unit"):
        receive_parcel(back, PART, received, LATER, "store")


def test_units_that_the_shopper_returned_are_not_claimed() -> None:
    lost = reported(shipped(), "lost")
    returned = take_back(lost, "S1", [Returned("1", 1, "sellable", "")], LATER, "x").order
    for resolution in ("resend", "refund"):
        with pytest.raises(Conflict, match="units of line 1 were returned"):
            resolve_claim(returned, PART, resolution, LATER, "agent")
    check(resolved(returned, "found").order)


REPORTS = st.lists(
    st.tuples(
        st.sampled_from(["in_transit", "delivered", "lost", "returned_to_sender"]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=4,
)


@given(REPORTS)
def test_the_state_does_not_depend_on_the_order_of_reports(rows: list[tuple[Any, int]]) -> None:
    """Webhooks of others come in any order: an order is stuck for ever after vendure#3065."""
    states = set()
    for way in permutations(rows):
        made = shipped()
        for status, hours in (*way, *way):
            change = follow_parcel(
                made, PART, status, NOW + timedelta(hours=hours), LATER, "carrier"
            )
            if change is not None:
                check(change.order)
                made = change.order
        assert (made.deadline is not None) == part(made).claimed
        states.add(part(made).state)
    assert len(states) == 1, states


def test_a_report_is_not_dated_ahead() -> None:
    change = follow_parcel(
        shipped(), PART, "delivered", LATER + timedelta(days=9), LATER, "carrier"
    )
    assert change is not None
    assert part(change.order).delivered_at == LATER


def test_parcels_under_way_stay_in_a_long_order(monkeypatch: pytest.MonkeyPatch) -> None:
    made = placed(order(line("1", "A", 3)), *(parcel("S1", l1=1) for _ in range(3))).order
    for number in (1, 2, 3):
        made = advance(made, f"o1.{number}", "accept", NOW, "s").order
        made = advance(made, f"o1.{number}", "ship", NOW, "s", tracking=str(number)).order
    assert len(split_past(made, made)[0].fulfillments) == 3
    monkeypatch.setattr(past_module, "KEPT_PARCELS", 1)
    shorter, past = split_past(made, made)
    assert [kept.fulfillment_id for kept in shorter.fulfillments] == ["o1.3"]
    assert len(past.fulfillments) == 2
    lost = follow_parcel(made, "o1.1", "lost", NOW, LATER, "carrier")
    assert lost is not None
    shorter, _ = split_past(lost.order, lost.order)
    assert [kept.fulfillment_id for kept in shorter.fulfillments] == ["o1.1", "o1.3"]


def test_a_resolved_claim_stays_as_it_is() -> None:
    found = resolved(reported(shipped(), "lost"), "found").order
    for status in ("lost", "returned_to_sender", "delivered"):
        at = LATER + timedelta(hours=1)
        assert follow_parcel(found, PART, status, at, at, "carrier") is None
