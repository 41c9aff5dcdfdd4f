"""Read what an order is priced by again (model/repricing.py)."""

from dataclasses import replace

from shared.catalog import store as catalog
from shared.orders.model import Order
from shared.orders.model.quoted import OrderPrices
from shared.pricing.store import books, codes


def with_prices(order: Order) -> Order:
    """The order with its book, its products and its codes: 2 calls, 3 with codes. Codes that were
    blocked or have ended since count as they did."""
    assert order.quote is not None
    products = catalog.products(sorted({line.sku for line in order.lines}))
    typed = order.quote.given.get("codes", ())
    stored = codes.find(typed) if typed else {}
    prices = OrderPrices(
        books.book(order.quote.book),
        {sku: product.attributes for sku, product in products.items()},
        tuple(code.given() for code, _ in stored.values()),
    )
    return replace(order, prices=prices)
