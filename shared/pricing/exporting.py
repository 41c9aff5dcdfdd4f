"""Everything that an offline till needs to price a cart as this system does, as JSON lines: the
products with their price rows, the book, and test vectors (cart → quote) by which a till in another
language proves that it agrees."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.catalog.contract import ProductAnswer
from shared.catalog.model import Product
from shared.instants import rfc3339
from shared.pricing.contract.quotes import MOST_CODES
from shared.pricing.model.book import NO_PROMOTIONS, Book
from shared.pricing.model.cart import UNKNOWN, Cart, CartLine, Person, Place
from shared.pricing.model.pricing import price
from shared.pricing.model.uses import GivenCode

MOST_LINES = 5
MOST_UNITS = 6
SHIPPING = (0, 499)
"""Prices of shipping in the vectors, in minor units."""
CODE_SHARE = 0.3
"""Of the promotions with a code, those whose code is typed in a vector."""


def export_lines(
    products: Sequence[Product],
    version: int,
    document: Mapping[str, Any] | None,
    at: datetime,
    vectors: int,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """The lines: one ``header``, one ``book`` (with a document), each ``product``, and ``vectors``
    lines of kind ``vector`` for carts that are drawn from the products by ``seed``. ``document`` is
    that of the book's ``version``, None for version 0."""
    yield {"kind": "header", "at": rfc3339(at), "book": version, "vectors": vectors}
    book = NO_PROMOTIONS
    if document is not None:
        book = Book.from_json(version, document)
        yield {"kind": "book", "version": version, "document": dict(document)}
    for product in products:
        answer = ProductAnswer.of(product).model_dump(mode="json")
        yield {"kind": "product", **answer}
    if products:
        yield from _vectors(products, book, at, vectors, random.Random(seed))


def _vectors(
    products: Sequence[Product], book: Book, at: datetime, vectors: int, rng: random.Random
) -> Iterator[dict[str, Any]]:
    by_currency: dict[str, list[Product]] = {}
    for product in products:
        by_currency.setdefault(product.currency, []).append(product)
    persons, places = _persons(book), _places(products, book)
    for _ in range(vectors):
        known = {product.sku: product for product in by_currency[rng.choice(sorted(by_currency))]}
        cart = _cart(sorted(known), book, rng)
        person, place = rng.choice(persons), rng.choice(places)
        priced = price(cart, person, place, at, book, known)
        yield {
            "kind": "vector",
            "cart": {
                "channel": place.channel,
                "location_id": place.location_id,
                "location_groups": sorted(place.location_groups),
                "country": place.country,
                "method": cart.method,
                "shipping": cart.shipping,
                "tier": person.tier,
                "groups": sorted(person.groups),
                "first_order": person.first_order,
                "codes": [
                    {"code": code.code, "promotion_id": code.promotion_id} for code in cart.codes
                ],
                "lines": [
                    {"line_id": line.line_id, "sku": line.sku, "quantity": line.quantity}
                    for line in cart.lines
                ],
            },
            "quote": priced.quote.to_json(),
        }


def _cart(skus: Sequence[str], book: Book, rng: random.Random) -> Cart:
    lines = tuple(
        CartLine(str(number), rng.choice(skus), rng.randint(1, MOST_UNITS))
        for number in range(1, rng.randint(1, MOST_LINES) + 1)
    )
    codes = tuple(
        GivenCode(f"CODE-{number}", promotion.promotion_id)
        for number, promotion in enumerate(book.promotions, 1)
        if promotion.code_required and rng.random() < CODE_SHARE
    )
    return Cart(lines, rng.choice(SHIPPING), rng.choice(("ship", "pickup")), codes[:MOST_CODES])


def _persons(book: Book) -> list[Person]:
    """Somebody unknown, and one person for each tier and group that a promotion asks for."""
    asked = [promotion.people for promotion in book.promotions if promotion.people]
    tiers = sorted({tier for people in asked for tier in people.tiers})
    groups = sorted({group for people in asked for group in people.groups})
    return [
        UNKNOWN,
        Person(first_order=True),
        *(Person(tier=tier, first_order=False) for tier in tiers),
        *(Person(groups=frozenset({group})) for group in groups),
    ]


def _places(products: Sequence[Product], book: Book) -> list[Place]:
    """Places for each channel, location, group of locations and country that rows, promotions and
    taxes name."""
    rows = [row for product in products for row in product.prices]
    groups = {name for row in rows for name in row.location_groups}
    channels = {name for row in rows for name in row.channels}
    locations = {name for row in rows for name in row.locations}
    for promotion in book.promotions:
        channels |= promotion.channels
        locations |= promotion.locations
    countries: list[str | None] = [*sorted(book.taxes)] or [None]
    return [
        Place(channel, location_id, country, location_groups=frozenset(of_groups))
        for channel in sorted(channels | {"pos", "web"})
        for location_id in (None, *sorted(locations))
        for of_groups in ((), *((name,) for name in sorted(groups)))
        for country in countries
    ]
