"""The effects of promotions that apply to a cart, as the search for the best combination sees them:
lines by index, amounts in minor units, and which effects exclude each other as bit masks."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.pricing.model.book import Promotion
from shared.pricing.model.cart import PricedLine
from shared.pricing.model.conditions import Miss
from shared.pricing.model.effects import (
    AmountOff,
    BundleEffect,
    BundlePrice,
    BuyGet,
    Effect,
    FixedPrice,
    Gift,
    ItemEffect,
    OrderAmountOff,
    OrderEffect,
    OrderPercentOff,
    PercentOff,
    ProductSet,
    QuantityTiers,
)
from shared.pricing.model.money import percent_of


@dataclass(frozen=True, slots=True)
class Piece:
    """One effect of a promotion. ``lines`` are the indexes of the lines that it may touch; those of
    a bundle are also given by ``parts``: lines dearest first, and the units of one bundle."""

    promotion: Promotion
    effect: ItemEffect | BundleEffect | OrderEffect
    lines: tuple[int, ...]
    parts: tuple[tuple[tuple[int, ...], int], ...] = ()


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one cart in the order in which they apply within a stage. ``conflicts[i]`` has
    bit j when pieces i and j may not touch the same unit."""

    all: tuple[Piece, ...]
    items: tuple[int, ...]
    bundles: tuple[int, ...]
    orders: tuple[int, ...]
    conflicts: tuple[int, ...]

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> "Pieces":
        stages: tuple[list[int], list[int], list[int]] = ([], [], [])
        for index, piece in enumerate(pieces):
            stages[_stage(piece.effect)].append(index)
        items, bundles, orders = map(tuple, stages)
        return cls(tuple(pieces), items, bundles, orders, _conflicts(pieces))


def _conflicts(pieces: Sequence[Piece]) -> tuple[int, ...]:
    """By piece the bits of the pieces of other promotions that may not touch the same unit. Pieces
    with the same group that name the same groups exclude the same ones, and are looked at once."""
    own: dict[str, int] = {}
    alike: dict[tuple[str, frozenset[str]], int] = {}
    examples: dict[tuple[str, frozenset[str]], Promotion] = {}
    for index, piece in enumerate(pieces):
        promotion = piece.promotion
        key = promotion.group, promotion.stacks_with
        own[promotion.promotion_id] = own.get(promotion.promotion_id, 0) | 1 << index
        alike[key] = alike.get(key, 0) | 1 << index
        examples[key] = promotion
    excluded = dict.fromkeys(alike, 0)
    for key, one in examples.items():
        for other_key, other in examples.items():
            if not one.stacks(other):
                excluded[key] |= alike[other_key]
    return tuple(
        excluded[piece.promotion.group, piece.promotion.stacks_with]
        & ~own[piece.promotion.promotion_id]
        for piece in pieces
    )


def _stage(effect: Effect) -> int:
    if isinstance(effect, BundleEffect):
        return 1
    return 2 if isinstance(effect, OrderEffect) else 0


def piece_of(
    promotion: Promotion,
    effect: ItemEffect | BundleEffect | OrderEffect,
    lines: Sequence[PricedLine],
) -> Piece | Miss | None:
    """The effect as a piece; Miss when more units are needed; None when the cart has no unit that
    it is about."""
    match effect:
        case QuantityTiers():
            return _tier(promotion, effect, lines)
        case PercentOff() | AmountOff() | FixedPrice() | OrderPercentOff() | OrderAmountOff():
            touched = effect.products.lines(lines)
            return Piece(promotion, effect, touched) if touched else None
        case Gift():
            touched = ProductSet(frozenset({effect.sku})).lines(lines)
            return Piece(promotion, effect, touched) if touched else None
        case BuyGet():
            return _buy_get(promotion, effect, lines)
        case BundlePrice():
            return _bundle_price(promotion, effect, lines)


def _tier(
    promotion: Promotion, effect: QuantityTiers, lines: Sequence[PricedLine]
) -> Piece | Miss | None:
    touched = effect.products.lines(lines)
    units = _units(lines, touched)
    if not units:
        return None
    reached = [points for least, points in effect.tiers if least <= units]
    if not reached:
        return Miss("quantity", effect.tiers[0][0] - units)
    return Piece(promotion, PercentOff(effect.products, reached[-1]), touched)


def _buy_get(
    promotion: Promotion, effect: BuyGet, lines: Sequence[PricedLine]
) -> Piece | Miss | None:
    bought = effect.products.lines(lines)
    parts: tuple[tuple[tuple[int, ...], int], ...]
    if effect.get_products is None:
        units = _units(lines, bought)
        short = effect.buy + effect.get - units
        parts = ((_dearest_first(lines, bought), effect.buy + effect.get),)
    else:
        got = effect.get_products.lines(lines)
        bought = tuple(line for line in bought if line not in got)
        units = _units(lines, bought) + _units(lines, got)
        short = max(0, effect.buy - _units(lines, bought))
        short += max(0, effect.get - _units(lines, got))
        parts = (
            (_dearest_first(lines, bought), effect.buy),
            (_dearest_first(lines, got), effect.get),
        )
    return _bundle(promotion, effect, parts, units, short)


def _bundle_price(
    promotion: Promotion, effect: BundlePrice, lines: Sequence[PricedLine]
) -> Piece | Miss | None:
    parts = tuple(
        (_dearest_first(lines, products.lines(lines)), quantity)
        for products, quantity in effect.parts
    )
    units = sum(_units(lines, part) for part, _ in parts)
    short = sum(max(0, quantity - _units(lines, part)) for part, quantity in parts)
    return _bundle(promotion, effect, parts, units, short)


def _bundle(
    promotion: Promotion,
    effect: BuyGet | BundlePrice,
    parts: tuple[tuple[tuple[int, ...], int], ...],
    units: int,
    short: int,
) -> Piece | Miss | None:
    if not units:
        return None
    if short > 0:
        return Miss("quantity", short)
    touched = sorted({line for part, _ in parts for line in part})
    return Piece(promotion, effect, tuple(touched), parts)


def _units(lines: Sequence[PricedLine], touched: Sequence[int]) -> int:
    return sum(lines[index].quantity for index in touched)


def _dearest_first(lines: Sequence[PricedLine], touched: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(touched, key=lambda index: (-lines[index].unit_price, index)))


def item_cut(effect: ItemEffect, list_total: int, left: int, units: int) -> int:
    """What an item effect takes off ``units`` equal units: ``list_total`` is their list price,
    ``left`` what earlier effects have left of it."""
    match effect:
        case PercentOff():
            of = left if effect.of == "left" else list_total
            return min(left, percent_of(of, effect.basis_points))
        case AmountOff():
            return min(left, effect.amount * units)
        case FixedPrice():
            return max(0, left - effect.amount * units)
        case QuantityTiers():
            raise AssertionError("a tier that is reached is a percentage")


def order_cut(effect: OrderEffect, left: int) -> int:
    """What an order effect takes off the lines that it touches, of which ``left`` is left."""
    if isinstance(effect, OrderPercentOff):
        return percent_of(left, effect.basis_points)
    return min(left, effect.amount)
