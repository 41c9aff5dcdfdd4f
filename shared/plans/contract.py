"""What the API answers about plans."""

from collections.abc import Mapping
from datetime import date

from shared.plans.model.wanted import Cell
from shared.web.contract import Answer


class LostRow(Answer):
    """Units of a SKU that shoppers wanted at a location on a day, and that nobody could sell."""

    day: date
    """The day, in the zone of the location."""
    location_id: str
    """The location of the pickup, or the nearest to the address that ships; `-` where the address
    is not known."""
    sku: str
    """The SKU."""
    units: int
    """Units that were missing, once for each person and day."""
    persons: int
    """Number of persons, or sessions."""


class LostDemandAnswer(Answer):
    """Lost demand by day, location and SKU."""

    rows: list[LostRow]
    """By day, location and SKU."""
    units: int
    """Of all rows."""


def lost_answer(cells: Mapping[Cell, tuple[int, int]]) -> LostDemandAnswer:
    rows = [
        LostRow(
            day=cell.day,
            location_id=cell.location_id,
            sku=cell.sku,
            units=units,
            persons=persons,
        )
        for cell, (units, persons) in cells.items()
    ]
    return LostDemandAnswer(rows=rows, units=sum(row.units for row in rows))
