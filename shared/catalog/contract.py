"""Requests and answers of the catalog."""

from collections import Counter
from datetime import timedelta
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
    model_validator,
)

from shared.catalog.model import Life, PriceRow, Product
from shared.instants import local_day, start_of_day
from shared.web.contract import (
    MOST_MINOR_UNITS,
    Answer,
    Channel,
    Day,
    Id,
    Input,
    InstantInput,
    LocationId,
    Money,
    MoneyInput,
    Price,
    Sku,
    TimeZone,
    Units,
)


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


MOST_ROWS = 100
MOST_NAMES = 1000
"""Channels, locations and groups over all price rows of a product."""


class _RowFields(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    amount: Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
    """Price of one unit in minor units of the product's currency."""
    channels: Annotated[list[Channel], Field(min_length=1)] | None = None
    """Selling channels of this price; default: all."""
    locations: Annotated[list[LocationId], Field(min_length=1)] | None = None
    """Locations of this price; default: all."""
    groups: Annotated[list[Id], Field(min_length=1)] | None = None
    """Customer groups of this price; default: everybody."""
    min_quantity: Units = 1
    """Fewest units of the SKU in the cart for this price."""
    starts_on: Day | None = None
    """First local day of this price; default: it has always applied."""
    ends_on: Day | None = None
    """Last local day of this price, inclusive; default: it does not end."""
    time_zone: TimeZone | None = None
    """IANA time zone of both days; required with either of them."""


class PriceRowInput(Input, _RowFields):
    """The price of one unit under conditions. The most specific row that applies wins: customer
    group, then location, then channel; then the greatest `min_quantity`; then the latest
    `starts_on`."""

    @model_validator(mode="after")
    def _days_fit(self) -> Self:
        if self.starts_on is None and self.ends_on is None:
            return self
        if self.time_zone is None:
            raise ValueError("starts_on and ends_on need a time_zone")
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("ends_on is before starts_on")
        return self

    @property
    def names(self) -> int:
        return sum(len(names or ()) for names in (self.channels, self.locations, self.groups))

    def row(self) -> PriceRow:
        zone = self.time_zone or "UTC"
        last = self.ends_on
        return PriceRow(
            amount=self.amount,
            channels=_distinct(self.channels),
            locations=_distinct(self.locations),
            groups=_distinct(self.groups),
            min_quantity=self.min_quantity,
            starts_at=start_of_day(self.starts_on, zone) if self.starts_on else None,
            ends_at=start_of_day(last + timedelta(days=1), zone) if last else None,
            zone=self.time_zone,
        )


class PriceRowAnswer(Answer, _RowFields):
    """The price of one unit under conditions."""

    @classmethod
    def of(cls, row: PriceRow) -> Self:
        zone = row.zone or "UTC"
        return cls(
            amount=row.amount,
            channels=list(row.channels) or None,
            locations=list(row.locations) or None,
            groups=list(row.groups) or None,
            min_quantity=row.min_quantity,
            starts_on=local_day(row.starts_at, zone) if row.starts_at else None,
            ends_on=local_day(row.ends_at, zone) - timedelta(days=1) if row.ends_at else None,
            time_zone=row.zone,
        )


def _distinct(names: list[str] | None) -> tuple[str, ...]:
    return tuple(sorted(set(names or ())))


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
    gift_card: Annotated[bool, Strict()] = False
    """Whether a unit is a gift card: an order line names the card that it sells."""


class PutProduct(Input, _Described):
    """A product."""

    price: Price
    """Price of one unit."""
    margin: MoneyInput | None = None
    """Margin of one unit, in the currency of the price."""
    salvage: MoneyInput | None = None
    """Value of one unit that is left over, in the currency of the price."""
    prices: Annotated[list[PriceRowInput], Field(max_length=MOST_ROWS)] = Field(
        default_factory=list
    )
    """Prices under conditions; where none applies, `price` does."""

    @field_validator("prices")
    @classmethod
    def _rows_fit(cls, rows: list[PriceRowInput]) -> list[PriceRowInput]:
        if sum(row.names for row in rows) > MOST_NAMES:
            raise ValueError(
                f"all rows together may name {MOST_NAMES} channels, locations and groups"
            )
        repeated = [row for row, count in Counter(row.row() for row in rows).items() if count > 1]
        if repeated:
            raise ValueError(f"a row is given twice: amount {repeated[0].amount}")
        return rows

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
            prices=tuple(row.row() for row in self.prices),
            gift_card=self.gift_card,
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
    prices: list[PriceRowAnswer] | None = None
    """Prices under conditions; where none applies, `price` does."""

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
            prices=[PriceRowAnswer.of(row) for row in product.prices] or None,
            gift_card=product.gift_card,
        )


class ProductsAnswer(Answer):
    """A page of products."""

    products: list[ProductAnswer]
    """The products of this page."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def _money(amount: int | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=currency)
