"""Law 1 recomputed from the ledger, the holds and the orders. Pure: values in, values out.

    available = on_hand - reserved
    reserved  = units of open holds + units that open fulfillments of orders hold
                + units of a supply that have come and are still to be given to their orders
    on_hand   = the sum of the movements in the ledger
    ledger    has a row for every version of the position

Rows older than they are kept are no drift: what they have moved is the balance that the oldest row
was added to.
"""

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
"""How long a row of the ledger may be under way before it counts as lost."""
REPAIR_REST = timedelta(minutes=15)
"""How long a position must not have been written before a repair may lower what it has reserved."""

STREAM_KEPT = timedelta(hours=24)
"""How long a stream keeps what has happened: what is not in the ledger by then never comes."""

Units = Counter[PositionKey]


class DriftKind(StrEnum):
    AVAILABLE = "available"
    RESERVED = "reserved"
    ON_HAND = "on_hand"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Drift:
    """What ``stands`` in a position and what it ``should`` be, in units; for the ledger the number
    of its rows."""

    sku: str
    location_id: str
    kind: DriftKind
    stands: int
    should: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that are missing between two others; at the end of the ledger there is no ``after``."""

    before: LedgerRow | None
    after: LedgerRow | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the rows of a position say together: through ``version``, over ``rows`` of them, and
    the gaps between them."""

    version: int = 0
    rows: int = 0
    on_hand: int = 0
    reserved: int = 0
    gaps: tuple[Gap, ...] = ()
    last: LedgerRow | None = None

    @property
    def missing(self) -> int:
        return sum(
            gap.after.version - (gap.before.version if gap.before else 0) - 1
            for gap in self.gaps
            if gap.after
        )


def promised(
    holds: Mapping[str, Iterable[HoldLine]], orders: Iterable[tuple[str | None, Units]]
) -> Units:
    """Units that are promised: by open holds, by id, and by open orders with the hold of each.

    The holds must have been read first: one that has become an order in between is the order's.
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


def ledger_of(rows: Iterable[LedgerRow], version: int, oldest: datetime) -> Ledger:
    """Folds ``rows``, rising, through ``version``; rows from before ``oldest`` may be gone."""
    count = on_hand = reserved = 0
    gaps: list[Gap] = []
    last: LedgerRow | None = None
    for row in rows:
        if row.version > version:
            break
        at = last.version if last else 0
        if row.version > at + 1:
            before = row.on_hand - row.delta, _reserved(row) - row.reserved_delta
            if row.previous_at is None or row.previous_at < oldest:
                gaps, (on_hand, reserved), count = [], before, 0
            else:
                gaps.append(Gap(last, row))
                on_hand += before[0] - (last.on_hand if last else 0)
                reserved += before[1] - (_reserved(last) if last else 0)
        on_hand += row.delta
        reserved += row.reserved_delta
        count += 1
        last = row
    return Ledger(last.version if last else 0, count, on_hand, reserved, tuple(gaps), last)


def find_drifts(
    position: Position, promised: int, ledger: Ledger | None, now: datetime, oldest: datetime
) -> list[Drift]:
    """Where ``position`` breaks law 1; without ``ledger`` it is not compared with one.

    A ledger that is behind for less than LATE is only not compared; a position that is split into
    slots is judged when it is folded.
    """
    if position.slots:
        return []
    promised += sum(position.landed.values())
    where = position.sku, position.location_id
    found = []
    balance = position.on_hand - position.reserved
    if position.available != balance:
        found.append(Drift(*where, DriftKind.AVAILABLE, position.available, balance))
    if position.reserved != promised:
        found.append(Drift(*where, DriftKind.RESERVED, position.reserved, promised))
    if ledger is None or position.updated_at < oldest:
        return found
    behind = position.version - ledger.version
    if not behind and position.on_hand != ledger.on_hand:
        found.append(Drift(*where, DriftKind.ON_HAND, position.on_hand, ledger.on_hand))
    lost = ledger.missing
    if behind and position.updated_at <= now - LEDGER_LAG:
        lost += behind
    if lost:
        found.append(Drift(*where, DriftKind.LEDGER, ledger.rows, ledger.rows + lost))
    return found


def audit_positions(
    positions: Iterable[Position],
    units: Mapping[PositionKey, int],
    ledgers: Mapping[PositionKey, Ledger],
    now: datetime,
    oldest: datetime,
) -> list[Drift]:
    """The drift of all positions there are; what is promised where there is none is drift too."""
    found = []
    left = {place: promised for place, promised in units.items() if promised}
    for position in positions:
        place = position.sku, position.location_id
        found += find_drifts(
            position, left.pop(place, 0), ledgers.get(place, Ledger()), now, oldest
        )
    return found + [
        Drift(*place, DriftKind.RESERVED, 0, promised) for place, promised in sorted(left.items())
    ]


def missing_rows(gap: Gap, position: Position) -> list[LedgerRow]:
    """Rows for a gap of the ledger: what its neighbours show to have happened in between, at the
    last of the missing versions, and at the time of that: a count that comes late is compared with
    it.

    Where no feed has written in between, it was an order or a hold, or a split or a fold.
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
    ours = feed_version == (gap.before.feed_version if gap.before else 0)
    began = gap.before.recorded_at if gap.before else at
    # What a split has set aside and a fold given back was promised to nobody.
    own = ours and (position.folded_at is None or position.folded_at < began)
    occurred_at = at if ours else _moved_at(gap, position, moved_at, at)
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
    """When what a feed has written in the gap can have happened: at the latest of its movements,
    or when it was written, if that was earlier. Without any movement it was a count, which every
    later count contains; and so was most of it where the ledger begins."""
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
    """What the audit says of itself in the ledger, at ``version`` of the position."""
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
