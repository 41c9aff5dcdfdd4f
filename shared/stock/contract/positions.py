"""Positions and their movements as channels see them."""

from typing import Any

from pydantic import (
    Field,
)

from shared.stock.model.events import AUDITED, COUNTED
from shared.stock.model.ledger import LedgerRow
from shared.stock.model.position import Position
from shared.web.contract import (
    Answer,
    Instant,
)


class ExpectedAnswer(Answer):
    quantity: int
    expected_at: Instant
    reference: str
    promised: int | None = Field(default=None, description="of these, to orders that wait")


class PositionAnswer(Answer):
    location_id: str
    on_hand: int
    reserved: int
    available: int
    damaged: int
    expected: list[ExpectedAnswer]
    version: int
    updated_at: Instant

    @classmethod
    def of(cls, position: Position) -> "PositionAnswer":
        return cls(**_fields(position))


class OnePosition(PositionAnswer):
    sku: str

    @classmethod
    def of(cls, position: Position) -> "OnePosition":
        return cls(sku=position.sku, **_fields(position))


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


class Positions(Answer):
    sku: str
    positions: list[PositionAnswer]
    next_cursor: str | None = None


class MovementAnswer(Answer):
    """A change of on_hand, or a count that found it right; ``on_hand_after`` is what it left."""

    id: str
    source: str
    type: str
    delta: int
    on_hand_after: int
    reason: str
    occurred_at: Instant
    reference: str | None = None

    @classmethod
    def of_row(cls, row: LedgerRow) -> "list[MovementAnswer]":
        """What a row of the ledger shows: every change, and counts also without one; newest
        first."""
        shown: list[MovementAnswer] = []
        after = row.on_hand - row.delta
        for entry in row.entries:
            delta = entry.delta or 0
            after += delta
            if delta or entry.type in {COUNTED, AUDITED}:
                shown.append(
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
        return shown[::-1]


class Movements(Answer):
    sku: str
    location_id: str
    movements: list[MovementAnswer]
    next_cursor: str | None = None
