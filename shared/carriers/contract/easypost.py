"""EasyPost's JSON (API v2, https://docs.easypost.com, read 2026-11-28).

Masses are ounces and sides inches there. A shipment is made with its rates, and a label is bought
with a rate of the shipment, once: EasyPost refuses a second purchase for the same shipment.
``rate_id`` is ``<shipment>/<rate>``.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from typing import Any

from shared.addresses import Address
from shared.carriers.model import (
    CarrierStatus,
    Consignment,
    Label,
    LabelFormat,
    Rate,
    TrackingEvent,
    instant_of,
    minor_units,
)

HOST = "api.easypost.com"
GRAMS_PER_OUNCE = 28.349523125
MM_PER_INCH = 25.4
SIGNATURE = "x-hmac-signature"
STATUSES: Mapping[str, CarrierStatus] = {
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "available_for_pickup": "out_for_delivery",
    "delivered": "delivered",
    "return_to_sender": "returned_to_sender",
    "failure": "exception",
    "error": "exception",
}
"""Others (unknown, pre_transit, cancelled) say nothing of what the carrier does with a parcel."""
FORMATS: Mapping[str, LabelFormat] = {
    "application/pdf": "pdf",
    "image/png": "png",
    "application/zpl": "zpl",
}


def shipment_request(consignment: Consignment) -> dict[str, Any]:
    """The body of ``POST /v2/shipments``."""
    package = consignment.package
    return {
        "shipment": {
            "reference": consignment.reference,
            "from_address": _address(consignment.sender),
            "to_address": _address(consignment.recipient),
            "parcel": {
                "weight": round(package.grams / GRAMS_PER_OUNCE, 1) or 0.1,
                "length": round(package.length_mm / MM_PER_INCH, 1),
                "width": round(package.width_mm / MM_PER_INCH, 1),
                "height": round(package.height_mm / MM_PER_INCH, 1),
            },
            "options": {"label_format": "PDF"},
        }
    }


def _address(address: Address) -> dict[str, Any]:
    first, *rest = address.lines or ("",)
    given = {
        "name": address.name,
        "company": address.company,
        "street1": first,
        "street2": ", ".join(rest) or None,
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
            rate_id=f"{shipment['id']}/{row['id']}",
            carrier=row["carrier"],
            service=row["service"],
            amount=minor_units(row["rate"], row["currency"]),
            currency=row["currency"],
            days=row.get("delivery_days") or row.get("est_delivery_days"),
            deliver_by=instant_of(row.get("delivery_date")),
        )
        for row in shipment.get("rates", ())
    )


def label_of(shipment: Mapping[str, Any]) -> Label | None:
    """The label of a shipment; None while none was bought."""
    paper, rate = shipment.get("postage_label"), shipment.get("selected_rate")
    if not paper or not rate or not shipment.get("tracking_code"):
        return None
    return Label(
        label_id=paper["id"],
        carrier=rate["carrier"],
        service=rate["service"],
        tracking=shipment["tracking_code"],
        amount=minor_units(rate["rate"], rate["currency"]),
        currency=rate["currency"],
        document=paper.get("label_pdf_url") or paper["label_url"],
        format="pdf"
        if paper.get("label_pdf_url")
        else FORMATS.get(paper.get("label_file_type", ""), "pdf"),
        tracking_url=(shipment.get("tracker") or {}).get("public_url"),
    )


def refusal_of(answer: Mapping[str, Any]) -> str:
    """Why EasyPost refuses, in its own words."""
    error = answer.get("error")
    if isinstance(error, Mapping):
        return str(error.get("message") or error.get("code") or "no reason")
    return str(error or "no reason")


def messages_of(shipment: Mapping[str, Any]) -> str:
    """What the carriers say about a shipment without rates."""
    return "; ".join(str(row.get("message")) for row in shipment.get("messages", ()))


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether EasyPost signed a message of its webhook, compared in constant time."""
    key = unicodedata.normalize("NFKD", secret).encode()
    expected = f"hmac-sha256-hex={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    return hmac.compare_digest(expected.encode(), headers.get(SIGNATURE, "").encode())


def events_of(message: Mapping[str, Any]) -> tuple[TrackingEvent, ...]:
    """The latest event of the tracker in a message of the webhook; nothing in other messages."""
    tracker = message.get("result") or {}
    if tracker.get("object") != "Tracker":
        return ()
    return events_of_tracker(tracker)[-1:]


def events_of_tracker(tracker: Mapping[str, Any]) -> tuple[TrackingEvent, ...]:
    """The events of a tracker, the oldest first. Its own status stands for the latest, which may
    have no detail."""
    rows = sorted(tracker.get("tracking_details") or (), key=lambda row: row.get("datetime") or "")
    latest = {
        "status": tracker.get("status"),
        "status_detail": tracker.get("status_detail"),
        "datetime": tracker.get("updated_at"),
    }
    if not rows or rows[-1].get("status") != latest["status"]:
        rows = [*rows, latest]
    return tuple(event for row in rows if (event := _event(tracker, row)))


def _event(tracker: Mapping[str, Any], row: Mapping[str, Any]) -> TrackingEvent | None:
    status = "lost" if row.get("status_detail") == "lost" else STATUSES.get(row.get("status") or "")
    at = instant_of(row.get("datetime"))
    if status is None or at is None:
        return None
    place = (row.get("tracking_location") or {}).get("city")
    return TrackingEvent(
        id=f"{tracker['id']}.{row['datetime']}.{status}",
        tracking=tracker["tracking_code"],
        carrier=tracker.get("carrier") or "",
        status=status,
        at=at,
        place=place,
    )
