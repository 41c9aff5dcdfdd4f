"""Law 6: a refund never exceeds what was paid, per line and tender; the split depends on how much
is back, not on the order of cancels and returns; when all is back, every tender and all points are
back exactly."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.orders.model import Order, OrderChange, Returned, advance, cancel, check, take_back
from shared.orders.model.payments import Payment, authorized, paid
from shared.orders.model.quoted import Discount, PointsPaid
from shared.orders.model.value import owed
from shared.pricing.model.points import POINTS, PointsOffer
from tests.support.profiles import examples
from tests.unit.orders.orders import NOW, line, order, parcel, placed
from tests.unit.pricing.test_laws import quoted, worlds


def bought(seed: int) -> Order:
    """A random cart with the discounts of a random book, paid with up to four tenders, and half of
    the carts with points."""
    rng, world = random.Random(seed), worlds(seed)
    offer = PointsOffer(rng.randint(1, 9_000), rng.choice([3_333, 10_000]), rng.randint(1, 10_000))
    cart = replace(world.cart, points=offer if rng.random() < 0.5 else None)
    quote = quoted(replace(world, cart=cart), shipping=rng.choice([0, 499]))
    lines = [
        replace(
            line(of_quote.line_id, of_quote.sku, of_quote.quantity),
            unit_price=of_quote.unit_price,
            discounts=tuple(Discount(*discount) for discount in of_quote.discounts),
            tax=rng.choice([0, of_quote.net // 14]),
        )
        for of_quote in quote.lines
    ]
    spent = quote.given.points
    points = PointsPaid(spent.points, quote.points_amount) if spent else None
    draft = replace(order(*lines), shipping=quote.shipping.net, payments=(), points=points)
    return replace(draft, payments=tendered(owed(draft), rng))


def tendered(total: int, rng: random.Random) -> tuple[Payment, ...]:
    """Payments of together ``total``, paid or authorized."""
    cuts = sorted(rng.randint(0, total) for _ in range(rng.randint(0, 3)))
    amounts = [after - before for before, after in zip([0, *cuts], [*cuts, total], strict=True)]
    pay = [paid if rng.random() < 0.5 else authorized for _ in amounts]
    return tuple(
        make(amount, str(number))
        for number, (make, amount) in enumerate(zip(pay, amounts, strict=True))
    )


def units_of(wanted: Order) -> dict[str, int]:
    return {f"l{each.line_id}": each.quantity for each in wanted.lines}


def shipped(wanted: Order) -> Order:
    """Handed over whole, with everything captured that is asked for."""
    start = placed(wanted, parcel("S1", **units_of(wanted))).order
    for action in ("accept", "ship"):
        start = advance(start, "o1.1", action, NOW, "S1").order
    return replace(
        start,
        payments=tuple(
            replace(payment, captured=max(payment.captured, payment.capture_due))
            for payment in start.payments
        ),
    )


def back(of: Order, line_id: str, units: int) -> Order:
    row = Returned(line_id, units, "sellable", "")
    change: OrderChange = take_back(of, "S2", [row], NOW, "S2")
    check(change.order)
    return change.order


def refunds(of: Order) -> list[int]:
    """What is back of each tender, and of the points."""
    points = of.points.returned if of.points else 0
    return [*(payment.refund_due for payment in of.payments), points]


@given(st.integers(0, 10**9))
@examples(150)
def test_refunds_depend_on_what_is_back_and_not_on_the_steps(seed: int) -> None:
    start = shipped(bought(seed))
    units = [each.line_id for each in start.lines for _ in range(each.quantity)]
    first = random.Random(seed)
    some = first.sample(units, first.randint(1, len(units)))
    first_order, other_order = some, sorted(some)
    ends = []
    for sequence in (first_order, other_order):
        step = start
        before = refunds(step)
        for line_id in sequence:
            step = back(step, line_id, 1)
            assert all(a <= b for a, b in zip(before, refunds(step), strict=True))
            before = refunds(step)
        ends.append(refunds(step))
    assert ends[0] == ends[1]
    paid_for = {each.line_id: each for each in start.lines}
    lost = {line_id: some.count(line_id) for line_id in some}
    assert sum(ends[0][:-1]) == sum(
        amount * count // paid_for[line_id].quantity
        for line_id, count in lost.items()
        for amount in (paid_for[line_id].net, paid_for[line_id].tax)
    )


@given(st.integers(0, 10**9))
@examples(150)
def test_when_all_is_cancelled_in_any_steps_every_tender_is_back(seed: int) -> None:
    wanted = bought(seed)
    step = placed(wanted, parcel("S1", **units_of(wanted))).order
    amounts = [max(payment.captured, payment.authorized) for payment in step.payments]
    rng = random.Random(seed)
    while any(each.open for each in step.lines):
        some = rng.choice([each for each in step.lines if each.open])
        units = {some.line_id: rng.randint(1, some.open)}
        step = cancel(step, units, "", NOW, "web").order
        check(step)
    assert owed(step) == 0
    assert [payment.refund_due + payment.released for payment in step.payments] == amounts
    assert all(payment.refund_due == payment.captured for payment in step.payments)
    assert step.points is None or step.points.returned == step.points.points


@given(st.integers(0, 10**9))
@examples(100)
def test_a_cancel_before_the_capture_splits_as_a_return_after_it(seed: int) -> None:
    """A card that was charged at once gives its share back while another is only authorized."""
    wanted = bought(seed)
    start = placed(wanted, parcel("S1", **units_of(wanted))).order
    some = random.Random(seed).choice(start.lines)
    if len(start.lines) == 1 and some.quantity == 1:
        return
    late = back(shipped(wanted), some.line_id, 1)
    early = cancel(start, {some.line_id: 1}, "", NOW, "web").order
    for action in ("accept", "ship"):
        early = advance(early, "o1.1", action, NOW, "S1").order
    kept = [
        max(payment.captured, payment.capture_due) - payment.refund_due
        for payment in early.payments
    ]
    assert kept == [payment.kept for payment in late.payments]
    check(early)


def test_points_come_back_without_fractions() -> None:
    """10 points have paid 3 cents of three units: 3 come back with the first, then 6, then all."""
    each = replace(line("1", "A", 3), discounts=(Discount(POINTS, 3),))
    wanted = replace(order(each), points=PointsPaid(10, 3))
    wanted = replace(wanted, payments=(paid(owed(wanted)),))
    step, returned = shipped(wanted), []
    for _ in range(3):
        step = back(step, "1", 1)
        assert step.points is not None
        returned.append(step.points.returned)
    assert returned == [3, 6, 10]
