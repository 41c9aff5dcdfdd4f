"""What every location could sell of a SKU, packed so that one read answers. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Row:
    """``available`` units at a location, as of the position's ``version``."""

    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Pack:
    """All locations of one SKU. Stale by the stream's lag at most; a reservation never is."""

    sku: str
    rows: dict[str, Row]
    as_of: datetime
