"""Price a cart: read its products in one call, the book and the stock from the memory of the
process, and hand them to the model."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.availability.model.channel import confidence_in, sellable_columns
from shared.availability.store import recent
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.errors import InvalidRequest
from shared.pricing import tax_service
from shared.pricing.contract.tax_service import TaxedLine, TaxQuestion
from shared.pricing.model.book import STANDARD, TAX_CLASS, Book
from shared.pricing.model.cart import Cart, Person, Place
from shared.pricing.model.pricing import (
    asks_sellable,
    goods_of,
    limited,
    price,
    priced_lines,
    with_taxes,
)
from shared.pricing.model.quote import Priced, Quote
from shared.pricing.model.uses import CodeRefusal, GivenCode, Use, normal_code
from shared.pricing.store import books, codes, uses
from shared.stock.store import rules


@dataclass(frozen=True, slots=True)
class RefusedCode:
    """A code that the shopper typed and that is not valid."""

    code: str
    reason: CodeRefusal


def read_codes(
    typed: Sequence[str], now: datetime
) -> tuple[tuple[GivenCode, ...], tuple[RefusedCode, ...]]:
    """The codes that are valid now, and the others. 1 call, none without codes."""
    texts = list(dict.fromkeys(map(normal_code, typed)))
    stored = codes.find(texts) if texts else {}
    given, refused = [], []
    for text in texts:
        reason: CodeRefusal | None = "unknown"
        if text in stored:
            code, used = stored[text]
            reason = code.refusal(now, used)
        if reason is None:
            given.append(code.given())
        else:
            refused.append(RefusedCode(text, reason))
    return tuple(given), tuple(refused)


def quote(
    cart: Cart,
    person: Person,
    place: Place,
    at: datetime,
    profile_id: str | None = None,
    homes: Collection[str] = (),
) -> Priced:
    """The quote of a cart by the book in force, for the person of a profile, who has these home
    profiles, or for anybody. 1 call
    and 0.5 read units for each SKU; one more call when a promotion asks what is sellable of
    products that this process has not kept, and one when a promotion may be used only so often.

    Raises InvalidRequest for SKUs without a product, or of different currencies; TaxUnavailable.
    """
    products = catalog.products(line.sku for line in cart.lines)
    _check(cart, products)
    book = books.in_force.get()
    lines = goods_of(priced_lines(cart, person, place, at, products))
    currency = products[cart.lines[0].sku].currency
    asked = asks_sellable(book, cart, lines, place, at, currency)
    sellable = sellable_units(asked, place, at) if asked else {}
    counted = limited(book, cart, lines, place, at, currency)
    left = uses.remaining(counted, homes) if counted else {}
    exhausted = {promotion_id for promotion_id, rest in left.items() if rest == 0}
    while True:
        priced = price(cart, person, place, at, book, products, sellable, exhausted)
        # A promotion whose budget has less than what it would take off is not taken.
        short = {use.promotion_id for use in priced.quote.uses if _is_short(use, left)}
        if not short:
            quoted = _taxed(priced.quote, book, place, products)
            return replace(priced, quote=replace(quoted, profile_id=profile_id))
        exhausted |= short


def _taxed(quote: Quote, book: Book, place: Place, products: Mapping[str, Product]) -> Quote:
    """The quote with the taxes of the tax service, where the book asks it. Raises
    TaxUnavailable."""
    taxes = book.taxes.get(place.country or "")
    if taxes is None or not taxes.by_service or place.country is None:
        return quote
    of_lines, of_shipping = tax_service.ask(
        TaxQuestion(
            at=quote.at,
            currency=quote.currency,
            country=place.country,
            region=place.region,
            postal_code=place.postal_code,
            included=taxes.included,
            lines=[
                TaxedLine(
                    line_id=line.line_id,
                    sku=line.sku,
                    quantity=line.quantity,
                    net=line.net,
                    tax_class=products[line.sku].attributes.get(TAX_CLASS, STANDARD),
                )
                for line in quote.lines
                if not products[line.sku].gift_card
            ],
            shipping=quote.shipping.net,
        )
    )
    return with_taxes(quote, of_lines, of_shipping, place)


def _is_short(use: Use, left: Mapping[str, int | None]) -> bool:
    rest = left.get(use.promotion_id)
    return rest is not None and use.amount > rest


def sellable_units(skus: Iterable[str], place: Place, at: datetime) -> dict[str, int]:
    """The units that the channel may sell: at the location if there is one, else anywhere."""
    packs = recent.columns(skus).by_key
    selling = rules.selling(place.channel, packs, at, confidence_in(packs))
    return {
        sku: sum(
            max(0, units)
            for location_id, units in zip(pack.locations, pack.available, strict=True)
            if place.location_id in {None, location_id}
        )
        for sku, pack in sellable_columns(packs, selling).items()
    }


def _check(cart: Cart, products: Mapping[str, Product]) -> None:
    errors = [
        {"path": f"$.lines[{number}].sku", "message": f"there is no product {line.sku}"}
        for number, line in enumerate(cart.lines)
        if line.sku not in products
    ]
    if not errors:
        currency = products[cart.lines[0].sku].currency
        errors = [
            {
                "path": f"$.lines[{number}].sku",
                "message": f"its price is in {products[line.sku].currency}, that of the first "
                f"line in {currency}",
            }
            for number, line in enumerate(cart.lines)
            if products[line.sku].currency != currency
        ]
    if errors:
        raise InvalidRequest("the cart cannot be priced", errors)
