"""The price quote of an order: what the order keeps of it, and what is answered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.orders.model import Line
from shared.orders.model.quoted import Discount, OrderQuote, PointsPaid
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


class PointsPaidAnswer(Answer):
    """The loyalty points that paid for a part of the order."""

    points: int
    """Points that were spent."""
    amount: Money
    """What they took off: the discount `points` of the lines."""
    returned: int
    """How many of them have come back with what was cancelled or returned."""


def points_answer(paid: PointsPaid | None, currency: str) -> PointsPaidAnswer | None:
    if paid is None:
        return None
    amount = Money(amount=paid.amount, currency=currency)
    return PointsPaidAnswer(points=paid.points, amount=amount, returned=paid.returned)


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
    points = quote.given.points
    return {
        "quote": kept,
        "shipping": shipping.net,
        "shipping_tax": tax,
        "points": PointsPaid(points.points, quote.points_amount) if points else None,
    }


def _discounts(rows: Sequence[tuple[str, int]]) -> tuple[Discount, ...]:
    return tuple(Discount(promotion_id, amount) for promotion_id, amount in rows)
