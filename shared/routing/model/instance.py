"""An instance of the facility location problem that a routing decision solves, and its solution."""

from dataclasses import dataclass

CLOSED = -1


Offer = tuple[int, int, int]
"""(demand, cost of one unit, units that may be taken)"""


Runs = tuple[tuple[int, int], ...]
"""(cost of one unit, units that cost it), cheapest first."""


Paid = Runs
"""What the units of a demand cost now, the unfilled ones their penalty. At first these are the free
units and the unfilled ones; each open node adds its own."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Unit costs may be negative, opening costs not.

    ``offers[n]`` and ``free`` may name a demand several times, each with units of another cost; one
    that may not be split is named at most once by each node, and not by ``free``. ``free`` are
    units that need no node: leaving the units of a less important line unfilled, or taking them
    from a location that sends a parcel anyway. ``nothing`` is added to the cost of the plan without
    a node; it is at most the least opening.
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
    """``take[n][i]`` units of demand i from node n; the others are free or unfilled, whichever is
    cheaper. No plan costs less than ``lower_bound``."""

    take: dict[int, dict[int, int]]
    cost: int
    lower_bound: int
    proven: bool
