"""The facility location problem that a routing decision solves, and its solution."""

from dataclasses import dataclass

CLOSED = -1


Offer = tuple[int, int, int]
"""(demand, cost of a unit, units available at this cost)"""


Runs = tuple[tuple[int, int], ...]
"""(cost of a unit, number of units at this cost), cheapest first."""


Paid = Runs
"""The current costs of a demand's units; an unfilled unit costs its penalty. Initially these are
the free and the unfilled units; each opened node adds its own."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Unit costs may be negative, opening costs may not.

    ``offers[n]`` and ``free`` may list a demand several times, with units of different costs. An
    unsplittable demand is listed at most once by each node, and not by ``free``. ``free`` are units
    that need no node: unfilled units of a less important line, or units of a location that sends a
    parcel anyway. ``nothing`` is added to the cost of the plan without any node; it is at most the
    lowest opening cost.
    """

    quantity: tuple[int, ...]
    splittable: tuple[bool, ...]
    unfilled: tuple[int, ...]
    packages: int
    opening: tuple[int, ...]
    offers: tuple[tuple[Offer, ...], ...]
    nothing: int = 0
    free: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class Solution:
    """``take[n][i]`` units of demand i come from node n; the others are free or unfilled units,
    whichever are cheaper. No plan costs less than ``lower_bound``."""

    take: dict[int, dict[int, int]]
    cost: int
    lower_bound: int
    proven: bool
