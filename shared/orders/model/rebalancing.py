"""Suggest transfers of units that would sell better at another location. Pure.

The units that a shelf sells over the counter within ``days`` are a Poisson variable whose rate is
gamma distributed with ``shape`` over ``watched`` days (availability/model/sales.py): a negative
binomial,

    P(D = k) = C(k + shape - 1, k) * p^shape * (1 - p)^k,   p = watched / (watched + days)

A location gives units above its DONOR_LEVEL of that demand, and takes units up to its
RECEIVER_LEVEL. The n-th unit on a shelf earns its margin with P(D >= n). A transfer gains the
difference between both ends, and is suggested when it gains more than it costs.
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
    """The demand D of a shelf: ``tails[k]`` is P(D > k), down to NEGLIGIBLE."""

    tails: tuple[float, ...]

    def above(self, units: int) -> float:
        """P(D > units)"""
        return self.tails[units] if units < len(self.tails) else 0.0

    def level(self, share: float) -> int:
        """The fewest units that suffice with a probability of ``share``."""
        return next((k for k, tail in enumerate(self.tails) if tail <= 1 - share), len(self.tails))


def demand(shape: float, watched: float, days: float) -> ShelfDemand:
    """The demand of the next ``days``, by the formula above; none when a value is not positive."""
    if shape <= 0 or watched <= 0 or days <= 0:
        return ShelfDemand(())
    p = watched / (watched + days)
    term = math.exp(shape * math.log(p))
    tail, tails = 1 - term, []
    for k in range(1, MOST_UNITS):
        if tail <= NEGLIGIBLE:
            break
        tails.append(tail)
        term *= (k + shape - 1) / k * (1 - p)
        tail -= term
    return ShelfDemand(tuple(tails))


@dataclass(frozen=True, slots=True)
class StoreShelf:
    """``available`` units now, and ``coming`` units that arrive within the days of ``demand``."""

    location_id: str
    available: int
    coming: int
    demand: ShelfDemand

    @property
    def spare(self) -> int:
        """Available units above the donor level."""
        return max(0, min(self.available, self.stock - self.demand.level(DONOR_LEVEL)))

    @property
    def room(self) -> int:
        """Units missing to the receiver level."""
        return max(0, self.demand.level(RECEIVER_LEVEL) - self.stock)

    @property
    def stock(self) -> int:
        return max(0, self.available) + self.coming

    def with_units(self, more: int) -> "StoreShelf":
        return replace(self, available=self.available + more)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A transfer of ``quantity`` units. ``gain`` is the additional margin to expect, ``cost`` that
    of the transfer, both in minor units."""

    sku: str
    from_location_id: str
    to_location_id: str
    quantity: int
    gain: int
    cost: int


@dataclass(frozen=True, slots=True)
class TransferSuggestions:
    """``unjudged`` has by SKU the reason why nothing can be suggested for it."""

    suggestions: Sequence[Suggestion]
    unjudged: Mapping[str, str]
    currency: str


Cost = Callable[[str, str, int], int | None]
"""(from_location_id, to_location_id, units) -> cost in minor units; None where no carrier goes."""


def suggestions(
    sku: str, shelves: Iterable[StoreShelf], margin: int, cost: Cost
) -> list[Suggestion]:
    """Transfers of one SKU, the most profitable first.

    Receivers are served in the order of the demand that they miss, each from its best donor.
    """
    shelves = sorted(shelves, key=lambda shelf: shelf.location_id)
    donors = {shelf.location_id: shelf for shelf in shelves if shelf.spare}
    short = sorted(
        (shelf for shelf in shelves if shelf.room), key=lambda s: -s.demand.above(s.stock)
    )
    suggested: list[Suggestion] = []
    for shelf in short:
        receiver = shelf
        while receiver.room and (best := _best(sku, receiver, list(donors.values()), margin, cost)):
            suggested.append(best)
            receiver = receiver.with_units(best.quantity)
            donor = donors[best.from_location_id].with_units(-best.quantity)
            donors[donor.location_id] = donor
            if not donor.spare:
                del donors[donor.location_id]
    return sorted(suggested, key=lambda transfer: (-_profit(transfer), transfer.to_location_id))


def _best(
    sku: str, receiver: StoreShelf, donors: Sequence[StoreShelf], margin: int, cost: Cost
) -> Suggestion | None:
    best: Suggestion | None = None
    for donor in donors:
        for transfer in _by_units(sku, donor, receiver, margin, cost):
            if _profit(transfer) > (0 if best is None else _profit(best)):
                best = transfer
    return best


def _by_units(
    sku: str, donor: StoreShelf, receiver: StoreShelf, margin: int, cost: Cost
) -> Iterable[Suggestion]:
    """Transfers of one unit, of two, and so on, from one donor."""
    sold_more = 0.0
    for units in range(1, min(donor.spare, receiver.room) + 1):
        sold_more += receiver.demand.above(receiver.stock + units - 1)
        sold_more -= donor.demand.above(donor.stock - units)
        amount = cost(donor.location_id, receiver.location_id, units)
        if amount is None:
            return
        yield Suggestion(
            sku, donor.location_id, receiver.location_id, units, int(margin * sold_more), amount
        )


def _profit(transfer: Suggestion) -> int:
    return transfer.gain - transfer.cost
