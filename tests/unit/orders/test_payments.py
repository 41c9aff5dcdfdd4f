"""The ledger of payments: what is due, and that nothing is due twice or too much."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict
from shared.orders.model import (
    TIME_LIMITS,
    Order,
    Report,
    Returned,
    act_on_deadlines,
    advance,
    cancel,
    check,
    owed,
    report,
    take_back,
)
from shared.orders.model.payments import Payment, authorized, paid
from shared.orders.model.value import earned, line_tax, placed_totals, remaining_totals
from tests.unit.orders.orders import NOW, line, order, parcel, placed

LATER = NOW + timedelta(days=400)


def told(of: Order, event: str) -> list[tuple[str, int]]:
    """(payment_id, amount) of each event of this type."""
    return [(e.detail["payment_id"], e.detail["amount"]) for e in of.history if e.event == event]


def shipped(of: Order, number: int = 1, **units: int) -> Order:
    name = f"o1.{number}"
    accepted = advance(of, name, "accept", NOW, "S1").order
    some = {line_id.removeprefix("l"): quantity for line_id, quantity in units.items()} or None
    return advance(accepted, name, "ship", NOW, "S1", units=some).order


def two_tenders() -> Order:
    """3 units of 1000 and shipping of 500: 2000 on a gift card, 1500 on a credit card."""
    draft = replace(order(line("1", "A", 3)), shipping=500)
    card = replace(authorized(1500, "card"), tender="card")
    gift = replace(authorized(2000, "gift"), tender="gift_card")
    start = placed(replace(draft, payments=(gift, card)), parcel("S1", l1=3)).order
    check(start)
    return start


def reported(of: Order, kind: Any, **more: Any) -> Order:
    after = report(of, Report(kind, **more), NOW, "psp").order
    check(after)
    return after


def test_each_hand_over_captures_its_part_and_the_first_the_shipping() -> None:
    start = two_tenders()
    first = shipped(start, l1=1)
    assert told(first, "capture.due") == [("gift", 1500)]
    second = advance(first, "o1.2", "ship", NOW, "S1").order
    assert told(second, "capture.due")[1:] == [("gift", 500), ("card", 1500)]
    assert earned(second) == owed(second) == 3500
    assert not told(second, "release.due")


def test_nothing_is_due_back_of_what_was_only_authorized() -> None:
    ended = cancel(two_tenders(), None, "changed my mind", NOW, "web").order
    check(ended)
    assert told(ended, "refund.due") == []
    assert told(ended, "release.due") == [("gift", 2000), ("card", 1500)]
    assert [payment.status for payment in ended.payments] == ["voided", "voided"]


def test_what_is_returned_before_it_is_captured_is_due_back_after_the_capture() -> None:
    """The capture is under way in the payment system: it is not called off, but refunded."""
    sent = shipped(two_tenders())
    back = take_back(sent, "S2", [Returned("1", 3, "sellable", "")], NOW, "S2").order
    check(back)
    assert told(back, "refund.due") == []
    first = reported(back, "captured", payment_id="gift")
    assert told(first, "refund.due") == [("gift", 1714)]
    second = reported(first, "captured", payment_id="card")
    assert told(second, "refund.due")[1:] == [("card", 1286)]
    assert sum(payment.kept for payment in second.payments) == owed(second) == 500


def test_a_capture_that_meets_a_cancellation_is_due_back_whole() -> None:
    cancelled = cancel(two_tenders(), None, "changed my mind", NOW, "web").order
    captured = reported(cancelled, "captured", payment_id="card", amount=1500)
    assert told(captured, "refund.due") == [("card", 1500)]


def test_more_is_never_refunded_than_was_captured() -> None:
    sent = reported(shipped(two_tenders()), "captured", payment_id="gift")
    with pytest.raises(Conflict) as refused:
        reported(sent, "refunded", payment_id="gift", amount=2001)
    assert refused.value.data == {"payment_id": "gift", "refundable": 2000}
    back = reported(sent, "refunded", payment_id="gift", amount=2000)
    assert back.payments[0].refund_due == 2000
    assert told(back, "refund.due") == []


def test_a_void_leaves_what_was_captured_and_the_order_waits_for_the_rest() -> None:
    first = reported(shipped(two_tenders(), l1=1), "captured", payment_id="gift")
    assert first.payments[0].captured == 1500
    void = reported(first, "voided", payment_id="gift")
    assert (void.payments[0].status, void.unpaid) == ("paid", True)
    due = next(e.detail for e in void.history if e.event == "payment.due")
    assert due["amount"] == 500
    with pytest.raises(Conflict, match="waits to be paid"):
        advance(void, "o1.2", "ship", NOW, "S1")
    again = reported(void, "authorized", reference="new")
    assert not again.unpaid
    assert [payment.payment_id for payment in again.payments] == ["gift", "card", "1"]


def test_an_authorization_is_asked_for_again_before_it_runs_out_and_then_the_order_waits() -> None:
    draft = order(line("1", "A", 3), status="authorized")
    expires = NOW + timedelta(days=7)
    held = replace(draft.payments[0], expires_at=expires)
    start = placed(replace(draft, payments=(held,)), parcel("S1", l1=3)).order
    quiet = replace(start, fulfillments=(replace(start.fulfillments[0], deadline=LATER),))
    assert quiet.deadline == expires - timedelta(days=1)
    warned = act_on_deadlines(quiet, quiet.deadline)
    assert warned is not None
    assert [e.event for e in warned.order.history][-1] == "payment.expiring"
    assert (warned.order.deadline, warned.order.unpaid) == (expires, False)
    gone = act_on_deadlines(warned.order, expires)
    assert gone is not None
    assert [e.event for e in gone.order.history][-2:] == ["payment.expired", "payment.due"]
    assert gone.order.payment_due_by == expires + TIME_LIMITS.payment
    assert gone.order.payments[0].status == "expired"
    again = reported(gone.order, "authorized", expires_at=expires + timedelta(days=7))
    assert (again.unpaid, again.payments[0].status) == (False, "authorized")


def test_a_declined_payment_leaves_the_order_waiting_until_its_deadline() -> None:
    start = placed(order(status="pending"), parcel("S1", l1=3)).order
    declined = reported(start, "declined")
    assert declined.payments[0].status == "declined"
    assert declined.payment_due_by == start.payment_due_by
    assert reported(declined, "authorized").payments[0].status == "authorized"


def test_an_authorization_for_nothing_brings_no_declined_payment_back() -> None:
    """What another payment has captured is not due back for it."""
    start = placed(order(status="authorized"), parcel("S1", l1=3)).order
    paid_with_another = reported(reported(start, "declined"), "captured")
    late = reported(paid_with_another, "authorized", payment_id="1")
    assert [payment.status for payment in late.payments] == ["declined", "paid"]
    assert told(late, "refund.due") == []
    assert not late.unpaid


def test_a_declined_payment_that_is_authorized_for_less_counts_for_less() -> None:
    start = placed(order(status="authorized"), parcel("S1", l1=3)).order
    declined = reported(start, "declined")
    again = reported(declined, "authorized", payment_id="1", amount=500)
    assert (again.payments[0].authorized, again.payments[0].covers) == (500, 500)
    assert again.unpaid


def test_the_taxes_of_the_units_add_up_to_the_tax_of_the_line() -> None:
    three = replace(line("1", "A", 3), tax=100)
    assert [line_tax(three, units) for units in range(4)] == [0, 34, 67, 100]
    draft = replace(order(three), shipping=500, shipping_tax=40)
    start = placed(replace(draft, payments=(paid(owed(draft)),)), parcel("S1", l1=3)).order
    assert placed_totals(start).total == 3000 + 100 + 500 + 40
    fewer = cancel(start, {"1": 1}, "one less", NOW, "web").order
    assert told(fewer, "refund.due") == [("1", 1033)]
    none = cancel(fewer, None, "all", NOW, "web").order
    assert told(none, "refund.due")[1:] == [("1", 1033 + 1034 + 540)]
    assert remaining_totals(none).total == 0


def test_a_report_finds_the_payment_that_it_can_be_about() -> None:
    start = two_tenders()
    assert reported(start, "captured").payments[0].captured == 2000
    with pytest.raises(Conflict, match="no such payment"):
        reported(start, "refunded")
    with pytest.raises(Conflict, match="name one of gift, card"):
        reported(start, "voided", payment_id="cash")


def test_an_order_takes_so_many_payments_and_no_more() -> None:
    full = replace(two_tenders(), payments=tuple(Payment(str(n)) for n in range(20)))
    with pytest.raises(Conflict, match="20 payments already"):
        report(full, Report("captured", "another", 100), NOW, "psp")


def test_money_that_is_lost_after_the_goods_are_gone_is_asked_for() -> None:
    """Nothing waits for it any more, so that somebody must be told."""
    sent = shipped(two_tenders())
    assert sent.state == "fulfilled"
    lost = reported(sent, "expired", payment_id="card")
    due = [entry.detail for entry in lost.history if entry.event == "payment.due"]
    assert [(detail["amount"], detail["reason"]) for detail in due] == [(1500, "payment.expired")]
    again = reported(lost, "captured", payment_id="cash")
    assert (again.payments[-1].captured, owed(again)) == (1500, 3500)
    settled = reported(reported(again, "captured", payment_id="gift"), "voided", payment_id="card")
    assert [entry.event for entry in settled.history].count("payment.due") == 1
