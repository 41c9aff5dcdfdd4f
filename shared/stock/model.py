"""A stock position, a hold, and what may be done to them. Pure: values in, values out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

MOST_HOLD = timedelta(hours=4)
"""The longest time that one request may ask for."""
LONGEST_HOLD = timedelta(hours=24)
"""The longest time that a hold may live, however often it is extended."""
MOST_LINES = 99
"""Positions of one hold: a transaction has 100 parts, one of them is the hold itself."""


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Where a message stands among those that say the same thing: the greatest is the truth.

    ``sequence`` is -1 for a source that has none.
    """

    at: datetime
    sequence: int
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Future supply; ``reference`` is the purchase order or transfer that brings it.

    A quantity of 0 is supply that was cancelled: kept, so that an older message cannot revive it.
    """

    quantity: int
    expected_at: datetime
    reference: str
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The sequences of a source's movements that a position remembers, rising.

    Of a sequence at or below ``floor`` only the ledger knows whether it was applied.
    """

    floor: int = -1
    sequences: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Units of one SKU at one location. ``available`` is stored, and is on_hand - reserved.

    ``version`` rises with every write, ``feed_version`` with every write of a feed.
    ``counted`` is the count that on_hand stands on; ``moved_at`` the latest instant of a feed's
    movement; ``own_at`` the latest write of an order or a hold, ``handled_at`` the latest of them
    that changed on_hand. A hot position is split into ``slots``, and was folded at ``folded_at``.
    """

    sku: str
    location_id: str
    on_hand: int
    reserved: int
    available: int
    version: int
    updated_at: datetime
    damaged: int = 0
    expected: tuple[Expected, ...] = ()
    feed_version: int = 0
    counted: Stamp | None = None
    moved_at: datetime | None = None
    handled_at: datetime | None = None
    own_at: datetime | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)
    slots: int = 0
    folded_at: datetime | None = None


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


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an order or a hold changes positions: what the ledger will say.

    ``source`` and ``id`` name the act (``norain/orders``, the order's id), ``type`` the kind of
    act (``order.placed``), ``reason`` is a word of GS1's CBV, ``reference`` what it was for.
    """

    source: str
    id: str
    type: str
    reason: str
    reference: str | None = None


def summed(effects: Iterable[Effect]) -> list[Effect]:
    """One effect per position, in the order of (sku, location_id); of the floors the highest.

    A transaction may touch an item once only, and a demand must be checked as a whole: two lines
    of one SKU are each small enough, and together too much.
    """
    sums: dict[tuple[str, str], Effect] = {}
    for effect in effects:
        key = effect.sku, effect.location_id
        so_far = sums.get(key)
        if so_far is None:
            sums[key] = effect
            continue
        floors = [floor for floor in (so_far.floor, effect.floor) if floor is not None]
        sums[key] = Effect(
            sku=effect.sku,
            location_id=effect.location_id,
            on_hand=so_far.on_hand + effect.on_hand,
            reserved=so_far.reserved + effect.reserved,
            floor=max(floors, default=None),
            damaged=so_far.damaged + effect.damaged,
        )
    return [
        effect
        for _, effect in sorted(sums.items())
        if (effect.on_hand, effect.reserved, effect.damaged) != (0, 0, 0)
    ]


class HoldState(StrEnum):
    OPEN = "open"
    RELEASED = "released"
    EXPIRED = "expired"
    CONVERTED = "converted"


@dataclass(frozen=True, slots=True)
class HoldLine:
    sku: str
    location_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Units reserved until ``expires_at``, and not yet an order.

    ``digest`` is of the request that opened it, ``answer`` the JSON that this request was given.
    ``closed_at`` is when it was released, expired or became ``order_id``. With a
    ``payment_reference`` it is kept for that payment, and becomes an order of no other.
    """

    hold_id: str
    lines: tuple[HoldLine, ...]
    channel: str
    state: HoldState
    opened_at: datetime
    expires_at: datetime
    digest: str
    answer: str
    closed_at: datetime | None = None
    order_id: str | None = None
    payment_reference: str | None = None

    def claimable(self, now: datetime) -> bool:
        """Whether it may still become an order; expiry counts whether it was swept or not."""
        return self.state is HoldState.OPEN and self.expires_at > now


def taken(lines: Iterable[HoldLine], floor: int) -> list[Effect]:
    """What opening a hold does: every line reserved, none below ``floor``."""
    return summed(Effect(line.sku, line.location_id, 0, line.quantity, floor) for line in lines)


def given_back(lines: Iterable[HoldLine]) -> list[Effect]:
    """What releasing a hold does, or its expiry."""
    return summed(Effect(line.sku, line.location_id, 0, -line.quantity) for line in lines)
