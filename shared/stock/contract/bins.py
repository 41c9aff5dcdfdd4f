"""Requests and answers of bins: where at a location the units of a SKU lie."""

from collections import Counter
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.errors import InvalidRequest
from shared.web.contract import Answer, Described, Input, LocationId, Sku

MOST_BINS = 500
Bin = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,31}$"),
    Described("Where the units lie, such as A-03-12: aisle, shelf and compartment."),
]


class BinInput(Input):
    """The bin of a SKU."""

    sku: Sku
    bin: Bin | None
    """Where the units lie, such as A-03-12; `null` removes the bin."""


class BinsInput(Input):
    """The bins of some SKUs. Other SKUs keep theirs."""

    bins: Annotated[list[BinInput], Field(min_length=1, max_length=MOST_BINS)]
    """Up to 500 SKUs, each once."""

    def by_sku(self) -> dict[str, str | None]:
        """Raises InvalidRequest for a SKU that is named twice."""
        count = Counter(row.sku for row in self.bins)
        errors = [
            {"path": f"$.bins[{index}].sku", "message": f"{row.sku} has several rows"}
            for index, row in enumerate(self.bins)
            if count[row.sku] > 1
        ]
        if errors:
            raise InvalidRequest("a SKU has one bin at a location", errors)
        return {row.sku: row.bin for row in self.bins}


class BinAnswer(Answer):
    """The bin of a SKU."""

    sku: Sku
    bin: Bin


class BinsAnswer(Answer):
    """A page of the bins of a location."""

    location_id: LocationId
    bins: list[BinAnswer]
    """The bins of this page, by SKU."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


class BinsChanged(Answer):
    """How many bins were set and removed."""

    location_id: LocationId
    set: int
    """SKUs that have the bin of the request now."""
    removed: int
    """SKUs that have no bin now."""
