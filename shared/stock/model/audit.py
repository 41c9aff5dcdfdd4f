"""The stock audit: recomputes law 1 from the ledger, the holds and the orders. Pure.

    available = on_hand - reserved
    reserved  = units of open holds + units that open fulfillments of orders hold
                + arrived units of a supply that wait for their orders
    on_hand   = the sum of the movements in the ledger
    ledger    has one row for every version of the position

Expired ledger rows are not drift: the oldest row that is left gives the balance before it.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.stock.model.events import AUDITED, MovementReason
from shared.stock.model.ledger import LedgerEntry, LedgerRow
from shared.stock.model.position import HoldLine, Position, PositionKey

SOURCE = "norain/audit"
LEDGER_LAG = timedelta(minutes=15)
"""A ledger row that is missing for longer than this counts as lost."""
REPAIR_REST = timedelta(minutes=15)
"""A repair lowers ``reserved`` only when the position has not been written for this long."""

STREAM_KEPT = timedelta(hours=24)
"""Retention of a DynamoDB stream: a ledger row that is missing for longer than this never arrives.
"""

Units = Counter[PositionKey]


class DriftKind(StrEnum):
    AVAILABLE = "available"
    RESERVED = "reserved"
    ON_HAND = "on_hand"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between a stored value and the recomputed one. ``stands`` is the stored number
    of units, ``should`` the correct one; for the ledger they are numbers of rows."""

    sku: str
    location_id: str
    kind: DriftKind
    stands: int
    should: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing rows between two rows of the ledger; ``after`` is None at the end of the ledger."""

    before: LedgerRow | None
    after: LedgerRow | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The sums of a ledger that was complete through ``version`` when it was audited."""

    version: int = 0
    on_hand: int = 0
    reserved: int = 0


BEGINNING = Checkpoint()
"""The checkpoint of a ledger of which nothing has been audited."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The sum of a position's ledger rows through ``version``: ``rows`` is their number, ``gaps``
    the missing rows between them. The rows through ``start`` are those of a checkpoint."""

    version: int = 0
    rows: int = 0
    on_hand: int = 0
    reserved: int = 0
    gaps: tuple[Gap, ...] = ()
    last: LedgerRow | None = None
    start: int = 0

    @property
    def missing(self) -> int:
        return sum(
            gap.after.version - (gap.before.version if gap.before else self.start) - 1
            for gap in self.gaps
            if gap.after
        )


def promised(
    holds: Mapping[str, Iterable[HoldLine]], orders: Iterable[tuple[str | None, Units]]
) -> Units:
    """Units promised by open holds (by hold id) and by open orders (each with the id of its hold).

    Read the holds before the orders: a hold that is converted in between is counted with its order.
    """
    units: Units = Counter()
    converted = set()
    for hold_id, held in orders:
        units.update(held)
        converted.add(hold_id)
    for hold_id, lines in holds.items():
        if hold_id not in converted:
            for line in lines:
                units[line.sku, line.location_id] += line.quantity
    return units


def ledger_of(
    rows: Iterable[LedgerRow], version: int, oldest: datetime, start: Checkpoint = BEGINNING
) -> Ledger:
    """Sums ``rows``, in rising order and behind ``start``, through ``version``. Rows from before
    ``oldest`` may have expired."""
    count, on_hand, reserved = start.version, start.on_hand, start.reserved
    gaps: list[Gap] = []
    last: LedgerRow | None = None
    for row in rows:
        if row.version > version:
            break
        at = last.version if last else start.version
        if row.version > at + 1:
            before = row.on_hand - row.delta, _reserved(row) - row.reserved_delta
            if row.previous_at is None or row.previous_at < oldest:
                gaps, (on_hand, reserved), count = [], before, 0
            else:
                gaps.append(Gap(last, row))
                on_hand += before[0] - (last.on_hand if last else start.on_hand)
                reserved += before[1] - (_reserved(last) if last else start.reserved)
        on_hand += row.delta
        reserved += row.reserved_delta
        count += 1
        last = row
    through = last.version if last else start.version
    return Ledger(through, count, on_hand, reserved, tuple(gaps), last, start.version)


MOST_ROWS_BEHIND = 16
"""Ledger rows behind a checkpoint before it moves on: two or three read units of them."""
QUIET = timedelta(days=1)
"""A position that was not written for this long gets its checkpoint in any case: its ledger need
not be read again."""


def next_checkpoint(
    position: Position, ledger: Ledger, checkpoint: Checkpoint, now: datetime
) -> Checkpoint | None:
    """The checkpoint to store for a position without drifts; None where the stored one does."""
    if ledger.gaps or ledger.version != position.version or ledger.version == checkpoint.version:
        return None
    if ledger.version - checkpoint.version < MOST_ROWS_BEHIND and position.updated_at > now - QUIET:
        return None
    return Checkpoint(ledger.version, ledger.on_hand, ledger.reserved)


FULL_ROUNDS = 28
"""In as many rounds the whole ledger of every position is read once."""


def in_full(key: PositionKey, round_number: int) -> bool:
    """Whether this round reads the whole ledger of the position."""
    return zlib.crc32("#".join(key).encode()) % FULL_ROUNDS == round_number % FULL_ROUNDS


def find_drifts(
    position: Position, promised: int, ledger: Ledger | None, now: datetime, oldest: datetime
) -> list[Drift]:
    """The differences of ``position`` from law 1; without ``ledger`` the ledger is not compared.

    A ledger that is behind for less than LEDGER_LAG is not compared. A position that is split into
    slots is not judged until it is folded.
    """
    if position.slots:
        return []
    promised += sum(position.landed.values())
    key = position.sku, position.location_id
    differences = []
    balance = position.on_hand - position.reserved
    if position.available != balance:
        differences.append(Drift(*key, DriftKind.AVAILABLE, position.available, balance))
    if position.reserved != promised:
        differences.append(Drift(*key, DriftKind.RESERVED, position.reserved, promised))
    if ledger is None or position.updated_at < oldest:
        return differences
    behind = position.version - ledger.version
    if not behind and position.on_hand != ledger.on_hand:
        differences.append(Drift(*key, DriftKind.ON_HAND, position.on_hand, ledger.on_hand))
    missing = ledger.missing
    if behind and position.updated_at <= now - LEDGER_LAG:
        missing += behind
    if missing:
        differences.append(Drift(*key, DriftKind.LEDGER, ledger.rows, ledger.rows + missing))
    return differences


def audit_positions(
    positions: Iterable[Position],
    units: Mapping[PositionKey, int],
    ledgers: Mapping[PositionKey, Ledger],
    now: datetime,
    oldest: datetime,
) -> list[Drift]:
    """The drifts of all ``positions``. Units promised at a position that does not exist are drift
    too."""
    differences = []
    unmatched = {key: promised for key, promised in units.items() if promised}
    for position in positions:
        key = position.sku, position.location_id
        differences += find_drifts(
            position, unmatched.pop(key, 0), ledgers.get(key, Ledger()), now, oldest
        )
    return differences + [
        Drift(*key, DriftKind.RESERVED, 0, promised) for key, promised in sorted(unmatched.items())
    ]


def missing_rows(gap: Gap, position: Position) -> list[LedgerRow]:
    """Rows that fill ``gap``. They contain the changes that the neighbouring rows show, all in the
    last missing version.

    They are dated with the instant of that version, because a late count compares instants. When no
    feed has written in the gap, an order, a hold, a split or a fold has.
    """
    first = gap.before.version + 1 if gap.before else 1
    start = (gap.before.on_hand, _reserved(gap.before)) if gap.before else (0, 0)
    if gap.after is not None:
        last, end = (
            gap.after.version - 1,
            (gap.after.on_hand - gap.after.delta, _reserved(gap.after) - gap.after.reserved_delta),
        )
        at = gap.after.previous_at or gap.after.recorded_at
        feed_version, moved_at = gap.after.feed_version, gap.after.moved_at
    else:
        last, end = position.version, (position.on_hand, position.reserved)
        at = position.updated_at
        feed_version, moved_at = position.feed_version, position.moved_at
    no_feed_wrote = feed_version == (gap.before.feed_version if gap.before else 0)
    began = gap.before.recorded_at if gap.before else at
    # The units that a split reserves and a fold releases are not promised to anybody.
    own = no_feed_wrote and (position.folded_at is None or position.folded_at < began)
    occurred_at = at if no_feed_wrote else _moved_at(gap, position, moved_at, at)
    lost = audit_entry(last, occurred_at, end[0] - start[0], "the row was lost", own=own)
    rows = []
    for version in range(first, last + 1):
        on_hand, reserved = end if version == last else start
        rows.append(
            LedgerRow(
                version=version,
                feed_version=feed_version,
                on_hand=on_hand,
                available=on_hand - reserved,
                delta=on_hand - start[0],
                reserved_delta=reserved - start[1],
                recorded_at=at,
                moved_at=moved_at,
                entries=(lost,) if version == last else (),
                previous_at=at if version > 1 else None,
            )
        )
    return rows


def _moved_at(gap: Gap, position: Position, moved_at: datetime | None, at: datetime) -> datetime:
    """The instant to assume for what a feed wrote in the gap: its latest movement, or the write
    itself if that is earlier. Without a movement the feed wrote a count, which every later count
    contains; where the ledger begins, most of the balance comes from a count too."""
    known = [at]
    if moved_at is not None:
        known.append(moved_at)
    elif gap.before is not None:
        known.append(gap.before.recorded_at)
    if gap.before is None and position.counted is not None:
        known.append(position.counted.at)
    return min(known)


def audit_entry(
    version: int, occurred_at: datetime, delta: int, reference: str, *, own: bool = False
) -> LedgerEntry:
    """The ledger entry of an audit's own write at ``version`` of the position."""
    return LedgerEntry(
        id=f"audit-{version}",
        source=SOURCE,
        type=AUDITED,
        reason=MovementReason.STOCK_TAKING.value,
        occurred_at=occurred_at,
        delta=delta,
        reference=reference,
        own=own,
    )


def _reserved(row: LedgerRow) -> int:
    return row.on_hand - row.available
