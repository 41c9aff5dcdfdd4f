"""Law 6: an order conserves its units, and everything unfinished has an owner and a deadline."""

from collections import Counter

from shared.orders.model.order import HANDED_OVER, Order


class LawBroken(AssertionError):
    """An order that does not conserve its units: a fault of ours, never stored."""


def check(order: Order) -> None:
    """Law 6: no unit of an order is made or lost. Raises LawBroken."""
    held: Counter[str] = Counter()
    handed: Counter[str] = Counter(order.past.handed)
    for found in order.fulfillments:
        into = held if found.is_open else handed if found.state in HANDED_OVER else None
        for part in found.lines:
            if into is not None:
                into[part.line_id] += part.quantity
    for line in order.lines:
        parts = (line.open, line.fulfilled, line.cancelled, line.backordered)
        unowned = (line.unassigned or line.backordered) and line.deadline is None
        if (
            sum(parts) != line.quantity
            or min(*parts, line.unassigned, line.returned) < 0
            or line.open != held[line.line_id] + line.unassigned
            or line.fulfilled != handed[line.line_id]
            or line.returned > line.fulfilled
            or sum(claim.quantity for claim in line.claims) > line.backordered
            or unowned
        ):
            raise LawBroken(f"order {order.order_id}, line {line.line_id}: {line}")
    for found in order.fulfillments:
        if found.is_open and (found.deadline is None or not found.lines):
            raise LawBroken(f"fulfillment {found.fulfillment_id} is owned by nobody")
    if order.unpaid and order.payment.deadline is None:
        raise LawBroken(f"the payment of order {order.order_id} is owned by nobody")
