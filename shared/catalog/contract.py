"""Products as planners and channels send and see them."""

from typing import Annotated, Self

from annotated_types import Ge, Le
from biip import ParseError
from biip.gtin import Gtin
from pydantic import (
    AfterValidator,
    BaseModel,
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
        raise ValueError(f"not a GTIN: {error}") from error
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
CheckedGtin = Annotated[
    str, StringConstraints(pattern=r"^(\d{8}|\d{12,14})$"), AfterValidator(_checked_gtin)
]


class _Described(BaseModel):
    title: Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
    kg: Annotated[float, Ge(0), Le(10_000), Field(allow_inf_nan=False)] = Field(
        description="mass of one unit, packed for sale"
    )
    gtin: CheckedGtin | None = Field(default=None, description="GS1 Global Trade Item Number")
    season_ends_at: InstantInput | None = Field(
        default=None, description="from then on a unit is worth its salvage"
    )
    attributes: Annotated[dict[Text, Text], Field(max_length=50)] = Field(default_factory=dict)
    available_from: InstantInput | None = Field(
        default=None, description="before it the product is sold ahead only: it is a `preorder`"
    )
    discontinued: Annotated[bool, Strict()] = Field(
        default=False,
        description="what is left is sold off; then it is `discontinued`, and not backordered",
    )


class PutProduct(Input, _Described):
    price: Price
    margin: MoneyInput | None = Field(
        default=None, description="what one unit earns; in the currency of the price"
    )
    salvage: MoneyInput | None = Field(
        default=None, description="what one unit left over is worth; in the currency of the price"
    )

    @field_validator("margin", "salvage")
    @classmethod
    def _in_currency_of_price(
        cls, money: MoneyInput | None, info: ValidationInfo
    ) -> MoneyInput | None:
        price = info.data.get("price")
        if money is not None and price is not None and money.currency != price.currency:
            raise ValueError(f"has the currency of the price: {price.currency}")
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
    sku: Sku
    price: Price
    margin: Money | None = None
    salvage: Money | None = None

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
    products: list[ProductAnswer]
    next_cursor: str | None = None


def _money(amount: int | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=currency)
