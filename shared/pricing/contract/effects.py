"""The documents of what promotions do, as planners write them."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints, field_validator, model_validator

from shared.pricing.model.money import WHOLE
from shared.web.contract import MOST_MINOR_UNITS, Input, Sku, Units

MOST_NAMES = 1_000
Amount = Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
Cut = Annotated[int, Strict(), Ge(1), Le(MOST_MINOR_UNITS)]
BasisPoints = Annotated[int, Strict(), Ge(1), Le(WHOLE)]
Few = Annotated[int, Strict(), Ge(1), Le(1_000)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class ProductSetDocument(Input):
    """Products by SKU or by attributes. Without either: every product."""

    skus: Annotated[list[Sku], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """These products."""
    attributes: (
        Annotated[
            dict[Text, Annotated[list[Text], Field(min_length=1, max_length=MOST_NAMES)]],
            Field(min_length=1, max_length=10),
        ]
        | None
    ) = None
    """Products that have one of the values of each attribute."""
    excluded: "ExcludedDocument | None" = None
    """Products that are not in the set."""


class ExcludedDocument(Input):
    """Products that are not in a set, by SKU or by attributes."""

    skus: Annotated[list[Sku], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """These products."""
    attributes: (
        Annotated[
            dict[Text, Annotated[list[Text], Field(min_length=1, max_length=MOST_NAMES)]],
            Field(min_length=1, max_length=10),
        ]
        | None
    ) = None
    """Products that have one of the values of each attribute."""

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if self.skus is None and self.attributes is None:
            raise ValueError("name skus or attributes: otherwise every product is excluded")
        return self


class _OnProducts(Input):
    products: ProductSetDocument = ProductSetDocument()
    """The products that the effect may touch; default: all."""


class PercentOffDocument(_OnProducts):
    """A percentage off each unit."""

    kind: Literal["percent_off"]
    """Kind of effect."""
    basis_points: BasisPoints
    """The percentage in hundredths of a percent: 1000 is 10 %."""
    of: Literal["left", "list"] = "left"
    """Whether it is a percentage of what earlier promotions have left, or of the list price."""


class AmountOffDocument(_OnProducts):
    """An amount off each unit."""

    kind: Literal["amount_off"]
    """Kind of effect."""
    amount: Cut
    """Minor units off each unit."""


class FixedPriceDocument(_OnProducts):
    """A price of each unit, where it is lower."""

    kind: Literal["fixed_price"]
    """Kind of effect."""
    amount: Amount
    """Minor units that each unit costs."""


class TierDocument(Input):
    """A percentage from a number of units on."""

    min_quantity: Units
    """Fewest units of the products in the cart."""
    basis_points: BasisPoints
    """The percentage in hundredths of a percent."""


class QuantityTiersDocument(_OnProducts):
    """A percentage off each unit that depends on how many units are in the cart."""

    kind: Literal["quantity_tiers"]
    """Kind of effect."""
    tiers: Annotated[list[TierDocument], Field(min_length=1, max_length=20)]
    """The tiers, in rising order of `min_quantity`."""

    @field_validator("tiers")
    @classmethod
    def _rising(cls, tiers: list[TierDocument]) -> list[TierDocument]:
        numbers = [tier.min_quantity for tier in tiers]
        if numbers != sorted(set(numbers)):
            raise ValueError("min_quantity must rise")
        return tiers


class BuyGetDocument(_OnProducts):
    """Buy some units, get others cheaper, in whole groups of both, dearest first."""

    kind: Literal["buy_get"]
    """Kind of effect."""
    buy: Few
    """Units of a group that are paid."""
    get: Few
    """Units of a group that are cheaper: the cheapest of the group."""
    basis_points: BasisPoints = WHOLE
    """The percentage off the cheaper units; default: they are free."""
    get_products: ProductSetDocument | None = None
    """The products of the cheaper units; default: the same as the bought ones."""
    most: Few | None = None
    """Most groups in a cart; default: any number."""


class BundlePartDocument(_OnProducts):
    """Units of a bundle."""

    quantity: Few
    """Units of these products in one bundle."""


class BundlePriceDocument(Input):
    """A price for some units together, where it is lower."""

    kind: Literal["bundle_price"]
    """Kind of effect."""
    parts: Annotated[list[BundlePartDocument], Field(min_length=1, max_length=10)]
    """What is in one bundle."""
    amount: Amount
    """Minor units that one bundle costs."""
    most: Few | None = None
    """Most bundles in a cart; default: any number."""


class GiftDocument(Input):
    """Units of a product that cost nothing once they are in the cart."""

    kind: Literal["gift"]
    """Kind of effect."""
    sku: Sku
    """The product."""
    quantity: Few = 1
    """Units that cost nothing."""


class OrderPercentOffDocument(_OnProducts):
    """A percentage off what the products cost together."""

    kind: Literal["order_percent_off"]
    """Kind of effect."""
    basis_points: BasisPoints
    """The percentage in hundredths of a percent."""


class OrderAmountOffDocument(_OnProducts):
    """An amount off what the products cost together."""

    kind: Literal["order_amount_off"]
    """Kind of effect."""
    amount: Cut
    """Minor units off the order."""


class ShippingPercentOffDocument(Input):
    """A percentage off the price of shipping."""

    kind: Literal["shipping_percent_off"]
    """Kind of effect."""
    basis_points: BasisPoints
    """The percentage in hundredths of a percent: 10000 is free."""


class ShippingPriceDocument(Input):
    """A price of shipping, where it is lower."""

    kind: Literal["shipping_price"]
    """Kind of effect."""
    amount: Amount
    """Minor units that shipping costs."""


class PointsMultiplierDocument(_OnProducts):
    """Units that earn more points; of several promotions the largest counts."""

    kind: Literal["points_multiplier"]
    """Kind of effect."""
    basis_points: Annotated[int, Strict(), Ge(WHOLE + 1), Le(100 * WHOLE)]
    """Hundredths of a percent of the points that the units earn otherwise: 20000 doubles them."""


EffectDocument = Annotated[
    PercentOffDocument
    | AmountOffDocument
    | FixedPriceDocument
    | QuantityTiersDocument
    | BuyGetDocument
    | BundlePriceDocument
    | GiftDocument
    | OrderPercentOffDocument
    | OrderAmountOffDocument
    | ShippingPercentOffDocument
    | ShippingPriceDocument
    | PointsMultiplierDocument,
    Field(discriminator="kind"),
]
