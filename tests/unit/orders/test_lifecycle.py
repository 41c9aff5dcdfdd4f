import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, InvalidRequest, InvalidTransition, NotFound
from shared.orders.contract.events import of_change
from shared.orders.model import (
    TIME_LIMITS,
    TRANSITIONS,
    Claim,
    LawBroken,
    Order,
    Rejection,
    Report,
    Returned,
    Taken,
    act_on_deadlines,
    advance,
    cancel,
    cancel_fulfillment,
    check,
    offer,
    place,
    reject,
    report,
    settle,
    sum_effects,
    take_back,
)
from shared.orders.model.paying import receive
from shared.stock.model.limits import Limit
from shared.stock.model.position import Effect
from tests.unit.orders.orders import NOW, line, order, parcel, placed


def walked(start: Order, *actions: str) -> Order:
    for action in actions:
        start = advance(start, "o1.1", action, NOW, "store").order  # type: ignore[arg-type]
        check(start)
    return start


def test_placing_reserves_every_unit_at_the_location_of_the_plan() -> None:
    change = placed(
        order(line("1", "A", 3), line("2", "B", 1)), parcel("S1", l1=2), parcel("S2", l1=1, l2=1)
    )
    assert change.effects == (
        Effect("A", "S1", 0, 2, floor=0),
        Effect("A", "S2", 0, 1, floor=0),
        Effect("B", "S2", 0, 1, floor=0),
    )
    check(change.order)
    assert change.order.state == "placed"
    assert change.order.deadline == NOW + timedelta(minutes=30)
    assert [f.fulfillment_id for f in change.order.fulfillments] == ["o1.1", "o1.2"]


def test_two_lines_of_one_sku_become_one_effect() -> None:
    change = placed(order(line("1", "A", 3), line("2", "A", 2)), parcel("S1", l1=3, l2=2))
    assert change.effects == (Effect("A", "S1", 0, 5, floor=0),)


@pytest.mark.parametrize(
    ("method", "actions", "state"),
    [
        ("ship", ("accept", "ship"), "shipped"),
        ("ship", ("accept", "pick", "pack", "ship"), "shipped"),
        ("ship", ("accept", "pack", "ship"), "shipped"),
        ("pickup", ("accept", "ready", "collect"), "collected"),
        ("pickup", ("accept", "pick", "ready", "collect"), "collected"),
    ],
)
def test_a_fulfillment_walks_to_its_hand_over(
    method: Any, actions: tuple[Any, ...], state: str
) -> None:
    where = {"location_id": "S1"} if method == "pickup" else {}
    start = placed(order(line("1", "A", 3, method, **where)), parcel("S1", method, l1=3)).order
    *before, last = actions
    start = walked(start, *before)
    done = advance(start, "o1.1", last, NOW, "store")
    assert done.effects == (Effect("A", "S1", -3, -3),)
    assert done.order.fulfillments[0].state == state
    assert done.order.fulfillments[0].deadline is None
    assert done.order.state == "fulfilled"
    assert done.order.deadline is None
    check(done.order)


def test_what_a_state_does_not_allow_names_what_it_does() -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    with pytest.raises(InvalidTransition) as refused:
        advance(start, "o1.1", "ship", NOW, "store")
    assert refused.value.data == {"state": "offered", "allowed": ["accept", "cancel", "reject"]}
    with pytest.raises(InvalidTransition):
        advance(walked(start, "accept"), "o1.1", "accept", NOW, "store")
    with pytest.raises(InvalidTransition):
        advance(walked(start, "accept"), "o1.1", "ready", NOW, "store")
    with pytest.raises(NotFound):
        advance(start, "o1.9", "accept", NOW, "store")


def test_every_state_of_the_table_leads_to_an_end() -> None:
    for method, states in TRANSITIONS.items():
        for state, actions in states.items():
            assert {"reject", "cancel"} <= actions.keys(), (method, state)
            assert all(
                to in states or to in {"shipped", "collected", "rejected", "cancelled"}
                for to in actions.values()
            )


def test_half_a_hand_over_leaves_the_rest_where_it_was() -> None:
    """solidus#5669: splitting a shipment turned backordered units into units on hand."""
    start = walked(
        placed(order(line("1", "A", 3), line("2", "B", 1)), parcel("S1", l1=3, l2=1)).order,
        "accept",
        "pick",
    )
    change = advance(start, "o1.1", "ship", NOW, "store", units={"1": 2}, tracking="T1")
    check(change.order)
    first, rest = change.order.fulfillments
    assert (first.state, first.tracking, first.lines[0].quantity) == ("shipped", "T1", 2)
    assert (rest.fulfillment_id, rest.state) == ("o1.2", "picked")
    assert {held.line_id: held.quantity for held in rest.lines} == {"1": 1, "2": 1}
    assert change.effects == (Effect("A", "S1", -2, -2),)
    assert change.order.state == "partially_fulfilled"


@pytest.mark.parametrize(
    ("reason", "shelf", "effect"),
    [
        ("not_found", 4, Effect("A", "S1", -2, -2)),
        ("not_found", -1, Effect("A", "S1", -2, -2)),
        ("damaged", 4, Effect("A", "S1", -2, -2, damaged=2)),
        ("mismatch", 4, Effect("A", "S1", -2, -2)),
        ("no_capacity", 4, Effect("A", "S1", 0, -2)),
    ],
)
def test_a_rejection_corrects_the_stock_by_its_reason(
    reason: Any, shelf: int, effect: Effect
) -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    change = reject(
        start, "o1.1", [Rejection("1", 2, reason)], {("A", "S1"): shelf}, now=NOW, actor="store"
    )
    assert change.effects == (effect,)
    rejected = change.order.line("1")
    assert (rejected.open, rejected.unassigned, rejected.excluded) == (3, 2, ("S1",))
    assert change.order.fulfillments[0].state == "offered"
    check(settle(change, NOW).order)


@pytest.mark.parametrize(
    ("reason", "believed", "asked"),
    [("not_found", 4, True), ("not_found", 0, False), ("damaged", 4, False)],
)
def test_where_more_should_lie_than_was_found_a_count_is_asked_for(
    reason: Any, believed: int, asked: bool
) -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    rows = [Rejection("1", 2, reason)]
    change = reject(start, "o1.1", rows, {("A", "S1"): believed}, now=NOW, actor="store")
    entries = [entry for entry in change.order.history if entry.event == "stock.count_requested"]
    assert bool(entries) is asked
    for entry in entries:
        assert entry.detail == {
            "fulfillment_id": "o1.1",
            "location_id": "S1",
            "sku": "A",
            "not_found": 2,
            "believed": 4,
        }


def test_several_reasons_in_one_rejection_add_up() -> None:
    start = placed(order(line("1", "A", 3), line("2", "A", 2)), parcel("S1", l1=3, l2=2)).order
    change = reject(
        start,
        "o1.1",
        [
            Rejection("1", 1, "not_found"),
            Rejection("1", 1, "damaged"),
            Rejection("2", 2, "not_found"),
        ],
        {("A", "S1"): 5},
        now=NOW,
        actor="store",
    )
    assert change.effects == (Effect("A", "S1", -4, -4, damaged=1),)


def test_more_than_the_fulfillment_has_cannot_be_rejected() -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    twice = [Rejection("1", 2, "damaged"), Rejection("1", 2, "mismatch")]
    with pytest.raises(InvalidRequest):
        reject(start, "o1.1", twice, {}, now=NOW, actor="store")


def test_what_was_rejected_is_offered_elsewhere_in_the_same_change() -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    all_of_it = [Rejection("1", 3, "no_capacity")]
    change = reject(start, "o1.1", all_of_it, {}, now=NOW, actor="store")
    change = settle(offer(change, [parcel("S2", l1=3)], NOW), NOW)
    check(change.order)
    assert change.effects == (
        Effect("A", "S1", 0, -3),
        Effect("A", "S2", 0, 3, floor=0),
    )
    assert [f.state for f in change.order.fulfillments] == ["rejected", "offered"]
    assert change.order.state == "placed"


def test_what_nobody_can_serve_is_an_exception_with_a_deadline_never_silence() -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    all_of_it = [Rejection("1", 3, "no_capacity")]
    change = settle(reject(start, "o1.1", all_of_it, {}, now=NOW, actor="store"), NOW)
    check(change.order)
    assert change.order.state == "exception"
    assert change.order.deadline == NOW + timedelta(minutes=30)
    assert change.order.history[-1].event == "order.exception"


def test_a_backorder_promises_only_what_is_expected() -> None:
    due = NOW + timedelta(days=3)
    bare = order(line("1", "A", 3, backorder=True))
    known = settle(place(bare, NOW, "web"), NOW, expected={"1": due}).order.line("1")
    unknown = settle(place(bare, NOW, "web"), NOW).order.line("1")
    assert (known.expected_at, known.deadline) == (due, due)
    assert (unknown.expected_at, unknown.deadline) == (None, NOW + timedelta(hours=6))
    assert (known.open, known.backordered) == (0, 3)


def test_a_fulfillment_is_cancelled_at_every_stage_before_the_hand_over() -> None:
    for actions in ((), ("accept",), ("accept", "pick"), ("accept", "pick", "pack")):
        start = walked(placed(order(), parcel("S1", l1=3)).order, *actions)
        change = cancel_fulfillment(start, "o1.1", "changed my mind", NOW, "web")
        check(change.order)
        assert change.effects == (Effect("A", "S1", 0, -3),)
        assert change.order.state == "cancelled"
        assert change.order.history[-1].detail == {
            "payment_id": "1",
            "tender": "card",
            "amount": 3000,
            "currency": "USD",
            "reason": "changed my mind",
        }


def test_cancelling_units_takes_those_first_that_nobody_works_on() -> None:
    start = placed(order(line("1", "A", 5)), parcel("S1", l1=2), parcel("S2", l1=2)).order
    start = walked(start, "accept", "pick")
    change = cancel(start, {"1": 3}, "too many", NOW, "web")
    check(change.order)
    assert change.effects == (Effect("A", "S2", 0, -2),)
    cancelled = change.order.line("1")
    assert (cancelled.open, cancelled.cancelled, cancelled.unassigned) == (2, 3, 0)
    assert change.order.fulfillments[1].state == "cancelled"


def test_what_has_left_cannot_be_cancelled() -> None:
    start = walked(placed(order(), parcel("S1", l1=3)).order, "accept", "ship")
    with pytest.raises(InvalidTransition) as refused:
        cancel(start, None, "late", NOW, "web")
    assert refused.value.data["state"] == "fulfilled"
    half = placed(order(), parcel("S1", l1=3)).order
    with pytest.raises(Conflict) as less:
        cancel(half, {"1": 4}, "late", NOW, "web")
    assert less.value.data["cancellable"] == 3


def test_nothing_is_due_back_for_what_was_never_paid() -> None:
    start = placed(order(status="pending"), parcel("S1", l1=3)).order
    change = cancel(start, None, "no money", NOW, "web")
    assert "refund.due" not in [entry.event for entry in change.order.history]


def test_returns_are_on_sale_where_they_came_back_and_damaged_ones_are_not() -> None:
    start = walked(placed(order(), parcel("S1", l1=3)).order, "accept", "ship")
    change = take_back(
        start,
        "S9",
        [Returned("1", 1, "sellable", "too small"), Returned("1", 1, "damaged", "broken")],
        NOW,
        "pos",
    )
    check(change.order)
    assert change.effects == (Effect("A", "S9", 1, 0, damaged=1),)
    assert change.order.line("1").returned == 2
    with pytest.raises(Conflict) as refused:
        take_back(change.order, "S9", [Returned("1", 2, "sellable", "")], NOW, "pos")
    assert refused.value.data["returnable"] == 1


def test_the_refund_of_an_exchange_names_the_order_that_takes_its_place() -> None:
    start = walked(placed(order(), parcel("S1", l1=3)).order, "accept", "ship")
    rows = [Returned("1", 1, "sellable", "too small")]
    change = take_back(start, "S9", rows, NOW, "pos", exchange_order_id="o-2")
    told = change.order.history[-1]
    assert (told.event, told.detail["exchange_order_id"]) == ("refund.due", "o-2")
    assert (
        of_change(start, replace(change.order, version=7))[-1]["data"]["exchange_order_id"] == "o-2"
    )


def test_an_offer_without_an_answer_is_taken_back() -> None:
    start = placed(order(), parcel("S1", l1=3)).order
    assert act_on_deadlines(start, NOW + timedelta(minutes=29)) is None
    change = act_on_deadlines(start, NOW + timedelta(minutes=30))
    assert change is not None
    assert change.effects == (Effect("A", "S1", 0, -3),)
    assert change.order.fulfillments[0].state == "expired"
    line = change.order.line("1")
    assert (line.unassigned, line.excluded, line.expired) == (3, (), ("S1",))


def test_a_late_location_is_reminded_and_at_last_passed_over() -> None:
    start = walked(placed(order(), parcel("S1", l1=3)).order, "accept")
    events = []
    for _ in range(5):
        due = start.deadline
        assert due is not None
        change = act_on_deadlines(start, due)
        assert change is not None
        start = change.order
        events.append(start.history[-1].event)
    assert events == ["fulfillment.late"] * 4 + ["fulfillment.expired"]


def test_it_is_reminded_before_its_promise_breaks_and_then() -> None:
    ready = NOW + timedelta(hours=5)
    start = placed(order(), replace(parcel("S1", l1=3), ready_by=ready)).order
    start = walked(start, "accept")
    told = []
    for _ in range(3):
        assert start.deadline is not None
        told.append(start.deadline)
        change = act_on_deadlines(start, start.deadline)
        assert change is not None
        start = change.order
    assert told == [ready - TIME_LIMITS.warning, ready, ready + TIME_LIMITS.escalate]


def test_nothing_is_handed_over_that_is_not_paid() -> None:
    start = placed(order(status="pending"), parcel("S1", l1=3)).order
    start = walked(start, "accept", "pick")
    with pytest.raises(Conflict):
        advance(start, "o1.1", "ship", NOW, "store")
    paid = report(start, Report("authorized"), NOW, "web").order
    assert advance(paid, "o1.1", "ship", NOW, "store").order.state == "fulfilled"


def test_what_is_not_collected_waits_for_a_person() -> None:
    start = placed(
        order(line("1", "A", 3, "pickup", location_id="S1")), parcel("S1", "pickup", l1=3)
    ).order
    start = walked(start, "accept", "ready")
    assert act_on_deadlines(start, NOW + timedelta(days=6)) is None
    start = _watched(start, "fulfillment.exception", 10)
    ended = cancel_fulfillment(start, "o1.1", "not collected", NOW, "associate")
    assert ended.effects == (Effect("A", "S1", 0, -3),)
    assert ended.order.state == "cancelled"


@pytest.mark.parametrize("actions", [("accept", "pick"), ("accept", "pick", "pack")])
def test_what_is_picked_is_never_put_back_on_sale_by_the_clock(actions: tuple[str, ...]) -> None:
    """A packed parcel that the carrier had not taken by midnight was on sale again."""
    start = walked(placed(order(), parcel("S1", l1=3)).order, *actions)
    start = _watched(start, "fulfillment.late", TIME_LIMITS.patience)
    start = _watched(start, "fulfillment.exception", 10)
    done = advance(start, "o1.1", "ship", NOW, "store").order
    assert (done.state, done.deadline) == ("fulfilled", None)


def test_what_is_picked_and_never_paid_waits_for_a_person() -> None:
    start = placed(
        order(line("1", "A", 3), line("2", "B", 1), status="pending"),
        parcel("S1", l1=3),
        parcel("S2", l2=1),
    ).order
    start = walked(start, "accept", "pick")
    kept = replace(start.fulfillments[0], deadline=NOW + timedelta(days=99))
    start = replace(start, fulfillments=(kept, start.fulfillments[1]))
    due = NOW + TIME_LIMITS.payment
    given_up = act_on_deadlines(start, due)
    assert given_up is not None
    check(given_up.order)
    assert given_up.effects == (Effect("B", "S2", 0, -1),)
    start = _watched(given_up.order, "fulfillment.exception", 5)
    assert advance(
        report(start, Report("captured"), NOW, "web").order, "o1.1", "ship", NOW, "store"
    )


def _watched(start: Order, event: str, times: int) -> Order:
    """Nothing moves but the clock, and somebody is told each time."""
    for _ in range(times):
        assert start.deadline is not None
        change = act_on_deadlines(start, start.deadline)
        assert change is not None
        check(change.order)
        assert change.effects == ()
        assert change.order.history[-1].event == event
        assert change.order.state == (
            "exception" if event == "fulfillment.exception" else "in_progress"
        )
        start = change.order
    return start


def test_what_waits_and_is_never_accepted_is_given_up_in_time() -> None:
    """Offered to the same location again and again, which never answers."""
    wants = order(line("1", "A", 3, backorder=True))
    start = placed(wants, parcel("S1", l1=3)).order
    at = NOW
    for _ in range(400):
        if start.deadline is None:
            break
        at = max(at, start.deadline)
        change = act_on_deadlines(start, at)
        assert change is not None
        if change.order.line("1").unassigned and not change.order.line("1").expired:
            again = replace(parcel("S1", l1=3), answer_by=at + timedelta(minutes=30))
            change = offer(change, [again], at)
        start = settle(change, at).order
        check(start)
    assert start.state == "cancelled"
    assert (
        TIME_LIMITS.give_up_backorder
        <= at - NOW
        <= TIME_LIMITS.give_up_backorder + timedelta(days=1)
    )
    assert start.history[-1].event == "refund.due"


def test_a_paid_order_is_not_given_up_while_nobody_has_said_no() -> None:
    """Each offer lapses beside 500 units: after two days the order was cancelled."""
    start = placed(order(), parcel("S1", l1=3)).order
    attempts = 0
    while (at := start.deadline) is not None and at < NOW + timedelta(days=7):
        change = act_on_deadlines(start, at)
        assert change is not None
        line = change.order.line("1")
        if line.unassigned and not line.expired:
            attempts += 1
            again = replace(parcel("S1", l1=3), answer_by=at + timedelta(minutes=30))
            change = offer(change, [again], at)
        start = settle(change, at).order
        check(start)
        assert start.state in {"placed", "exception"}
    assert 20 < attempts < 50, "less and less often"


def test_an_exception_is_tried_again_and_given_up_with_a_refund_due() -> None:
    start = settle(placed(order()), NOW).order
    assert start.state == "exception"
    again = act_on_deadlines(start, NOW + timedelta(minutes=30))
    assert again is not None
    assert again.order.line("1").unassigned == 3
    at_last = act_on_deadlines(start, NOW + timedelta(days=2))
    assert at_last is not None
    check(at_last.order)
    assert at_last.order.state == "cancelled"
    assert at_last.order.history[-1].event == "refund.due"


def test_a_backorder_is_routed_when_it_is_due() -> None:
    start = placed(order(line("1", "A", 3, backorder=True))).order
    assert start.state == "backordered"
    change = act_on_deadlines(start, NOW + timedelta(hours=6))
    assert change is not None
    change = settle(offer(change, [parcel("S1", l1=2)], NOW), NOW)
    check(change.order)
    now = change.order.line("1")
    assert (now.open, now.backordered) == (2, 1)


def test_effects_on_a_position_add_up_and_keep_a_floor_only_where_they_take() -> None:
    assert sum_effects(
        [Effect("A", "S", 0, -3), Effect("A", "S", 0, 1, floor=2), Effect("A", "R", 0, 1, floor=1)]
    ) == (Effect("A", "R", 0, 1, floor=1), Effect("A", "S", 0, -2))
    assert sum_effects([Effect("A", "S", 0, 2, floor=0), Effect("A", "S", 0, -2)]) == ()


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"open": 2}, "quantity 3 != 2 (open) + 0 (fulfilled) + 0 (cancelled) + 0 (backordered)"),
        ({"open": 4, "cancelled": -1}, "negative units: cancelled -1"),
        ({"open": 2, "cancelled": 1}, "open 2 != 3 (in fulfillments) + 0 (unassigned)"),
        ({"quantity": 4, "fulfilled": 1}, "fulfilled 1 != 0 (handed over by fulfillments)"),
        ({"returned": 1}, "returned 1 > 0 (fulfilled)"),
        ({"claims": (Claim("W1", "po-1", 2, NOW),)}, "claims of 2 units > 0 (backordered)"),
        (
            {"quantity": 4, "open": 4, "unassigned": 1, "deadline": None},
            "1 unassigned and 0 backordered without a deadline",
        ),
    ],
)
def test_a_line_that_breaks_law_6_is_refused_with_the_clause(
    changes: dict[str, Any], clause: str
) -> None:
    sound = placed(order(), parcel("S1", l1=3)).order
    check(sound)
    broken = replace(sound, lines=(replace(sound.lines[0], **changes),))
    with pytest.raises(LawBroken, match=re.escape(clause)):
        check(broken)


def test_a_fulfillment_without_a_deadline_is_refused() -> None:
    sound = placed(order(), parcel("S1", l1=3)).order
    with pytest.raises(LawBroken, match=re.escape("has no deadline or no lines")):
        check(replace(sound, fulfillments=(replace(sound.fulfillments[0], deadline=None),)))


def test_what_is_never_paid_is_cancelled_and_nothing_is_due_back() -> None:
    change = placed(order(line("1", "A", 3), status="pending"), parcel("S1", l1=3))
    due = change.order.payment_due_by
    assert due is not None
    assert due == NOW + TIME_LIMITS.payment
    accepted = advance(change.order, "o1.1", "accept", NOW, "S1").order
    patient = replace(accepted.fulfillments[0], deadline=due + timedelta(days=1))
    waiting = replace(accepted, fulfillments=(patient,))
    assert waiting.deadline == due
    assert act_on_deadlines(waiting, due - timedelta(seconds=1)) is None
    given_up = act_on_deadlines(waiting, due)
    assert given_up is not None
    check(given_up.order)
    assert (given_up.order.state, given_up.order.deadline) == ("cancelled", None)
    assert given_up.effects == (Effect("A", "S1", 0, -3),)
    assert "refund.due" not in [entry.event for entry in given_up.order.history]


def refunds(of: Order) -> list[int]:
    return [e.detail["amount"] for e in of.history if e.event == "refund.due"]


def test_what_was_cancelled_before_it_was_paid_is_not_due_back() -> None:
    """A refund of money that was never taken: pending, cancelled in part, then paid."""
    change = placed(order(line("1", "A", 3), status="pending"), parcel("S1", l1=3))
    fewer = cancel(change.order, {"1": 2}, "changed my mind", NOW, "web").order
    paid = receive(fewer, "paid", Report("captured", reference="p-1"), NOW, "psp").order
    (payment,) = paid.payments
    assert (payment.status, payment.reference, payment.captured) == ("paid", "p-1", 1000)
    assert (paid.payment_due_by, refunds(paid)) == (None, [])
    assert paid.history[-1].detail["charged"] == {"amount": 1000, "currency": "USD"}
    ended = cancel(paid, None, "changed my mind", NOW, "web").order
    assert refunds(ended) == [1000]
    with pytest.raises(InvalidTransition) as refused:
        receive(paid, "authorized", Report("authorized"), NOW, "psp")
    assert refused.value.data == {"state": "paid", "allowed": []}


def test_of_more_than_is_left_of_the_order_the_rest_is_due_back() -> None:
    change = placed(order(line("1", "A", 3), status="pending"), parcel("S1", l1=3))
    fewer = cancel(change.order, {"1": 2}, "changed my mind", NOW, "web").order
    paid = report(fewer, Report("captured", amount=3000), NOW, "psp").order
    assert refunds(paid) == [2000]
    assert refunds(cancel(paid, None, "all of it", NOW, "web").order) == [2000, 1000]


def test_an_order_that_is_paid_in_part_waits_for_the_rest_and_no_more_is_due_back() -> None:
    change = placed(order(line("1", "A", 3), status="pending"), parcel("S1", l1=3))
    part = report(change.order, Report("captured", amount=1500), NOW, "psp").order
    assert part.unpaid
    some = cancel(part, {"1": 1}, "one less", NOW, "web").order
    assert (some.unpaid, refunds(some)) == (True, [])
    assert refunds(cancel(some, None, "all of it", NOW, "web").order) == [1500]


def test_what_is_authorized_and_then_paid_is_charged_once() -> None:
    change = placed(order(line("1", "A", 3), status="pending"), parcel("S1", l1=3))
    authorized = receive(change.order, "authorized", Report("authorized"), NOW, "psp").order
    both = receive(authorized, "paid", Report("captured"), NOW, "psp")
    (payment,) = both.order.payments
    assert (payment.status, payment.authorized, payment.captured) == ("paid", 3000, 3000)
    assert refunds(both.order) == []


def test_units_of_one_line_that_count_for_different_channels_stay_apart() -> None:
    """A release takes units off the counters that they were added to."""
    day = NOW + timedelta(days=2)
    taken = Taken("1", 1, Limit(counters=("taken:a",)))
    first = replace(parcel("S1"), lines=(taken,), deliver_by=day)
    start = placed(order(line("1", "A", 3)), first)
    same = offer(start, [first], NOW).order
    assert [len(part.lines) for part in same.fulfillments] == [1]
    assert same.fulfillments[0].lines[0].quantity == 2
    other = replace(first, lines=(Taken("1", 1, Limit(counters=("taken:b",))),))
    assert len(offer(start, [other], NOW).order.fulfillments) == 2
