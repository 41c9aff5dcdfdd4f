"""Law 6: an order conserves its units, and everything unfinished has an owner and a deadline."""

from collections import Counter

from shared.orders.model.order import HANDED_OVER, Order


class LawBroken(AssertionError):
    """An order that makes or loses units. This is a defect of NoRain; such an order is never
    stored."""


def check(order: Order) -> None:
    """Check law 6. Raises LawBroken with the line, or with what has no deadline."""
    held: Counter[str] = Counter()
    handed_over: Counter[str] = Counter(order.past.handed)
    for part in order.fulfillments:
        units_by_line = (
            held if part.is_open else handed_over if part.state in HANDED_OVER else Counter[str]()
        )
        for part_line in part.lines:
            units_by_line[part_line.line_id] += part_line.quantity
    for line in order.lines:
        units = (line.open, line.fulfilled, line.cancelled, line.backordered)
        without_deadline = (line.unassigned or line.backordered) and line.deadline is None
        if (
            sum(units) != line.quantity
            or min(*units, line.unassigned, line.returned) < 0
            or line.open != held[line.line_id] + line.unassigned
            or line.fulfilled != handed_over[line.line_id]
            or line.returned > line.fulfilled
            or sum(claim.quantity for claim in line.claims) > line.backordered
            or without_deadline
        ):
            raise LawBroken(f"order {order.order_id}, line {line.line_id}: {line}")
    for part in order.fulfillments:
        if part.is_open and (part.deadline is None or not part.lines):
            raise LawBroken(f"open fulfillment {part.fulfillment_id} has no deadline or no lines")
    if order.unpaid and order.payment.deadline is None:
        raise LawBroken(f"the pending payment of order {order.order_id} has no deadline")
