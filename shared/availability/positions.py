"""What a pack says of a position. Pure."""

from shared.availability.model import Change, Row, Supply
from shared.stock.model import Expected, Position


def row_of(position: Position) -> Row:
    return Row(
        position.available,
        position.version,
        _supply(position.expected),
        reserved=position.reserved,
        counters=tuple(sorted(position.counters.items())),
    )


def change_of(position: Position) -> Change:
    return Change(position.location_id, position.version, row_of(position), position.updated_at)


def _supply(expected: tuple[Expected, ...]) -> tuple[Supply, ...]:
    return tuple(
        sorted(
            (int(entry.expected_at.timestamp()), entry.quantity)
            for entry in expected
            if entry.quantity > 0
        )
    )
