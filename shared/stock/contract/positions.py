"""Answers of stock positions and their movements."""

from typing import Any

from shared.stock.model.events import AUDITED, COUNTED
from shared.stock.model.ledger import LedgerRow
from shared.stock.model.position import Position
from shared.web.contract import (
    Answer,
    Instant,
)


class ExpectedAnswer(Answer):
    """An announced supply."""

    quantity: int
    """Number of expected units."""
    expected_at: Instant
    """When the units are expected."""
    reference: str
    """The supply, such as a purchase order."""
    promised: int | None = None
    """Units of the supply that are promised to waiting orders."""


class PositionAnswer(Answer):
    """The stock of a SKU at a location."""

    location_id: str
    """The id of the location."""
    on_hand: int
    """Sellable units at the location."""
    reserved: int
    """Units of `on_hand` that orders and holds have reserved."""
    available: int
    """`on_hand` minus `reserved`; below 0 when more is reserved than there is."""
    damaged: int
    """Damaged units, which are not in `on_hand`."""
    expected: list[ExpectedAnswer]
    """Announced supplies."""
    version: int
    """Increases with every change of the position."""
    updated_at: Instant
    """When the position last changed."""

    @classmethod
    def of(cls, position: Position) -> "PositionAnswer":
        return cls(**_fields(position))


class OnePosition(PositionAnswer):
    """The stock of a SKU at a location."""

    sku: str
    """The SKU."""
    bin: str | None = None
    """Where the units lie at the location; absent when nobody has said so."""

    @classmethod
    def of(cls, position: Position, bin_name: str | None = None) -> "OnePosition":
        return cls(sku=position.sku, bin=bin_name, **_fields(position))


def _fields(position: Position) -> dict[str, Any]:
    return {
        "location_id": position.location_id,
        "on_hand": position.on_hand,
        "reserved": position.reserved,
        "available": position.available,
        "damaged": position.damaged,
        "expected": [
            ExpectedAnswer(
                quantity=row.quantity,
                expected_at=row.expected_at,
                reference=row.reference,
                promised=position.due.get(row.reference),
            )
            for row in position.expected
            if row.quantity
        ],
        "version": position.version,
        "updated_at": position.updated_at,
    }


class PositionsAnswer(Answer):
    """A page of stock positions of a SKU."""

    sku: str
    """The SKU."""
    positions: list[PositionAnswer]
    """The positions of this page."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


class MovementAnswer(Answer):
    """A change of on_hand, or a count that confirmed it."""

    id: str
    """The id of the event that caused the movement."""
    source: str
    """The system or part of NoRain that sent the event."""
    type: str
    """Type of the event."""
    delta: int
    """Change of on_hand in units."""
    on_hand_after: int
    """Units on hand after the movement."""
    reason: str
    """Why the stock changed."""
    occurred_at: Instant
    """When the units moved."""
    reference: str | None = None
    """The source's document, such as a receipt."""

    @classmethod
    def of_row(cls, row: LedgerRow) -> "list[MovementAnswer]":
        """The movements in a row of the ledger, newest first: every change of on_hand, and counts
        also without a change."""
        movements: list[MovementAnswer] = []
        after = row.on_hand - row.delta
        for entry in row.entries:
            delta = entry.delta or 0
            after += delta
            if delta or entry.type in {COUNTED, AUDITED}:
                movements.append(
                    cls(
                        id=entry.id,
                        source=entry.source,
                        type=entry.type,
                        delta=delta,
                        on_hand_after=after,
                        reason=entry.reason,
                        occurred_at=entry.occurred_at,
                        reference=entry.reference,
                    )
                )
        return movements[::-1]


class MovementsAnswer(Answer):
    """A page of the movements of a stock position."""

    sku: str
    """The SKU."""
    location_id: str
    """The id of the location."""
    movements: list[MovementAnswer]
    """The movements of this page, newest first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""
