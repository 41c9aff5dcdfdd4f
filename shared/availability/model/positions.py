"""A position as a row of a pack. Pure."""

import zlib

from shared.availability.model.pack import ExpectedUnits, PackChange, PackRow
from shared.instants import rfc3339
from shared.stock.model.position import Position
from shared.stock.model.tidying import current_supply


def row_of(position: Position) -> PackRow:
    return PackRow(
        position.available,
        position.version,
        _supply(position),
        reserved=position.reserved,
        counters=tuple(sorted(position.counters.items())),
        awaited=_awaited(position),
    )


def change_of(position: Position) -> PackChange:
    return PackChange(position.location_id, position.version, row_of(position), position.updated_at)


def _supply(position: Position) -> tuple[ExpectedUnits, ...]:
    """Expected units that are not promised; supply that has been overdue for long is left out."""
    free = (
        (int(entry.expected_at.timestamp()), entry.quantity - position.due.get(entry.reference, 0))
        for entry in current_supply(position.expected, position.due, position.updated_at)
    )
    return tuple(sorted(supply for supply in free if supply[1] > 0))


def _awaited(position: Position) -> int:
    """A digest that changes when a supply with promised units changes or some of it arrives; 0 when
    no units are promised. A further promise alone does not change it."""
    if not (position.due or position.landed):
        return 0
    coming = [
        (row.reference, row.quantity, rfc3339(row.expected_at))
        for row in position.expected
        if row.reference in position.due
    ]
    state = sorted(position.landed.items()), sorted(coming)
    return zlib.crc32(repr(state).encode()) or 1
