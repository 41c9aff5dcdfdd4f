"""``price``: the quote of a cart, from the cart, the person, the place, the instant, the book and
the price rows alone.

Listings, carts, orders and tills all use it, so that each gets the same answer.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.catalog.model import Buying, Product
from shared.pricing.model.book import (
    SHIPPING,
    STANDARD,
    TAX_CLASS,
    Book,
    Gift,
    Promotion,
    ShippingEffect,
    ShippingPercentOff,
    sets_of,
)
from shared.pricing.model.cart import Cart, Person, Place, PricedLine, Situation
from shared.pricing.model.combining import Combination, combine
from shared.pricing.model.conditions import Miss, missing
from shared.pricing.model.money import percent_of, shares
from shared.pricing.model.pieces import Piece, Pieces, piece_of
from shared.pricing.model.points import POINTS, TITLE, PointsOffer
from shared.pricing.model.quote import (
    Given,
    LineTax,
    NotTaken,
    OfferedGift,
    Priced,
    Quote,
    QuoteLine,
    ShippingQuote,
)
from shared.pricing.model.taxes import taxes_of
from shared.pricing.model.uses import NO_LIMITS, Limits, Use
from shared.pricing.model.weighing import bits

MOST_NOT_TAKEN = 20
"""Promotions that a quote explains: those of the highest priority."""


@dataclass(slots=True)
class _Matched:
    """What the candidates come to, before the best combination is known."""

    pieces: list[Piece] = field(default_factory=list)
    shipping: list[tuple[Promotion, ShippingEffect]] = field(default_factory=list)
    misses: dict[str, Miss] = field(default_factory=dict)
    gifts: list[OfferedGift] = field(default_factory=list)
    by_channel: list[str] = field(default_factory=list)


def price(
    cart: Cart,
    person: Person,
    place: Place,
    at: datetime,
    book: Book,
    products: Mapping[str, Product],
    sellable: Mapping[str, int] | None = None,
    exhausted: Collection[str] = (),
) -> Priced:
    """The quote. ``products`` has every SKU of the cart, all in one currency; ``sellable`` the
    units that may be sold of the SKUs of ``asks_sellable``; ``exhausted`` names promotions that
    have reached a limit. A book in another currency than the cart's has no promotion for it."""
    lines = priced_lines(cart, person, place, at, products)
    currency = products[cart.lines[0].sku].currency
    by_channel = _rows_by_channel(cart, products)
    return price_lines(
        lines, cart, person, place, at, book, currency, sellable, exhausted, by_channel
    )


def price_lines(
    lines: Sequence[PricedLine],
    cart: Cart,
    person: Person,
    place: Place,
    at: datetime,
    book: Book,
    currency: str,
    sellable: Mapping[str, int] | None = None,
    exhausted: Collection[str] = (),
    rows_by_channel: Sequence[str] = (),
) -> Priced:
    """The quote of a cart whose base prices are known: ``lines`` are those of the cart."""
    all_lines = tuple(lines)
    lines = goods_of(all_lines)
    situation = Situation(lines, person, place, at, cart.method, sellable or {})
    candidates = _candidates(book, cart, lines, at, currency)
    matched = _matched(candidates, situation, exhausted)
    combination = combine(Pieces.of(matched.pieces), situation)
    shipping = _shipping(cart.shipping, matched)
    taken = _taken(matched.pieces, combination, shipping)
    by_channel = (*rows_by_channel, *matched.by_channel)
    net_lines = _net_lines(lines, matched.pieces, combination)
    points = _spent_points(cart.points, net_lines)
    quote = Quote(
        at=at,
        book=book.version,
        currency=currency,
        lines=_with_cards(all_lines, _with_points(net_lines, points) if points else net_lines),
        shipping=shipping,
        given=_given(cart, person, place, by_channel, points),
        complete=combination.complete,
        titles=(
            *((one.promotion_id, one.title) for one in candidates if one.promotion_id in taken),
            *([(POINTS, TITLE)] if points else []),
        ),
        by_channel=by_channel,
    )
    reprices = tuple(
        one.promotion_id for one in candidates if one.reprices and one.promotion_id in taken
    )
    quote = replace(quote, uses=_uses(quote, cart, candidates), reprices=reprices)
    quote = _with_taxes(quote, book, all_lines, place)
    not_taken = _not_taken(candidates, matched, taken, combination, shipping)
    return Priced(quote, not_taken, tuple(matched.gifts))


def goods_of(lines: Sequence[PricedLine]) -> tuple[PricedLine, ...]:
    """The lines without gift cards."""
    return tuple(line for line in lines if not line.gift_card)


def priced_lines(
    cart: Cart, person: Person, place: Place, at: datetime, products: Mapping[str, Product]
) -> tuple[PricedLine, ...]:
    """The lines with their base prices. A price from some quantity on counts the units of all lines
    with the SKU, so that splitting a line changes nothing."""
    units = cart.units()
    lines = []
    for line in cart.lines:
        product = products[line.sku]
        buying = Buying(place.channel, at, place.location_id, person.groups, units[line.sku])
        amount = product.price_for(buying).amount
        lines.append(
            PricedLine(
                line.line_id,
                line.sku,
                line.quantity,
                amount,
                product.attributes,
                product.gift_card,
            )
        )
    return tuple(lines)


def asks_sellable(
    book: Book, cart: Cart, lines: Sequence[PricedLine], place: Place, at: datetime, currency: str
) -> frozenset[str]:
    """The SKUs of which a promotion for the cart asks what may be sold."""
    return frozenset().union(
        *(
            promotion.asks_sellable()
            for promotion in _candidates(book, cart, lines, at, currency)
            if promotion.is_sold_at(place)
        )
    )


def limited(
    book: Book, cart: Cart, lines: Sequence[PricedLine], place: Place, at: datetime, currency: str
) -> list[tuple[str, Limits, str]]:
    """The promotions for the cart that all may use only so often: id, limits and local day."""
    return [
        (promotion.promotion_id, promotion.limits, promotion.local_day(at))
        for promotion in _candidates(book, cart, lines, at, currency)
        if promotion.limits != NO_LIMITS and promotion.is_sold_at(place)
    ]


def _candidates(
    book: Book, cart: Cart, lines: Sequence[PricedLine], at: datetime, currency: str
) -> list[Promotion]:
    """The promotions about the cart. Nobody is told of a promotion whose code was not typed."""
    if book.currency != currency:
        return []
    with_code = {code.promotion_id for code in cart.codes}
    return [
        promotion
        for promotion in book.candidates(lines)
        if promotion.runs(at)
        and (not promotion.code_required or promotion.promotion_id in with_code)
    ]


def _uses(quote: Quote, cart: Cart, candidates: Sequence[Promotion]) -> tuple[Use, ...]:
    """What an order with the quote uses of the codes and limits of its promotions."""
    codes = {code.promotion_id: code for code in reversed(cart.codes)}
    amounts = {row["promotion_id"]: row["amount"] for row in quote.discounts()}
    uses = []
    for promotion in candidates:
        amount = amounts.get(promotion.promotion_id, 0)
        code = codes.get(promotion.promotion_id) if promotion.code_required else None
        if amount and (promotion.limits != NO_LIMITS or code is not None):
            uses.append(
                Use(
                    promotion.promotion_id,
                    amount,
                    promotion.limits,
                    promotion.local_day(quote.at) if promotion.limits.per_day else None,
                    code.code if code else None,
                    code.uses if code else None,
                )
            )
    return tuple(uses)


def _matched(
    candidates: Sequence[Promotion], situation: Situation, exhausted: Collection[str]
) -> _Matched:
    matched = _Matched()
    for promotion in candidates:
        if promotion.channels or promotion.asks_sellable():
            matched.by_channel.append(f"promotion:{promotion.promotion_id}")
        if not promotion.is_sold_at(situation.place):
            continue
        if promotion.promotion_id in exhausted:
            if _own_lines(promotion, situation.lines):
                matched.misses[promotion.promotion_id] = Miss("exhausted")
        else:
            _match(promotion, situation, matched)
    return matched


def _match(promotion: Promotion, situation: Situation, matched: _Matched) -> None:
    """Add the pieces of a promotion, or why it has none."""
    own = _own_lines(promotion, situation.lines)
    if not own:
        return
    miss = missing(promotion, situation, own)
    if miss:
        matched.misses[promotion.promotion_id] = miss
        return
    for effect in promotion.effects:
        if isinstance(effect, ShippingEffect):
            matched.shipping.append((promotion, effect))
            continue
        piece = piece_of(promotion, effect, situation.lines)
        if isinstance(effect, Gift):
            _offer(promotion, effect, piece, situation, matched)
        if isinstance(piece, Piece):
            matched.pieces.append(piece)
        elif piece:
            matched.misses[promotion.promotion_id] = piece


def _offer(
    promotion: Promotion,
    gift: Gift,
    piece: Piece | Miss | None,
    situation: Situation,
    matched: _Matched,
) -> None:
    there = situation.quantity(piece.lines) if isinstance(piece, Piece) else 0
    if there < gift.quantity:
        offered = OfferedGift(promotion.promotion_id, gift.sku, gift.quantity - there)
        matched.gifts.append(offered)


def _own_lines(promotion: Promotion, lines: Sequence[PricedLine]) -> tuple[int, ...]:
    """The lines that the promotion may touch. A promotion of gifts and shipping alone is about all
    lines but the gifts."""
    gifts = {effect.sku for effect in promotion.effects if isinstance(effect, Gift)}
    sets = [
        products
        for effect in promotion.effects
        if not isinstance(effect, Gift)
        for products in sets_of(effect)
    ]
    return tuple(
        index
        for index, line in enumerate(lines)
        if line.sku not in gifts
        and (not sets or any(products.has(line.sku, line.attributes) for products in sets))
    )


def _shipping(price: int, matched: _Matched) -> ShippingQuote:
    """Shipping by the promotion that saves most of it. They exclude only each other."""
    best: tuple[int, str] | None = None
    for promotion, effect in matched.shipping:
        if isinstance(effect, ShippingPercentOff):
            cut = percent_of(price, effect.basis_points)
        else:
            cut = max(0, price - effect.amount)
        if cut and (best is None or cut > best[0]):
            best = cut, promotion.promotion_id
    if best is None:
        return ShippingQuote(price, price)
    cut, promotion_id = best
    return ShippingQuote(price, price - cut, ((promotion_id, cut),))


def _taken(
    pieces: Sequence[Piece], combination: Combination, shipping: ShippingQuote
) -> frozenset[str]:
    """The ids of the promotions that take something off."""
    used = {pieces[index].promotion.promotion_id for index in bits(combination.used)}
    return frozenset(used | {promotion_id for promotion_id, _ in shipping.discounts})


def _net_lines(
    lines: Sequence[PricedLine], pieces: Sequence[Piece], combination: Combination
) -> tuple[QuoteLine, ...]:
    cuts: list[dict[int, int]] = [defaultdict(int) for _ in lines]
    for group in combination.groups:
        for cut in group.cuts:
            cuts[group.line][cut.piece] += cut.amount
    net_lines = []
    for line, by_piece in zip(lines, cuts, strict=True):
        by_promotion: dict[str, int] = defaultdict(int)
        for index, amount in by_piece.items():
            by_promotion[pieces[index].promotion.promotion_id] += amount
        discounts = tuple(by_promotion.items())
        net = line.list_total - sum(by_promotion.values())
        net_lines.append(
            QuoteLine(line.line_id, line.sku, line.quantity, line.unit_price, net, discounts)
        )
    return tuple(net_lines)


def _with_cards(lines: Sequence[PricedLine], goods: Sequence[QuoteLine]) -> tuple[QuoteLine, ...]:
    """The goods, and the gift cards between them at their prices."""
    priced = iter(goods)
    return tuple(
        QuoteLine(line.line_id, line.sku, line.quantity, line.unit_price, line.list_total)
        if line.gift_card
        else next(priced)
        for line in lines
    )


def _spent_points(wanted: PointsOffer | None, lines: Sequence[QuoteLine]) -> PointsOffer | None:
    """What of the wanted points the lines can use; None for nothing."""
    points = wanted.most(sum(line.net for line in lines)) if wanted else 0
    return replace(wanted, points=points) if wanted and points else None


def _with_points(lines: Sequence[QuoteLine], points: PointsOffer) -> tuple[QuoteLine, ...]:
    """The lines with what the points take off, in proportion to what they cost."""
    nets = [line.net for line in lines]
    cuts = shares(points.amount(sum(nets)), nets)
    return tuple(
        replace(line, net=line.net - cut, discounts=(*line.discounts, (POINTS, cut)))
        if cut
        else line
        for line, cut in zip(lines, cuts, strict=True)
    )


def _with_taxes(quote: Quote, book: Book, lines: Sequence[PricedLine], place: Place) -> Quote:
    taxes = book.taxes.get(place.country or "")
    if taxes is None:
        return quote
    if taxes.by_service:
        return replace(quote, tax_included=taxes.included)
    rows = [
        (line.attributes.get(TAX_CLASS, STANDARD), quoted.net)
        for line, quoted in zip(lines, quote.lines, strict=True)
        if not line.gift_card
    ]
    *of_goods, of_shipping = taxes_of([*rows, (SHIPPING, quote.shipping.net)], taxes)
    by_good = iter(of_goods)
    return replace(
        quote,
        lines=tuple(
            replace(quoted, tax=LineTax(0, 0) if line.gift_card else next(by_good))
            for line, quoted in zip(lines, quote.lines, strict=True)
        ),
        shipping=replace(quote.shipping, tax=of_shipping)
        if quote.shipping.price
        else quote.shipping,
        tax_included=taxes.included,
    )


def with_taxes(
    quote: Quote, of_lines: Mapping[str, LineTax], of_shipping: LineTax, place: Place
) -> Quote:
    """The quote with the taxes of a tax service; lines without one, which are gift cards, have
    none."""
    none = LineTax(0, 0)
    return replace(
        quote,
        lines=tuple(replace(line, tax=of_lines.get(line.line_id, none)) for line in quote.lines),
        shipping=replace(quote.shipping, tax=of_shipping)
        if quote.shipping.price
        else quote.shipping,
        given=replace(quote.given, postal_code=place.postal_code),
    )


def _rows_by_channel(cart: Cart, products: Mapping[str, Product]) -> list[str]:
    return [
        f"sku:{sku}"
        for sku in sorted(cart.units())
        if any(row.channels for row in products[sku].prices)
    ]


def _given(
    cart: Cart,
    person: Person,
    place: Place,
    by_channel: Sequence[str],
    points: PointsOffer | None,
) -> Given:
    return Given(
        channel=place.channel if by_channel else None,
        location_id=place.location_id,
        country=place.country,
        method=cart.method,
        tier=person.tier,
        groups=tuple(sorted(person.groups)),
        first_order=person.first_order,
        codes=tuple(code.code for code in cart.codes),
        points=points,
    )


def _not_taken(
    candidates: Sequence[Promotion],
    matched: _Matched,
    taken: frozenset[str],
    combination: Combination,
    shipping: ShippingQuote,
) -> tuple[NotTaken, ...]:
    considered = {
        matched.pieces[index].promotion.promotion_id for index in bits(combination.considered)
    }
    ships = {promotion.promotion_id for promotion, _ in matched.shipping}
    priced = {piece.promotion.promotion_id for piece in matched.pieces}
    found = []
    for promotion in candidates:
        named = promotion.promotion_id
        miss = matched.misses.get(named)
        if named in taken or not (miss or named in priced or named in ships):
            continue
        if miss is None and named in priced:
            miss = Miss("saves_less" if named in considered else "not_considered")
        elif miss is None:
            miss = Miss("saves_less" if shipping.price else "shipping")
        found.append(NotTaken(named, promotion.title, miss.reason, miss.short_by))
    return tuple(found[:MOST_NOT_TAKEN])
