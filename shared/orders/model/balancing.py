"""Balance the payments of an order with its value after a change: what is to be captured, released,
refunded, or paid in addition. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.instants import rfc3339
from shared.orders.model.change import with_entry
from shared.orders.model.order import (
    Order,
)
from shared.orders.model.payments import (
    IN_PROPORTION,
    Payment,
    Refund,
    RefundTo,
    StoreCredit,
)
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)
from shared.orders.model.value import earned, owed, placed_totals, points_back
from shared.pricing.model.money import apportion


def balance(
    order: Order,
    now: datetime,
    reason: str,
    exchange_order_id: str | None = None,
    terms: TimeLimits = TIME_LIMITS,
    refund: Refund = IN_PROPORTION,
) -> Order:
    """Record what the payments lack or have too much, as events for the payment system:

    - ``refund.due``: more was captured than the shopper owes. Never more than was captured.
    - ``capture.due``: the value of what has been handed over, as far as it is authorized.
    - ``release.due``: an authorization that the finished order does not need.
    - ``payment.due``: less is covered than the shopper owes; the order waits for it until
      ``payment_due_by``, and nothing is handed over meanwhile.

    Points that paid for what comes back are returned to their account with the order
    (shared/orders/points.py).
    """
    order = _with_points_back(order, now)
    order = _refund(order, now, reason, exchange_order_id, refund)
    order = _capture(order, now)
    if not order.is_unfinished:
        order = _release(order, now)
    if not order.is_unfinished or not missing(order):
        return order if order.payment_due_by is None else replace(order, payment_due_by=None)
    if order.payment_due_by is not None:
        return order
    due_by = now + terms.payment
    detail = {**_money(order, missing(order)), "reason": reason, "due_by": rfc3339(due_by)}
    return with_entry(replace(order, payment_due_by=due_by), now, "payment.due", "norain", detail)


def missing(order: Order) -> int:
    """What is neither captured nor authorized of what the shopper owes, in minor units."""
    return max(0, owed(order) - sum(payment.covers for payment in order.payments))


def keeps(order: Order) -> list[int]:
    """What may be kept of each payment: the shopper's tenders give the shares that Webster's rule
    finds (pricing/model/money.py). What is given back of each depends on how much is given back in
    all, and not on the steps, but for those in which the first or last tender was to give first.

    A tender is what was captured, and of an authorization what the order needs beside the others.
    """
    tenders, too_much = _tenders(order)
    given_back = apportion(too_much, tenders, _given(order, tenders, too_much))
    return [tender - back for tender, back in zip(tenders, given_back, strict=True)]


def _tenders(order: Order) -> tuple[list[int], int]:
    """The amounts of the tenders, and what they are more than is owed."""
    room = placed_totals(order).total - sum(payment.captured for payment in order.payments)
    tenders = []
    for payment in order.payments:
        uncaptured = 0 if payment.ended else payment.authorized - payment.captured
        counted = max(0, min(uncaptured, room))
        room -= counted
        tenders.append(payment.captured + counted)
    return tenders, max(0, sum(tenders) - owed(order))


def _given(order: Order, tenders: Sequence[int], too_much: int) -> list[int]:
    """What each tender gives back in any case: what is due back of it already, and then what was
    chosen, as far as so much is to be given back."""
    given = [payment.refund_due for payment in order.payments]
    rest = too_much - sum(given)
    for number, payment in enumerate(order.payments):
        more = max(0, min(rest, payment.chosen - given[number], tenders[number] - given[number]))
        given[number] += more
        rest -= more
    return given


def _choose(order: Order, to: RefundTo) -> Order:
    """The order in which the first, or last, tender gives back as much as it has."""
    if to not in {"first", "last"}:
        return order
    tenders, too_much = _tenders(order)
    given = _given(order, tenders, too_much)
    rest = too_much - sum(given)
    numbers = range(len(tenders))
    for number in numbers if to == "first" else reversed(numbers):
        more = min(rest, tenders[number] - given[number])
        given[number] += more
        rest -= more
    chosen = zip(order.payments, given, strict=True)
    return replace(order, payments=tuple(replace(one, chosen=back) for one, back in chosen))


def _with_points_back(order: Order, now: datetime) -> Order:
    paid, back = order.points, points_back(order)
    if paid is None or back == paid.returned:
        return order
    detail = {"points": back - paid.returned}
    order = replace(order, points=replace(paid, returned=back))
    return with_entry(order, now, "order.points_returned", "norain", detail)


def _refund(
    order: Order, now: datetime, reason: str, exchange_order_id: str | None, refund: Refund
) -> Order:
    order = _choose(order, refund.to)
    credit = refund.credit if refund.to == "store_credit" else None
    if credit is not None and credit.card_id in {one.card_id for one in order.payments}:
        credit = None  # it has become a tender since: a transaction writes a card once
    for payment, share in zip(order.payments, keeps(order), strict=True):
        amount = payment.kept - share
        if amount <= 0:
            continue
        if payment.card_id is not None:
            order = _refunded_to_card(order, payment, amount, now)
            continue
        if credit is not None:
            order = _refunded_to_card(order, payment, amount, now, credit)
            continue
        order = with_payment(order, replace(payment, refund_due=payment.refund_due + amount))
        detail = {**_of_payment(order, payment, amount), "reason": reason}
        if exchange_order_id is not None:
            detail["exchange_order_id"] = exchange_order_id
        order = with_entry(order, now, "refund.due", "norain", detail)
    return order


def _refunded_to_card(
    order: Order, payment: Payment, amount: int, now: datetime, credit: StoreCredit | None = None
) -> Order:
    """The order with the amount booked on the card that paid, or on ``credit`` instead of the
    tender, in the transaction of the order."""
    back = replace(
        payment, refund_due=payment.refund_due + amount, refunded=payment.refunded + amount
    )
    of = {"payment_id": payment.payment_id, "tender": payment.tender}
    detail: dict[str, object] = {**of, "amount": _money(order, amount)}
    if credit is not None:
        detail |= {"card_id": credit.card_id, "card_suffix": credit.card_suffix}
        order = _with_credit(order, credit, amount)
    return with_entry(with_payment(order, back), now, "payment.refunded", "norain", detail)


def _with_credit(order: Order, credit: StoreCredit, amount: int) -> Order:
    others = tuple(one for one in order.credits if one.card_id != credit.card_id)
    same = next((one for one in order.credits if one.card_id == credit.card_id), credit)
    return replace(order, credits=(*others, replace(same, amount=same.amount + amount)))


def _capture(order: Order, now: datetime) -> Order:
    """Each payment gives its share first, then what others cannot give."""
    wanted = earned(order) - sum(payment.kept + payment.awaited for payment in order.payments)
    if wanted <= 0:
        return order
    asked = []
    for payment, share in zip(order.payments, keeps(order), strict=True):
        room = max(0, share - payment.kept - payment.awaited)
        asked.append(min(wanted, payment.capturable, room))
        wanted -= asked[-1]
    for number, payment in enumerate(order.payments):
        more = min(wanted, payment.capturable - asked[number])
        wanted -= more
        amount = asked[number] + more
        if not amount:
            continue
        due = max(payment.captured, payment.capture_due) + amount
        order = with_payment(order, replace(payment, capture_due=due))
        detail = _of_payment(order, payment, amount)
        order = with_entry(order, now, "capture.due", "norain", detail)
    return order


def _release(order: Order, now: datetime) -> Order:
    for payment in order.payments:
        if amount := payment.capturable:
            order = with_payment(order, replace(payment, released=payment.released + amount))
            detail = _of_payment(order, payment, amount)
            order = with_entry(order, now, "release.due", "norain", detail)
    return order


def with_payment(order: Order, changed: Payment) -> Order:
    """The order with the payment changed, or added."""
    ids = [payment.payment_id for payment in order.payments]
    if changed.payment_id not in ids:
        return replace(order, payments=(*order.payments, changed))
    payments = tuple(
        changed if payment.payment_id == changed.payment_id else payment
        for payment in order.payments
    )
    return replace(order, payments=payments)


def _of_payment(order: Order, payment: Payment, amount: int) -> dict[str, object]:
    of = {"payment_id": payment.payment_id, "tender": payment.tender}
    return {**of, **_money(order, amount)}


def _money(order: Order, amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": order.lines[0].currency}
