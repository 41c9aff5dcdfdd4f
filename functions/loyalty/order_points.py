"""What of an order earns points: the one place that knows both orders and points. Pure."""

from shared.loyalty.model.earning import EarningLine, EarningOrder
from shared.orders.model.erased import PSEUDONYM
from shared.orders.model.order import Line, Order


def home_of(order: Order) -> str | None:
    """The home profile that earns the points; None for guests and for erased buyers."""
    home = order.buyer.home or order.buyer.profile_id
    return None if home is None or home.startswith(PSEUDONYM) else home


def net(line: Line) -> int:
    """What all units of the line cost after discounts, in minor units, without the tax that a quote
    names."""
    return line.net - line.tax_within


def earning_order(order: Order) -> EarningOrder:
    """The merchandise of the order, without gift cards, shipping, tax and fees."""
    currency = order.lines[0].currency
    handed_over = [part.handed_over_at for part in order.fulfillments if part.handed_over_at]
    latest = order.history[-1].at if order.history else order.placed_at
    return EarningOrder(
        order_id=order.order_id,
        version=order.version,
        currency=currency,
        placed_at=order.placed_at,
        handed_over_at=max(handed_over, default=latest),
        lines=tuple(
            EarningLine(net(line), line.quantity, line.fulfilled, line.credited)
            for line in order.lines
            if line.quantity and line.currency == currency and line.card_id is None
        ),
        repriced=_repriced(order),
    )


def _repriced(order: Order) -> int:
    """What the order costs beyond its frozen nets, once all of it was handed over, and without the
    share of taxes."""
    if not order.repriced or order.is_unfinished:
        return 0
    goods = [line for line in order.lines if line.card_id is None]
    nets, taxed = sum(map(net, goods)), sum(line.net + line.tax for line in goods)
    amount = abs(order.repriced) * nets // taxed if taxed else 0
    return amount if order.repriced > 0 else -amount
