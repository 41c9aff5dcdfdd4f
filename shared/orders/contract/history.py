"""The history of an order or a transfer in answers."""

from typing import Any

from shared.orders.model import Order
from shared.web.contract import Answer, Id, Instant


class HistoryEntry(Answer):
    """An event in the history of an order or transfer."""

    at: Instant
    """When it happened."""
    event: str
    """Type of the event."""
    actor: str
    """The person, client or part of NoRain that did this."""
    detail: dict[str, Any]
    """Data of the event; the fields depend on its type."""


class HistoryAnswer(Answer):
    """The history of an order."""

    order_id: Id
    """The id of the order."""
    entries: list[HistoryEntry]
    """The events, oldest first."""


def history_answer(order: Order) -> HistoryAnswer:
    return HistoryAnswer(
        order_id=order.order_id,
        entries=[
            HistoryEntry(
                at=entry.at, event=entry.event, actor=entry.actor, detail=dict(entry.detail)
            )
            for entry in order.history
        ],
    )
