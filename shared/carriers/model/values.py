"""Addresses, packages, rates, labels and tracking events.

A *provider* is the service that we ask: EasyPost and Shippo, which sell the labels of many
carriers, or the local carrier of demos and tests. A *carrier* brings the parcel.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from shared.addresses import Address
from shared.locations.model import ServiceLevel

Provider = Literal["local", "easypost", "shippo"]
LabelFormat = Literal["pdf", "png", "zpl"]
CarrierStatus = Literal[
    "in_transit", "out_for_delivery", "delivered", "lost", "returned_to_sender", "exception"
]


@dataclass(frozen=True, slots=True)
class Package:
    """The mass in grams and the sides in millimetres."""

    grams: int
    length_mm: int
    width_mm: int
    height_mm: int


@dataclass(frozen=True, slots=True)
class Consignment:
    """A parcel to send. ``reference`` is our own name for this one purchase of a label."""

    reference: str
    sender: Address
    recipient: Address
    package: Package


@dataclass(frozen=True, slots=True)
class Rate:
    """What a service of a carrier costs, in minor units. ``rate_id`` is the provider's name of the
    offer, by which its label is bought and looked up. ``days`` are days from hand-over to
    delivery."""

    rate_id: str
    carrier: str
    service: str
    amount: int
    currency: str
    service_level: ServiceLevel | None = None
    days: int | None = None
    deliver_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A label that was bought. ``document`` is the file, or the https URL to download it from."""

    label_id: str
    carrier: str
    tracking: str
    amount: int
    currency: str
    document: bytes | str
    format: LabelFormat = "pdf"
    service: str | None = None
    tracking_url: str | None = None


@dataclass(frozen=True, slots=True)
class TrackingEvent:
    """What a carrier did with a parcel ``at`` an instant. A provider sends it under the same ``id``
    again when it repeats it."""

    id: str
    tracking: str
    carrier: str
    status: CarrierStatus
    at: datetime
    place: str | None = None


DIGITS = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
}
"""The decimal digits of currencies that have not two (ISO 4217)."""


def minor_units(amount: str | float, currency: str) -> int:
    """An amount such as "7.33" in minor units of the currency. Raises decimal.InvalidOperation."""
    scale = Decimal(10) ** DIGITS.get(currency, 2)
    return int((Decimal(str(amount)) * scale).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def instant_of(text: str | None) -> datetime | None:
    """An instant of a provider; UTC when it names no offset, None when it is none."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
