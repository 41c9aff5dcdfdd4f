"""The document of a book: promotions and tax rates, as planners write it. Unknown keys are refused;
``Book.from_json`` reads what fits."""

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints, field_validator, model_validator

from shared.pricing.model.book import STANDARD
from shared.pricing.model.money import MILLION, WHOLE
from shared.pricing.model.points import POINTS
from shared.web.contract import (
    MOST_MINOR_UNITS,
    Answer,
    Channel,
    Country,
    Currency,
    Day,
    Id,
    Input,
    Instant,
    LocationId,
    Sku,
    TimeZone,
    Units,
)

MOST_PROMOTIONS = 2_000
MOST_NAMES = 1_000
MOST_CONDITIONS = 20
MOST_DEPTH = 4
Amount = Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
Cut = Annotated[int, Strict(), Ge(1), Le(MOST_MINOR_UNITS)]
BasisPoints = Annotated[int, Strict(), Ge(1), Le(WHOLE)]
Uses = Annotated[int, Strict(), Ge(1), Le(1_000_000_000)]
Few = Annotated[int, Strict(), Ge(1), Le(1_000)]
Rate = Annotated[int, Strict(), Ge(0), Le(MILLION)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Clock = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


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
    | ShippingPriceDocument,
    Field(discriminator="kind"),
]


class MeasureDocument(Input):
    """A least subtotal in minor units, or a least number of units, at list prices."""

    at_least: Cut
    """The least subtotal or quantity."""
    products: ProductSetDocument | None = None
    """What is measured; default: the units that the promotion itself may touch."""


class HoursDocument(Input):
    """Days and hours in the time zone of the promotion."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    """Days of the week."""
    opens: Clock = "00:00"
    """Beginning, inclusive."""
    closes: Clock = "24:00"
    """End, exclusive."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError("closes must be after opens")
        return self


class SellableDocument(Input):
    """Products of which the channel can sell units, so that nothing is advertised that is out."""

    skus: Annotated[list[Sku], Field(min_length=1, max_length=20)]
    """The products; each of them must be sellable."""
    at_least: Few = 1
    """Fewest units of each that can be sold: at the location of the cart if it has one, else
    anywhere."""


class ConditionDocument(Input):
    """A condition: exactly one of these."""

    all: Annotated[list["ConditionDocument"], Field(min_length=1, max_length=10)] | None = None
    """All of these hold."""
    any: Annotated[list["ConditionDocument"], Field(min_length=1, max_length=10)] | None = None
    """At least one of these holds."""
    not_: Annotated["ConditionDocument | None", Field(alias="not")] = None
    """This does not hold."""
    subtotal: MeasureDocument | None = None
    """What the units cost at list prices."""
    quantity: MeasureDocument | None = None
    """How many units there are."""
    hours: HoursDocument | None = None
    """When the cart is priced."""
    method: Annotated[list[Literal["ship", "pickup"]], Field(min_length=1, max_length=2)] | None = (
        None
    )
    """How the goods reach the shopper."""
    sellable: SellableDocument | None = None
    """What can be sold."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one kind of condition")
        return self

    @property
    def parts(self) -> list["ConditionDocument"]:
        return [*(self.all or ()), *(self.any or ()), *([self.not_] if self.not_ else ())]

    def size(self) -> int:
        return 1 + sum(part.size() for part in self.parts)

    def depth(self) -> int:
        return 1 + max((part.depth() for part in self.parts), default=0)


class PeopleDocument(Input):
    """Whom a promotion is for. A fact that is not known of the shopper does not fit."""

    tiers: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None
    """One of these tiers."""
    groups: Annotated[list[Id], Field(min_length=1, max_length=50)] | None = None
    """One of these customer groups."""
    first_order: Annotated[bool, Strict()] | None = None
    """Whether it is the shopper's first order."""


class LimitsDocument(Input):
    """How often a promotion may be used. An order uses it once when it takes something off."""

    uses: Uses | None = None
    """By all orders together."""
    per_day: Uses | None = None
    """By the orders of one day; needs a `time_zone`."""
    per_person: Uses | None = None
    """By one person; only orders of a known person get it."""
    budget: Cut | None = None
    """What it may take off in all, in minor units."""


class PromotionDocument(Input):
    """A promotion."""

    promotion_id: Id
    """Id of the promotion."""
    title: Text
    """Title that shoppers see."""
    does: Annotated[list[EffectDocument], Field(min_length=1, max_length=4)]
    """What becomes cheaper. Each effect applies where it can, whether or not the others do."""
    starts_on: Day | None = None
    """First local day; default: it has always run."""
    ends_on: Day | None = None
    """Last local day, inclusive; default: it does not end."""
    time_zone: TimeZone | None = None
    """IANA time zone of the days and hours; required with them."""
    channels: Annotated[list[Channel], Field(min_length=1, max_length=50)] | None = None
    """Selling channels; default: all."""
    locations: Annotated[list[LocationId], Field(min_length=1, max_length=MOST_NAMES)] | None = None
    """Locations; default: all."""
    people: PeopleDocument | None = None
    """Whom it is for; default: everybody."""
    when: ConditionDocument | None = None
    """When it applies; default: always."""
    code: Literal["required", "none"] = "none"
    """Whether only shoppers who type one of its codes get it."""
    limits: LimitsDocument | None = None
    """How often it may be used; default: without limits."""
    on_return: Literal["keep", "reprice"] = "keep"
    """When units are cancelled or come back. `keep`: the others keep their share of the discount.
    `reprice`: what was paid less the price of the others by the order's book is due back."""
    group: Id | None = None
    """The group by which other promotions name this one in `stacks_with`."""
    stacks_with: Literal["all", "none"] | Annotated[list[Id], Field(max_length=50)] = "none"
    """Groups of promotions that may touch the same units: each of both must name the other's
    group."""
    priority: Annotated[int, Strict(), Ge(0), Le(1_000_000)] = 100
    """Order within a stage, and between equal savings: the lowest number first."""

    @field_validator("when")
    @classmethod
    def _small(cls, when: ConditionDocument | None) -> ConditionDocument | None:
        if when and (when.size() > MOST_CONDITIONS or when.depth() > MOST_DEPTH):
            raise ValueError(
                f"at most {MOST_CONDITIONS} conditions, nested at most {MOST_DEPTH} deep"
            )
        return when

    @model_validator(mode="after")
    def _days_fit(self) -> Self:
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError("ends_on is before starts_on")
        daily = self.limits is not None and self.limits.per_day is not None
        asks_time = self.starts_on or self.ends_on or daily or _asks_hours(self.when)
        if self.time_zone is None and asks_time:
            raise ValueError("days and hours need a time_zone")
        return self


def _asks_hours(when: ConditionDocument | None) -> bool:
    return when is not None and (when.hours is not None or any(map(_asks_hours, when.parts)))


class TaxesDocument(Input):
    """Taxes of a country."""

    included: Annotated[bool, Strict()]
    """Whether prices contain the tax; otherwise it is added."""
    rates: Annotated[dict[Id, Rate], Field(min_length=1, max_length=50)]
    """Rates in parts per million (190000 is 19 %) by the class that the attribute `tax_class` of a
    product names. `standard` is for all other products, `shipping` for shipping."""
    by_service: Annotated[bool, Strict()] = False
    """Whether the tax service of the stack computes the taxes of quotes; offline tills use the
    rates."""

    @field_validator("rates")
    @classmethod
    def _has_standard(cls, rates: dict[str, int]) -> dict[str, int]:
        if STANDARD not in rates:
            raise ValueError(f"a rate for the class {STANDARD} is missing")
        return rates


class BookDocument(Input):
    """Promotions and tax rates. Money is in minor units of `currency`."""

    currency: Currency
    """Currency of all amounts (ISO 4217): carts in another one have no promotions."""
    promotions: Annotated[list[PromotionDocument], Field(max_length=MOST_PROMOTIONS)] = Field(
        default_factory=list
    )
    """The promotions."""
    taxes: Annotated[dict[Country, TaxesDocument], Field(max_length=250)] = Field(
        default_factory=dict
    )
    """Taxes by country (ISO 3166-1 alpha-2)."""

    @field_validator("promotions")
    @classmethod
    def _named_once(cls, promotions: list[PromotionDocument]) -> list[PromotionDocument]:
        seen: set[str] = set()
        for promotion in promotions:
            if promotion.promotion_id == POINTS:
                raise ValueError(f"promotion_id {POINTS} names the discount by loyalty points")
            if promotion.promotion_id in seen:
                raise ValueError(f"promotion_id {promotion.promotion_id} is used twice")
            seen.add(promotion.promotion_id)
        return promotions

    def stored(self) -> dict[str, Any]:
        """The document without what is not given."""
        document: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return document


class BookDraftAnswer(Answer):
    """The draft of the next book."""

    revision: int
    """Revision of the draft, also in the ETag."""
    changed_at: Instant
    """When the draft was written."""
    changed_by: str
    """Who wrote it."""
    published_as: int | None = None
    """The version that this revision has become."""
    book: BookDocument
    """The promotions and tax rates."""


class BookAnswer(Answer):
    """A published book."""

    version: int
    """Version of the book; quotes name it."""
    active: bool
    """Whether this version is in force."""
    published_at: Instant
    """When it was published."""
    published_by: str
    """Who published it."""
    promotions: int
    """Number of its promotions."""


class PublishedBookAnswer(Answer):
    """A published book with its promotions."""

    version: int
    """Version of the book; quotes name it."""
    active: bool
    """Whether this version is in force."""
    book: BookDocument
    """The promotions and tax rates."""


class ActiveBookAnswer(Answer):
    """Which book is in force."""

    active: int
    """The version in force now; 0 has no promotions."""
    before: int
    """The version that was in force before."""
