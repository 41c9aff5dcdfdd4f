"""The ledger of a position: one row for each write, with the causes of the write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

SKEW = timedelta(seconds=30)
"""The instant of an order's or hold's write is the start of its request; the write itself follows
at most this much later."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One cause of one write. The ``delta`` of a count is None until the write has shown it;
    ``own`` marks a write of an order or a hold.

    ``quantity`` and ``believed`` are set for a count that people made, except for the first count
    of a position: the counted units, and the units believed to be there at that instant, including
    all movements that came before or with the count.
    """

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
    """The row of the write that made ``version`` of the position.

    ``on_hand``, ``available``, ``feed_version`` and ``moved_at`` are the position's values after
    the write. ``previous_at`` is the ``recorded_at`` of the version before; that row may have
    expired.
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
    """Rows of the ledger without a gap, newest first, and the instants at which holds became
    orders."""

    rows: Sequence[LedgerRow]
    converted: Mapping[str, datetime] = field(default_factory=dict)
