"""Events of transfers: one CloudEvent for each new entry of their history."""

from collections.abc import Mapping
from typing import Any

from shared.orders.contract.events import cloud_event
from shared.orders.model.transfers import SOURCE as TRANSFERS
from shared.orders.model.transfers import Transfer
from shared.web.contract import Answer, Count, Id, Instant, LocationId, Sku, Units


class SkuUnits(Answer):
    """Units of a SKU."""

    sku: Sku
    quantity: Units
    """Number of units."""


class OfTransfer(Answer):
    """The transfer after the change."""

    transfer_id: Id
    """The id of the transfer."""
    transfer_version: Count
    """Version of the transfer after this change."""
    state: str
    """State of the transfer after this change."""
    from_location_id: LocationId
    """The location that sends the units."""
    to_location_id: LocationId
    """The location that receives the units."""
    expected_at: Instant
    """When the units are expected to arrive."""
    order_id: Id | None = None
    """The order that the units are for."""
    actor: str
    """The person, client or part of NoRain that did this."""
    open: list[SkuUnits]
    """Units that are reserved at the sending location or under way."""
    received: list[SkuUnits] | None = None
    """Units received with this delivery."""
    missing: list[SkuUnits] | None = None
    """Units that did not arrive."""
    shrunk: list[SkuUnits] | None = None
    """Units that stay at the sending location because a customer order needed them."""
    reason: str | None = None
    """Why the transfer changed."""


TRANSFER_EVENTS: Mapping[str, tuple[type[OfTransfer], str]] = {
    "transfer.requested": (OfTransfer, "Units are reserved for a transfer to another location."),
    "transfer.shipped": (OfTransfer, "The units have left the sending location."),
    "transfer.shrunk": (OfTransfer, "A customer order needed units that had not left yet."),
    "transfer.received": (OfTransfer, "Units have arrived or are missing."),
    "transfer.cancelled": (
        OfTransfer,
        "The units stay at the sending location and are on sale there.",
    ),
    "transfer.late": (
        OfTransfer,
        "The units did not arrive in time: somebody has to look for them.",
    ),
}


def of_transfer(before: Transfer | None, after: Transfer) -> list[dict[str, Any]]:
    """The CloudEvents of what has happened between two images of a transfer."""
    return [
        cloud_event(
            TRANSFERS,
            after.transfer_id,
            after.version,
            index,
            entry,
            OfTransfer(
                transfer_id=after.transfer_id,
                transfer_version=after.version,
                state=after.state,
                from_location_id=after.from_location_id,
                to_location_id=after.to_location_id,
                expected_at=after.expected_at,
                order_id=after.order_id,
                actor=entry.actor,
                open=[
                    SkuUnits(sku=line.sku, quantity=line.open) for line in after.lines if line.open
                ],
                **entry.detail,
            ),
        )
        for index, entry in enumerate(after.since(before))
    ]
