"""The events of a stock feed: counts, movements and announcements of supply."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from shared.stock.model.position import Stamp

COUNTED, MOVED, EXPECTED = "stock.counted", "stock.moved", "stock.expected"
"""The event types that a stock feed sends."""


HELD, RELEASED = "stock.held", "stock.released"
"""The types of the ledger entries that holds write."""


AUDITED = "stock.audited"
"""The type of the ledger entry that an audit writes."""


TIDIED = "stock.tidied"
"""The type of the ledger entry of a write that removes obsolete attributes of a position."""


LATEST = datetime.max.replace(tzinfo=UTC)


class MovementReason(StrEnum):
    """Why units moved: business steps and dispositions of GS1's Core Business Vocabulary 2.0."""

    ACCEPTING = "accepting"
    ARRIVING = "arriving"
    ASSEMBLING = "assembling"
    COLLECTING = "collecting"
    CONSIGNING = "consigning"
    CYCLE_COUNTING = "cycle_counting"
    DAMAGED = "damaged"
    DEPARTING = "departing"
    DESTROYED = "destroyed"
    DESTROYING = "destroying"
    DISASSEMBLING = "disassembling"
    DISPENSING = "dispensing"
    DISPOSED = "disposed"
    EXPIRED = "expired"
    HOLDING = "holding"
    IN_TRANSIT = "in_transit"
    INSPECTING = "inspecting"
    MISMATCH_QUANTITY = "mismatch_quantity"
    NON_SELLABLE_OTHER = "non_sellable_other"
    OTHER = "other"
    PACKING = "packing"
    PICKING = "picking"
    RECALLED = "recalled"
    RECEIVING = "receiving"
    REMOVING = "removing"
    REPACKAGING = "repackaging"
    REPAIRING = "repairing"
    REPLACING = "replacing"
    RETAIL_SELLING = "retail_selling"
    RETAIL_SOLD = "retail_sold"
    RETURNED = "returned"
    SAMPLING = "sampling"
    SELLABLE_ACCESSIBLE = "sellable_accessible"
    SELLABLE_NOT_ACCESSIBLE = "sellable_not_accessible"
    SHIPPING = "shipping"
    STOCK_TAKING = "stock_taking"
    STOCKING = "stocking"
    STOLEN = "stolen"
    STORING = "storing"
    UNKNOWN = "unknown"
    UNPACKING = "unpacking"
    VOID_SHIPPING = "void_shipping"


@dataclass(frozen=True, slots=True)
class Counted:
    """A count of ``quantity`` units as of an instant; with ``net_through`` a net count, else a
    physical one.

    ``reason`` (CBV: cycle_counting, stock_taking) marks a count that people made at the shelf. A
    copy of another system's book has none.
    """

    source: str
    id: str
    sequence: int | None
    sku: str
    location_id: str
    quantity: int
    as_of: datetime
    net_through: datetime | None = None
    reason: str | None = None

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.as_of, rank(self.sequence), self.source, self.id)


@dataclass(frozen=True, slots=True)
class Moved:
    """``delta`` units arrived (above 0) or left (below 0)."""

    source: str
    id: str
    sequence: int | None
    sku: str
    location_id: str
    delta: int
    reason: str
    occurred_at: datetime
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """``quantity`` units will arrive with ``reference``; 0 cancels the supply."""

    source: str
    id: str
    sequence: int | None
    sku: str
    location_id: str
    time: datetime
    quantity: int
    expected_at: datetime
    reference: str

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.time, rank(self.sequence), self.source, self.id)


Event = Counted | Moved | Announced


def rank(sequence: int | None) -> int:
    """``sequence`` as a number that orders events; -1 for a source without sequences."""
    return -1 if sequence is None else sequence
