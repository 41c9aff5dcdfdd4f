"""Which tenders get money back first, and store credit instead: never more than a tender has paid,
and when all is back, every tender is back exactly."""

import random
from dataclasses import replace
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from shared.orders.model import Order, Returned, advance, cancel, check, returns, take_back
from shared.orders.model.order import ReturnLine
from shared.orders.model.payments import Payment, Refund, RefundTo, StoreCredit, paid
from shared.orders.model.return_terms import RefundOn, ReturnRequest, ReturnTerms
from shared.orders.model.value import owed
from tests.support.profiles import examples
from tests.unit.orders.orders import NOW, line, order, parcel, placed
from tests.unit.orders.test_repricing import bought, captured, worlds
from tests.unit.orders.test_tenders import shipped, units_of

CREDIT = StoreCredit("card-1", "WXYZ", is_new=True)
SAME = StoreCredit("card-2", "ABCD")


def refunds(of: Order) -> list[int]:
    return [payment.refund_due for payment in of.payments]


def back(of: Order, line_id: str, units: int, refund: Refund) -> Order:
    row = Returned(line_id, units, "sellable", "")
    after = take_back(of, "S2", [row], NOW, "S2", refund=refund).order
    check(after)
    return after


def choice(rng: random.Random) -> Refund:
    to: RefundTo = rng.choice(get_args(RefundTo))
    return Refund(to, rng.choice([CREDIT, SAME]) if to == "store_credit" else None)


def own_card(payments: tuple[Payment, ...]) -> tuple[Payment, ...]:
    """One of the payments is a card of NoRain."""
    first, *others = payments
    return replace(paid(first.authorized, first.payment_id), card_id="own"), *others


@given(st.integers(0, 10**9))
@examples(200)
def test_what_goes_back_is_what_is_not_owed_any_more_whatever_is_chosen(seed: int) -> None:
    rng = random.Random(seed)
    draft = bought(worlds(seed, (True, False)), "US", 0, seed)
    draft = replace(draft, payments=own_card(draft.payments))
    start = captured(shipped(draft))
    total = owed(start)
    units = [one.line_id for one in start.lines for _ in range(one.quantity)]
    rng.shuffle(units)
    step = start
    for line_id in units:
        before = step
        refund = choice(rng)
        step = back(step, line_id, 1, refund)
        assert all(old <= new for old, new in zip(refunds(before), refunds(step), strict=True))
        assert all(one.refund_due <= one.captured for one in step.payments)
        given_back = sum(refunds(step)) - sum(refunds(before))
        assert given_back == owed(before) - owed(step)
        credited = sum(one.amount for one in step.credits)
        more = credited - sum(one.amount for one in before.credits)
        to_own = step.payments[0].refunded - before.payments[0].refunded
        assert more == (given_back - to_own if refund.to == "store_credit" else 0)
        due = sum(one.refund_due - one.refunded for one in step.payments)
        assert due + credited + step.payments[0].refunded == total - owed(step)
    assert refunds(step) == [payment.captured for payment in step.payments]


def three_tenders() -> Order:
    start = replace(order(line("1", "A", 6)), payments=())
    amounts = zip("abc", (1000, 2000, 3000), strict=True)
    return shipped(replace(start, payments=tuple(paid(many, name) for name, many in amounts)))


def test_the_first_or_the_last_tender_gets_as_much_as_it_has_paid() -> None:
    start = three_tenders()
    assert refunds(back(start, "1", 2, Refund("first"))) == [1000, 1000, 0]
    last = back(start, "1", 4, Refund("last"))
    assert refunds(last) == [0, 1000, 3000]
    assert refunds(back(last, "1", 1, Refund("first"))) == [1000, 1000, 3000]
    assert refunds(back(start, "1", 3, Refund())) == [500, 1000, 1500]
    assert refunds(back(last, "1", 2, Refund())) == [1000, 2000, 3000]


def test_store_credit_counts_as_refunded_and_nobody_is_asked_for_money() -> None:
    """1 euro refunded without the balance restored: setono/SyliusGiftCardPlugin#284."""
    start = three_tenders()
    start = replace(start, payments=own_card(start.payments))
    step = back(start, "1", 3, Refund("store_credit", CREDIT))
    assert [(one.refund_due, one.refunded) for one in step.payments] == [
        (500, 500),
        (1000, 1000),
        (1500, 1500),
    ]
    assert step.credits == (replace(CREDIT, amount=2500),)
    assert not [entry for entry in step.history if entry.event == "refund.due"]
    cards = [entry.detail.get("card_id") for entry in step.history[-3:]]
    assert cards == [None, "card-1", "card-1"]
    again = back(step, "1", 1, Refund("store_credit", CREDIT))
    assert [one.amount for one in again.credits] == [2500 + 833]


def opened(to: RefundTo, credit: StoreCredit | None, refund_on: RefundOn) -> Order:
    asked = ReturnRequest((ReturnLine("1", 2, "too big"),), refund=Refund(to, credit))
    terms = ReturnTerms(refund_on=refund_on)
    return returns.authorize(three_tenders(), asked, NOW, "web", terms).order


def test_a_scan_puts_store_credit_on_a_card_that_exists_and_issues_none() -> None:
    named = returns.scan(opened("store_credit", SAME, "scan"), "o1.R1", NOW, "carrier").order
    assert named.credits == (replace(SAME, amount=2000),)
    waiting = opened("store_credit", CREDIT, "scan")
    assert (waiting.returns[0].refund_on, waiting.returns[0].credit) == ("receipt", None)
    scanned = returns.scan(waiting, "o1.R1", NOW, "carrier").order
    assert refunds(scanned) == [0, 0, 0]
    received = returns.receive(scanned, "o1.R1", "S2", NOW, "S2", new_credit=lambda: CREDIT).order
    assert received.credits == (replace(CREDIT, amount=2000),)


def test_where_nobody_takes_the_code_the_tenders_get_the_money() -> None:
    received = returns.receive(
        opened("store_credit", None, "receipt"), "o1.R1", "S2", NOW, "S2"
    ).order
    assert (sum(refunds(received)), received.credits) == (2000, ())


def test_a_kept_return_gives_its_store_credit_at_once() -> None:
    asked = ReturnRequest(
        (ReturnLine("1", 1, "broken"),), keep=True, refund=Refund("store_credit", CREDIT)
    )
    kept = returns.authorize(three_tenders(), asked, NOW, "web").order
    assert kept.credits == (replace(CREDIT, amount=1000),)


@given(st.integers(0, 10**9), st.sampled_from(["first", "last"]))
@examples(100)
def test_a_cancel_before_the_capture_gives_back_as_a_return_after_it(
    seed: int, to: RefundTo
) -> None:
    """What is only authorized gives less then; later steps change nothing about it."""
    wanted = bought(worlds(seed, (True, False)), None, 0, seed)
    units = [one.line_id for one in wanted.lines for _ in range(one.quantity)]
    if len(units) == 1:
        return
    line_id = random.Random(seed).choice(units)
    late = back(captured(shipped(wanted)), line_id, 1, Refund(to))
    early = placed(wanted, parcel("S1", **units_of(wanted))).order
    early = cancel(early, {line_id: 1}, "", NOW, "web", Refund(to)).order
    for action in ("accept", "ship"):
        early = captured(advance(early, "o1.1", action, NOW, "S1").order)
    check(early)
    assert [one.kept for one in early.payments] == [one.kept for one in late.payments]


def test_a_card_that_pays_by_now_gets_its_share_and_no_credit() -> None:
    start = opened("store_credit", SAME, "receipt")
    first, *others = start.payments
    paying = replace(start, payments=(replace(first, card_id=SAME.card_id), *others))
    received = returns.receive(paying, "o1.R1", "S2", NOW, "S2").order
    check(received)
    assert received.credits == ()
    assert [(one.refund_due, one.refunded) for one in received.payments] == [
        (333, 333),
        (667, 0),
        (1000, 0),
    ]
