"""Obsolete attributes of a position, which may be removed. Pure.

    supply    that is overdue or was cancelled for TIDY_AFTER, and of which no units are promised
    counters  of promised units (``due:``, ``landed:``) and of fences (``taken:``, ``shared:``)
              that are 0: a missing counter reads as 0 everywhere
    counters  of fences whose rule was in no document of the last TIDY_AFTER

Removed attributes do not come back: a message about supply that is overdue for so long has no
effect, whenever it comes, and a removed counter has no units left to subtract.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.stock.model.position import Expected, Position

TIDY_AFTER = timedelta(days=45)
"""Longer than any message may wait in a queue, or any supply be on its way."""


def current_supply(
    supply: Iterable[Expected], due: Mapping[str, int], at: datetime
) -> tuple[Expected, ...]:
    """The supply that still matters at ``at``, by date."""
    since = at - TIDY_AFTER
    current = [row for row in supply if due.get(row.reference) or _is_current(row, since)]
    return tuple(sorted(current, key=lambda row: (row.expected_at, row.reference)))


def _is_current(row: Expected, since: datetime) -> bool:
    if row.quantity:
        return row.expected_at > since
    # Supply that arrived or was cancelled is kept, so that an older message does not revive it.
    return (row.stamp.at if row.stamp else row.expected_at) > since


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Counters to remove, and the supply that stays; None when all of it stays."""

    counters: tuple[str, ...] = ()
    expected: tuple[Expected, ...] | None = None

    def __bool__(self) -> bool:
        return bool(self.counters) or self.expected is not None


def leftovers(position: Position, rule_ids: Collection[str], now: datetime) -> Leftovers:
    """``rule_ids`` are those of all rules of the last TIDY_AFTER. A split position has no leftovers
    until it is folded."""
    if position.slots:
        return Leftovers()
    obsolete = [name for name in position.counters if name.partition(":")[2] not in rule_ids]
    current = current_supply(position.expected, position.due, now)
    return Leftovers(
        tuple(sorted([*position.zeroed, *obsolete])),
        current if len(current) < len(position.expected) else None,
    )
