"""What is due back to the shopper, and never more than was charged."""

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
    """What was paid or authorized is due back, in the order's currency."""
    if order.payment.status == "pending":
        return order
    amount = sum(order.line(name).unit_price * quantity for name, quantity in units.items())
    return refund_amount(order, amount, now, reason, exchange_order_id)


def refund_amount(
    order: Order, amount: int, now: datetime, reason: str, exchange_order_id: str | None = None
) -> Order:
    """No more than was charged, however often."""
    payment = order.payment
    if payment.charged is not None:
        left = payment.charged - payment.refunded
        if amount and not left:
            return order
        amount = min(amount, left)
        order = replace(order, payment=replace(payment, refunded=payment.refunded + amount))
    detail = {"amount": amount, "currency": order.lines[0].currency, "reason": reason}
    if exchange_order_id is not None:
        detail["exchange_order_id"] = exchange_order_id
    return with_entry(order, now, "refund.due", "norain", detail)
