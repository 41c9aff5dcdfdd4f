"""Parcels by their tracking number, and events of carriers that came too early: table ``orders``.

    pk TRACKING#<keyed hash>   sk PARCEL#<fulfillment_id>   a shipped parcel, for PARCEL_DAYS
                               sk PARCEL#<return_id>        the same of a return with a label
                               sk EARLY#<digest>            an event before its parcel was shipped

The parcel is written in the transaction that ships it, or that notes the label of a return. The key
is a keyed hash of the number, so that the table can be searched by a number without showing one.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.items import to_item
from shared.aws.secrets import secret
from shared.carriers.model import CarrierStatus, TrackingEvent
from shared.customers.model.keys import keyed_hash
from shared.instants import rfc3339
from shared.orders.model import Order
from shared.orders.store.keys import orders_table

DAY = 24 * 3600
PARCEL_DAYS = 90
"""How long a carrier is heard about a parcel. Later its number may be another parcel's."""
EARLY_DAYS = 30


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is known of a tracking number: ids of fulfillments and returns, and the early events
    with their sort keys, the oldest first."""

    parcels: tuple[str, ...]
    early: tuple[tuple[str, TrackingEvent], ...]


def tracking_key(tracking: str) -> str:
    """The partition of a tracking number, however it is written."""
    number = re.sub(r"[\s-]", "", tracking).upper()
    return f"TRACKING#{keyed_hash(secret('identity_key'), 'tracking', number)}"


def parcel_parts(before: Order | None, order: Order, now: datetime) -> list[Part]:
    """Writes the parcels with a tracking number that are shipped since ``before``."""
    return [
        {
            "Put": {
                "TableName": orders_table(),
                "Item": to_item(
                    {
                        "pk": tracking_key(tracking),
                        "sk": f"PARCEL#{fulfillment_id}",
                        "ttl": int(now.timestamp()) + PARCEL_DAYS * DAY,
                    }
                ),
            }
        }
        for fulfillment_id, tracking in newly_shipped(before, order)
    ]


def newly_shipped(before: Order | None, order: Order) -> list[tuple[str, str]]:
    """(fulfillment_id, tracking number) of the parcels that are shipped since ``before``, and
    (return_id, tracking number) of the returns that have a label since."""
    return sorted(_shipped(order) - (_shipped(before) if before else set()))


def _shipped(order: Order) -> set[tuple[str, str]]:
    return {
        (part.fulfillment_id, part.tracking)
        for part in order.fulfillments
        if part.state == "shipped" and part.tracking
    } | {
        (each.return_id, each.tracking)
        for each in order.returns
        if each.state == "authorized" and each.tracking
    }


def find_tracked(tracking: str) -> Tracked:
    """The parcels and early events of a tracking number (strongly consistent): one Query."""
    rows = tables.query(
        orders_table(),
        "pk = :pk",
        to_item({":pk": tracking_key(tracking)}),
        ConsistentRead=True,
    )
    parcels: list[str] = []
    early: list[tuple[str, TrackingEvent]] = []
    for row in rows:
        kind, _, name = row["sk"].partition("#")
        if kind == "PARCEL":
            parcels.append(name)
        else:
            early.append((row["sk"], _event_of(row, tracking)))
    early.sort(key=lambda entry: entry[1].at)
    return Tracked(tuple(parcels), tuple(early))


def keep_early(event: TrackingEvent, now: datetime) -> str:
    """Keep an event whose parcel is not shipped yet; returns its sort key. The same event is kept
    once. Its place is not kept: it may be the town of the shopper."""
    sk = f"EARLY#{hashlib.sha256(event.id.encode()).hexdigest()[:32]}"
    item: dict[str, Any] = {
        "pk": tracking_key(event.tracking),
        "sk": sk,
        "carrier": event.carrier,
        "status": event.status,
        "at": rfc3339(event.at),
        "ttl": int(now.timestamp()) + EARLY_DAYS * DAY,
    }
    tables.write("put_item", TableName=orders_table(), Item=to_item(item))
    return sk


def drop_early(tracking: str, sk: str) -> None:
    tables.write(
        "delete_item", TableName=orders_table(), Key=tables.key(tracking_key(tracking), sk)
    )


def _event_of(row: dict[str, Any], tracking: str) -> TrackingEvent:
    return TrackingEvent(
        id=row["sk"],
        tracking=tracking,
        carrier=row["carrier"],
        status=cast("CarrierStatus", row["status"]),
        at=datetime.fromisoformat(row["at"]),
    )
