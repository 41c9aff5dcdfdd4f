"""Record what the payment provider, or the till, has done with a payment of an order."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from shared.cards.model.card import Card, amount_to_pay
from shared.errors import Conflict, InvalidTransition
from shared.instants import rfc3339
from shared.orders.model.balancing import balance, missing, with_payment
from shared.orders.model.change import OrderChange, with_entry
from shared.orders.model.order import (
    Order,
)
from shared.orders.model.payments import (
    Payment,
    ReportKind,
    Tender,
    authorized_anew,
    captured,
    ended,
    refunded,
)
from shared.orders.model.selling_cards import must_pay_goods
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)

MOST_PAYMENTS = 20
"""Payments of an order. Each takes some 200 bytes of its document."""
WITH_REFERENCE = frozenset({"payment.received", "payment.captured", "payment.refunded"})
"""Events that name the payment provider's reference. An erasure removes it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was done with a payment. Without ``payment_id`` it is the first that the kind can be
    about, and for an authorization or a capture a new one where there is none. Without ``amount``
    it is the whole amount that the kind can be about."""

    kind: ReportKind
    payment_id: str | None = None
    amount: int | None = None
    reference: str | None = None
    tender: Tender | None = None
    expires_at: datetime | None = None


def report(
    order: Order, reported: Report, now: datetime, actor: str, terms: TimeLimits = TIME_LIMITS
) -> OrderChange:
    """The order after what was reported, with what is due because of it.

    Raises Conflict for a payment that the order does not have, a refund of more than was captured,
    a void of what was captured, or more than MOST_PAYMENTS.
    """
    before = _payment_of(order, reported)
    if before.card_id is not None:
        raise Conflict(
            f"payment {before.payment_id} is a card of NoRain: what is due back is booked on it",
            payment_id=before.payment_id,
        )
    payment = replace(
        before,
        reference=reported.reference or before.reference,
        tender=reported.tender or before.tender,
    )
    amount = _amount(order, payment, reported)
    match reported.kind:
        case "authorized":
            payment = authorized_anew(payment, amount, reported.expires_at)
        case "captured":
            payment = captured(payment, amount)
        case "refunded":
            payment = refunded(payment, amount)
        case "voided" | "declined" | "expired" as why:
            payment = ended(payment, why)
    order = with_payment(order, payment)
    event = _event(before, reported)
    order = with_entry(order, now, event, actor, _detail(order, payment, amount, event))
    order = balance(order, now, "paid", terms=terms)
    lost = min(before.awaited - payment.awaited, missing(order))
    if payment.ended is not None and lost > 0 and not order.is_unfinished:
        # The goods are gone, so that nothing waits for the money: somebody must ask for it.
        detail = {
            "amount": lost,
            "currency": order.lines[0].currency,
            "reason": event,
            "due_by": rfc3339(now + terms.payment),
        }
        order = with_entry(order, now, "payment.due", "norain", detail)
    return OrderChange(order, cause=event)


def receive(
    order: Order,
    status: Literal["authorized", "paid"],
    received: Report,
    now: datetime,
    actor: str,
) -> OrderChange:
    """Record the payment that the order waited for, or that what was authorized is paid.

    Raises InvalidTransition when nothing is waited for.
    """
    waits = order.unpaid or any(payment.status == "pending" for payment in order.payments)
    captures = any(payment.awaited + payment.capturable for payment in order.payments)
    if not waits and not (status == "paid" and captures):
        before = "paid" if any(payment.captured for payment in order.payments) else "authorized"
        raise InvalidTransition(status, before, ["paid"] if captures else [])
    if status == "paid" and received.amount is None and captures:
        first = next(one for one in order.payments if one.awaited + one.capturable)
        received = replace(
            received, payment_id=first.payment_id, amount=first.awaited + first.capturable
        )
    return report(order, received, now, actor)


def pay_with_card(
    order: Order, card: Card, amount: int | None, now: datetime, actor: str
) -> OrderChange:
    """A card pays what the order waits for, or ``amount`` of it; in the transaction of the order. A
    card that pays already pays more, because a transaction changes an item once.

    Raises InvalidTransition when nothing is waited for, InvalidRequest for more than that,
    CardShort, Conflict for more than MOST_PAYMENTS, for a card that the order sells or has given
    store credit on, or for a gift card that is to be bought.
    """
    others = {line.card_id for line in order.lines} | {one.card_id for one in order.credits}
    if card.card_id in others:
        raise Conflict("the order sells this card, or has given store credit on it")
    wanted = missing(order)
    if not wanted:
        raise InvalidTransition("paid", "paid", [])
    pays = amount_to_pay(card, amount, wanted, "$.amount")
    payment = next((one for one in order.payments if one.card_id == card.card_id), None)
    if payment is None:
        if len(order.payments) >= MOST_PAYMENTS:
            raise Conflict(f"order {order.order_id} has {MOST_PAYMENTS} payments already")
        number, suffix = _next_id(order), card.suffix
        payment = Payment(number, tender="gift_card", card_id=card.card_id, card_suffix=suffix)
    payment = captured(payment, pays)
    order = with_payment(order, payment)
    must_pay_goods(order)
    detail = _detail(order, payment, pays, "payment.received")
    order = with_entry(order, now, "payment.received", actor, detail)
    hashes = {card.card_id: card.pin_hash} if card.pin_hash is not None else {}
    return OrderChange(balance(order, now, "paid"), cause="payment.received", pin_hashes=hashes)


def _event(before: Payment, reported: Report) -> str:
    """Money that the order has waited for is received; a capture of what was authorized is not."""
    match reported.kind:
        case "authorized":
            return "payment.received"
        case "captured":
            return "payment.captured" if before.authorized else "payment.received"
    return f"payment.{reported.kind}"


def _payment_of(order: Order, reported: Report) -> Payment:
    """The payment that the report is about, or a new one."""
    named, waits = reported.payment_id is not None, missing(order) > 0
    opens = reported.kind in {"authorized", "captured", "declined"} and (
        named or waits or not order.payments
    )
    for payment in order.payments:
        if payment.payment_id == reported.payment_id:
            return payment
    if reported.payment_id is None:
        elsewhere = [payment for payment in order.payments if payment.card_id is None]
        for payment in elsewhere:
            if _fits(payment, reported):
                return payment
        if len(elsewhere) == 1 and not opens:
            return elsewhere[0]
    if not opens:
        ids = [payment.payment_id for payment in order.payments]
        raise Conflict(
            f"order {order.order_id} has no such payment: name one of {', '.join(ids) or 'none'}",
            payments=ids,
        )
    if len(order.payments) >= MOST_PAYMENTS:
        raise Conflict(f"order {order.order_id} has {MOST_PAYMENTS} payments already")
    return Payment(reported.payment_id or _next_id(order))


def _next_id(order: Order) -> str:
    taken = {payment.payment_id for payment in order.payments}
    numbers = (str(number) for number in range(1, MOST_PAYMENTS + 2))
    return next(name for name in numbers if name not in taken)


def _fits(payment: Payment, reported: Report) -> bool:
    """Whether a report without payment_id can be about the payment."""
    match reported.kind:
        case "authorized" | "declined":
            return payment.status in {"pending", "declined", "expired"}
        case "captured":
            return payment.status == "pending" or payment.awaited + payment.capturable > 0
        case "refunded":
            return payment.refund_due > payment.refunded
        case "voided" | "expired":
            return payment.authorized > payment.captured


def _amount(order: Order, payment: Payment, reported: Report) -> int:
    if reported.amount is not None:
        return reported.amount
    match reported.kind:
        case "authorized":
            return missing(order)
        case "captured":
            # What was released may have been captured at the same moment.
            uncaptured = payment.authorized - payment.captured
            return payment.awaited or payment.capturable or missing(order) or uncaptured
        case "refunded":
            return payment.refund_due - payment.refunded
        case _:
            return payment.authorized - payment.captured


def _detail(order: Order, payment: Payment, amount: int, event: str) -> dict[str, Any]:
    detail: dict[str, Any] = {"payment_id": payment.payment_id, "tender": payment.tender}
    if event == "payment.received":
        detail["status"] = "paid" if payment.captured else "authorized"
    if payment.reference is not None and event in WITH_REFERENCE:
        detail["reference"] = payment.reference
    money = {"amount": amount, "currency": order.lines[0].currency}
    detail["charged" if event == "payment.received" else "amount"] = money
    if payment.expires_at is not None and event in {"payment.received", "payment.expiring"}:
        detail["expires_at"] = rfc3339(payment.expires_at)
    return detail


def act_on_authorizations(order: Order, now: datetime, terms: TimeLimits) -> Order:
    """Ask for a new authorization a day before one runs out; end one that has run out. The order
    waits for a payment then, and nothing of it is handed over."""
    for payment in order.payments:
        at = payment.acts_at
        if at is None or at > now:
            continue
        if payment.expires_at is not None and payment.expires_at <= now:
            amount = payment.authorized - payment.captured
            gone = ended(payment, "expired")
            order = with_payment(order, gone)
            detail = _detail(order, gone, amount, "payment.expired")
            order = with_entry(order, now, "payment.expired", "sweep", detail)
        else:
            order = with_payment(order, replace(payment, warned=True))
            detail = _detail(order, payment, payment.capturable, "payment.expiring")
            order = with_entry(order, now, "payment.expiring", "sweep", detail)
    return balance(order, now, "the authorization has run out", terms=terms)
