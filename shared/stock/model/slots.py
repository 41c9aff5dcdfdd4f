"""A position that runs hot, and the slots that its stock is spread over. Pure.

    on_hand  = the position's
    reserved = the position's - kept - the sum of the slots
    available = the position's + kept + the sum of the slots

A split reserves units at the position and hands them to slots, which sell them: to sell one is to
take it from a slot and from nowhere else, because at the position it is reserved already. So feeds,
hand-overs and returns go to the position alone, whatever is split, and a fold gives back what no
slot has sold. What is safe follows from three rules:

1. while there are slots, the position's own ``available`` is never below 0: whoever would bring it
   there folds first;
2. a slot sells what it has, and only to whom the units ``kept`` unsold are enough of a floor; so
   what stays available of the whole is at least kept, whoever sells in another slot meanwhile;
3. between a split and a fold a slot only ever gets less: what is given back goes to the position.
   So the slots read one after the other, and then the position, are never less than the whole was
   at that last moment: who finds them short is rightly refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

MOST_SLOTS = 32
"""Each takes the writes of a partition. A split, and a fold, is one transaction over all."""
LEAST_SLOTS = 4
LEAST_UNITS = 8
"""A slot of fewer is dry at once; what is left over is sold by the position."""
CONFLICT_WINDOW = timedelta(seconds=10)
HOT_CONFLICTS = 12
"""Conflicts at a position, or throttled writes, within one WINDOW that make it hot."""
REST_AFTER_FOLD = timedelta(seconds=2)
"""After a fold it is not split again for so long."""
SPLIT_CHECK = timedelta(minutes=1)
LEAST_SALES = 60
"""Sales of all slots within LOOK, below which a position has cooled down."""


@dataclass(frozen=True, slots=True)
class Slot:
    """``available`` units to be sold; closed, it sells no more and waits to be folded.

    ``sales`` are the writes that have sold from it.
    """

    number: int
    available: int
    sales: int = 0
    closed: bool = False


@dataclass(frozen=True, slots=True)
class WholePosition:
    """A position as it is stored: its own ``available``, and what is beside it in slots."""

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
    """``units`` to be taken from a slot, or from the position itself."""

    slot: int | None
    units: int


class NoDraw(Enum):
    SHORT = "short"
    """The whole has not enough."""
    FOLD = "fold"
    """The whole has enough, but only the position can tell who gets it."""


def plan_draws(
    whole: WholePosition, units: int, floor: int, start: int, most: int = MOST_SLOTS
) -> Sequence[Draw] | NoDraw:
    """Where to take ``units`` so that ``floor`` stay: from a slot that has them, the first from
    ``start`` on; from the position; from several, at most ``most``.

    When every slot is dry there is no use for them any more: FOLD.
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
    drawn, left = [], units
    for slot in sorted(selling, key=lambda slot: (-slot.available, slot.number)):
        drawn.append(Draw(slot.number, min(left, slot.available)))
        left -= drawn[-1].units
        if not left:
            break
    if left and left <= own:
        drawn, left = [*drawn, Draw(None, left)], 0
    return drawn if not left and len(drawn) <= most else NoDraw.FOLD


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """``slots`` of ``units`` each, and ``kept`` units that none of them sells."""

    slots: int
    units: int
    kept: int

    @property
    def granted(self) -> int:
        return self.kept + self.slots * self.units


def plan_split(available: int, floor: int) -> SplitPlan | None:
    """How to split a position with ``available`` units, for buyers that leave ``floor``.

    The position keeps a share for itself: what feeds take away needs no fold. None when there is
    too little to be split.
    """
    kept = max(0, floor)
    slots = min(MOST_SLOTS, (available - kept) // LEAST_UNITS - 1)
    if slots < LEAST_SLOTS:
        return None
    return SplitPlan(slots, (available - kept) // (slots + 1), kept)
