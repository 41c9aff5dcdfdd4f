"""The ledger of a position: one row for each write, with the causes of the write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SKEW = timedelta(seconds=30)
"""The instant of an own act is when its request began: it is written this much later at most."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One cause of one write. The ``delta`` of a count is None until the write has shown it;
    ``own`` marks what an order or a hold did. ``quantity`` is what people have counted, where
    ``believed`` units were thought to be at that instant: with every movement that came before the
    count or with it. Neither is there for another count, nor for the first of a position."""

    id: str
    source: str
    type: str
    reason: str
    occurred_at: datetime
    delta: int | None = None
    reference: str | None = None
    own: bool = False
    quantity: int | None = None
    believed: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the ledger: what the write that made ``version`` of the position did.

    ``on_hand``, ``available``, ``feed_version`` and ``moved_at`` are the position's afterwards.
    ``previous_at`` is the ``recorded_at`` of the version before: older than what is kept, that
    row may be gone.
    """

    version: int
    feed_version: int
    on_hand: int
    available: int
    delta: int
    reserved_delta: int
    recorded_at: datetime
    moved_at: datetime | None
    entries: tuple[LedgerEntry, ...]
    previous_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Rows of the ledger without a gap, newest first, and when holds became orders."""

    rows: Sequence[LedgerRow]
    converted: Mapping[str, datetime] = field(default_factory=dict)
