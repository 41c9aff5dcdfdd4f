"""A position and its ledger in memory: what the table's expressions do to them, and no more."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.stock.model.count import Basis, LedgerNeeds
from shared.stock.model.events import COUNTED, Counted, Event
from shared.stock.model.feed import PositionWrite, Skip, fold_events, hiding_bound
from shared.stock.model.ledger import History, LedgerEntry, LedgerRow
from shared.stock.model.position import Cause, Effect, Position
from shared.stock.model.skipped import Shape, bound_of, find_counts, newest_counts, pack_counts


@dataclass
class Book:
    position: Position | None = None
    rows: list[LedgerRow] = field(default_factory=list)
    marks: set[tuple[str, str]] = field(default_factory=set)
    converted: dict[str, datetime] = field(default_factory=dict)
    skipped: list[Counted] = field(default_factory=list)
    """Counts that changed nothing."""
    asked: int = 0
    """How often the ledger was needed."""

    def feed(self, events: Sequence[Event], now: datetime) -> bool:
        """Whether anything was written."""
        decided = self._decide(events)
        if not isinstance(decided, Skip) and (count := self._hiding(events)):
            decided = self._decide([*events, count])
        if isinstance(decided, Skip):
            self.skipped.append(decided.count)
        if not isinstance(decided, PositionWrite):
            return False
        self._write(decided, now)
        return True

    def _decide(self, events: Sequence[Event]) -> PositionWrite | Skip | LedgerNeeds | None:
        decided = fold_events(self.position, events, self.marks)
        if isinstance(decided, LedgerNeeds):
            self.asked += 1
            rows = []
            for row in reversed(self.rows):
                rows.append(row)
                if decided.reached(row):
                    break
            decided = fold_events(self.position, events, self.marks, History(rows, self.converted))
            assert not isinstance(decided, LedgerNeeds)
        return decided

    def _hiding(self, events: Sequence[Event]) -> Counted | None:
        """What was skipped and may hide some of ``events``, by way of its pack."""
        bound = hiding_bound(self.position, events)
        if bound is None:
            return None
        place = events[0].sku, events[0].location_id
        noted = newest_counts(
            find_counts(pack.places, pack.counts, [place])
            for count in self.skipped
            for pack in pack_counts([count], Shape.SKU)
        )
        found = noted.get(place)
        return found if found and bound_of(found) >= bound else None

    def act(self, effect: Effect, cause: Cause, at: datetime) -> None:
        before = self.position or _nothing(effect.sku, effect.location_id, at)
        entry = LedgerEntry(
            cause.id,
            cause.source,
            cause.type,
            cause.reason,
            at,
            effect.on_hand,
            cause.reference,
            own=True,
        )
        after = replace(
            before,
            on_hand=before.on_hand + effect.on_hand,
            reserved=before.reserved + effect.reserved,
            available=before.available + effect.on_hand - effect.reserved,
            version=before.version + 1,
            updated_at=at,
            own_at=at,
            handled_at=at if effect.on_hand else before.handled_at,
        )
        self._record(before, after, (entry,))

    def _write(self, change: PositionWrite, now: datetime) -> None:
        before = self.position or _nothing(change.sku, change.location_id, now)
        assert change.feed_version == before.feed_version
        assert change.version in (None, before.version)
        on_hand = {
            Basis.ADD: before.on_hand + change.units,
            Basis.ON_HAND: change.units,
            Basis.AVAILABLE: change.units + before.reserved,
        }[change.basis]
        after = replace(
            before,
            on_hand=on_hand,
            available=on_hand - before.reserved,
            version=before.version + 1,
            feed_version=before.feed_version + 1,
            updated_at=now,
            counted=change.counted or before.counted,
            moved_at=change.moved_at or before.moved_at,
            expected=before.expected if change.expected is None else change.expected,
            seen={
                source: seen
                for source, seen in {**before.seen, **change.seen}.items()
                if source not in change.forgotten
            },
        )
        self.marks |= set(change.marks)
        self._record(before, after, change.entries)

    def _record(self, before: Position, after: Position, entries: tuple[LedgerEntry, ...]) -> None:
        delta = after.on_hand - before.on_hand
        told = sum(entry.delta or 0 for entry in entries)
        entries = tuple(
            replace(entry, delta=delta - told) if entry.type == COUNTED else entry
            for entry in entries
        )
        self.position = after
        self.rows.append(
            LedgerRow(
                after.version,
                after.feed_version,
                after.on_hand,
                after.available,
                delta,
                after.reserved - before.reserved,
                after.updated_at,
                after.moved_at,
                entries,
            )
        )
        assert after.available == after.on_hand - after.reserved
        assert after.on_hand == sum(row.delta for row in self.rows)
        for row in self.rows:
            assert row.delta == sum(entry.delta or 0 for entry in row.entries)


def _nothing(sku: str, location_id: str, at: datetime) -> Position:
    return Position(sku, location_id, 0, 0, 0, 0, at)
