"""Answers of what differs between channels."""

from typing import Self

from shared.pricing.model.book import Promotion
from shared.web.contract import Answer, Channel, Id, Sku


class PromotionDifference(Answer):
    """A promotion that is not the same in every channel."""

    promotion_id: Id
    """The promotion."""
    title: str
    """Its title."""
    channels: list[Channel] | None = None
    """The channels that have it; absent for all."""
    asks_sellable: list[Sku] | None = None
    """The SKUs that a channel must be able to sell for it; absent when it asks for none."""

    @classmethod
    def of(cls, promotion: Promotion) -> Self:
        return cls(
            promotion_id=promotion.promotion_id,
            title=promotion.title,
            channels=sorted(promotion.channels) or None,
            asks_sellable=sorted(promotion.asks_sellable()) or None,
        )


class ProductDifference(Answer):
    """A product with price rows for channels."""

    sku: Sku
    channels: list[Channel]
    """The channels that its rows name."""


class PriceDifferencesAnswer(Answer):
    """What has another price in another channel."""

    book: int
    """Version of the promotions; 0 has none."""
    promotions: list[PromotionDifference]
    """The promotions."""
    products: list[ProductDifference]
    """The products among the given SKUs."""
