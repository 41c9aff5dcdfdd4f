"""How far a channel may take from a position. Pure, and on the path of every page view: it is as
short as can be."""

from collections.abc import Mapping
from dataclasses import dataclass

TAKEN, SHARED = "taken:", "shared:"
"""Counters of a position: ``taken:<rule_id>`` are units that the channels of a ring fence have
taken since it began, ``shared:<rule_id>`` what all have. See rules.py."""


@dataclass(frozen=True, slots=True)
class OwnFence:
    """The taker's own ring fence: until ``counter`` says that it has had ``promised`` units,
    only ``floor`` must stay available."""

    counter: str
    promised: int
    floor: int


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a channel may take from a position, and the counters that it adds to.

    A limit that ``moves`` was computed from the position as it was ``since``; one without since
    comes from a projection, and nothing must be written with it.
    """

    floor: int = 0
    within: OwnFence | None = None
    moves: bool = False
    since: tuple[int, int] | None = None
    counters: tuple[str, ...] = ()

    def sellable(self, available: int, counters: Mapping[str, int]) -> int:
        return units_left(self.floor, self.within, available, counters)


NO_LIMIT = Limit()
"""Nothing is to be left, and nothing counted."""


def units_left(
    floor: int, within: OwnFence | None, available: int, counters: Mapping[str, int]
) -> int:
    units = available - floor
    if within is not None:
        left = within.promised - counters.get(within.counter, 0)
        units = max(units, min(left, available - within.floor))
    return max(0, units)
