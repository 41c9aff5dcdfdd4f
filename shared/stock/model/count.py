"""What a count makes of a position, when it is on time and when it is late.

A count that is newer than everything the position shows stands alone: on_hand becomes its
quantity. A late count needs the ledger: movements that occurred after its ``as_of`` are added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.errors import Busy
from shared.stock.model.events import (
    AUDITED,
    COUNTED,
    HELD,
    LATEST,
    MOVED,
    RELEASED,
    Counted,
    Moved,
)
from shared.stock.model.ledger import SKEW, History, LedgerEntry, LedgerRow
from shared.stock.model.position import LONGEST_HOLD, Position


@dataclass(frozen=True, slots=True)
class LedgerNeeds:
    """To decide, the ledger is needed back to where no feed's movement is later than ``since``
    and no own act later than ``own_since``."""

    since: datetime
    own_since: datetime

    def reached(self, row: LedgerRow) -> bool:
        """Whether ``row`` and all before it are too old to matter."""
        return (row.moved_at is None or row.moved_at <= self.since) and (
            row.recorded_at + SKEW <= self.own_since
        )


class Basis(StrEnum):
    ADD = "add"
    """``units`` are added to what is there."""
    ON_HAND = "on_hand"
    """on_hand becomes ``units``, whatever is reserved."""
    AVAILABLE = "available"
    """available becomes ``units``, whatever is reserved."""


@dataclass(frozen=True, slots=True)
class WriteGuard:
    quiet_since: datetime | None = None
    own_at: datetime | None = None
    version: int | None = None


def ledger_needs(
    position: Position | None, count: Counted | None, doubtful: Sequence[Moved]
) -> LedgerNeeds | None:
    if position is None:
        return None
    since, own_since = LATEST, LATEST
    if count is not None and not _is_on_time(position, count):
        since = count.as_of
        own_since = (
            count.as_of
            if count.net_through is None
            else min(count.as_of, count.net_through) - 2 * LONGEST_HOLD
        )
    for move in doubtful:
        since = min(since, move.occurred_at - timedelta(milliseconds=1))
    return None if since is LATEST else LedgerNeeds(since, own_since)


def _is_on_time(position: Position, count: Counted) -> bool:
    """Whether the position alone shows that nothing happened which the count does not contain."""
    if position.moved_at is not None and position.moved_at > count.as_of:
        return False
    if count.net_through is None:
        return position.handled_at is None or position.handled_at + SKEW <= count.as_of
    return position.own_at is None or (
        position.reserved == 0 and position.own_at + SKEW <= count.net_through
    )


def resolve_count(
    position: Position | None, count: Counted, history: History | None
) -> tuple[Basis, int, WriteGuard]:
    if position is None or _is_on_time(position, count):
        if count.net_through is None:
            return Basis.ON_HAND, count.quantity, WriteGuard(quiet_since=count.as_of - SKEW)
        own_at = position.own_at if position else None
        return Basis.AVAILABLE, count.quantity, WriteGuard(own_at=own_at)
    if history is None:  # fold has asked for it
        raise AssertionError("a count that does not stand alone needs the ledger")
    base = newest_feed_row(position, history)
    contained = count.as_of if count.net_through is None else count.net_through
    guard = WriteGuard()
    if base.recorded_at - SKEW <= contained:
        # Own acts that the ledger does not show yet may be older than the count.
        if base.version != position.version:
            raise Busy("the ledger does not show the position's last write yet")
        guard = WriteGuard(version=position.version)
    if count.net_through is None:
        later = sum(
            entry.delta or 0
            for row in history.rows
            for entry in row.entries
            if entry.type != COUNTED and _occurred_at(entry, row) > count.as_of
        )
        return Basis.ADD, count.quantity + later - base.on_hand, guard
    later = sum(
        entry.delta or 0
        for row in history.rows
        for entry in row.entries
        if entry.type in {MOVED, AUDITED}
        and not entry.own
        and _occurred_at(entry, row) > count.as_of
    )
    own = _own_changes_after(count.net_through, history)
    return Basis.ADD, count.quantity + later + own - base.available, guard


def _occurred_at(entry: LedgerEntry, row: LedgerRow) -> datetime:
    """When it did. What an audit has written down was there before: earlier releases have dated it
    with the instant of the audit."""
    if entry.type == AUDITED:
        return min(entry.occurred_at, row.recorded_at)
    return entry.occurred_at


def already_stored(position: Position | None, basis: Basis, units: int) -> bool:
    """Whether the position is already as the write would leave it."""
    if position is None:
        return False
    match basis:
        case Basis.ADD:
            return units == 0
        case Basis.ON_HAND:
            return units == position.on_hand
        case Basis.AVAILABLE:
            return units == position.available


def replaces_lost_feed_row(entry: LedgerEntry) -> bool:
    """Whether it is in the place of a lost row that had a feed's movement in it, or a count."""
    return entry.type == AUDITED and not entry.own and bool(entry.delta)


def newest_feed_row(position: Position, history: History) -> LedgerRow:
    """The ledger's newest row, when it shows everything that feeds have written."""
    if not history.rows or history.rows[0].feed_version != position.feed_version:
        raise Busy("the ledger does not show the feed's last write yet")
    return history.rows[0]


def _own_changes_after(through: datetime, history: History) -> int:
    """What own orders did to ``available`` after ``through``, in the eyes of the source.

    The units of a hold are an order's from its conversion on; until then, and when it was given
    back, the source knows nothing of them.
    """
    held = {entry.reference for row in history.rows for entry in row.entries if entry.type == HELD}
    total = 0
    for row in history.rows:
        if _landed_promised_units(row) and row.recorded_at > through:
            total -= row.reserved_delta
        for entry in row.entries:
            if not entry.own:
                continue
            known_from = _occurred_at(entry, row)
            if entry.type == HELD:
                known_from = history.converted.get(entry.reference or "", LATEST)
            elif entry.type == RELEASED:
                known_from = LATEST if entry.reference in held else through
            if known_from > through:
                total += row.delta - row.reserved_delta
    return total


def _landed_promised_units(row: LedgerRow) -> bool:
    """Whether a feed's movement has brought units that were promised already."""
    return any(entry.type == MOVED for entry in row.entries) and not any(
        entry.own for entry in row.entries
    )
