"""A stock position, and what may be done to it. Pure: values in, values out."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Expected:
    """Future supply; ``reference`` is the purchase order or transfer that brings it."""

    quantity: int
    expected_at: datetime
    reference: str


@dataclass(frozen=True, slots=True)
class Position:
    """Units of one SKU at one location. ``available`` is stored, and is on_hand - reserved."""

    sku: str
    location_id: str
    on_hand: int
    reserved: int
    available: int
    version: int
    updated_at: datetime
    damaged: int = 0
    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What an order or a hold does to one position, as deltas; available moves by their difference.

    reserve n: (0, n)   release n: (0, -n)   hand over n reserved: (-n, -n)   take back n: (n, 0)

    With ``floor`` the write is refused unless ``available`` stays at or above it afterwards;
    without, it always succeeds: goods that have left, have left.
    """

    sku: str
    location_id: str
    on_hand: int
    reserved: int
    floor: int | None = None
    damaged: int = 0
