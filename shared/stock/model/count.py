"""The effect of a count on a position, for a count on time and for a late count. Pure.

A count is on time when it is newer than every write that the position shows: it sets on_hand (or,
for a net count, available) to its quantity. A late count needs the ledger: the movements that
occurred after its ``as_of`` are added to its quantity.
"""

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
    """The part of the ledger that a decision needs: back to where no feed movement is later than
    ``since`` and no write of an order or hold is later than ``own_since``."""

    since: datetime
    own_since: datetime

    def reached(self, row: LedgerRow) -> bool:
        """Whether ``row`` and all rows before it are too old to matter."""
        return (row.moved_at is None or row.moved_at <= self.since) and (
            row.recorded_at + SKEW <= self.own_since
        )


class Basis(StrEnum):
    """What a write does with its ``units``."""

    ADD = "add"
    """Adds ``units`` to on_hand."""
    ON_HAND = "on_hand"
    """Sets on_hand to ``units``; available follows."""
    AVAILABLE = "available"
    """Sets available to ``units``; on_hand follows."""


@dataclass(frozen=True, slots=True)
class WriteGuard:
    """What must not have changed when the count is written: no hand-over or return after
    ``quiet_since``, ``own_at`` and ``version`` as they were read."""

    quiet_since: datetime | None = None
    own_at: datetime | None = None
    version: int | None = None


def ledger_needs(
    position: Position | None, count: Counted | None, doubtful: Sequence[Moved]
) -> LedgerNeeds | None:
    """The part of the ledger that ``count`` and the ``doubtful`` movements need; None when the
    position is enough."""
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
    """Whether the position alone shows that the count contains everything that happened before
    it."""
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
    """The basis and units of the write that brings ``count`` in, and what it must be guarded by.

    Raises Busy when the ledger does not yet show every write that matters.
    """
    if position is None or _is_on_time(position, count):
        return _resolve_on_time(position, count)
    if history is None:  # fold_events has asked for it
        raise AssertionError("a late count needs the ledger")
    return _resolve_late(position, count, history)


def _resolve_on_time(position: Position | None, count: Counted) -> tuple[Basis, int, WriteGuard]:
    """Nothing has happened since the count: the position becomes what was counted."""
    if count.net_through is None:
        return Basis.ON_HAND, count.quantity, WriteGuard(quiet_since=count.as_of - SKEW)
    own_at = position.own_at if position else None
    return Basis.AVAILABLE, count.quantity, WriteGuard(own_at=own_at)


def _resolve_late(
    position: Position, count: Counted, history: History
) -> tuple[Basis, int, WriteGuard]:
    """A late count: the movements that occurred after it are added to what was counted."""
    newest = newest_feed_row(position, history)
    contained = count.as_of if count.net_through is None else count.net_through
    guard = WriteGuard()
    if newest.recorded_at - SKEW <= contained:
        # Own writes that the ledger does not show yet may be older than the count.
        if newest.version != position.version:
            raise Busy("the ledger does not show the position's last write yet")
        guard = WriteGuard(version=position.version)
    if count.net_through is None:
        moved = sum(
            entry.delta or 0
            for row in history.rows
            for entry in row.entries
            if entry.type != COUNTED and _occurred_at(entry, row) > count.as_of
        )
        return Basis.ADD, count.quantity + moved - newest.on_hand, guard
    moved = sum(
        entry.delta or 0
        for row in history.rows
        for entry in row.entries
        if entry.type in {MOVED, AUDITED}
        and not entry.own
        and _occurred_at(entry, row) > count.as_of
    )
    own = _own_changes_after(count.net_through, history)
    return Basis.ADD, count.quantity + moved + own - newest.available, guard


def _occurred_at(entry: LedgerEntry, row: LedgerRow) -> datetime:
    """The instant of ``entry``. Audit entries of earlier releases are dated with the audit itself:
    the movement is at least as old as the row."""
    if entry.type == AUDITED:
        return min(entry.occurred_at, row.recorded_at)
    return entry.occurred_at


def already_stored(position: Position | None, basis: Basis, units: int) -> bool:
    """Whether the position already has the values that the write would give it."""
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
    """Whether ``entry`` stands for a lost ledger row in which a feed had written."""
    return entry.type == AUDITED and not entry.own and bool(entry.delta)


def newest_feed_row(position: Position, history: History) -> LedgerRow:
    """The ledger's newest row. Raises Busy unless it shows the latest write of a feed."""
    if not history.rows or history.rows[0].feed_version != position.feed_version:
        raise Busy("the ledger does not show the feed's last write yet")
    return history.rows[0]


def _own_changes_after(through: datetime, history: History) -> int:
    """What orders changed in ``available`` after ``through``, as the source of a net count sees it.

    The source learns of a hold's units when the hold is converted into an order. It never learns of
    a hold that was released.
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
    """Whether a feed movement has brought units that were already promised."""
    return any(entry.type == MOVED for entry in row.entries) and not any(
        entry.own for entry in row.entries
    )
