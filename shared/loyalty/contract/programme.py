"""The programme as a document: what planners send, and what they are answered."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le
from pydantic import Field, Strict, StringConstraints, field_validator

from shared.loyalty.model.programme import NO_TIER, Programme, Tier
from shared.pricing.model.money import WHOLE
from shared.web.contract import (
    MOST_MINOR_UNITS,
    Answer,
    Currency,
    Day,
    Input,
    Instant,
    TimeZone,
)

MOST_TIERS = 10
MOST_MONTHS = 35
"""So that the lots of an account, one for each month, are at most MOST_LOTS."""

TierName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


BasisPoints = Annotated[int, Strict(), Ge(0), Le(10_000 * WHOLE)]
Share = Annotated[int, Strict(), Ge(0), Le(WHOLE)]


class LoyaltyTierDocument(Input):
    """A tier of the programme."""

    name: TierName
    """The name of the tier, such as `gold`."""
    threshold: Annotated[int, Strict(), Ge(0), Le(MOST_MINOR_UNITS)]
    """Net spend within the period that reaches the tier, in minor units; 0 for everybody."""
    multiplier: BasisPoints = WHOLE
    """Multiplies the points earned, in basis points: 15000 is one and a half."""
    return_window_days: Annotated[int, Strict(), Ge(0), Le(365)] | None = Field(
        default=None, exclude_if=lambda days: days is None
    )
    """How many days members may return goods, where that is more than the order policy says; their
    points are pending for as long. Default: as for everybody."""


class ProgrammeDocument(Input):
    """The loyalty programme."""

    currency: Currency
    """Lines in this currency earn points (ISO 4217). It cannot change later."""
    time_zone: TimeZone
    """The IANA time zone in which months end."""
    starts_on: Day
    """Orders that were placed before this day earn nothing."""
    earn_rate: BasisPoints
    """Points per minor unit, in basis points: 100 is one point for each 1.00."""
    point_value: BasisPoints
    """What a point pays, in basis points of a minor unit: 10000 is one cent."""
    burn_share: Share = WHOLE
    """The part of a cart that points may pay, in basis points."""
    return_window_days: Annotated[int, Strict(), Ge(0), Le(365)] = 30
    """How many days after the hand-over points become available."""
    expiry_months: Annotated[int, Strict(), Ge(1), Le(MOST_MONTHS)] | None = 12
    """Points expire at the end of the month that is this many months later; null: never."""
    tier_period: Literal["rolling", "calendar", "joining"] = "rolling"
    """The period whose spend counts: `rolling` 12 months, `calendar` year, year since `joining`."""
    tiers: Annotated[list[LoyaltyTierDocument], Field(max_length=MOST_TIERS)] = Field(
        default_factory=list
    )
    """The tiers, by rising threshold."""

    @field_validator("tiers")
    @classmethod
    def _rising(cls, tiers: list[LoyaltyTierDocument]) -> list[LoyaltyTierDocument]:
        names = [tier.name for tier in tiers]
        if NO_TIER in names:
            raise ValueError(f"a tier cannot be called {NO_TIER}, which stands for no tier")
        if len(set(names)) < len(names):
            raise ValueError("a name is used twice")
        thresholds = [tier.threshold for tier in tiers]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("list the tiers by rising threshold; no two may have the same")
        return tiers

    def stored(self) -> dict[str, Any]:
        fields = self.model_dump()
        fields["tiers"] = tuple(Tier(**row) for row in fields["tiers"])
        return Programme(version=0, **fields).to_json()


class ProgrammeDraftAnswer(Answer):
    """The draft of the next version of the programme."""

    revision: int
    """Revision of the draft, also in the ETag."""
    changed_at: Instant
    """When the draft was written."""
    changed_by: str
    """Who wrote it."""
    published_as: int | None = None
    """The version that this revision has become."""
    programme: ProgrammeDocument
    """The programme."""


class ProgrammeAnswer(Answer):
    """A published version of the programme."""

    version: int
    """Version of the programme."""
    active: bool
    """Whether this version is in force."""
    published_at: Instant
    """When it was published."""
    published_by: str
    """Who published it."""
    programme: ProgrammeDocument
    """The programme."""


class ActiveProgrammeAnswer(Answer):
    """Which version of the programme is in force."""

    active: int
    """The version in force now; with 0 nobody earns points."""
    before: int
    """The version that was in force before."""
