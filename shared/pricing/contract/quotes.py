"""Requests and answers of prices and quotes."""

from typing import Annotated, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, field_validator, model_validator

from shared.catalog.model import Buying, Product
from shared.pricing.model.cart import Cart, CartLine, Person
from shared.pricing.model.conditions import Reason
from shared.pricing.model.points import MOST_POINTS, PointsOffer
from shared.pricing.model.uses import CodeRefusal, GivenCode
from shared.web.contract import (
    MOST_MINOR_UNITS,
    Answer,
    Channel,
    Country,
    Currency,
    Id,
    Input,
    Instant,
    LocationId,
    Price,
    Sku,
)

MOST_LINES = 100
MOST_CODES = 10
TypedCode = Annotated[str, Field(min_length=1, max_length=80)]
MOST_CHARACTERS = 100_000
"""Of a token; a quote of 100 lines with several discounts each has some 10,000."""
QuoteToken = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
Quantity = Annotated[int, Strict(), Ge(1), Le(1_000_000)]


class PriceQuoteLineInput(Input):
    """A line of the cart."""

    line_id: Id
    """Id of the line, unique in the cart."""
    sku: Sku
    quantity: Quantity
    """Number of units."""


class ShopperInput(Input):
    """What is known of the shopper, from callers with the scope `customers:read`. A promotion that
    asks for what is left out is skipped."""

    profile_id: Id | None = None
    """A profile: the tier, and whether it is the first order, are those of the person. An order
    with the quote has to be for this person."""
    tier: Id | None = None
    """Loyalty tier."""
    groups: Annotated[list[Id], Field(max_length=50)] = Field(default_factory=list)
    """Customer groups."""
    first_order: Annotated[bool, Strict()] | None = None
    """Whether it is the shopper's first order."""

    def person(self) -> Person:
        return Person(self.tier, frozenset(self.groups), self.first_order)

    @model_validator(mode="after")
    def _states_nothing_of_a_profile(self) -> Self:
        if self.profile_id is not None and (self.tier, self.first_order) != (None, None):
            raise ValueError("leave out tier and first_order: they are those of the profile")
        return self


class ShipToInput(Input):
    """Where the goods go."""

    country: Country
    region: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    """State or province, for a tax service."""
    postal_code: Annotated[str, Field(min_length=1, max_length=12)] | None = None
    """Postal code, for a tax service."""


class PriceQuoteInput(Input):
    """A cart to be priced."""

    channel: Channel
    location_id: LocationId | None = None
    """The location where the shopper buys; its country is that of the taxes without `ship_to`."""
    customer: ShopperInput = ShopperInput()
    """What is known of the shopper."""
    lines: Annotated[list[PriceQuoteLineInput], Field(min_length=1, max_length=MOST_LINES)]
    """The lines of the cart."""
    ship_to: ShipToInput | None = None
    """Where the goods go: the country of the taxes."""
    codes: Annotated[list[TypedCode], Field(max_length=MOST_CODES)] = Field(default_factory=list)
    """The codes that the shopper typed; spaces, dashes and small letters do not matter."""
    method: Literal["ship", "pickup"] | None = None
    """How the goods reach the shopper."""
    shipping: Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)] = 0
    """Price of shipping before promotions, in minor units."""
    points: Annotated[int, Strict(), Ge(1), Le(MOST_POINTS)] | None = None
    """Points of the shopper that shall pay: no more are used than the programme lets pay for the
    cart. Takes `customer.profile_id`, and the scope `loyalty:read`."""

    @field_validator("lines")
    @classmethod
    def _named_once(cls, lines: list[PriceQuoteLineInput]) -> list[PriceQuoteLineInput]:
        if len({line.line_id for line in lines}) < len(lines):
            raise ValueError("a line_id is used twice")
        return lines

    @model_validator(mode="after")
    def _points_have_an_owner(self) -> Self:
        if self.points is not None and self.customer.profile_id is None:
            raise ValueError("points take customer.profile_id")
        return self

    def cart(self, codes: tuple[GivenCode, ...] = (), points: PointsOffer | None = None) -> Cart:
        """``codes`` are those of the typed codes that are valid."""
        lines = (CartLine(line.line_id, line.sku, line.quantity) for line in self.lines)
        return Cart(tuple(lines), self.shipping, self.method, codes, points)


class DiscountOfLine(Answer):
    """What a promotion takes off."""

    promotion_id: Id
    """The promotion."""
    amount: int
    """Minor units off."""


class QuoteTaxAnswer(Answer):
    """A tax."""

    rate: int
    """Parts per million: 190000 is 19 %."""
    amount: int
    """Minor units: contained in the net price when `tax_included`, else added."""


class PriceQuoteLineAnswer(Answer):
    """A line of a quote."""

    line_id: Id
    """Id of the line."""
    sku: Sku
    quantity: int
    """Number of units."""
    unit_price: int
    """Price of one unit by the price rows, in minor units."""
    list_total: int
    """`unit_price` times `quantity`."""
    discounts: list[DiscountOfLine]
    """Discounts of the line, in the order in which they were taken off."""
    net: int
    """What the line costs: `list_total` less its discounts."""
    tax: QuoteTaxAnswer | None = None
    """Tax of the line; absent when the book has no taxes for the country."""


class QuoteShippingAnswer(Answer):
    """Shipping of a quote."""

    price: int
    """Price before promotions, in minor units."""
    discounts: list[DiscountOfLine]
    """Discounts of shipping."""
    net: int
    """What shipping costs."""
    tax: QuoteTaxAnswer | None = None
    """Tax of shipping."""


class LineShare(Answer):
    """The share of a line in a discount."""

    line_id: Id
    """Id of the line."""
    amount: int
    """Minor units off the line."""


class QuoteDiscountAnswer(Answer):
    """A promotion that takes something off."""

    promotion_id: Id
    """The promotion."""
    title: str
    """Its title."""
    amount: int
    """Minor units off, over all lines and shipping."""
    lines: list[LineShare]
    """Shares of the lines."""
    shipping: int | None = None
    """Minor units off shipping."""
    on_return: Literal["reprice"] | None = None
    """Present when the order is priced again once units are cancelled or come back."""


class NotTakenAnswer(Answer):
    """A promotion for products of the cart that takes nothing off."""

    promotion_id: Id
    """The promotion."""
    title: str
    """Its title."""
    reason: Reason
    """Which condition does not hold, or `saves_less` than the promotions that were taken."""
    short_by: int | None = None
    """What is missing: minor units of a `subtotal`, units of a `quantity`."""


class GiftAnswer(Answer):
    """Units that may be added to the cart and then cost nothing."""

    promotion_id: Id
    """The promotion."""
    sku: Sku
    quantity: int
    """Number of units."""


class QuoteTotalsAnswer(Answer):
    """Totals of a quote, in minor units."""

    list_total: int
    """All lines at their base prices."""
    discounts: int
    """All discounts of lines."""
    net: int
    """All lines after discounts."""
    shipping: int
    """Shipping after discounts."""
    tax: int | None = None
    """Sum of taxes; absent when the book has no taxes for the country."""
    tax_included: bool | None = None
    """Whether `net` and `shipping` contain the tax; otherwise it is added to them."""
    total: int
    """What the shopper pays."""


class SpentPointsAnswer(Answer):
    """The points that are spent, and the rules of the programme by which they pay."""

    points: int
    """Number of points."""
    value: int
    """What a point is worth, in basis points of a minor unit: 10000 is one cent."""
    share: int
    """The part of the goods that points may pay, in basis points."""


class QuotePointsAnswer(Answer):
    """The points of the shopper, for callers with the scope `loyalty:read`."""

    available: int
    """Points that the shopper can spend."""
    most: int
    """How many of them can be spent on this cart."""
    used: int
    """How many the quote spends."""
    amount: int
    """What these take off, in minor units: the discount `points` of the lines."""


class GivenAnswer(Answer):
    """What the price depends on, as the request had it."""

    channel: Channel | None = None
    """The channel; only when something of `by_channel` depends on it."""
    location_id: LocationId | None = None
    """The location."""
    country: Country | None = None
    """The country of the taxes."""
    postal_code: str | None = None
    """The postal code of the taxes, where a tax service was asked."""
    method: str | None = None
    """How the goods reach the shopper."""
    tier: str | None = None
    """Loyalty tier."""
    groups: list[str] | None = None
    """Customer groups."""
    first_order: bool | None = None
    """Whether it is the shopper's first order."""
    codes: list[str] | None = None
    """The valid codes."""
    points: SpentPointsAnswer | None = None
    """The points that are spent."""


class RefusedCodeAnswer(Answer):
    """A typed code that is not valid."""

    code: str
    """The code."""
    reason: CodeRefusal
    """Why it is not valid."""


class PriceQuoteAnswer(Answer):
    """The price of a cart. The same question has the same answer in every channel, but for what
    `by_channel` names."""

    engine: int
    """Version of the rules by which quotes are made."""
    at: Instant
    """The instant of the price."""
    valid_until: Instant
    """An order that brings the `quote_token` before this instant pays this price."""
    book: int
    """Version of the promotions; 0 has none."""
    currency: Currency
    lines: list[PriceQuoteLineAnswer]
    """The lines, in the order of the request."""
    shipping: QuoteShippingAnswer
    """Shipping."""
    discounts: list[QuoteDiscountAnswer]
    """The promotions that take something off, in the order of their priority."""
    totals: QuoteTotalsAnswer
    """Totals."""
    given: GivenAnswer
    """What the price depends on, as the request had it."""
    by_channel: list[str]
    """What depends on the channel: `sku:<sku>` for price rows, `promotion:<id>`."""
    complete: bool
    """Whether every combination of promotions was considered; false when too many compete."""
    not_taken: list[NotTakenAnswer]
    """At most 20 promotions for products of the cart that were not taken, and why."""
    gifts: list[GiftAnswer]
    """Gifts that may be added to the cart."""
    refused_codes: list[RefusedCodeAnswer]
    """Typed codes that are not valid. A valid one without a discount is of a promotion in
    `not_taken`, or of one that is not about the cart."""
    quote_token: str
    """The quote, compressed and signed, for the order."""
    points: QuotePointsAnswer | None = None
    """The points of a shopper with a profile."""


class PriceStep(Answer):
    """A price from a number of units on."""

    min_quantity: int
    """Fewest units in the cart."""
    amount: int
    """Price of one unit, in minor units."""


class SkuPriceAnswer(Answer):
    """The price of a product before promotions."""

    sku: Sku
    price: Price
    """Price of one unit."""
    steps: list[PriceStep] | None = None
    """Prices from more units on, in rising order; absent when there are none."""
    changes_at: Instant | None = None
    """The next instant at which a price row of the product starts or ends."""

    @classmethod
    def of(cls, product: Product, buying: Buying) -> Self:
        first, *more = product.price_steps(buying)
        return cls(
            sku=product.sku,
            price=Price(amount=first.amount, currency=product.currency),
            steps=[PriceStep(min_quantity=row.min_quantity, amount=row.amount) for row in more]
            or None,
            changes_at=product.price_changes_at(buying.at),
        )


class PricesAnswer(Answer):
    """Prices of products before promotions. Products that do not exist are left out."""

    prices: list[SkuPriceAnswer]
    """The prices, in the order of their SKUs."""
