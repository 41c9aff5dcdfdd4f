"""How a large limit is spread over slots. Pure.

The limit has a counter of its own, and hands portions to its slots, which count the uses of most
orders. A portion counts as used at the limit's counter, and as used less often at the slot, so that
whatever moves between them:

    what was used = the limit's counter + the sum of its slots

The limit's counter never exceeds the limit, and a slot never 0, so their sum does not either. Which
of them a use is given back to makes no difference to the sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLOTS = 8
"""Each slot takes the writes of one partition: some 500 orders a second."""
SPREAD_USES = 1_000
SPREAD_BUDGET = 1_000_000
"""In minor units. Smaller limits are not spread: they are used up within seconds anyway."""
PORTIONS = 64
"""A portion is this part of the limit; at most an eighth of it waits in slots."""


def is_spread(uses: int | None, budget: int | None = None) -> bool:
    """Whether a limit of so many uses, or else of such a budget, has slots."""
    if uses is not None:
        return uses >= SPREAD_USES
    return budget is not None and budget >= SPREAD_BUDGET


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers of a counter: uses, and minor units. Those of a slot are below 0 by what it has
    left of its portions."""

    uses: int = 0
    spent: int = 0


NOTHING = Counted()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One use that takes ``amount`` minor units off, of a limit of ``uses`` and ``budget``; None is
    no limit."""

    amount: int
    uses: int | None = None
    budget: int | None = None

    def fits(self, slot: Counted) -> bool:
        """Whether the slot has enough left to count the use."""
        return (self.uses is None or slot.uses + 1 <= 0) and (
            self.budget is None or slot.spent + self.amount <= 0
        )

    def portion(self, limit: Counted, slot: Counted) -> Counted | None:
        """What the limit's counter hands to the slot, so that the slot can count the use; None when
        too little is left. What the slot has counted without a limit moves to the limit's counter,
        where a limit that is set later finds it."""
        uses = _portion(self.uses, limit.uses, slot.uses, 1)
        spent = _portion(self.budget, limit.spent, slot.spent, self.amount)
        return None if uses is None or spent is None else Counted(uses, spent)


def _portion(most: int | None, limit: int, slot: int, wanted: int) -> int | None:
    if most is None:
        return slot
    missing, left = slot + wanted, most - limit
    if missing <= 0:
        return 0
    return min(max(missing, most // PORTIONS), left) if missing <= left else None


@dataclass(frozen=True, slots=True)
class Step:
    """The slot to try, after it was handed ``portion`` (None: it has enough left)."""

    slot: int
    portion: Counted | None = None


def next_step(wanted: Wanted, limit: Counted, slots: Mapping[int, Counted]) -> Step | None:
    """How the use can be counted: by the first of the slots, with a portion if need be, or by
    another one that has enough left, or by another one with a portion. None when the limit has been
    reached."""
    fitting = [Step(number) for number, slot in slots.items() if wanted.fits(slot)]
    filled = [
        Step(number, portion)
        for number, slot in slots.items()
        if not wanted.fits(slot) and (portion := wanted.portion(limit, slot)) is not None
    ]
    first = next(iter(slots))
    own = [step for step in (*fitting, *filled) if step.slot == first]
    return next(iter([*own, *fitting, *filled]), None)


def rotation(first: int) -> list[int]:
    """Every slot once, from ``first`` on."""
    return [(first + number) % SLOTS for number in range(SLOTS)]


def total(counted: Sequence[Counted]) -> Counted:
    """What was used, by the limit's counter and its slots."""
    return Counted(sum(one.uses for one in counted), sum(one.spent for one in counted))


def most_at_once(budget: int, limit: Counted, slots: Sequence[Counted]) -> int:
    """The most that one order may take off: what the limit's counter has left, and the slot that
    has most."""
    return max(0, budget - limit.spent) + max(0, *(-slot.spent for slot in slots), 0)
