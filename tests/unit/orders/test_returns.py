"""Returns that are authorized before they arrive: window, credit, fee, inspection."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.carriers.model import CarrierStatus
from shared.errors import Conflict, InvalidTransition
from shared.orders.contract.events import of_change
from shared.orders.model import (
    LawBroken,
    Order,
    OrderChange,
    Returned,
    ReturnLine,
    UnsoldUnits,
    act_on_deadlines,
    advance,
    check,
    owed,
    take_back,
)
from shared.orders.model.erased import without_person
from shared.orders.model.refurbishing import refurbished
from shared.orders.model.restocking import Restocking, RestockRule
from shared.orders.model.return_terms import ReturnRequest, ReturnTerms
from shared.orders.model.returns import (
    Outcome,
    authorize,
    cancel_return,
    follow_return,
    inspect,
    labelled,
    receive,
    returnable,
    scan,
)
from shared.stock.model.position import Effect
from tests.support.places import place
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
    assert refused.value.data == {
        "state": "authorized",
        "allowed": ["cancel", "label", "receive", "scan"],
    }
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


def kinds(of: Order) -> list[str]:
    return [entry.event for entry in of.history]


def received(quantity: int = 2, reason: str = "too small") -> Order:
    opened = authorize(delivered(), asked(quantity, reason), NOW, "web").order
    return receive(opened, "o1.R1", "S2", NOW, "S2").order


def inspected(of: Order, *rules: RestockRule, groups: str = "") -> OrderChange:
    restocking = Restocking(
        rules, {"S2": place("S2", groups=frozenset({"north"}))}, {"A": frozenset({groups})}
    )
    outcomes: list[tuple[str, int, Outcome]] = [("1", 2, "sellable")]
    return inspect(of, "o1.R1", outcomes, NOW, "S2", restocking=restocking)


SEND = RestockRule("send_to", to_location_id="depot", transit=timedelta(days=2))
HOLD = RestockRule("hold_back", owner="quality")


def test_units_that_a_rule_sends_are_reserved_for_a_transfer_in_the_same_change() -> None:
    change = inspected(received(), SEND)
    check(change.order)
    assert change.effects == (Effect("A", "S2", 2, 2, damaged=-2),)
    (requested,) = change.transfers
    transfer = requested.transfer
    assert (transfer.from_location_id, transfer.to_location_id) == ("S2", "depot")
    assert [(row.sku, row.quantity, row.open) for row in transfer.lines] == [("A", 2, 2)]
    assert transfer.expected_at == NOW + timedelta(days=2)
    (outcome,) = change.order.history[-1].detail["outcomes"]
    assert (outcome["restock"], outcome["transfer_id"]) == ("send_to", transfer.transfer_id)
    assert change.order.returns[0].unsold is None
    later = inspected(replace(received(), version=7), SEND)
    assert later.transfers[0].transfer.transfer_id != transfer.transfer_id


def test_units_that_a_rule_holds_back_stay_unsellable_with_an_owner_and_a_deadline() -> None:
    change = inspected(received(), HOLD)
    check(change.order)
    assert change.effects == ()
    (each,) = change.order.returns
    assert each.unsold == (UnsoldUnits("1", 2, "quality"),)
    assert change.order.deadline == NOW + timedelta(days=14)
    due = act_on_deadlines(change.order, NOW + timedelta(days=14))
    assert due is not None
    assert kinds(due.order)[-1] == "return.late"
    check(due.order)
    unowned = replace(change.order, returns=(replace(each, deadline=None),))
    with pytest.raises(LawBroken, match="has no deadline"):
        check(unowned)


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (replace(HOLD, location_ids=frozenset({"S2"})), True),
        (replace(HOLD, location_ids=frozenset({"S1"})), False),
        (replace(HOLD, location_types=frozenset({"store"})), True),
        (replace(HOLD, location_types=frozenset({"warehouse"})), False),
        (replace(HOLD, location_groups=frozenset({"north", "x"})), True),
        (replace(HOLD, location_groups=frozenset({"south"})), False),
        (replace(HOLD, reasons=frozenset({"too small", "x"})), True),
        (replace(HOLD, reasons=frozenset({"broken"})), False),
        (replace(HOLD, product_groups=frozenset({"shoes"})), True),
        (replace(HOLD, product_groups=frozenset({"hats"})), False),
        (replace(HOLD, price_from=1000, price_below=1001), True),
        (replace(HOLD, price_from=1001), False),
        (replace(HOLD, price_below=1000), False),
        (replace(SEND, to_location_id="S2"), False),
    ],
)
def test_a_rule_applies_where_all_that_it_gives_matches(
    rule: RestockRule, *, matches: bool
) -> None:
    change = inspected(received(), rule, groups="shoes")
    assert bool(change.order.returns[0].unsold) == matches
    on_shelf = Effect("A", "S2", 2, 0, damaged=-2)
    assert change.effects == (() if matches else (on_shelf,))
    first = inspected(received(), rule, SEND, groups="shoes")
    assert bool(first.transfers) == (not matches and rule.to_location_id is None)


def test_refurbished_units_are_on_sale_and_the_others_stay() -> None:
    outcomes: list[tuple[str, int, Outcome]] = [("1", 1, "damaged"), ("1", 2, "refurbish")]
    done = inspect(received(3), "o1.R1", outcomes, NOW, "S2").order
    assert done.returns[0].unsold == (UnsoldUnits("1", 2),)
    with pytest.raises(Conflict) as refused:
        refurbished(done, "o1.R1", [("1", 3, "sellable")], NOW, "S2")
    assert refused.value.data == {"line_id": "1", "unsold": 2}
    one = refurbished(done, "o1.R1", [("1", 1, "sellable")], NOW, "S2")
    assert one.effects == (Effect("A", "S2", 1, 0, damaged=-1),)
    assert one.order.returns[0].unsold == (UnsoldUnits("1", 1),)
    last = refurbished(one.order, "o1.R1", [("1", 1, "damaged")], NOW, "S2")
    assert last.effects == ()
    assert (last.order.returns[0].unsold, last.order.deadline) == (None, None)
    check(last.order)
    with pytest.raises(InvalidTransition):
        refurbished(last.order, "o1.R1", None, NOW, "S2")


def test_units_that_come_back_unannounced_follow_the_rules_too() -> None:
    rows = [Returned("1", 1, "sellable", "ugly"), Returned("1", 1, "damaged", "broken")]
    sent = take_back(delivered(), "S2", rows, NOW, "S2", restocking=Restocking((SEND,)))
    assert sent.effects == (Effect("A", "S2", 1, 1, damaged=1),)
    assert len(sent.transfers) == 1
    held = take_back(delivered(), "S2", rows, NOW, "S2", restocking=Restocking((HOLD,)))
    assert held.effects == (Effect("A", "S2", 0, 0, damaged=2),)
    check(held.order)
    (each,) = held.order.returns
    assert (each.unsold, each.credited) == ((UnsoldUnits("1", 1, "quality"),), True)
    assert returnable(held.order, held.order.lines[0]) == 1
    assert refunds(held.order) == [2000]
    back = refurbished(held.order, each.return_id, None, NOW, "S2")
    assert back.effects == (Effect("A", "S2", 1, 0, damaged=-1),)
    check(back.order)


def test_the_events_say_where_the_units_go() -> None:
    before = replace(received(), version=3)
    sent, held = (replace(inspected(before, rule).order, version=4) for rule in (SEND, HOLD))
    (told,) = of_change(before, sent)[:1]
    (outcome,) = told["data"]["outcomes"]
    assert (told["type"], outcome["restock"]) == ("return.inspected", "send_to")
    assert outcome["transfer_id"]
    (outcome,) = of_change(before, held)[0]["data"]["outcomes"]
    assert outcome == {
        "line_id": "1",
        "quantity": 2,
        "outcome": "sellable",
        "restock": "hold_back",
        "owner": "quality",
    }
    done = replace(refurbished(held, "o1.R1", None, NOW, "S2").order, version=5)
    (told,) = of_change(held, done)
    assert told["type"] == "return.refurbished"
    assert told["data"]["outcomes"] == [{"line_id": "1", "quantity": 2, "outcome": "sellable"}]


def test_a_carrier_s_report_on_the_label_scans_the_return_once() -> None:
    opened = authorize(delivered(), asked(), NOW, "web", replace(SMALL, refund_on="scan")).order
    done = labelled(opened, "o1.R1", "UPS", "1Z", NOW, "web").order
    check(done)
    assert (done.returns[0].carrier, done.returns[0].tracking) == ("UPS", "1Z")
    statuses: tuple[CarrierStatus, ...] = ("exception", "lost", "returned_to_sender")
    for status in statuses:
        assert follow_return(done, "o1.R1", status, NOW, "UPS") is None
    change = follow_return(done, "o1.R1", "in_transit", NOW, "carrier UPS")
    assert change is not None
    assert (change.order.returns[0].state, refunds(change.order)) == ("scanned", [1700])
    assert change.order.deadline == NOW + timedelta(days=21)
    assert follow_return(change.order, "o1.R1", "delivered", NOW, "carrier UPS") is None
    with pytest.raises(InvalidTransition):
        labelled(change.order, "o1.R1", "UPS", "2Z", NOW, "web")
    late = act_on_deadlines(change.order, NOW + timedelta(days=21))
    assert late is not None
    assert kinds(late.order)[-1] == "return.late"


def test_nothing_of_the_label_is_left_of_an_erased_person() -> None:
    opened = authorize(delivered(), asked(), NOW, "web").order
    done = labelled(opened, "o1.R1", "UPS", "1Z-77", NOW, "web").order
    assert "1Z-77" in str(done)
    assert "1Z-77" not in str(without_person(done))
