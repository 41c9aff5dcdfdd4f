"""Suggestions of products, and what shoppers took of them."""

from datetime import date
from typing import Annotated, Literal

from annotated_types import Len
from pydantic import Field

from shared.recommendations.model.ranking import Candidate, ReasonKind
from shared.web.contract import Answer, Channel, Id, Input, LocationId, Sku

KindName = Literal["again", "with", "new", "alternatives"]
MOST_SHOWN = 100


class RecommendationReason(Answer):
    """Why a product is suggested."""

    kind: ReasonKind
    """`bought_before` by the person; `goes_with` an item of the cart; `suits_you`: others who buy
    the same buy it; `popular_here` at the location, or everywhere; `new_here`: few have bought it
    yet; `variant` of the product that it can replace; `similar` in department and price."""
    times: int | None = None
    """In how many orders the person bought it."""
    last: date | None = None
    """The day on which the person last ordered it."""
    sku: Sku | None = None
    """The item of the cart that it goes with, or the product that it can replace."""


class RecommendationAnswer(Answer):
    """A product that can be bought now."""

    sku: Sku
    reason: RecommendationReason
    """Why it is suggested."""

    @staticmethod
    def of(one: Candidate) -> "RecommendationAnswer":
        reason = one.reason
        return RecommendationAnswer(
            sku=one.sku,
            reason=RecommendationReason(
                kind=reason.kind, times=reason.times, last=reason.last, sku=reason.sku
            ),
        )


class RecommendationsAnswer(Answer):
    """Suggestions, the best first."""

    kind: KindName
    """What was asked for."""
    personal: bool
    """Whether what the person bought was used: it takes the consent `personalisation`."""
    items: list[RecommendationAnswer]
    """The products."""


class FeedbackInput(Input):
    """What a shopper saw of the suggestions, and what of it went into the cart."""

    kind: KindName
    """What was asked for."""
    channel: Channel
    location_id: LocationId | None = None
    profile_id: Id | None = None
    """The id of the shopper's profile; without it the shopper is unknown."""
    shown: Annotated[list[Sku], Len(1, MOST_SHOWN)]
    """The SKUs that were shown."""
    taken: Annotated[list[Sku], Len(max_length=MOST_SHOWN)] = Field(default=[])
    """Those of them that went into the cart."""


class FeedbackAnswer(Answer):
    """The suggestions that were counted."""

    shown: int
    """Number of SKUs that were shown."""
    taken: int
    """Number of them that were taken."""
