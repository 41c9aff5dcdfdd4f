"""Shippo's JSON (API version 2018-02-08, https://docs.goshippo.com, read 2026-11-28).

A shipment is made with its rates; a *transaction* buys the label of a rate. ``rate_id`` is the
object_id of the rate, by which transactions are listed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from shared.addresses import Address
from shared.carriers.model import (
    CarrierStatus,
    Consignment,
    Label,
    Rate,
    TrackingEvent,
    instant_of,
    minor_units,
)

HOST = "api.goshippo.com"
SIGNATURE = "shippo-auth-signature"
STATUSES: Mapping[str, CarrierStatus] = {
    "TRANSIT": "in_transit",
    "DELIVERED": "delivered",
    "RETURNED": "returned_to_sender",
    "FAILURE": "exception",
}
"""Others (UNKNOWN, PRE_TRANSIT) say nothing of what the carrier does with a parcel."""
SUBSTATUSES: Mapping[str, CarrierStatus] = {
    "out_for_delivery": "out_for_delivery",
    "package_lost": "lost",
}
"""Substatus codes that say more than the status."""
BOUGHT = "SUCCESS"
UNDER_WAY = frozenset({"WAITING", "QUEUED"})


def shipment_request(consignment: Consignment) -> dict[str, Any]:
    """The body of ``POST /shipments/``."""
    package = consignment.package
    return {
        "address_from": _address(consignment.sender),
        "address_to": _address(consignment.recipient),
        "parcels": [
            {
                "length": f"{package.length_mm / 10:.1f}",
                "width": f"{package.width_mm / 10:.1f}",
                "height": f"{package.height_mm / 10:.1f}",
                "distance_unit": "cm",
                "weight": str(package.grams),
                "mass_unit": "g",
            }
        ],
        "metadata": consignment.reference,
        "async": False,
    }


def transaction_request(rate_id: str, reference: str) -> dict[str, Any]:
    """The body of ``POST /transactions/``."""
    return {"rate": rate_id, "label_file_type": "PDF_4x6", "metadata": reference, "async": False}


def _address(address: Address) -> dict[str, Any]:
    lines = (*address.lines, "", "", "")
    given = {
        "name": address.name,
        "company": address.company,
        "street1": lines[0],
        "street2": lines[1],
        "street3": lines[2],
        "city": address.city,
        "state": address.region,
        "zip": address.postal_code,
        "country": address.country,
        "phone": address.phone,
        "email": address.email,
    }
    return {name: value for name, value in given.items() if value}


def rates_of(shipment: Mapping[str, Any]) -> tuple[Rate, ...]:
    return tuple(
        Rate(
            rate_id=row["object_id"],
            carrier=row["provider"],
            service=(row.get("servicelevel") or {}).get("token") or "",
            amount=minor_units(row["amount"], row["currency"]),
            currency=row["currency"],
            days=row.get("estimated_days"),
        )
        for row in shipment.get("rates", ())
    )


def label_of(transaction: Mapping[str, Any], rate: Mapping[str, Any]) -> Label | None:
    """The label of a transaction that bought ``rate``; None when it bought none."""
    if transaction.get("status") != BOUGHT:
        return None
    return Label(
        label_id=transaction["object_id"],
        carrier=rate["provider"],
        service=(rate.get("servicelevel") or {}).get("token"),
        tracking=transaction["tracking_number"],
        amount=minor_units(rate["amount"], rate["currency"]),
        currency=rate["currency"],
        document=transaction["label_url"],
        tracking_url=transaction.get("tracking_url_provider"),
    )


def messages_of(answer: Mapping[str, Any]) -> str:
    """Why Shippo or a carrier refuses, in its own words."""
    rows = answer.get("messages") or ()
    texts = [str(row.get("text") if isinstance(row, Mapping) else row) for row in rows]
    return "; ".join(texts) or str(answer.get("detail") or "no reason")


def is_signed(
    secret: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> bool:
    """Whether Shippo sent a message of its webhook, compared in constant time: by its signature
    (``t=<seconds>,v1=<hex>`` over ``<seconds>.<body>``) where Shippo has enabled it, else by the
    secret as parameter ``token`` of the address."""
    if signature := headers.get(SIGNATURE):
        fields = dict(part.strip().partition("=")[::2] for part in signature.split(","))
        signed = fields.get("t", "").encode() + b"." + body
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), fields.get("v1", "").encode())
    return hmac.compare_digest(secret.encode(), query.get("token", "").encode())


def events_of(message: Mapping[str, Any]) -> tuple[TrackingEvent, ...]:
    """The latest event in a message of the webhook; nothing in other messages."""
    track = message.get("data") or {}
    if message.get("event") != "track_updated":
        return ()
    return tuple(event for event in (_event(track, track.get("tracking_status")),) if event)


def events_of_track(track: Mapping[str, Any]) -> tuple[TrackingEvent, ...]:
    """The events of a track, the oldest first."""
    rows = [*(track.get("tracking_history") or ()), track.get("tracking_status")]
    events = {event.id: event for row in rows if (event := _event(track, row))}
    return tuple(sorted(events.values(), key=lambda event: event.at))


def _event(track: Mapping[str, Any], row: Mapping[str, Any] | None) -> TrackingEvent | None:
    row = row or {}
    substatus = (row.get("substatus") or {}).get("code") or ""
    status = SUBSTATUSES.get(substatus, STATUSES.get(row.get("status") or ""))
    at = instant_of(row.get("status_date"))
    if status is None or at is None:
        return None
    return TrackingEvent(
        id=f"{track['tracking_number']}.{row['status_date']}.{status}",
        tracking=track["tracking_number"],
        carrier=track.get("carrier") or "",
        status=status,
        at=at,
        place=(row.get("location") or {}).get("city"),
    )
