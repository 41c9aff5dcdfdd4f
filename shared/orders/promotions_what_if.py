"""Price past orders by the draft of the promotions. The sums are those of one page of orders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.orders.model.order import Line
from shared.orders.model.quoted import Discount, total
from shared.orders.store.past_quotes import QuotedOrder, quoted_orders_since
from shared.pricing.model.book import Book
from shared.pricing.model.cart import Cart, CartLine, Person, Place
from shared.pricing.model.points import POINTS
from shared.pricing.model.quote import Given, Quote, QuoteLine, ShippingQuote
from shared.pricing.model.uses import GivenCode
from shared.pricing.model.what_if import Outcome, PastOrder, what_if
from shared.pricing.store import codes


@dataclass(frozen=True, slots=True)
class TriedPage:
    """``skipped`` orders were placed without a quote, or in another currency than the draft's;
    ``last`` is the key of the table to continue after."""

    outcome: Outcome
    skipped: int
    last: tuple[str, str] | None


def try_page(
    draft: Book, now: Book | None, since: datetime, limit: int, after: tuple[str, str] | None
) -> TriedPage:
    """The next orders placed since then, priced by the draft and by the book ``now``; None: as they
    were placed. 1 call for the orders, 1 for each 100 products and codes."""
    page = quoted_orders_since(since, limit, after)
    mine = [
        order
        for order in page.orders
        if _goods(order) and all(line.currency == draft.currency for line in order.lines)
    ]
    products = catalog.products({line.sku for order in mine for line in order.lines})
    known = _codes(mine)
    past = (_past(order, products, known) for order in mine)
    skipped = page.unquoted + len(page.orders) - len(mine)
    return TriedPage(what_if(past, draft, now), skipped, page.last)


def _codes(orders: Iterable[QuotedOrder]) -> dict[str, GivenCode]:
    """The codes that were given; one that is deleted since is as if nobody had typed it."""
    texts = {text for order in orders for text in order.quote.given.get("codes", ())}
    stored = codes.find(sorted(texts)) if texts else {}
    return {text: code.given() for text, (code, _) in stored.items()}


def _goods(order: QuotedOrder) -> list[Line]:
    """The lines that were ordered and may have promotions: no gift cards, which are money."""
    return [line for line in order.lines if line.instead_of is None and line.card_id is None]


def _promotions(discounts: Iterable[Discount]) -> tuple[Discount, ...]:
    """Points pay a part of what promotions have left."""
    return tuple(row for row in discounts if row.promotion_id != POINTS)


def _past(
    order: QuotedOrder, products: Mapping[str, Product], known: Mapping[str, GivenCode]
) -> PastOrder:
    lines = _goods(order)
    given = Given.from_json(order.quote.given)
    cart = Cart(
        tuple(CartLine(line.line_id, line.sku, line.quantity) for line in lines),
        order.quote.shipping_price,
        given.method,
        tuple(known[text] for text in given.codes if text in known),
    )
    person = Person(given.tier, frozenset(given.groups), given.first_order)
    place = Place(order.channel, given.location_id, given.country)
    paid = Quote(
        at=order.quote.at,
        book=order.quote.book,
        currency=lines[0].currency,
        lines=tuple(
            QuoteLine(
                line.line_id,
                line.sku,
                line.quantity,
                line.unit_price,
                line.unit_price * line.quantity - total(_promotions(line.discounts)),
                tuple((row.promotion_id, row.amount) for row in _promotions(line.discounts)),
            )
            for line in lines
        ),
        shipping=ShippingQuote(
            order.quote.shipping_price,
            order.shipping,
            tuple((row.promotion_id, row.amount) for row in order.quote.shipping_discounts),
        ),
        given=given,
        complete=True,
        funding=order.quote.funding,
    )
    then = {
        line.sku: _at_price(products.get(line.sku), line.sku, line.unit_price, line.currency)
        for line in reversed(lines)
    }
    return PastOrder(order.order_id, cart, person, place, order.quote.at, then, paid)


def _at_price(product: Product | None, sku: str, price: int, currency: str) -> Product:
    """The product at the base price of that time, with what it costs today."""
    if product is None:
        return Product(sku, sku, price, currency, 0.0)
    margin = product.margin
    if margin is not None:
        margin += price - product.price
    return replace(product, price=price, currency=currency, prices=(), margin=margin)
