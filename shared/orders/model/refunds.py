"""Compute the refund that is due: never more than was charged."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.orders.model.change import with_entry
from shared.orders.model.order import Order


def refund_units(
    order: Order,
    units: Mapping[str, int],
    now: datetime,
    reason: str,
    exchange_order_id: str | None = None,
) -> Order:
    """Record the price of ``units`` by line as due back; nothing while the payment is pending."""
    if order.payment.status == "pending":
        return order
    amount = sum(order.line(name).unit_price * quantity for name, quantity in units.items())
    return refund_amount(order, amount, now, reason, exchange_order_id)


def refund_amount(
    order: Order, amount: int, now: datetime, reason: str, exchange_order_id: str | None = None
) -> Order:
    """Record ``amount`` in minor units as due back, at most what was charged and not refunded."""
    payment = order.payment
    if payment.charged is not None:
        refundable = payment.charged - payment.refunded
        if amount and not refundable:
            return order
        amount = min(amount, refundable)
        order = replace(order, payment=replace(payment, refunded=payment.refunded + amount))
    detail = {"amount": amount, "currency": order.lines[0].currency, "reason": reason}
    if exchange_order_id is not None:
        detail["exchange_order_id"] = exchange_order_id
    return with_entry(order, now, "refund.due", "norain", detail)
