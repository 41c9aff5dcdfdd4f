"""Applies feed events to positions: folds them, writes conditionally, notes counts that change
nothing."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.errors import Busy, InvalidRequest, Refusal
from shared.stock.model.count import Basis, LedgerNeeds
from shared.stock.model.events import Announced, Counted, Event, Moved
from shared.stock.model.feed import PositionWrite, Skip, fold_events, hiding_bound
from shared.stock.model.position import Position, PositionKey
from shared.stock.model.supplies import MOST_SUPPLIES, announces_new, is_full
from shared.stock.model.supplies import left_out as supplies_left_out
from shared.stock.model.tidying import TIDY_AFTER
from shared.stock.store import slots
from shared.stock.store.feed_writes import write_position, write_together
from shared.stock.store.ledgers import read_history
from shared.stock.store.notes import ParallelMap, save_skipped_counts, skipped_counts
from shared.stock.store.position_reads import position, positions_of
from shared.stock.store.rows import (
    mark_key,
    position_of_item,
    stock_table,
)

EVENTS_PER_WRITE = 50
"""Events in one write: each movement without sequence adds a part to the transaction."""
LEDGER_WAITS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between reads of a ledger that is behind; after the last one the message is retried."""
NO_ROOM = InvalidRequest(
    "the position has no room for another expected supply",
    [
        {
            "path": "$.data.reference",
            "message": f"at most {MOST_SUPPLIES} supplies of a SKU at a location, those included"
            f" that arrived in the last {TIDY_AFTER.days} days; send it again when there are fewer",
        }
    ],
)


def applied_movements(events: Iterable[Event]) -> set[tuple[str, str]]:
    """The (source, id) of the movements without sequence among ``events`` that were applied before:
    one call per 100."""
    marked = {
        Key(stock_table(), *mark_key(event.source, event.id)): (event.source, event.id)
        for event in events
        if isinstance(event, Moved) and event.sequence is None
    }
    return {marked[key] for key in tables.get_many(marked)}


def apply_events(
    events: Sequence[Event],
    stored: Position | None,
    applied: Iterable[tuple[str, str]],
    now: datetime,
) -> int:
    """``apply_batch`` for one position; returns the number of its writes.

    Raises Busy when others write faster, or the ledger stays behind.
    """
    place = events[0].sku, events[0].location_id
    positions = {} if stored is None else {place: stored}
    result = apply_batch({place: events}, positions, applied, now)[place]
    if isinstance(result, Exception):
        raise result
    return result


def apply_batch(
    batch: Mapping[PositionKey, Sequence[Event]],
    stored: Mapping[PositionKey, Position],
    applied: Iterable[tuple[str, str]],
    now: datetime,
    each: ParallelMap = map,
) -> dict[PositionKey, int | Exception]:
    """Applies the events of each position. Returns the number of its writes, or the error that
    prevented them; an error at one position does not affect the others.

    ``stored`` (positions) and ``applied`` may be stale: events that they show as applied are
    applied, and a write that was decided on a stale position is refused and decided anew. ``each``
    is a map function, for example that of a thread pool.

    A count that changes nothing is not written but noted, packed with others:

        a worker that skips    notes the count, then reads the position (consistent), decides again
        a worker that writes   writes the position, then reads the notes (consistent), and applies
                               counts that are newer than those it knew

    So at least one of the two sees the other. A message is done when both steps are done: when its
    worker dies between them, the message comes again and the second step is made up for.
    """
    applied_ids = set(applied)
    writes: dict[PositionKey, int | Exception] = dict.fromkeys(batch, 0)
    noted: dict[PositionKey, Counted] = {}
    positions = dict(stored)
    skipped, changes = _sort_out_skipped(batch, positions, applied_ids, noted)
    for attempt in range(tables.ATTEMPTS):
        to_write = {place: batch[place] for place in changes}
        skipped |= _write_positions(
            to_write, changes, positions, applied_ids, now, each, noted, writes
        )
        if not skipped:
            return writes
        if attempt:
            tables.pause(attempt)
        save_skipped_counts(skipped.values(), now)
        noted |= skipped
        positions = positions_of(skipped, consistent=True)
        skipped, changes = _sort_out_skipped(
            {place: batch[place] for place in skipped}, positions, applied_ids, noted
        )
    error = Busy("counts and movements keep overtaking each other")
    return writes | dict.fromkeys([*skipped, *changes], error)


def left_out(
    batch: Mapping[PositionKey, Sequence[Event]], stored: Mapping[PositionKey, Position]
) -> list[tuple[Announced, Refusal]]:
    """The announcements of ``batch`` that were left out when it was applied, and why. ``stored``
    are the positions before, which may be stale. One call per 100 positions with a new supply.

    InvalidRequest: the position has no room. Busy: it has room by now.
    """
    new = [place for place, events in batch.items() if announces_new(stored.get(place), events)]
    positions = positions_of(new, consistent=True) if new else {}
    refused: list[tuple[Announced, Refusal]] = []
    for place in new:
        found = positions.get(place)
        refusal = NO_ROOM if is_full(found) else Busy("the announced supply was not stored")
        refused += ((event, refusal) for event in supplies_left_out(found, batch[place]))
    return refused


def _sort_out_skipped(
    batch: Mapping[PositionKey, Sequence[Event]],
    stored: Mapping[PositionKey, Position],
    applied_ids: Collection[tuple[str, str]],
    noted: Mapping[PositionKey, Counted],
) -> tuple[dict[PositionKey, Counted], dict[PositionKey, PositionWrite | None]]:
    """The counts to note; and the positions that may need a write, with the write if it is known
    to be one that needs nothing else, see ``_lone_write``."""
    skipped: dict[PositionKey, Counted] = {}
    changes: dict[PositionKey, PositionWrite | None] = {}
    for place, events in batch.items():
        decided = fold_events(stored.get(place), events, applied_ids)
        if isinstance(decided, PositionWrite):
            changes[place] = _lone_write(decided, events)
        elif not isinstance(decided, Skip) or any(isinstance(event, Moved) for event in events):
            changes[place] = None
        elif decided.count != noted.get(place):
            skipped[place] = decided.count
    return skipped, changes


def _lone_write(decided: PositionWrite, events: Sequence[Event]) -> PositionWrite | None:
    """``decided`` if it brings in all ``events`` and writes no other item."""
    return None if decided.marks or len(events) > EVENTS_PER_WRITE else decided


def _write_positions(
    batch: Mapping[PositionKey, Sequence[Event]],
    changes: Mapping[PositionKey, PositionWrite | None],
    stored: Mapping[PositionKey, Position],
    applied_ids: set[tuple[str, str]],
    now: datetime,
    each: ParallelMap,
    noted: dict[PositionKey, Counted],
    writes: dict[PositionKey, int | Exception],
) -> dict[PositionKey, Counted]:
    """Writes the positions, counts the writes in ``writes``, and returns the counts to note.

    Looks for noted counts that hide some of the events before the write, and again after it.
    ``changes`` that were decided already are written together first; a position that is not written
    so, or has a noted count to bring in, is decided anew.
    """
    skipped: dict[PositionKey, Counted] = {}
    events, positions, to_write = dict(batch), dict(stored), list(batch)

    def write(place: PositionKey) -> int | Skip | Exception:
        try:
            return _apply_to_position(
                events[place], positions.get(place), applied_ids, now, noted.get(place)
            )
        except Exception as error:
            return error

    bounds = {
        place: bound
        for place in to_write
        if (bound := hiding_bound(positions.get(place), events[place])) is not None
    }
    for attempt in range(tables.ATTEMPTS):
        hiding = {
            place: count
            for place, count in skipped_counts(bounds, now, each).items()
            if count not in events[place]
        }
        positions.update(positions_of(hiding, consistent=True))
        noted.update(hiding)
        events.update({place: [*events[place], count] for place, count in hiding.items()})
        if attempt:
            to_write = list(hiding)
        together = {
            place: change
            for place, change in changes.items()
            if change is not None and place not in hiding and not attempt
        }
        written, refused = write_together(together, now, each)
        positions.update(positions_of(refused, consistent=True))
        alone = [place for place in to_write if place not in written]
        results: dict[PositionKey, int | Skip | Exception] = dict.fromkeys(written, 1)
        results |= zip(alone, each(write, alone), strict=True)
        for place, result in results.items():
            if isinstance(result, Skip):
                skipped[place] = result.count
            elif isinstance(result, Exception):
                writes[place] = result
            else:
                writes[place] = _write_count(writes[place]) + result
        bounds = {
            place: bounds[place]
            for place, result in results.items()
            if place in bounds and isinstance(result, int) and result
        }
        if not bounds:
            return skipped
    writes |= dict.fromkeys(bounds, Busy("newer counts keep coming"))
    return skipped


def _write_count(so_far: int | Exception) -> int:
    """The number of writes, 0 for an error."""
    return so_far if isinstance(so_far, int) else 0


def _apply_to_position(
    events: Sequence[Event],
    stored: Position | None,
    applied_ids: set[tuple[str, str]],
    now: datetime,
    noted: Counted | None,
) -> int | Skip:
    """The number of writes, or Skip when nothing was written and a count other than ``noted`` must
    be noted.

    The newest count goes into every write: it hides some of the events whether it is written or
    skipped.
    """
    counts = [event for event in events if isinstance(event, Counted)]
    newest = sorted(counts, key=lambda count: count.stamp)[-1:]
    others = [event for event in events if event not in newest]
    writes = 0
    skip: Skip | None = None
    for start in range(0, max(1, len(others)), EVENTS_PER_WRITE):
        if start:
            stored = position(events[0].sku, events[0].location_id)
        result = _apply_in_one_write(
            [*newest, *others[start : start + EVENTS_PER_WRITE]], stored, applied_ids, now
        )
        if isinstance(result, int):
            writes += result
        elif result.count != noted:
            skip = result
    return skip if skip and not writes else writes


def _apply_in_one_write(
    events: Sequence[Event],
    stored: Position | None,
    applied_ids: set[tuple[str, str]],
    now: datetime,
) -> int | Skip:
    """One write or none; Skip when only a count must be noted. Marks by other workers are added to
    ``applied_ids``."""
    for attempt in range(tables.ATTEMPTS):
        decided = _decide(events, stored, applied_ids, now)
        if decided is None:
            return 0
        if isinstance(decided, Skip):
            return decided
        refusals = write_position(decided, now)
        if not refusals:
            return 1
        for refused in refusals:
            if refused.index:
                applied_ids.add(decided.marks[refused.index - 1])
            elif refused.item:
                if _blocked_by_slots(decided, refused.item):
                    slots.fold(decided.sku, decided.location_id, now)
                stored = position_of_item(refused.item)
        tables.pause(attempt)
    raise Busy("too many feeds write the same position")


def _decide(
    events: Sequence[Event],
    stored: Position | None,
    applied_ids: set[tuple[str, str]],
    at: datetime,
) -> PositionWrite | Skip | None:
    decided = fold_events(stored, events, applied_ids)
    waits = iter(LEDGER_WAITS)
    while isinstance(decided, LedgerNeeds):
        current = position(events[0].sku, events[0].location_id)
        if current is not None and current.slots and any(map(_is_net, events)):
            # The ledger shows every sale of the slots only after a fold.
            slots.fold(current.sku, current.location_id, at)
            current = position(events[0].sku, events[0].location_id)
        decided = fold_events(current, events, applied_ids)
        if current is None or not isinstance(decided, LedgerNeeds):
            continue
        try:
            decided = fold_events(current, events, applied_ids, read_history(current, decided, at))
        except Busy:
            wait = next(waits, None)
            if wait is None:
                raise
            time.sleep(wait)
    return decided


def _is_net(event: Event) -> bool:
    return isinstance(event, Counted) and event.net_through is not None


def _blocked_by_slots(change: PositionWrite, item: Mapping[str, Any]) -> bool:
    """Whether the slots of ``item`` are the reason why ``change`` was refused."""
    if "slots" not in item:
        return False
    match change.basis:
        case Basis.ADD:
            return bool(item["available"] + change.units < 0)
        case Basis.ON_HAND:
            return bool(change.units < item["reserved"])
    return True
