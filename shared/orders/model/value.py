"""What an order is worth in minor units of its currency. Pure.

owed     what remains of the order: units neither cancelled nor returned, and the shipping
earned   the part of it that has been handed over, and so may be captured

Of a line of Q units that cost N, k units that are cancelled or come back are worth floor(N·k/Q):
the same in whatever portions they come back, and N when all do.
"""

from dataclasses import dataclass, replace

from shared.orders.model.order import Line, Order
from shared.orders.model.quoted import by_points


@dataclass(frozen=True, slots=True)
class Totals:
    """``tax`` is the tax that is added to ``lines`` and ``shipping``: 0 where prices include it.
    ``discounts`` are taken off ``lines`` already."""

    lines: int
    shipping: int
    tax: int
    fees: int = 0
    discounts: int = 0
    repriced: int = 0
    """What is owed beyond the others because the order was priced again, with its tax."""

    @property
    def total(self) -> int:
        return self.lines + self.shipping + self.tax + self.fees + self.repriced


def placed_totals(order: Order) -> Totals:
    """The totals of the order as it was placed or last changed, with cancelled units."""
    return _totals(order, {line.line_id: line.quantity for line in order.lines}, shipping=True)


def remaining_totals(order: Order) -> Totals:
    """The totals of what the shopper keeps or still expects."""
    kept = {line.line_id: kept_units(line) for line in order.lines}
    totals = _totals(order, kept, shipping=owes_shipping(order))
    return replace(totals, fees=_fees(order), repriced=order.repriced)


def owed(order: Order) -> int:
    return remaining_totals(order).total


def earned(order: Order) -> int:
    kept = {line.line_id: line.fulfilled - line.credited for line in order.lines}
    shipped = any(line.fulfilled for line in _shipping_lines(order))
    # More is due for units that were priced again when the last of them is handed over.
    repriced = min(0, order.repriced) if order.is_unfinished else order.repriced
    return max(0, _totals(order, kept, shipping=shipped).total + repriced) + _fees(order)


def _fees(order: Order) -> int:
    return sum(each.fee for each in order.returns if each.credited)


def _totals(order: Order, units: dict[str, int], *, shipping: bool) -> Totals:
    lines = sum(line_value(line, units[line.line_id]) for line in order.lines)
    return Totals(
        lines=lines,
        shipping=order.shipping if shipping else 0,
        tax=sum(line_tax(line, units[line.line_id]) for line in order.lines)
        + (order.shipping_tax if shipping else 0),
        discounts=sum(line.unit_price * units[line.line_id] for line in order.lines) - lines,
    )


def line_value(line: Line, units: int) -> int:
    """What the shopper owes for ``units`` of the line, after its discounts."""
    return amount_of_units(line.net, units, line.quantity)


def line_tax(line: Line, units: int) -> int:
    """The tax that is added for ``units`` of the line."""
    return amount_of_units(line.tax, units, line.quantity)


def amount_of_units(amount: int, units: int, quantity: int) -> int:
    """What the first ``units`` of ``quantity`` are of an amount for all of them."""
    return amount - amount * (quantity - units) // quantity


def unit_value(line: Line) -> int:
    """What one unit of the line costs after its discounts, without fractions of a minor unit."""
    return line.net // line.quantity


def worth(line: Line, units: int) -> int:
    """What the shopper does not owe any more when ``units`` of those that are kept come back."""
    kept = kept_units(line)
    return line_value(line, kept) - line_value(line, kept - units)


def kept_units(line: Line) -> int:
    """The units that the shopper keeps or still expects."""
    return line.quantity - line.cancelled - line.credited


def points_back(order: Order) -> int:
    """How many of the points that paid for the order have come back in all, with what the shopper
    does not keep: all of them when nothing is kept."""
    if order.points is None:
        return 0
    paid = order.points
    kept = sum(
        amount_of_units(by_points(line.discounts), kept_units(line), line.quantity)
        for line in order.lines
    )
    back = paid.points * max(0, paid.amount - kept) // paid.amount
    return max(paid.returned, back)


def owes_shipping(order: Order) -> bool:
    """Whether the shopper pays for shipping: until nothing is to be shipped any more."""
    return any(_kept(line) for line in _shipping_lines(order))


def _shipping_lines(order: Order) -> list[Line]:
    """The lines that the shipping is paid for: those to ship; all when none is."""
    return [line for line in order.lines if line.method == "ship"] or list(order.lines)


def _kept(line: Line) -> bool:
    return line.quantity > line.cancelled
