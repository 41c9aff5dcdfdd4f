"""What an order keeps of the price quote that it was placed with. Nothing of it changes later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.pricing.model.book import Book
from shared.pricing.model.money import shares
from shared.pricing.model.points import POINTS
from shared.pricing.model.uses import GivenCode, Use


@dataclass(frozen=True, slots=True)
class Discount:
    """The share of a line, or of the shipping, in what a promotion takes off: ``amount`` minor
    units."""

    promotion_id: str
    amount: int


@dataclass(frozen=True, slots=True)
class OrderQuote:
    """The quote of an order, beside what its lines keep.

    The cart, ``given``, ``at`` and the ``book`` are what the price was computed from; ``digest`` is
    that of the quote's token, so that a computation can be compared with what was promised.
    ``shipping_price`` is the price of shipping before ``shipping_discounts``. ``uses`` are what the
    order uses of codes and limits.
    """

    at: datetime
    book: int
    engine: int
    digest: str
    given: Mapping[str, Any] = field(default_factory=dict)
    shipping_price: int = 0
    shipping_discounts: tuple[Discount, ...] = ()
    uses: tuple[Use, ...] = ()
    unit_prices: Mapping[str, int] = field(default_factory=dict)
    """By line; only where a promotion prices the order again when units come back
    (repricing.py)."""


@dataclass(frozen=True, slots=True)
class OrderPrices:
    """What an order is priced by again: its book, the attributes of its products by SKU, and the
    codes that the shopper typed."""

    book: Book
    attributes: Mapping[str, Mapping[str, str]]
    codes: tuple[GivenCode, ...] = ()


@dataclass(frozen=True, slots=True)
class PointsPaid:
    """Points that paid ``amount`` minor units of an order: the discount POINTS of its lines.
    ``draws`` say from which accounts and lots they came, as JSON values (shared/loyalty);
    ``returned`` of them have come back."""

    points: int
    amount: int
    draws: tuple[Mapping[str, Any], ...] = ()
    returned: int = 0


def by_points(discounts: Sequence[Discount]) -> int:
    """What points pay among the discounts."""
    return total([discount for discount in discounts if discount.promotion_id == POINTS])


def points_alone(discounts: Sequence[Discount], most: int) -> tuple[Discount, ...]:
    """The part of the discounts that is paid by points, at most ``most``."""
    amount = min(by_points(discounts), most)
    return (Discount(POINTS, amount),) if amount else ()


def total(discounts: Sequence[Discount]) -> int:
    return sum(discount.amount for discount in discounts)


def parts_of(discounts: Sequence[Discount], amount: int) -> tuple[Discount, ...]:
    """``amount`` of the discounts, shared over them in proportion."""
    amounts = shares(amount, [discount.amount for discount in discounts])
    return tuple(
        Discount(discount.promotion_id, part)
        for discount, part in zip(discounts, amounts, strict=True)
        if part
    )
