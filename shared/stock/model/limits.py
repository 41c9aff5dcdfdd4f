"""How far a channel may take from a position. Pure; short, because every page view loads it."""

from collections.abc import Mapping
from dataclasses import dataclass

TAKEN, SHARED = "taken:", "shared:"
"""Counters of a position for each ring fence: ``taken:<rule_id>`` are the units that the fence's
channels have taken since it began, ``shared:<rule_id>`` the units that all channels have taken. See
rules.py."""


@dataclass(frozen=True, slots=True)
class OwnFence:
    """The ring fence of the buying channel: while ``counter`` is below ``promised`` units, only
    ``floor`` must stay available."""

    counter: str
    promised: int
    floor: int


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a channel may take from a position, and the counters that the units are added to.

    A limit that ``moves`` was computed from the position as it was ``since``. A limit without
    ``since`` comes from a projection and must not be used for a write.
    """

    floor: int = 0
    within: OwnFence | None = None
    moves: bool = False
    since: tuple[int, int] | None = None
    counters: tuple[str, ...] = ()

    def sellable(self, available: int, counters: Mapping[str, int]) -> int:
        return units_left(self.floor, self.within, available, counters)


NO_LIMIT = Limit()
"""Everything may be taken, and no counter changes."""


def units_left(
    floor: int, within: OwnFence | None, available: int, counters: Mapping[str, int]
) -> int:
    """The units that may be taken without breaking the floor, or within the channel's own fence."""
    units = available - floor
    if within is not None:
        left = within.promised - counters.get(within.counter, 0)
        units = max(units, min(left, available - within.floor))
    return max(0, units)
