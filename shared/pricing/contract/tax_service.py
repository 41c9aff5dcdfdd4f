"""What a tax service is asked, and what it answers. Money is in minor units of ``currency``."""

from typing import Annotated

from annotated_types import Ge, Le
from pydantic import BaseModel, Field, Strict

from shared.pricing.model.money import MILLION
from shared.web.contract import MOST_MINOR_UNITS, Country, Currency, Instant

Amount = Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
Rate = Annotated[int, Strict(), Ge(0), Le(MILLION)]


class TaxedLine(BaseModel):
    """A line after its discounts. ``tax_class`` is that of the product, ``standard`` without."""

    line_id: str
    sku: str
    quantity: int
    net: int
    tax_class: str


class TaxQuestion(BaseModel):
    """The goods of a quote, without gift cards. ``included``: whether ``net`` and ``shipping``
    contain the tax."""

    at: Instant
    currency: Currency
    country: Country
    region: str | None = None
    postal_code: str | None = None
    included: bool
    lines: list[TaxedLine]
    shipping: int


class TaxAmount(BaseModel):
    """``rate`` is in parts per million; ``amount`` is contained in the net price, or added."""

    rate: Rate
    amount: Amount


class TaxOfLine(TaxAmount):
    """The tax of a line."""

    line_id: str


class TaxAnswer(BaseModel):
    """The taxes of every line of the question, and of shipping."""

    lines: list[TaxOfLine]
    shipping: TaxAmount = Field(default_factory=lambda: TaxAmount(rate=0, amount=0))
