"""Carriers: what is asked of them and what they answer. Pure."""

from shared.carriers.model.choosing import choose
from shared.carriers.model.values import (
    CarrierStatus,
    Consignment,
    Label,
    LabelFormat,
    Package,
    Provider,
    Rate,
    TrackingEvent,
    instant_of,
    minor_units,
)

__all__ = [
    "CarrierStatus",
    "Consignment",
    "Label",
    "LabelFormat",
    "Package",
    "Provider",
    "Rate",
    "TrackingEvent",
    "choose",
    "instant_of",
    "minor_units",
]
