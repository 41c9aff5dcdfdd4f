"""Answers of the availability API, for its document; query.py writes the JSON itself."""

from typing import Literal

from shared.web.contract import Answer, Channel, Count, Instant, LocationId, Sku

Status = Literal[
    "in_stock", "limited_stock", "backorder", "preorder", "out_of_stock", "discontinued"
]


class AvailabilityPickup(Answer):
    """Pickup at a location."""

    ready_by: Instant
    """When an order placed now is ready for pickup; whole minutes."""


class AvailabilityAtLocation(Answer):
    """The availability of a SKU at a location."""

    location_id: LocationId
    sellable: Count
    """Units that the channel can sell at this location."""
    distance_km: float | None = None
    """Distance from the place in the request."""
    confidence: float | None = None
    """How likely a pick there finds the stock, learned from picks and counts of the product group;
    absent without such data."""
    pickup: AvailabilityPickup | None
    """When a pickup is ready; null when the location does not offer pickup."""
    ship: bool
    """Whether the location ships parcels."""


class NextExpected(Answer):
    """The next announced supply."""

    quantity: Count
    """Number of expected units."""
    expected_at: Instant
    """When the units are expected."""


class AvailabilityOfVariant(Answer):
    """A variant that is sellable in the requested place: a product with the same attribute
    `item_group_id`."""

    sku: Sku
    title: str
    """Title of the product."""
    attributes: dict[str, str]
    """Attributes of the product in the catalog."""
    status: Status
    """Availability of the variant in the requested place."""
    sellable: Count
    """Units that the channel can sell in the requested place."""


class AvailabilityInstead(Answer):
    """Alternatives when nothing is sellable in the requested place."""

    nearest: AvailabilityAtLocation | None = None
    """The nearest location with units to sell."""
    next_expected: NextExpected | None = None
    """The next supply at any location."""
    variants: list[AvailabilityOfVariant] | None = None
    """Sellable variants, for the first five SKUs without stock; absent when `limit` is 0."""


class AvailabilityItem(Answer):
    """The availability of a SKU."""

    sku: Sku
    status: Status
    """Availability of the SKU."""
    sellable: Count
    """Units that the channel can sell at all requested locations, listed below or not."""
    available_from: Instant | None = None
    """When the sale of a `preorder` product starts."""
    next_expected: NextExpected | None = None
    """The next supply at the requested locations."""
    instead: AvailabilityInstead | None = None
    """Alternatives when nothing is sellable in the requested place."""
    locations: list[AvailabilityAtLocation]
    """Locations with units to sell, and locations named in the request."""


class AvailabilityChange(Answer):
    """The changed availability of a SKU at a location."""

    location_id: LocationId
    sellable: Count
    """Units that can be sold at the location."""
    status: Status
    """New status at the location."""
    was: Status
    """Previous status at the location."""


class AvailabilityChanged(Answer):
    """The changed availability of a SKU, for one channel or for all channels except `not_for`."""

    sku: Sku
    channel: Channel | None = None
    """The channel that the event is for; absent: all channels except `not_for`."""
    not_for: list[Channel] | None = None
    """Channels with rules of their own, which get their own events."""
    status: Status
    """New status of the SKU."""
    was: Status
    """Previous status of the SKU."""
    sellable: Count
    """Units that can be sold at all locations."""
    locations: list[AvailabilityChange]
    """Locations whose own status changed."""


class AvailabilityAnswer(Answer):
    """The availability of the requested SKUs."""

    as_of: Instant
    """When the stock of the items last changed; the oldest of the items counts."""
    items: list[AvailabilityItem]
    """One item for each requested SKU."""
