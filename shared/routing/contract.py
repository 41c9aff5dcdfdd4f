"""Routing policies as planners send and see them. An unknown key is refused, and no weight has a
default: what is published is the whole policy, so that it says all it does."""

from itertools import pairwise
from typing import Annotated, Any, Self

from annotated_types import Ge, Le
from pydantic import Field, Strict, model_validator

from shared.locations.model import ServiceLevel
from shared.routing.model.policy import Policy
from shared.web.contract import Answer, Currency, Input, Instant

MOST_MONEY = 10**7
Amount = Annotated[int, Strict(), Ge(0), Le(MOST_MONEY)]
Days = Annotated[int, Strict(), Ge(0), Le(60)]
Factor = Annotated[float, Ge(0), Le(100), Field(allow_inf_nan=False)]
Share = Annotated[float, Ge(0), Le(1), Field(allow_inf_nan=False)]
Km = Annotated[int, Strict(), Ge(1), Le(20_038)]


class TariffDocument(Input):
    parcel: Amount = Field(description="minor units per parcel")
    kg: Amount = Field(description="minor units per kg in it")
    days: Days = Field(description="days from hand-over to delivery")


class ServiceDocument(Input):
    promise_days: Days = Field(description="arriving later than this after the order is late")
    bands: Annotated[list[TariffDocument | None], Field(min_length=1, max_length=21)] = Field(
        description="one tariff per distance band; null where the carrier does not go"
    )
    strict: Annotated[bool, Strict()] = Field(
        description="nothing is sent from where it would be late; else lateness has a price"
    )


class HandlingDocument(Input):
    package: Amount = Field(description="minor units to pack a parcel")
    unit: Amount = Field(description="minor units to pick a unit")


class HandlingByKind(Input):
    warehouse: HandlingDocument
    store: HandlingDocument
    vendor: HandlingDocument


class CarbonDocument(Input):
    price: Amount = Field(description="minor units per kg CO2e")
    van: Factor = Field(description="kg CO2e per tonne-km up to van_km")
    truck: Factor = Field(description="kg CO2e per tonne-km beyond")
    van_km: Annotated[int, Strict(), Ge(0), Le(20_038)]
    stop: Factor = Field(description="kg CO2e per parcel delivered")


class UnfilledDocument(Input):
    amount: Amount = Field(description="minor units per unit that is not sent")
    share: Factor = Field(description="and this share of its price")


class MarkdownDocument(Input):
    amount: Amount = Field(description="minor units per unit that is left over")
    share: Factor = Field(description="and this share of its price, beyond its salvage value")
    target_days: Annotated[int, Strict(), Ge(1), Le(400)] = Field(
        description="a location is to hold the demand of so many days; more is left over, and so "
        "is what the end of a product's season leaves"
    )


class OffersDocument(Input):
    rivals: Annotated[int, Strict(), Ge(0), Le(10)] = Field(
        default=0,
        description="further locations that are asked for each parcel; the first to accept has it",
    )
    saving: Amount | None = Field(
        default=None,
        description="an order that nobody has begun to pick goes elsewhere when that saves so many "
        "minor units; left out, it stays",
    )


class GuardRailsDocument(Input):
    """What its what-if must not find, or a policy is not published. Left out is no limit."""

    days: Annotated[int, Strict(), Ge(1), Le(366)] = Field(
        description="the what-if looks back so far at least"
    )
    orders: Annotated[int, Strict(), Ge(0), Le(10**6)] = Field(
        description="and at so many orders at least"
    )
    paid_increase: Factor | None = Field(
        default=None,
        description="most increase of what is paid, as a share: 0.02 is 2 % more than now",
    )
    unfilled_increase: Share | None = Field(
        default=None, description="most additional units not sent, as a share of the orders' units"
    )
    splits: Factor | None = Field(
        default=None, description="most parcels after the first, per order"
    )
    late: Share | None = Field(default=None, description="most late parcels, as a share of all")
    load: Share | None = Field(
        default=None, description="most units of one location, as a share of all"
    )


class PolicyDocument(Input):
    """What a routing policy weighs. Money is minor units of ``currency``."""

    currency: Currency
    bands_km: Annotated[list[Km], Field(max_length=20)] = Field(
        description="upper ends of the distance bands, rising; one more band lies beyond the last"
    )
    services: dict[ServiceLevel, ServiceDocument] = Field(
        description="a service level that is left out is not offered"
    )
    handling: HandlingByKind
    carbon: CarbonDocument
    split: Amount = Field(description="minor units for each parcel after the first")
    max_packages: Annotated[int, Strict(), Ge(1), Le(10)]
    late_day: Amount = Field(description="minor units per parcel and day of lateness")
    rejection: Amount = Field(
        description="minor units per unit that a location is expected not to find"
    )
    unfilled: UnfilledDocument
    opportunity: Factor = Field(
        description="scales the opportunity cost of the shelf; 0 leaves it out of account"
    )
    horizon_days: Annotated[int, Strict(), Ge(1), Le(400)] = Field(
        description="days that a unit can still be sold in when its product names no season's end"
    )

    markdown: MarkdownDocument
    guard_rails: GuardRailsDocument | None = Field(
        default=None, description="without them it is published without a what-if"
    )
    offers: OffersDocument = OffersDocument()

    @model_validator(mode="after")
    def _bands_fit(self) -> Self:
        if any(nearer >= farther for nearer, farther in pairwise(self.bands_km)):
            raise ValueError("bands_km must rise")
        wanted = len(self.bands_km) + 1
        for level, service in self.services.items():
            if len(service.bands) != wanted:
                raise ValueError(
                    f"services.{level} has {len(service.bands)} bands, bands_km makes {wanted}"
                )
        return self

    def policy(self, version: int) -> Policy:
        return Policy.from_json({**self.model_dump(mode="json"), "version": version})

    @staticmethod
    def of(policy: Policy) -> "PolicyDocument":
        document: dict[str, Any] = policy.to_json()
        del document["version"]
        return PolicyDocument.model_validate(document)


class PolicyAnswer(Answer):
    version: int = Field(description="0 is the policy that NoRain brings along")
    active: bool
    published_at: Instant | None = None
    published_by: str | None = None
    policy: PolicyDocument


class CanaryInput(Input):
    percent: Annotated[float, Ge(0.01), Le(99), Field(allow_inf_nan=False)] = Field(
        description="of the orders, chosen by their ids"
    )


class CanaryAnswer(Answer):
    version: int
    percent: float
    since: Instant
    by: str


class DraftAnswer(Answer):
    revision: int = Field(description="the ETag; publish takes it as If-Match")
    changed_at: Instant
    changed_by: str
    published_as: int | None = Field(
        default=None, description="the version that this revision has become"
    )
    policy: PolicyDocument


class PoliciesAnswer(Answer):
    active: int
    canary: CanaryAnswer | None = Field(
        default=None, description="another version that routes a share of the orders"
    )
    draft: DraftAnswer | None = None
    policies: list[PolicyAnswer] = Field(description="the published ones, the newest first")
    next_cursor: str | None = None


class ActiveAnswer(Answer):
    active: int
    before: int
