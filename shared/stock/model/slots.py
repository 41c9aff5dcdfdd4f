"""How a hot position is spread over slots. Pure.

    on_hand  = the position's
    reserved = the position's - kept - the sum of the slots
    available = the position's + kept + the sum of the slots

A split reserves units at the position and hands them to slots, which sell them. Selling a unit
takes it from its slot only, because the position has reserved it already. Feeds, hand-overs and
returns write the position only, split or not, and a fold returns the unsold units to it. Three
rules make this safe:

1. while there are slots, the position's own ``available`` is never below 0: a writer that would
bring it below 0 folds first; 2. a slot sells the units it has, and only to buyers whose floor is
covered by the ``kept`` unsold units; so at least ``kept`` units stay available in total, whatever
the other slots sell; 3. between a split and a fold a slot only loses units: units that are given
back go to the position. So slots read one after the other, and then the position, are never less
than the total was at that last moment: a buyer who finds them short is rightly refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

MOST_SLOTS = 32
"""Each slot takes the writes of one partition. A split, or a fold, is one transaction over all
slots."""
LEAST_SLOTS = 4
LEAST_UNITS = 8
"""A slot of fewer units is empty at once; the remainder is sold by the position."""
CONFLICT_WINDOW = timedelta(seconds=10)
HOT_CONFLICTS = 12
"""Conflicts or throttled writes at a position within one CONFLICT_WINDOW that make it hot."""
REST_AFTER_FOLD = timedelta(seconds=2)
"""A folded position is not split again for this long."""
SPLIT_CHECK = timedelta(minutes=1)
"""How often a split position is checked."""
LEAST_SALES = 60
"""A position whose slots sell less than this within SPLIT_CHECK has cooled down."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A share of ``available`` units to sell. A closed slot sells no more and waits to be folded.

    ``sales`` is the number of writes that have sold from it.
    """

    number: int
    available: int
    sales: int = 0
    closed: bool = False


@dataclass(frozen=True, slots=True)
class WholePosition:
    """A position as it is stored: its own ``available`` units, and the units in its slots."""

    available: int
    kept: int = 0
    slots: tuple[Slot, ...] = ()

    @property
    def granted(self) -> int:
        """Units that are reserved at the position and not sold."""
        return self.kept + sum(slot.available for slot in self.slots)

    @property
    def sellable(self) -> int:
        return self.available + self.granted


@dataclass(frozen=True, slots=True)
class Draw:
    """``units`` to take from a slot, or from the position itself (None)."""

    slot: int | None
    units: int


class NoDraw(Enum):
    """Why the units cannot be taken."""

    SHORT = "short"
    """The position and its slots together have too few units."""
    FOLD = "fold"
    """There are enough units, but they must be folded into the position first."""


def plan_draws(
    whole: WholePosition, units: int, floor: int, start: int, most: int = MOST_SLOTS
) -> Sequence[Draw] | NoDraw:
    """Where to take ``units`` so that ``floor`` units stay: from one slot that has them, the first
    from ``start`` on; else from the position; else from several, at most ``most``.

    FOLD when every slot is empty: the slots are of no more use.
    """
    if whole.sellable - units < floor:
        return NoDraw.SHORT
    if not whole.slots:
        return [Draw(None, units)]
    selling = [slot for slot in whole.slots if slot.available > 0 and not slot.closed]
    own = whole.available - max(0, floor)
    if not selling:
        return NoDraw.FOLD
    if floor > whole.kept:
        return [Draw(None, units)] if own >= units else NoDraw.FOLD
    first = start % len(selling)
    for slot in [*selling[first:], *selling[:first]]:
        if slot.available >= units:
            return [Draw(slot.number, units)]
    if own >= units:
        return [Draw(None, units)]
    drawn, remaining = [], units
    for slot in sorted(selling, key=lambda slot: (-slot.available, slot.number)):
        drawn.append(Draw(slot.number, min(remaining, slot.available)))
        remaining -= drawn[-1].units
        if not remaining:
            break
    if remaining and remaining <= own:
        drawn, remaining = [*drawn, Draw(None, remaining)], 0
    return drawn if not remaining and len(drawn) <= most else NoDraw.FOLD


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """``slots`` of ``units`` each, and ``kept`` units that no slot sells."""

    slots: int
    units: int
    kept: int

    @property
    def granted(self) -> int:
        return self.kept + self.slots * self.units


def plan_split(available: int, floor: int) -> SplitPlan | None:
    """How to split a position with ``available`` units for buyers that leave ``floor``; None when
    there are too few units.

    The position keeps a share for itself, so that losses reported by feeds need no fold.
    """
    kept = max(0, floor)
    slots = min(MOST_SLOTS, (available - kept) // LEAST_UNITS - 1)
    if slots < LEAST_SLOTS:
        return None
    return SplitPlan(slots, (available - kept) // (slots + 1), kept)
