"""Requests and answers of routing policies. Unknown keys are refused and weights have no defaults:
a published policy states everything it does."""

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
    """The carrier's tariff in a distance band."""

    parcel: Amount
    """Minor units per parcel."""
    kg: Amount
    """Minor units per kg."""
    days: Days
    """Days from hand-over to delivery."""


class ServiceDocument(Input):
    """A service level of the carrier."""

    promise_days: Days
    """A parcel that arrives later than this many days after the order is late."""
    bands: Annotated[list[TariffDocument | None], Field(min_length=1, max_length=21)]
    """One tariff per distance band; null where the carrier does not deliver."""
    strict: Annotated[bool, Strict()]
    """Whether late deliveries are excluded; otherwise lateness has a cost."""


class HandlingDocument(Input):
    """Cost of handling at a location."""

    package: Amount
    """Minor units to pack a parcel."""
    unit: Amount
    """Minor units to pick a unit."""


class HandlingByKind(Input):
    """Cost of handling by type of location."""

    warehouse: HandlingDocument
    """Cost in a warehouse."""
    store: HandlingDocument
    """Cost in a store."""
    vendor: HandlingDocument
    """Cost at a vendor."""


class CarbonDocument(Input):
    """Emissions of delivery and their price."""

    price: Amount
    """Minor units per kg CO2e."""
    van: Factor
    """kg CO2e per tonne-km up to `van_km`."""
    truck: Factor
    """kg CO2e per tonne-km beyond `van_km`."""
    van_km: Annotated[int, Strict(), Ge(0), Le(20_038)]
    """Distance that a van covers, in km."""
    stop: Factor
    """kg CO2e per delivered parcel."""


class UnfilledDocument(Input):
    """Cost of units that are not sent."""

    amount: Amount
    """Minor units per unit that is not sent."""
    share: Factor
    """Additional share of the unit's price."""


class MarkdownDocument(Input):
    """Loss on units that would be left over."""

    amount: Amount
    """Minor units per unit that is left over."""
    share: Factor
    """Additional share of the unit's price above its salvage value."""
    target_days: Annotated[int, Strict(), Ge(1), Le(400)]
    """Days of demand that a location should hold; stock beyond that, or beyond the end of the
    season, is left over."""


class OffersDocument(Input):
    """How parcels are offered to locations."""

    rivals: Annotated[int, Strict(), Ge(0), Le(10)] = 0
    """Number of further locations that are asked for each parcel; the first to accept gets it."""
    saving: Amount | None = None
    """Least saving in minor units for which an order that nobody has started to pick is moved;
    default: it is never moved."""


class GuardRailsDocument(Input):
    """Limits that the what-if of a policy must keep before the policy is published. A limit that is
    left out does not apply."""

    days: Annotated[int, Strict(), Ge(1), Le(366)]
    """Least number of days that the what-if looks back."""
    orders: Annotated[int, Strict(), Ge(0), Le(10**6)]
    """Least number of orders in the what-if."""
    paid_increase: Factor | None = None
    """Largest increase of the cost, as a share: 0.02 is 2 % more than now."""
    unfilled_increase: Share | None = None
    """Largest number of additional units not sent, as a share of all units."""
    splits: Factor | None = None
    """Most parcels after the first, per order."""
    late: Share | None = None
    """Largest share of late parcels."""
    load: Share | None = None
    """Largest share of all units that one location serves."""


class PolicyDocument(Input):
    """A routing policy. Money is in minor units of `currency`."""

    currency: Currency
    """Currency of all amounts (ISO 4217)."""
    bands_km: Annotated[list[Km], Field(max_length=20)]
    """Upper ends of the distance bands in km, rising; one more band lies beyond the last."""
    services: dict[ServiceLevel, ServiceDocument]
    """The offered service levels; a level that is left out is not offered."""
    handling: HandlingByKind
    """Cost of packing and picking by type of location."""
    carbon: CarbonDocument
    """Emissions and their price."""
    split: Amount
    """Minor units for each parcel after the first."""
    max_packages: Annotated[int, Strict(), Ge(1), Le(10)]
    """Most parcels of one order."""
    late_day: Amount
    """Minor units per parcel and day of lateness."""
    rejection: Amount
    """Minor units per unit that the location is expected not to find."""
    unfilled: UnfilledDocument
    """Cost of units that are not sent."""
    opportunity: Factor
    """Weight of the opportunity cost of store stock; 0 ignores it."""
    horizon_days: Annotated[int, Strict(), Ge(1), Le(400)]
    """Days in which a unit can still be sold when its product has no season's end."""

    markdown: MarkdownDocument
    """Value of selling units that would be left over."""
    guard_rails: GuardRailsDocument | None = None
    """Limits that a what-if must keep before the policy can be published; default: no what-if is
    needed."""
    offers: OffersDocument = OffersDocument()
    """How parcels are offered to locations."""

    @model_validator(mode="after")
    def _bands_fit(self) -> Self:
        if any(nearer >= farther for nearer, farther in pairwise(self.bands_km)):
            raise ValueError("bands_km must be in rising order")
        bands = len(self.bands_km) + 1
        for level, service in self.services.items():
            if len(service.bands) != bands:
                raise ValueError(
                    f"services.{level} needs {bands} bands, one more than bands_km; "
                    f"it has {len(service.bands)}"
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
    """A published routing policy."""

    version: int
    """Version of the policy; 0 is built in."""
    active: bool
    """Whether this version is in force."""
    published_at: Instant | None = None
    """When it was published."""
    published_by: str | None = None
    """Who published it."""
    policy: PolicyDocument
    """The policy."""


class CanaryInput(Input):
    """The share of the orders."""

    percent: Annotated[float, Ge(0.01), Le(99), Field(allow_inf_nan=False)]
    """Percentage of the orders, chosen by order id."""


class CanaryAnswer(Answer):
    """A version that routes a share of the orders."""

    version: int
    """Version of the policy that is tried."""
    percent: float
    """Percentage of the orders."""
    since: Instant
    """When the canary started."""
    by: str
    """Who started it."""


class DraftAnswer(Answer):
    """The draft policy."""

    revision: int
    """Revision of the draft, also in the ETag."""
    changed_at: Instant
    """When the draft was written."""
    changed_by: str
    """Who wrote it."""
    published_as: int | None = None
    """The version that this revision has become."""
    policy: PolicyDocument
    """The policy."""


class PoliciesAnswer(Answer):
    """A page of routing policies."""

    active: int
    """The version in force."""
    canary: CanaryAnswer | None = None
    """A version that routes a share of the orders."""
    draft: DraftAnswer | None = None
    """The draft."""
    policies: list[PolicyAnswer]
    """The published versions of this page, newest first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


class ActiveAnswer(Answer):
    """Which version is in force."""

    active: int
    """The version in force now."""
    before: int
    """The version that was in force, or tried, before."""
