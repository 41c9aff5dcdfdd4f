"""Law 6: an order conserves its units, and everything unfinished has an owner and a deadline."""

from collections import Counter
from collections.abc import Iterator

from shared.orders.model.balancing import missing
from shared.orders.model.broken import LawBroken
from shared.orders.model.order import Line, Order
from shared.orders.model.returns import returnable
from shared.orders.model.states import HANDED_OVER
from shared.orders.model.value import owed


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
        if clause := _broken(line, held[line.line_id], handed_over[line.line_id]):
            raise LawBroken(f"order {order.order_id}, line {line.line_id}: {clause}")
    if clause := next(_unowned(order), None):
        raise LawBroken(clause)
    for line in order.lines:
        if returnable(order, line) < 0:
            raise LawBroken(f"order {order.order_id}, line {line.line_id}: too much is returned")
    if clause := _broken_ledger(order):
        raise LawBroken(f"order {order.order_id}: {clause}")


def _unowned(order: Order) -> Iterator[str]:
    """What nobody owns, or has no deadline."""
    for part in order.fulfillments:
        if part.is_open and (part.deadline is None or not part.lines):
            yield f"open fulfillment {part.fulfillment_id} has no deadline or no lines"
        if part.claimed and part.deadline is None:
            yield f"the claim of fulfillment {part.fulfillment_id} has no deadline"
    for each in order.returns:
        waits = each.state in {"authorized", "scanned", "received"} or each.unsold
        if waits and each.deadline is None:
            yield f"the return {each.return_id} has no deadline"
    for pause in order.pauses:
        if not pause.owner:
            yield f"pause {pause.pause_id} of order {order.order_id} has no owner"


def _broken_ledger(order: Order) -> str | None:
    """The broken clause of the ledger of payments; None when it balances."""
    for payment in order.payments:
        sums = payment.refunded, payment.refund_due, payment.captured, payment.authorized
        if sorted(sums) != list(sums) or payment.refunded < 0:
            names = "refunded <= refund due <= captured <= authorized"
            return f"payment {payment.payment_id}: not {names}: {sums}"
        if payment.released < 0 or payment.capturable < 0:
            return f"payment {payment.payment_id}: {payment.capturable} capturable"
    credited = sum(credit.amount for credit in order.credits)
    refunded = sum(payment.refunded for payment in order.payments if payment.card_id is None)
    if credited > refunded:
        return f"{credited} are store credit, and {refunded} are refunded"
    if order.points is not None and not 0 <= order.points.returned <= order.points.points:
        return f"{order.points.returned} points of {order.points.points} were returned"
    kept = sum(payment.kept for payment in order.payments)
    if kept > owed(order):
        return f"{kept} are kept of the payments, and {owed(order)} is owed"
    if order.is_unfinished and missing(order) and order.payment_due_by is None:
        return f"{missing(order)} is not paid, and the payment has no deadline"
    return None


def _broken(line: Line, held: int, handed_over: int) -> str | None:
    """The broken clause of the law with its numbers: ``held`` units are in open fulfillments of the
    line, ``handed_over`` units in closed ones. None when the law holds."""
    units = {
        "open": line.open,
        "fulfilled": line.fulfilled,
        "cancelled": line.cancelled,
        "backordered": line.backordered,
        "unassigned": line.unassigned,
        "returned": line.returned,
        "credited": line.credited,
    }
    if line.net < 0 or any(discount.amount < 0 for discount in line.discounts):
        return f"{line.net} net after discounts of {line.discounts}"
    if line.card_id is not None and (line.discounts or line.quantity > 1):
        return f"a line that sells a card has {line.quantity} units and {line.discounts} off"
    claimed = sum(claim.quantity for claim in line.claims)
    if negative := [f"{name} {count}" for name, count in units.items() if count < 0]:
        return f"negative units: {', '.join(negative)}"
    if line.open + line.fulfilled + line.cancelled + line.backordered != line.quantity:
        return (
            f"quantity {line.quantity} != {line.open} (open) + {line.fulfilled} (fulfilled)"
            f" + {line.cancelled} (cancelled) + {line.backordered} (backordered)"
        )
    if line.open != held + line.unassigned:
        return f"open {line.open} != {held} (in fulfillments) + {line.unassigned} (unassigned)"
    if line.fulfilled != handed_over:
        return f"fulfilled {line.fulfilled} != {handed_over} (handed over by fulfillments)"
    if line.returned > line.fulfilled:
        return f"returned {line.returned} > {line.fulfilled} (fulfilled)"
    if line.credited > line.fulfilled:
        return f"credited {line.credited} > {line.fulfilled} (fulfilled)"
    if claimed > line.backordered:
        return f"claims of {claimed} units > {line.backordered} (backordered)"
    if (line.unassigned or line.backordered) and line.deadline is None:
        return f"{line.unassigned} unassigned and {line.backordered} backordered without a deadline"
    return None
