"""The price quote of an order: what the order keeps of it, and what is answered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.orders.model import Line
from shared.orders.model.quoted import Discount, OrderQuote
from shared.pricing.model.quote import Quote, QuoteLine
from shared.web.contract import Answer, Id, Instant, Money


class OrderQuoteAnswer(Answer):
    """The price quote that the order was placed with."""

    at: Instant
    """The instant of the price."""
    book: int
    """Version of the promotions; 0 has none."""


class DiscountAnswer(Answer):
    """What a promotion takes off."""

    promotion_id: Id
    """The promotion."""
    amount: Money
    """What it takes off all units together."""


def discounts_answer(discounts: Sequence[Discount], currency: str) -> list[DiscountAnswer] | None:
    return [
        DiscountAnswer(
            promotion_id=discount.promotion_id,
            amount=Money(amount=discount.amount, currency=currency),
        )
        for discount in discounts
    ] or None


def quoted_line(line: Line, of_quote: QuoteLine, quote: Quote) -> Line:
    """The line with its discounts and its tax."""
    tax = of_quote.tax.amount if of_quote.tax else 0
    return replace(
        line,
        discounts=_discounts(of_quote.discounts),
        tax=0 if quote.tax_included else tax,
        tax_within=tax if quote.tax_included else 0,
    )


def order_quote(quote: Quote) -> dict[str, Any]:
    """What the order keeps of its quote beside the lines: fields of Order."""
    shipping = quote.shipping
    tax = shipping.tax.amount if shipping.tax and not quote.tax_included else 0
    kept = OrderQuote(
        at=quote.at,
        book=quote.book,
        engine=quote.engine,
        digest=quote.digest,
        given=quote.given.to_json(),
        shipping_price=shipping.price,
        shipping_discounts=_discounts(shipping.discounts),
        uses=quote.uses,
        unit_prices={line.line_id: line.unit_price for line in quote.lines}
        if quote.reprices
        else {},
    )
    return {"quote": kept, "shipping": shipping.net, "shipping_tax": tax}


def _discounts(rows: Sequence[tuple[str, int]]) -> tuple[Discount, ...]:
    return tuple(Discount(promotion_id, amount) for promotion_id, amount in rows)
