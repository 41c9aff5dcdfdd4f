"""Folds feed messages into a position, whatever their order and repetition. Pure.

    on_hand = quantity of the newest count + the movements that occurred after its as_of

A movement at or before the newest count is contained in it and changes nothing, so it need not be
remembered. A count that comes after movements which it does not contain needs the ledger; every
other count needs the position only. A ``net`` count states the units that the source believes to be
free after subtracting NoRain's orders up to ``net_through``:

    available = quantity + foreign movements after as_of + changes by own orders after net_through

A hold counts as an order from its conversion on: the source cannot have subtracted it before.

A count that changes nothing is skipped: the position is not written. The count is kept elsewhere,
because it still hides older messages. Every writer of a position looks there for a newer count
(``hiding_bound`` says from which instant on) and folds it in with its own messages.

A count with a ``reason`` was made by people at the shelf. It is written even when it changes
nothing: that the stock was right is worth recording, and its entry states the units that were
believed before.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.errors import Busy
from shared.stock.model.count import (
    Basis,
    LedgerNeeds,
    WriteGuard,
    already_stored,
    ledger_needs,
    newest_feed_row,
    replaces_lost_feed_row,
    resolve_count,
)
from shared.stock.model.events import (
    COUNTED,
    EXPECTED,
    MOVED,
    Announced,
    Counted,
    Event,
    Moved,
    MovementReason,
    rank,
)
from shared.stock.model.ledger import History, LedgerEntry
from shared.stock.model.position import Expected, Position, Seen, Stamp
from shared.stock.model.supplies import expected_by, with_room
from shared.stock.model.tidying import current_supply

REMEMBERED = 16
"""Sequences that a position remembers per source; older ones are looked up in the ledger."""


@dataclass(frozen=True, slots=True)
class Landing:
    """An arrival of promised supply: ``due`` units were promised, and ``units`` of them have
    arrived and are reserved for the orders that wait for them."""

    reference: str
    due: int
    units: int


@dataclass(frozen=True, slots=True)
class PositionWrite:
    """One write of a position. It is refused when another feed has written since the position was
    read (``feed_version``), or an order or hold that matters: ``quiet_since`` is the latest allowed
    change of on_hand by them, ``own_at`` and ``version`` must be as they were read."""

    sku: str
    location_id: str
    feed_version: int
    basis: Basis
    units: int
    entries: tuple[LedgerEntry, ...]
    quiet_since: datetime | None = None
    own_at: datetime | None = None
    version: int | None = None
    counted: Stamp | None = None
    moved_at: datetime | None = None
    expected: tuple[Expected, ...] | None = None
    seen: Mapping[str, Seen] = field(default_factory=dict)
    forgotten: tuple[str, ...] = ()
    landings: tuple[Landing, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    """(source, id) of the movements without sequence, to be marked as applied."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The position already has the values that ``count`` and the other messages give: nothing is
    written.

    The count must still be noted, so that writers of older messages find it.
    """

    count: Counted


CountBound = tuple[datetime, int]
"""The beginning of a Stamp: an instant and a sequence, -1 for none."""


def hiding_bound(position: Position | None, events: Iterable[Event]) -> CountBound | None:
    """The earliest count that can hide some of ``events``; None when only the position's own count
    can.

    The search also covers a count that equals the position's own: its writer may have died before
    it looked for newer counts.
    """
    known = position.counted if position else None
    since: list[CountBound] = []
    for event in events:
        if isinstance(event, Counted) and (known is None or event.stamp >= known):
            since.append((event.as_of, rank(event.sequence)))
        elif isinstance(event, Moved) and (known is None or event.occurred_at > known.at):
            since.append((event.occurred_at, -1))
    return min(since, default=None)


def fold_events(
    position: Position | None,
    events: Sequence[Event],
    applied: Collection[tuple[str, str]] = (),
    history: History | None = None,
) -> PositionWrite | Skip | LedgerNeeds | None:
    """The one write that brings ``events``, all of one position, into it; None when nothing is new.

    ``applied`` are the (source, id) of movements without sequence that were applied before. Answers
    LedgerNeeds when the ledger is needed and ``history`` is None, and Skip when a count is new but
    changes nothing. New supplies for which there is no room are left out (supplies.py).

    Raises Busy when the ledger does not yet show every write that matters.
    """
    events = with_room(position, events)
    count = _newest_count(position, events)
    known = position.counted if position else None
    horizon = count.as_of if count else known.at if known else None
    remembered = _remembered(position, count)
    moves = [
        move
        for move in _distinct(event for event in events if isinstance(event, Moved))
        if (horizon is None or move.occurred_at > horizon)
        and (move.source, move.id) not in applied
        and move.sequence not in remembered.get(move.source, Seen()).sequences
    ]
    doubtful = [move for move in moves if _may_be_forgotten(move, position, remembered)]
    expected = _expected(position, events)
    if count is None and not moves and expected is None:
        return None

    needs = ledger_needs(position, count, doubtful)
    if needs is not None and history is None:
        return needs
    if doubtful and position is not None and history is not None:
        newest_feed_row(position, history)
        if any(replaces_lost_feed_row(entry) for row in history.rows for entry in row.entries):
            raise Busy("the ledger row that would show whether the movement was applied is lost")
        in_ledger = {(entry.source, entry.id) for row in history.rows for entry in row.entries}
        moves = [move for move in moves if (move.source, move.id) not in in_ledger]
        if count is None and not moves and expected is None:
            return None

    feed_version = position.feed_version if position else 0
    moved = sum(move.delta for move in moves)
    basis, units, guard = Basis.ADD, moved, WriteGuard()
    believed: int | None = None
    if count is not None:
        basis, units, guard = resolve_count(position, count, history)
        idle = not moves and expected is None and already_stored(position, basis, units)
        if idle and count.reason is None:
            return Skip(count)
        believed = _believed(position, count, basis, units, events, applied)
        units += moved
    seen = _remember(remembered, moves)
    expected = _expected(position, events, moves)
    before = position.seen if position else {}
    return PositionWrite(
        sku=events[0].sku,
        location_id=events[0].location_id,
        feed_version=feed_version,
        basis=basis,
        units=units,
        entries=_entries(count, believed, moves, [] if expected is None else events),
        quiet_since=guard.quiet_since,
        own_at=guard.own_at,
        version=guard.version,
        counted=count.stamp if count else None,
        moved_at=_moved_at(position, moves),
        expected=expected,
        seen={source: kept for source, kept in seen.items() if before.get(source) != kept},
        forgotten=tuple(sorted(before.keys() - seen.keys())),
        landings=_landings(position, moves),
        marks=tuple((move.source, move.id) for move in moves if move.sequence is None),
    )


def _newest_count(position: Position | None, events: Iterable[Event]) -> Counted | None:
    counts = [event for event in events if isinstance(event, Counted)]
    newest = max(counts, key=lambda count: count.stamp, default=None)
    known = position.counted if position else None
    if newest is None or (known is not None and newest.stamp <= known):
        return None
    return newest


def _distinct(moves: Iterable[Moved]) -> list[Moved]:
    """Each movement once, by time: a batch may contain a movement twice."""
    distinct: dict[tuple[str, int | str], Moved] = {}
    for move in sorted(moves, key=lambda move: (move.occurred_at, move.source, move.id)):
        if move.delta:
            distinct.setdefault(
                (move.source, move.id if move.sequence is None else move.sequence), move
            )
    return list(distinct.values())


def _remembered(position: Position | None, count: Counted | None) -> Mapping[str, Seen]:
    """The sequences to remember: none when ``count`` contains every movement."""
    if position is None:
        return {}
    if count is not None and (position.moved_at is None or position.moved_at <= count.as_of):
        return {}
    return position.seen


def _may_be_forgotten(
    move: Moved, position: Position | None, remembered: Mapping[str, Seen]
) -> bool:
    """Whether ``move`` may have been applied so long ago that the position no longer remembers
    it."""
    if position is None or move.sequence is None:
        return False
    forgotten = move.sequence <= remembered.get(move.source, Seen()).floor
    return forgotten and position.moved_at is not None and move.occurred_at <= position.moved_at


def _remember(remembered: Mapping[str, Seen], moves: Iterable[Moved]) -> dict[str, Seen]:
    seen = dict(remembered)
    for move in moves:
        if move.sequence is None:
            continue
        before = seen.get(move.source, Seen())
        if move.sequence < before.floor:
            continue
        rising = sorted({*before.sequences, move.sequence})
        dropped = rising[:-REMEMBERED]
        seen[move.source] = Seen(max([before.floor, *dropped]), tuple(rising[-REMEMBERED:]))
    return seen


def _moved_at(position: Position | None, moves: Iterable[Moved]) -> datetime | None:
    known = [position.moved_at] if position and position.moved_at else []
    return max([*known, *(move.occurred_at for move in moves)], default=None)


def _believed(
    position: Position | None,
    count: Counted,
    basis: Basis,
    units: int,
    events: Iterable[Event],
    applied: Collection[tuple[str, str]],
) -> int | None:
    """The units that were believed to be there at the instant of ``count``; None unless people made
    the count and the position had been counted before.

    Movements that arrive together with the count and are contained in it are included: the source
    has reported them.
    """
    if position is None or position.counted is None or count.reason is None:
        return None
    contained = sum(
        move.delta
        for move in _distinct(event for event in events if isinstance(event, Moved))
        if position.counted.at < move.occurred_at <= count.as_of
        and (move.source, move.id) not in applied
        and not _is_remembered(move, position)
    )
    base = position.on_hand if basis is Basis.ON_HAND else count.quantity - units
    return base + contained


def _is_remembered(move: Moved, position: Position) -> bool:
    """Whether the position remembers the movement, or may have forgotten it."""
    seen = position.seen.get(move.source, Seen())
    return move.sequence is not None and (
        move.sequence <= seen.floor or move.sequence in seen.sequences
    )


def _entries(
    count: Counted | None,
    believed: int | None,
    moves: Iterable[Moved],
    events: Iterable[Event],
) -> tuple[LedgerEntry, ...]:
    entries = []
    if count is not None:
        entries.append(
            LedgerEntry(
                count.id,
                count.source,
                COUNTED,
                count.reason or MovementReason.STOCK_TAKING.value,
                count.as_of,
                quantity=None if believed is None else count.quantity,
                believed=believed,
            )
        )
    entries += [
        LedgerEntry(
            move.id,
            move.source,
            MOVED,
            move.reason,
            move.occurred_at,
            move.delta,
            move.reference,
        )
        for move in moves
    ]
    entries += [
        LedgerEntry(
            event.id,
            event.source,
            EXPECTED,
            MovementReason.ARRIVING.value,
            event.time,
            0,
            event.reference,
        )
        for event in events
        if isinstance(event, Announced)
    ]
    return tuple(entries)


def _landings(position: Position | None, moves: Iterable[Moved]) -> tuple[Landing, ...]:
    """The arrivals of promised or expected supplies among ``moves``, all of which are new."""
    if position is None:
        return ()
    known = {row.reference for row in position.expected} | position.due.keys()
    came: Counter[str] = Counter()
    for move in moves:
        if move.delta > 0 and move.reference and move.reference in known:
            came[move.reference] += move.delta
    return tuple(
        Landing(reference, due := position.due.get(reference, 0), min(due, units))
        for reference, units in sorted(came.items())
    )


def _expected(
    position: Position | None, events: Iterable[Event], moves: Iterable[Moved] = ()
) -> tuple[Expected, ...] | None:
    """The supply after ``events``, by date; None when they do not change it.

    Units that ``moves``, all of them new, have brought since the announcement are no longer
    expected.
    """
    supply = {row.reference: row for row in (position.expected if position else ())}
    changed = False
    for event in events:
        if not isinstance(event, Announced):
            continue
        known = supply.get(event.reference)
        if known is None or known.stamp is None or known.stamp < event.stamp:
            supply[event.reference] = expected_by(event)
            changed = True
    for move in moves:
        known = supply.get(move.reference or "")
        if known is None or known.stamp is None or known.stamp.at >= move.occurred_at:
            continue
        if move.delta > 0 and known.quantity:
            remaining = max(0, known.quantity - move.delta)
            supply[known.reference] = replace(known, quantity=remaining)
            changed = True
    if not changed:
        return None
    newest = max(row.stamp.at for row in supply.values() if row.stamp)
    current = current_supply(supply.values(), position.due if position else {}, newest)
    return current if position is None or current != position.expected else None
