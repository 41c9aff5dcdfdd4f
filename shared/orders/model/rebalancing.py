"""Units that would sell better at another location. Pure.

What a shelf sells over the counter within ``days`` is a Poisson variable whose rate is gamma
distributed with ``shape`` over ``watched`` days (availability/sales.py): a negative binomial,

    P(D = k) = C(k + shape - 1, k) * p^shape * (1 - p)^k,   p = watched / (watched + days)

A location gives what it has above DONOR_LEVEL of that, and takes up to RECEIVER_LEVEL. The n-th
unit on a shelf earns its margin with P(D >= n): a transfer gains what its units earn more at the
one end than at the other, and is suggested when that is more than it costs.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

DONOR_LEVEL = 0.98
RECEIVER_LEVEL = 0.90
NEGLIGIBLE = 1e-6
MOST_UNITS = 10_000


@dataclass(frozen=True, slots=True)
class ShelfDemand:
    """Of ``days`` to come. ``tails[k]`` is P(D > k), down to NEGLIGIBLE."""

    tails: tuple[float, ...]

    def above(self, units: int) -> float:
        """P(D > units)"""
        return self.tails[units] if units < len(self.tails) else 0.0

    def level(self, share: float) -> int:
        """The fewest units that suffice with a probability of ``share``."""
        return next((k for k, tail in enumerate(self.tails) if tail <= 1 - share), len(self.tails))


def demand(shape: float, watched: float, days: float) -> ShelfDemand:
    if shape <= 0 or watched <= 0 or days <= 0:
        return ShelfDemand(())
    p = watched / (watched + days)
    term = math.exp(shape * math.log(p))
    left, tails = 1 - term, []
    for k in range(1, MOST_UNITS):
        if left <= NEGLIGIBLE:
            break
        tails.append(left)
        term *= (k + shape - 1) / k * (1 - p)
        left -= term
    return ShelfDemand(tuple(tails))


@dataclass(frozen=True, slots=True)
class StoreShelf:
    """``available`` units now, and ``coming`` within the days that ``demand`` is of."""

    location_id: str
    available: int
    coming: int
    demand: ShelfDemand

    @property
    def spare(self) -> int:
        """What it may give: of what is there already, above what it may need."""
        return max(0, min(self.available, self.stock - self.demand.level(DONOR_LEVEL)))

    @property
    def room(self) -> int:
        return max(0, self.demand.level(RECEIVER_LEVEL) - self.stock)

    @property
    def stock(self) -> int:
        return max(0, self.available) + self.coming

    def with_units(self, more: int) -> "StoreShelf":
        return replace(self, available=self.available + more)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``gain`` is the margin expected in addition, ``cost`` that of the transfer; minor units."""

    sku: str
    from_location_id: str
    to_location_id: str
    quantity: int
    gain: int
    cost: int


@dataclass(frozen=True, slots=True)
class TransferSuggestions:
    """``unjudged`` says by SKU why nothing can be suggested of it."""

    suggestions: Sequence[Suggestion]
    unjudged: Mapping[str, str]
    currency: str


Cost = Callable[[str, str, int], int | None]
"""Minor units, of so many units from one location to another; None where nothing goes."""


def suggestions(
    sku: str, shelves: Iterable[StoreShelf], margin: int, cost: Cost
) -> list[Suggestion]:
    """Those that lose most are served first, each from where it pays best."""
    shelves = sorted(shelves, key=lambda shelf: shelf.location_id)
    donors = {shelf.location_id: shelf for shelf in shelves if shelf.spare}
    short = sorted(
        (shelf for shelf in shelves if shelf.room), key=lambda s: -s.demand.above(s.stock)
    )
    found: list[Suggestion] = []
    for shelf in short:
        receiver = shelf
        while receiver.room and (best := _best(sku, receiver, list(donors.values()), margin, cost)):
            found.append(best)
            receiver = receiver.with_units(best.quantity)
            donor = donors[best.from_location_id].with_units(-best.quantity)
            donors[donor.location_id] = donor
            if not donor.spare:
                del donors[donor.location_id]
    return sorted(found, key=lambda one: (one.cost - one.gain, one.to_location_id))


def _best(
    sku: str, receiver: StoreShelf, donors: Sequence[StoreShelf], margin: int, cost: Cost
) -> Suggestion | None:
    best: Suggestion | None = None
    for donor in donors:
        for one in _each(sku, donor, receiver, margin, cost):
            if one.gain > one.cost and (best is None or _profit(one) > _profit(best)):
                best = one
    return best


def _each(
    sku: str, donor: StoreShelf, receiver: StoreShelf, margin: int, cost: Cost
) -> Iterable[Suggestion]:
    """Of one unit, of two, and so on."""
    earned = 0.0
    for units in range(1, min(donor.spare, receiver.room) + 1):
        earned += receiver.demand.above(receiver.stock + units - 1)
        earned -= donor.demand.above(donor.stock - units)
        asked = cost(donor.location_id, receiver.location_id, units)
        if asked is None:
            return
        yield Suggestion(
            sku, donor.location_id, receiver.location_id, units, int(margin * earned), asked
        )


def _profit(one: Suggestion) -> int:
    return one.gain - one.cost
