"""Paused orders: nobody works on them, nothing runs out, and somebody owns them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.errors import InvalidTransition, NotFound, OrderPaused
from shared.orders.model import (
    Fulfillment,
    Order,
    OrderChange,
    Parcel,
    Pause,
    PauseKind,
    Rejection,
    Report,
    act_on_deadlines,
    advance,
    cancel,
    cancel_fulfillment,
    check,
    end_with_cancel,
    new_pause,
    open_offer_to,
    pause,
    record_pauses,
    reject,
    release,
    release_missing,
    report,
)
from shared.orders.model.offering import offer, place, settle
from tests.unit.orders.orders import NOW, line, order, parcel, placed

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def of(kind: PauseKind = "manual", name: str = "p1", at: datetime = NOW, **more: Any) -> Pause:
    return new_pause(name, kind, "why", "risk team", at, **more)


def paused(found: Order, *pauses: Pause, at: datetime = NOW) -> Order:
    for one in pauses or (of(at=at),):
        found = pause(found, one, at, "agent").order
    check(found)
    return found


def offered() -> Order:
    return placed(order(), parcel("S1", l1=3)).order


def events(change: OrderChange | Order) -> list[str]:
    found = change.order if isinstance(change, OrderChange) else change
    return [entry.event for entry in found.history]


def renewed(hours: float, *, accepted: bool = False) -> Any:
    def renew(part: Fulfillment) -> Parcel:
        ready = NOW + hours * HOUR
        return Parcel(part.location_id, "ship", (), ready, ready, ready + 2 * DAY, (), accepted)

    return renew


@pytest.mark.parametrize("action", ["accept", "pick", "pack", "ship"])
def test_no_location_works_on_a_paused_order_and_the_refusal_names_the_owner(action: Any) -> None:
    found = offered()
    if action != "accept":
        found = advance(found, "o1.1", "accept", NOW, "x").order
    with pytest.raises(OrderPaused) as refused:
        advance(paused(found), "o1.1", action, NOW, "x")
    (named,) = refused.value.data["pauses"]
    assert (named["owner"], named["kind"]) == ("risk team", "manual")
    assert "risk team" in refused.value.detail


def test_an_offer_of_a_paused_order_is_neither_rejected_nor_taken_by_a_rival() -> None:
    found = paused(offered())
    with pytest.raises(OrderPaused):
        reject(found, "o1.1", [Rejection("1", 3, "no_capacity")], {}, now=NOW, actor="x")
    with pytest.raises(OrderPaused):
        open_offer_to(found, "o1.1", "S1")


def test_units_that_are_gone_leave_a_paused_order() -> None:
    change = release_missing(paused(offered()), "o1.1", "A", 2, NOW)
    assert change is not None
    assert change.order.lines[0].unassigned == 2


def test_paying_and_cancelling_go_on() -> None:
    found = paused(placed(order(status="pending"), parcel("S1", l1=3)).order)
    assert not report(found, Report("captured"), NOW, "x").order.unpaid
    assert cancel_fulfillment(found, "o1.1", "", NOW, "x").order.state == "cancelled"
    done = cancel(found, None, "", NOW, "x").order
    assert (done.is_paused, done.deadline) == (False, None)


def test_a_finished_order_is_not_paused() -> None:
    done = cancel(offered(), None, "", NOW, "x").order
    with pytest.raises(InvalidTransition):
        pause(done, of(), NOW, "agent")


def test_no_deadline_of_an_offer_runs_out_and_it_moves_by_the_time_of_the_pause() -> None:
    found = paused(offered(), at=NOW + timedelta(minutes=10))
    assert found.deadline == NOW + timedelta(minutes=10) + 3 * DAY
    assert act_on_deadlines(found, NOW + DAY) is None
    change = release(found, "p1", NOW + DAY, "agent")
    (part,) = change.order.fulfillments
    assert part.deadline == NOW + timedelta(minutes=30) + DAY - timedelta(minutes=10)
    assert events(change)[-1] == "order.pause_released"


def test_accepted_work_is_reminded_of_before_its_promise() -> None:
    found = paused(advance(offered(), "o1.1", "accept", NOW, "x").order)
    (part,) = release(found, "p1", NOW + HOUR, "agent").order.fulfillments
    assert part.deadline == NOW + timedelta(minutes=90)


def test_a_promise_that_can_no_longer_be_kept_is_made_anew() -> None:
    found = paused(offered())
    change = release(found, "p1", NOW + 5 * HOUR, "agent", renewed(8))
    (part,) = change.order.fulfillments
    assert part.ready_by == NOW + 8 * HOUR
    kept = release(found, "p1", NOW + HOUR, "agent", renewed(2.5))
    assert kept.order.fulfillments[0].ready_by == NOW + 2 * HOUR
    with_date = replace(found, fulfillments=(replace(found.fulfillments[0], deliver_by=NOW + DAY),))
    later = release(with_date, "p1", NOW + 5 * HOUR, "agent", renewed(8))
    assert later.order.fulfillments[0].deliver_by == NOW + 8 * HOUR + 2 * DAY
    assert events(later)[-1] == "order.repromised"


def test_picked_units_keep_a_date_that_has_not_passed() -> None:
    found = advance(offered(), "o1.1", "accept", NOW, "x").order
    found = paused(advance(found, "o1.1", "pick", NOW, "x").order)
    early = release(found, "p1", NOW + HOUR, "agent", renewed(8)).order
    assert early.fulfillments[0].ready_by == NOW + 2 * HOUR
    late = release(found, "p1", NOW + 3 * HOUR, "agent", renewed(8)).order
    assert late.fulfillments[0].ready_by == NOW + 8 * HOUR


def placed_with(*pauses: Pause) -> Order:
    draft = replace(order(), pauses=pauses)
    start = record_pauses(place(draft, NOW, "web"), NOW, "web")
    parcels = [replace(parcel("S1", l1=3), accepted=True)]
    change = settle(offer(start, parcels, NOW), NOW)
    (effect,) = change.effects
    assert effect.reserved == 3
    check(change.order)
    return change.order


def test_an_order_placed_with_a_pause_has_its_units_and_no_location_is_told() -> None:
    found = placed_with(of("fraud"))
    (part,) = found.fulfillments
    assert part.state == "offered"
    assert events(found) == ["order.placed", "order.paused"]
    assert found.deadline == NOW + DAY
    change = release(found, "p1", NOW + HOUR, "agent", renewed(3, accepted=True))
    assert events(change)[2:] == [
        "order.pause_released",
        "fulfillment.offered",
        "fulfillment.accepted",
    ]
    (part,) = change.order.fulfillments
    assert (part.state, part.offered_at) == ("accepted", NOW + HOUR)
    assert change.effects == ()


def test_the_order_goes_on_with_the_last_of_several_pauses() -> None:
    first, second = of("fraud", "p1"), of("manual", "p2", NOW + HOUR)
    found = paused(paused(offered(), first), second, at=NOW + HOUR)
    once = release(found, "p1", NOW + 2 * HOUR, "agent").order
    assert once.is_paused
    assert once.fulfillments == found.fulfillments
    with pytest.raises(NotFound):
        release(once, "p1", NOW + 2 * HOUR, "agent")
    change = release(once, "p2", NOW + 3 * HOUR, "agent")
    assert not change.order.is_paused
    (part,) = change.order.fulfillments
    assert part.deadline == NOW + timedelta(minutes=30) + 3 * HOUR
    released = [entry.detail["goes_on"] for entry in change.order.history[-2:]]
    assert released == [False, True]


def test_an_order_has_at_most_five_pauses() -> None:
    found = offered()
    for number in range(5):
        found = pause(found, of(name=f"p{number}"), NOW, "agent").order
    with pytest.raises(InvalidTransition):
        pause(found, of(name="p6"), NOW, "agent")


def test_a_pause_until_a_date_ends_by_itself() -> None:
    found = paused(offered(), of("until", until=NOW + 5 * DAY))
    assert act_on_deadlines(found, NOW + 4 * DAY) is None
    change = act_on_deadlines(found, NOW + 5 * DAY, renew=renewed(150))
    assert change is not None
    assert not change.order.is_paused
    assert change.order.fulfillments[0].ready_by == NOW + 150 * HOUR


def test_a_manual_pause_is_reported_every_day_and_never_ends_by_itself() -> None:
    found = paused(offered())
    for days in range(3, 40):
        change = act_on_deadlines(found, NOW + days * DAY)
        assert change is not None
        found = change.order
        assert events(found)[-1] == "order.pause_overdue"
        assert found.deadline == NOW + (days + 1) * DAY
    assert found.is_paused


def test_a_fraud_review_that_is_not_decided_cancels_the_order_after_a_week() -> None:
    found = paused(offered(), of("fraud"))
    for days in range(1, 7):
        change = act_on_deadlines(found, NOW + days * DAY)
        assert change is not None
        found = change.order
        assert events(found)[-1] == "order.pause_overdue"
    change = act_on_deadlines(found, NOW + 7 * DAY)
    assert change is not None
    assert change.order.state == "cancelled"
    assert [effect.reserved for effect in change.effects] == [-3]
    assert events(change)[-1] == "refund.due"
    assert change.order.deadline is None


def test_a_review_does_not_take_what_a_person_has_picked() -> None:
    found = advance(offered(), "o1.1", "accept", NOW, "x").order
    found = paused(advance(found, "o1.1", "pick", NOW, "x").order, of("fraud"))
    for days in (7, 8):
        change = act_on_deadlines(found, NOW + days * DAY)
        assert change is not None
        found = change.order
        assert (found.fulfillments[0].state, found.is_paused) == ("picked", True)
        assert events(found)[-1] == "order.pause_overdue"


def test_a_review_may_end_with_a_cancel() -> None:
    found = paused(paused(offered(), of("fraud", "p1")), of("manual", "p2"))
    change = end_with_cancel(found, "p1", "stolen card", NOW + HOUR, "agent")
    check(change.order)
    assert (change.order.state, change.order.pauses) == ("cancelled", ())
    assert [effect.reserved for effect in change.effects] == [-3]
    told = events(change)
    assert told.count("order.pause_released") == 2
    assert told.count("refund.due") == 1


def test_an_order_that_is_not_paid_is_cancelled_whatever_pauses_it() -> None:
    found = placed(order(status="pending"), parcel("S1", l1=3)).order
    found = paused(found, of("until", until=NOW + 30 * DAY))
    change = act_on_deadlines(found, NOW + 3 * DAY)
    assert change is not None
    assert change.order.state == "cancelled"


def test_waiting_lines_are_tried_and_given_up_later_by_the_time_of_the_pause() -> None:
    found = settle(place(order(line("1", "A", 1)), NOW, "web"), NOW).order
    assert found.lines[0].deadline == NOW + timedelta(minutes=30)
    found = paused(found)
    assert act_on_deadlines(found, NOW + 2 * DAY + HOUR) is None
    after = release(found, "p1", NOW + 2 * DAY, "agent").order.lines[0]
    assert (after.deadline, after.since) == (
        NOW + timedelta(minutes=30) + 2 * DAY,
        NOW + 2 * DAY,
    )
