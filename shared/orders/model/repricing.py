"""Price again what an order keeps, when units are cancelled or come back. Pure.

Only for an order whose quote has taken a promotion that says ``reprice``: "spend 100, save 20", or
buy-get. The shopper then owes for what stays what the order's own book says for it, from the unit
prices, codes and facts of the quote and at its instant:

    owed afterwards = min(owed before, price of what stays)

so that nobody owes more because units come back, and nothing that was due back is taken again.

- The discounts of promotions that say ``keep`` stay: a line costs what the book says, or its list
  price less those discounts and what the promotions that say ``reprice`` take off now, whichever is
  less.
- Lines that the quote does not know (added, substitutes, priced by hand) cost what they did, and so
  do gift cards, and lines whose product is gone.
- Limits do not count again: a promotion with limits that the order has not used stays out, and
  those that it has used stay in, whatever is sellable today.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shared.orders.model.order import Line, Order
from shared.orders.model.quoted import Discount, OrderPrices, OrderQuote, total
from shared.orders.model.value import (
    kept_units,
    line_tax,
    line_value,
    owes_shipping,
    remaining_totals,
)
from shared.pricing.model.book import SHIPPING, STANDARD, TAX_CLASS
from shared.pricing.model.cart import Cart, CartLine, Person, Place, PricedLine
from shared.pricing.model.pricing import price_lines
from shared.pricing.model.quote import Given, Quote, QuoteLine
from shared.pricing.model.taxes import taxes_of
from shared.pricing.model.uses import NO_LIMITS

PLENTY = 1_000_000_000
"""Units that a promotion which the order has taken finds sellable."""


class PricesMissing(Exception):
    """The order must be priced again, and was read without its ``prices``."""


def repriced(before: Order, order: Order) -> Order:
    """The order with what is owed for what stays since ``before``, which had more units.

    Raises PricesMissing.
    """
    if order.quote is None or not order.quote.unit_prices or not _has_less(before, order):
        return order
    due = min(_owed(before), _price_of_kept(order, order.quote))
    return replace(order, repriced=due - _owed(replace(order, repriced=0)))


def within_price(order: Order) -> Order:
    """The order after prices were set by hand: what is owed beyond its nets is at most what the
    book says now. Raises PricesMissing."""
    if order.quote is None or order.repriced <= 0:
        return order
    beyond = _price_of_kept(order, order.quote) - _owed(replace(order, repriced=0))
    return replace(order, repriced=max(0, min(order.repriced, beyond)))


def _has_less(before: Order, order: Order) -> bool:
    kept = {line.line_id: kept_units(line) for line in order.lines}
    return any(kept.get(line.line_id, 0) < kept_units(line) for line in before.lines)


def _owed(order: Order) -> int:
    """Without fees, which no price has."""
    totals = remaining_totals(order)
    return totals.total - totals.fees


def _price_of_kept(order: Order, quote: OrderQuote) -> int:
    prices = order.prices
    if prices is None:
        raise PricesMissing
    kept = [line for line in order.lines if kept_units(line)]
    quoted = [line for line in kept if _is_quoted(line, quote, prices)]
    others = sum(
        line_value(line, kept_units(line)) + line_tax(line, kept_units(line))
        for line in kept
        if not _is_quoted(line, quote, prices)
    )
    shipping = order.shipping if owes_shipping(order) else 0
    if not quoted:
        return others + shipping + (order.shipping_tax if shipping else 0)
    again = _quote_again(order, quote, prices, quoted)
    reprices = {one.promotion_id: one.reprices for one in prices.book.promotions}
    nets = [
        _net(line, of_quote, reprices) for line, of_quote in zip(quoted, again.lines, strict=True)
    ]
    as_quoted = shipping == quote.shipping_price - total(quote.shipping_discounts)
    if as_quoted and any(reprices.get(row.promotion_id) for row in quote.shipping_discounts):
        shipping = again.shipping.net
    return others + sum(nets) + shipping + _tax(order, quoted, nets, shipping, prices)


def _is_quoted(line: Line, quote: OrderQuote, prices: OrderPrices) -> bool:
    as_then = quote.unit_prices.get(line.line_id) == line.unit_price
    return as_then and line.sku in prices.attributes and line.card_id is None


def _quote_again(
    order: Order, quote: OrderQuote, prices: OrderPrices, quoted: Sequence[Line]
) -> Quote:
    given = Given.from_json(quote.given)
    taken = {row.promotion_id for line in order.lines for row in line.discounts}
    taken |= {row.promotion_id for row in quote.shipping_discounts}
    used = {use.promotion_id for use in quote.uses}
    lines = [
        PricedLine(
            line.line_id,
            line.sku,
            kept_units(line),
            line.unit_price,
            prices.attributes[line.sku],
        )
        for line in quoted
    ]
    return price_lines(
        lines,
        Cart(
            tuple(CartLine(line.line_id, line.sku, line.quantity) for line in lines),
            quote.shipping_price if owes_shipping(order) else 0,
            given.method,
            prices.codes,
        ),
        Person(given.tier, frozenset(given.groups), given.first_order),
        Place(order.channel, given.location_id, given.country),
        quote.at,
        prices.book,
        order.lines[0].currency,
        sellable={
            sku: PLENTY
            for promotion in prices.book.promotions
            if promotion.promotion_id in taken
            for sku in promotion.asks_sellable()
        },
        exhausted={
            promotion.promotion_id
            for promotion in prices.book.promotions
            if promotion.limits != NO_LIMITS and promotion.promotion_id not in used
        },
    ).quote


def _net(line: Line, again: QuoteLine, reprices: Mapping[str, bool]) -> int:
    """What the kept units of the line cost. What is no promotion of the book, such as points, is
    taken off in any case."""

    def share(rows: Iterable[Discount]) -> int:
        return sum(row.amount for row in rows) * again.quantity // line.quantity

    kept = share(row for row in line.discounts if not reprices.get(row.promotion_id))
    outside = share(row for row in line.discounts if row.promotion_id not in reprices)
    now = sum(amount for promotion_id, amount in again.discounts if reprices[promotion_id])
    return max(0, min(again.net - outside, again.list_total - kept - now))


def _tax(
    order: Order, quoted: Sequence[Line], nets: Sequence[int], shipping: int, prices: OrderPrices
) -> int:
    """The tax that is added to the nets and to the shipping. That of a tax service stays."""
    assert order.quote is not None
    taxes = prices.book.taxes.get(order.quote.given.get("country") or "")
    if taxes is None or taxes.included or taxes.by_service:
        of_shipping = order.shipping_tax if shipping else 0
        return sum(line_tax(line, kept_units(line)) for line in quoted) + of_shipping
    rows = [
        (prices.attributes[line.sku].get(TAX_CLASS, STANDARD), net)
        for line, net in zip(quoted, nets, strict=True)
    ]
    return sum(tax.amount for tax in taxes_of([*rows, (SHIPPING, shipping)], taxes))
