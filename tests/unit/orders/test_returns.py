"""Returns that are authorized before they arrive: window, credit, fee, inspection."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, InvalidTransition
from shared.orders.model import (
    Order,
    Returned,
    ReturnLine,
    act_on_deadlines,
    advance,
    check,
    owed,
    take_back,
)
from shared.orders.model.returns import (
    Outcome,
    ReturnRequest,
    ReturnTerms,
    authorize,
    cancel_return,
    inspect,
    receive,
    returnable,
    scan,
)
from shared.stock.model.position import Effect
from tests.unit.orders.orders import NOW, line, order, parcel, placed

SMALL = ReturnTerms(fee=300, free_reasons=frozenset({"broken"}))


def delivered() -> Order:
    start = placed(order(line("1", "A", 3)), parcel("S1", l1=3)).order
    accepted = advance(start, "o1.1", "accept", NOW, "S1").order
    return advance(accepted, "o1.1", "ship", NOW, "S1").order


def asked(quantity: int = 2, reason: str = "too small", **more: Any) -> ReturnRequest:
    return ReturnRequest((ReturnLine("1", quantity, reason),), **more)


def refunds(of: Order) -> list[int]:
    return [e.detail["amount"] for e in of.history if e.event == "refund.due"]


def test_the_refund_is_due_at_the_step_that_the_terms_name_less_the_fee() -> None:
    for step in ("scan", "receipt", "inspection"):
        terms = replace(SMALL, refund_on=step)
        opened = authorize(delivered(), asked(), NOW, "web", terms).order
        assert (refunds(opened), opened.returns[0].fee) == ([], 300)
        scanned = scan(opened, "o1.R1", NOW, "carrier").order
        assert refunds(scanned) == ([1700] if step == "scan" else [])
        change = receive(scanned, "o1.R1", "S2", NOW, "S2")
        assert refunds(change.order) == ([] if step == "inspection" else [1700])
        assert change.effects == (Effect("A", "S2", 0, 0, damaged=2),)
        outcomes: list[tuple[str, int, Outcome]] = [("1", 1, "sellable"), ("1", 1, "refurbish")]
        done = inspect(change.order, "o1.R1", outcomes, NOW, "S2")
        check(done.order)
        assert done.effects == (Effect("A", "S2", 1, 0, damaged=-1),)
        assert (refunds(done.order), owed(done.order)) == ([1700], 1300)
        assert (done.order.lines[0].returned, done.order.lines[0].credited) == (2, 2)


def test_units_that_were_announced_and_did_not_come_are_not_refunded() -> None:
    """spree#14678: a return of three units that was received as two refunded all three."""
    terms = ReturnTerms(fee=1500, refund_on="inspection")
    opened = authorize(delivered(), asked(3), NOW, "web", terms).order
    received = receive(opened, "o1.R1", "S2", NOW, "S2").order
    outcomes: list[tuple[str, int, Outcome]] = [("1", 1, "sellable"), ("1", 2, "missing")]
    done = inspect(received, "o1.R1", outcomes, NOW, "S2")
    check(done.order)
    assert done.effects == (Effect("A", "S2", 1, 0, damaged=-3),)
    (each,), (bought,) = done.order.returns, done.order.lines
    assert (each.fee, each.lines) == (1000, (ReturnLine("1", 1, "too small"),))
    assert (bought.returned, bought.credited, owed(done.order)) == (1, 1, 3000)
    assert returnable(done.order, bought) == 2


def test_of_a_return_without_goods_nothing_is_refunded_or_kept() -> None:
    terms = ReturnTerms(fee=300, refund_on="inspection")
    opened = authorize(delivered(), asked(2), NOW, "web", terms).order
    received = receive(opened, "o1.R1", "S2", NOW, "S2").order
    done = inspect(received, "o1.R1", [("1", 2, "missing")], NOW, "S2").order
    check(done)
    assert (refunds(done), owed(done), done.returns[0].credited) == ([], 3000, False)
    assert returnable(done, done.lines[0]) == 3


def test_missing_units_that_were_refunded_before_are_not_refunded_again() -> None:
    opened = authorize(delivered(), asked(2), NOW, "web").order
    received = receive(opened, "o1.R1", "S2", NOW, "S2").order
    done = inspect(received, "o1.R1", [("1", 2, "missing")], NOW, "S2")
    check(done.order)
    assert done.effects == (Effect("A", "S2", 0, 0, damaged=-2),)
    assert refunds(done.order) == [2000]
    assert returnable(done.order, done.order.lines[0]) == 1


def test_a_reason_that_is_ours_costs_no_fee() -> None:
    opened = authorize(delivered(), asked(reason="broken"), NOW, "web", SMALL).order
    assert refunds(receive(opened, "o1.R1", "S2", NOW, "S2").order) == [2000]


def test_cheap_goods_stay_with_the_shopper_who_is_refunded_at_once() -> None:
    kept = authorize(delivered(), asked(1), NOW, "web", ReturnTerms(fee=300, keep_below=1001)).order
    check(kept)
    assert (kept.returns[0].state, refunds(kept), kept.deadline) == ("kept", [1000], None)
    assert (kept.lines[0].returned, kept.lines[0].credited) == (0, 1)
    dear = authorize(delivered(), asked(2), NOW, "web", ReturnTerms(keep_below=1001)).order
    assert dear.returns[0].state == "authorized"


def test_no_unit_comes_back_twice() -> None:
    opened = authorize(delivered(), asked(2), NOW, "web").order
    assert returnable(opened, opened.lines[0]) == 1
    with pytest.raises(Conflict) as refused:
        authorize(opened, asked(2), NOW, "web")
    assert refused.value.data == {"line_id": "1", "returnable": 1}
    with pytest.raises(Conflict):
        take_back(opened, "S2", [Returned("1", 2, "sellable", "")], NOW, "S2")
    one = take_back(opened, "S2", [Returned("1", 1, "sellable", "")], NOW, "S2").order
    both = receive(one, "o1.R1", "S2", NOW, "S2").order
    check(both)
    assert (both.lines[0].returned, refunds(both)) == (3, [1000, 2000])


def test_after_the_window_only_goodwill_helps() -> None:
    late = NOW + timedelta(days=30)
    with pytest.raises(Conflict, match="could be returned until 2026-12-20"):
        authorize(delivered(), asked(), late, "web")
    assert authorize(delivered(), asked(goodwill=True), late, "web").order.returns
    assert authorize(delivered(), asked(), late - timedelta(seconds=1), "web").order.returns


def test_a_reason_that_the_terms_do_not_know_is_refused() -> None:
    with pytest.raises(Conflict) as refused:
        authorize(delivered(), asked(), NOW, "web", ReturnTerms(reasons=frozenset({"broken"})))
    assert refused.value.data == {"reasons": ["broken"]}


def test_steps_that_the_state_does_not_allow_are_refused() -> None:
    opened = authorize(delivered(), asked(), NOW, "web").order
    with pytest.raises(InvalidTransition) as refused:
        inspect(opened, "o1.R1", [("1", 2, "sellable")], NOW, "S2")
    assert refused.value.data == {"state": "authorized", "allowed": ["cancel", "receive", "scan"]}
    scanned = scan(opened, "o1.R1", NOW, "carrier").order
    with pytest.raises(InvalidTransition):
        cancel_return(scanned, "o1.R1", NOW, "web")
    received = receive(scanned, "o1.R1", "S2", NOW, "S2").order
    with pytest.raises(Conflict, match="every unit"):
        inspect(received, "o1.R1", [("1", 1, "sellable")], NOW, "S2")


def test_goods_that_do_not_come_expire_and_those_under_way_are_reminded_of() -> None:
    opened = authorize(delivered(), asked(), NOW, "web").order
    assert opened.deadline == NOW + timedelta(days=30)
    ended = act_on_deadlines(opened, opened.deadline)
    assert ended is not None
    assert (ended.order.returns[0].state, ended.order.deadline) == ("expired", None)
    scanned = scan(opened, "o1.R1", NOW, "carrier").order
    at = scanned.deadline
    assert at == NOW + timedelta(days=21)
    late = act_on_deadlines(scanned, at)
    assert late is not None
    assert late.order.history[-1].event == "return.late"
    assert late.order.deadline == at + timedelta(days=1)
