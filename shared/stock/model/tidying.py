"""What a position need not keep any more. Pure.

    supply    that is overdue, or was cancelled, for KEPT, and of which nothing is promised
    counters  of promised units (``due:``, ``landed:``) and of fences (``taken:``, ``shared:``)
              that are 0: one that is not there reads as 0 wherever it is asked for
    counters  of fences whose rule no document of the last KEPT has had

Nothing that is gone comes back: a message about a supply that is overdue for so long leaves no
trace, whenever it comes; and a counter that is gone has nothing left to give back.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.stock.model.position import Expected, Position

TIDY_AFTER = timedelta(days=45)
"""Longer than any message may wait in a queue, or a lorry on its way."""


def current_supply(
    supply: Iterable[Expected], due: Mapping[str, int], at: datetime
) -> tuple[Expected, ...]:
    """The supply that is still worth knowing at ``at``, by date."""
    since = at - TIDY_AFTER
    kept = [row for row in supply if due.get(row.reference) or _is_current(row, since)]
    return tuple(sorted(kept, key=lambda row: (row.expected_at, row.reference)))


def _is_current(row: Expected, since: datetime) -> bool:
    if row.quantity:
        return row.expected_at > since
    # What came, or was cancelled, is kept so that an older message does not revive it.
    return (row.stamp.at if row.stamp else row.expected_at) > since


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Counters that may go, and the supply that stays, None when all does."""

    counters: tuple[str, ...] = ()
    expected: tuple[Expected, ...] | None = None

    def __bool__(self) -> bool:
        return bool(self.counters) or self.expected is not None


def leftovers(position: Position, rule_ids: Collection[str], now: datetime) -> Leftovers:
    """``rule_ids`` are those of all rules of the last KEPT. A position that is split has none: it
    is looked at when it is folded."""
    if position.slots:
        return Leftovers()
    gone = [name for name in position.counters if name.partition(":")[2] not in rule_ids]
    kept = current_supply(position.expected, position.due, now)
    return Leftovers(
        tuple(sorted([*position.zeroed, *gone])),
        kept if len(kept) < len(position.expected) else None,
    )
