"""A stock position, a hold, and their changes. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.stock.model.limits import NO_LIMIT, Limit, OwnFence, units_left

MOST_HOLD = timedelta(hours=4)
"""The longest time that one request may ask for."""
LONGEST_HOLD = timedelta(hours=24)
"""The longest life of a hold, however often it is extended."""
MOST_LINES = 99
"""Positions of one hold: a transaction has 100 parts, and the hold itself is one of them."""


DUE, LANDED = "due:", "landed:"
"""Counters of a position: ``due:<reference>`` are the promised units of an expected supply,
``landed:<reference>`` those that have arrived and are reserved until their orders take them.

    due + landed of a reference = what orders have claimed of it
"""


PositionKey = tuple[str, str]
"""What names a position: (sku, location_id), in this order."""


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """The rank of a message among those about the same thing: the greatest stamp wins.

    ``sequence`` is -1 for a source that has none.
    """

    at: datetime
    sequence: int
    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Future supply; ``reference`` is the purchase order or transfer that brings it.

    A quantity of 0 is cancelled supply. It is kept so that an older message cannot revive it.
    """

    quantity: int
    expected_at: datetime
    reference: str
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The sequences of a source's movements that a position remembers, rising.

    For a sequence at or below ``floor`` only the ledger shows whether it was applied.
    """

    floor: int = -1
    sequences: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Units of one SKU at one location. ``available`` is stored, and equals on_hand - reserved.

    ``version`` rises with every write, ``feed_version`` with every write of a feed. ``counted`` is
    the stamp of the count that on_hand is based on; ``moved_at`` the latest instant of a feed
    movement; ``own_at`` the latest write of an order or a hold, ``handled_at`` the latest of them
    that changed on_hand; ``freed`` counts those that did more than take units. A hot position is
    split into ``slots``, and was last folded at ``folded_at``. ``due`` and ``landed`` are promised
    units of supplies, by reference, see DUE. ``zeroed`` names the counters that are 0.
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
    counters: Mapping[str, int] = field(default_factory=dict)
    freed: int = 0
    due: Mapping[str, int] = field(default_factory=dict)
    landed: Mapping[str, int] = field(default_factory=dict)
    zeroed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Supplied:
    """Changes to the promised units of a supply. The write is refused when fewer units are promised
    than it takes away. With ``quantity``, the supply's units at ``feed_version``, it is refused
    when more than that would be promised or a feed has written since."""

    reference: str
    due: int = 0
    landed: int = 0
    quantity: int = 0
    feed_version: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """The change that an order or a hold makes to one position, as deltas; available changes by
    on_hand - reserved.

        reserve n: (0, n)  release n: (0, -n)  hand over n reserved: (-n, -n)  take back n: (n, 0)

    With ``floor`` the write is refused unless ``available`` stays at or above it, or ``within``
    allows it. Without ``floor`` it always succeeds, because goods that have left cannot be refused.
    With ``since`` (feed_version, freed) it is refused when anything but takes was written since.
    ``counters`` are deltas of the position's counters, ``supply`` those of promised supply;
    ``expected`` is the remaining supply after some of it has arrived.
    """

    sku: str
    location_id: str
    on_hand: int
    reserved: int
    floor: int | None = None
    damaged: int = 0
    within: OwnFence | None = None
    since: tuple[int, int] | None = None
    counters: tuple[tuple[str, int], ...] = ()
    supply: tuple[Supplied, ...] = ()
    expected: tuple[Expected, ...] | None = None

    def sellable(self, available: int, counters: Mapping[str, int]) -> int:
        """The units that the effect's conditions allow to be taken at these values of the
        position."""
        return units_left(self.floor or 0, self.within, available, counters)

    def unconditional(self) -> "Effect":
        return replace(self, floor=None, within=None, since=None)


def take(limit: Limit, sku: str, location_id: str, units: int) -> Effect:
    """The effect of taking ``units`` within ``limit`` from a position."""
    return Effect(
        sku,
        location_id,
        0,
        units,
        limit.floor,
        within=limit.within,
        since=limit.since,
        counters=tuple((name, units) for name in limit.counters),
    )


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an order or a hold changes positions, as the ledger shows it.

    ``source`` and ``id`` name the act (``norain/orders``, the order's id), ``type`` the kind of act
    (``order.placed``), ``reason`` is a word of GS1's CBV, ``reference`` names what it was for.
    """

    source: str
    id: str
    type: str
    reason: str
    reference: str | None = None


def sum_effects(effects: Iterable[Effect]) -> list[Effect]:
    """One effect per position, in the order of PositionKey, with the strictest of the conditions.

    A transaction may touch an item only once, and demand must be checked as a whole: two lines of
    one SKU may each fit and together be too much.
    """
    sums: dict[PositionKey, Effect] = {}
    for effect in effects:
        key = effect.sku, effect.location_id
        so_far = sums.get(key)
        if so_far is None:
            sums[key] = effect
            continue
        counters = Counter(dict(so_far.counters))
        for name, delta in effect.counters:
            counters[name] += delta
        sums[key] = Effect(
            sku=effect.sku,
            location_id=effect.location_id,
            on_hand=so_far.on_hand + effect.on_hand,
            reserved=so_far.reserved + effect.reserved,
            floor=_strictest_floor(so_far.floor, effect.floor),
            damaged=so_far.damaged + effect.damaged,
            within=_within(so_far, effect),
            since=_since(so_far.since, effect.since),
            counters=tuple(sorted((name, n) for name, n in counters.items() if n)),
            supply=_sum_supplied((*so_far.supply, *effect.supply)),
            expected=effect.expected if so_far.expected is None else so_far.expected,
        )
    return [
        effect
        for _, effect in sorted(sums.items())
        if (effect.on_hand, effect.reserved, effect.damaged) != (0, 0, 0)
        or effect.counters
        or effect.supply
    ]


def _sum_supplied(parts: Iterable[Supplied]) -> tuple[Supplied, ...]:
    """One change for each reference."""
    sums: dict[str, Supplied] = {}
    for part in parts:
        so_far = sums.get(part.reference)
        sums[part.reference] = (
            part
            if so_far is None
            else replace(
                part,
                due=so_far.due + part.due,
                landed=so_far.landed + part.landed,
                quantity=max(so_far.quantity, part.quantity),
                feed_version=so_far.feed_version
                if part.feed_version is None
                else part.feed_version,
            )
        )
    return tuple(part for _, part in sorted(sums.items()) if part.due or part.landed)


def _strictest_floor(one: int | None, other: int | None) -> int | None:
    return max((floor for floor in (one, other) if floor is not None), default=None)


def _within(one: Effect, other: Effect) -> OwnFence | None:
    if one.floor is None or other.floor is None:
        return one.within or other.within
    return one.within if one.within == other.within else None


def _since(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    """Both must hold; two different values cannot, so that the write is refused."""
    if one is None or other is None:
        return one or other
    return one if one == other else UNREACHABLE


UNREACHABLE = (-1, -1)
"""A (feed_version, freed) that no position has."""


def receive_supply(effect: Effect, position: Position | None, reference: str) -> Effect:
    """``effect``, which brings units of a supply, with the promised ones reserved at once and no
    longer expected. It is refused when a feed has written since."""
    due = position.due.get(reference, 0) if position else 0
    units = min(effect.on_hand, due)
    if position is None or units <= 0:
        return effect
    came = Supplied(reference, -units, units, feed_version=position.feed_version)
    remaining = tuple(
        replace(row, quantity=max(0, row.quantity - effect.on_hand))
        if row.reference == reference
        else row
        for row in position.expected
    )
    return replace(
        effect, reserved=effect.reserved + units, supply=(*effect.supply, came), expected=remaining
    )


class HoldState(StrEnum):
    OPEN = "open"
    RELEASED = "released"
    EXPIRED = "expired"
    CONVERTED = "converted"


@dataclass(frozen=True, slots=True)
class HoldLine:
    """Units of one SKU at one location; ``counters`` are the position's counters that include
    them."""

    sku: str
    location_id: str
    quantity: int
    counters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """Units reserved until ``expires_at`` that are not yet an order.

    ``digest`` is that of the request that opened it, ``answer`` the JSON answer to that request.
    ``closed_at`` is when it was released, expired or became ``order_id``. With a
    ``payment_reference`` it is kept for that payment and becomes an order of no other. ``promise``
    is the promise that the shopper was given with it.
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
    promise: Mapping[str, Any] | None = None

    def claimable(self, now: datetime) -> bool:
        """Whether it may still become an order. An expired hold may not, even while it is not
        swept."""
        return self.state is HoldState.OPEN and self.expires_at > now


def hold_effects(
    lines: Iterable[HoldLine], limits: Mapping[PositionKey, Limit] | None = None
) -> list[Effect]:
    """The effects of opening a hold: every line is reserved within the limit of its position."""
    given = limits or {}
    return sum_effects(
        take(
            given.get((line.sku, line.location_id), NO_LIMIT),
            line.sku,
            line.location_id,
            line.quantity,
        )
        for line in lines
    )


def release_effects(lines: Iterable[HoldLine]) -> list[Effect]:
    """The effects of releasing a hold, or of its expiry."""
    return sum_effects(
        release(line.sku, line.location_id, line.quantity, line.counters) for line in lines
    )


def release(sku: str, location_id: str, units: int, counters: Iterable[str]) -> Effect:
    """The effect of freeing reserved ``units``; they are subtracted from the ``counters`` that
    include them."""
    return Effect(sku, location_id, 0, -units, counters=tuple((name, -units) for name in counters))
