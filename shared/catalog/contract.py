"""Requests and answers of the catalog."""

from typing import Annotated, Self

from annotated_types import Ge, Le
from biip import ParseError
from biip.gtin import Gtin
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from shared.catalog.model import Life, Product
from shared.web.contract import Answer, Input, InstantInput, Money, MoneyInput, Price, Sku


def _checked_gtin(value: str) -> str:
    try:
        Gtin.parse(value)
    except ParseError as error:
        raise ValueError(f"this is not a GTIN: {error}") from error
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
CheckedGtin = Annotated[
    str, StringConstraints(pattern=r"^(\d{8}|\d{12,14})$"), AfterValidator(_checked_gtin)
]


class _Described(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    title: Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
    """Title of the product."""
    kg: Annotated[float, Ge(0), Le(10000), Field(allow_inf_nan=False)]
    """Mass of one unit, packed for sale, in kg."""
    gtin: CheckedGtin | None = None
    """GS1 Global Trade Item Number."""
    season_ends_at: InstantInput | None = None
    """End of the season: from then on a unit is worth its `salvage`."""
    attributes: Annotated[dict[Text, Text], Field(max_length=50)] = Field(default_factory=dict)
    """Attributes such as colour and size. Products with the same `item_group_id` are variants."""
    available_from: InstantInput | None = None
    """Before this time the product is sold as a `preorder` only."""
    discontinued: Annotated[bool, Strict()] = False
    """Whether remaining units are sold off without backorders; without stock the product is then
    `discontinued`."""


class PutProduct(Input, _Described):
    """A product."""

    price: Price
    """Price of one unit."""
    margin: MoneyInput | None = None
    """Margin of one unit, in the currency of the price."""
    salvage: MoneyInput | None = None
    """Value of one unit that is left over, in the currency of the price."""

    @field_validator("margin", "salvage")
    @classmethod
    def _in_currency_of_price(
        cls, money: MoneyInput | None, info: ValidationInfo
    ) -> MoneyInput | None:
        price = info.data.get("price")
        if money is not None and price is not None and money.currency != price.currency:
            raise ValueError(f"use the currency of the price: {price.currency}")
        return money

    def named(self, sku: str) -> Product:
        return Product(
            sku=sku,
            title=self.title,
            price=self.price.amount,
            currency=self.price.currency,
            kg=self.kg,
            margin=self.margin.amount if self.margin else None,
            salvage=self.salvage.amount if self.salvage else None,
            gtin=self.gtin,
            season_ends_at=self.season_ends_at,
            attributes=dict(self.attributes),
            life=Life(self.available_from, self.discontinued),
        )


class ProductAnswer(Answer, _Described):
    """A product."""

    sku: Sku
    price: Price
    """Price of one unit."""
    margin: Money | None = None
    """Margin of one unit."""
    salvage: Money | None = None
    """Value of one unit that is left over."""

    @classmethod
    def of(cls, product: Product) -> Self:
        currency = product.currency
        return cls(
            sku=product.sku,
            title=product.title,
            price=Price(amount=product.price, currency=currency),
            kg=product.kg,
            margin=_money(product.margin, currency),
            salvage=_money(product.salvage, currency),
            gtin=product.gtin,
            season_ends_at=product.season_ends_at,
            attributes=product.attributes,
            available_from=product.life.available_from,
            discontinued=product.life.discontinued,
        )


class ProductsAnswer(Answer):
    """A page of products."""

    products: list[ProductAnswer]
    """The products of this page."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def _money(amount: int | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=currency)
