"""The shapes of the availability API, for its document; query.py writes them."""

from typing import Literal

from pydantic import Field

from shared.web.contract import Answer, Channel, Count, Instant, LocationId, Sku

Status = Literal[
    "in_stock", "limited_stock", "backorder", "preorder", "out_of_stock", "discontinued"
]


class AvailabilityPickup(Answer):
    ready_by: Instant = Field(description="ordered now, it lies ready by then; whole minutes")


class AvailabilityAtLocation(Answer):
    location_id: LocationId
    sellable: Count
    distance_km: float | None = Field(default=None, description="from the point asked for")
    confidence: float | None = Field(
        default=None,
        description="how likely a pick there finds what the stock shows, from the picks and counts "
        "of its product group; left out where there were none",
    )
    pickup: AvailabilityPickup | None = Field(
        description="null when it does not hand over to shoppers"
    )
    ship: bool


class NextExpected(Answer):
    quantity: Count
    expected_at: Instant


class AvailabilityOfVariant(Answer):
    """Another product with the same attribute ``item_group_id``, sellable where it was asked."""

    sku: Sku
    title: str
    attributes: dict[str, str]
    status: Status
    sellable: Count


class AvailabilityInstead(Answer):
    """What can be done when nothing is sellable where it was asked for."""

    nearest: AvailabilityAtLocation | None = Field(
        default=None, description="the nearest location with something to sell"
    )
    next_expected: NextExpected | None = Field(
        default=None, description="the first supply, wherever it is expected"
    )
    variants: list[AvailabilityOfVariant] | None = Field(
        default=None,
        description="of the first five SKUs without stock, unless `limit` is 0",
    )


class AvailabilityItem(Answer):
    sku: Sku
    status: Status
    sellable: Count = Field(description="over all locations asked for, named below or not")
    available_from: Instant | None = Field(
        default=None, description="there while it is a `preorder`: from then on it is sold"
    )
    next_expected: NextExpected | None = Field(
        default=None, description="the first supply for the locations asked for"
    )
    instead: AvailabilityInstead | None = Field(
        default=None, description="there when nothing is sellable where it was asked for"
    )
    locations: list[AvailabilityAtLocation] = Field(
        description="those with something to sell, or asked for by location_id"
    )


class AvailabilityChange(Answer):
    location_id: LocationId
    sellable: Count
    status: Status
    was: Status


class AvailabilityChanged(Answer):
    """``availability.changed``: what all channels may sell, but those of ``not_for``: these have
    events of their own, with their ``channel``."""

    sku: Sku
    channel: Channel | None = None
    not_for: list[Channel] | None = None
    status: Status
    was: Status
    sellable: Count
    locations: list[AvailabilityChange] = Field(description="those whose own status has changed")


class AvailabilityAnswer(Answer):
    as_of: Instant = Field(description="when the stock last changed; the oldest of the items")
    items: list[AvailabilityItem]
