"""Requests and answers of transfers."""

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.orders.contract.common import Words
from shared.orders.contract.history import HistoryEntry
from shared.orders.model import (
    transfers,
)
from shared.orders.model.rebalancing import TransferSuggestions
from shared.orders.model.transfers import Transfer, TransferLine
from shared.web.contract import (
    Answer,
    Count,
    Id,
    Input,
    Instant,
    InstantInput,
    LocationId,
    Sku,
    Units,
)

MOST_TRANSFER_LINES = 90


class TransferLineInput(Input):
    """Units of a SKU to transfer."""

    sku: Sku
    quantity: Units
    """Number of units."""


class TransferInput(Input):
    """A new transfer."""

    from_location_id: LocationId
    """The location that sends the units."""
    to_location_id: LocationId
    """The location that receives the units."""
    lines: Annotated[list[TransferLineInput], Field(min_length=1, max_length=MOST_TRANSFER_LINES)]
    """The units to transfer."""
    expected_at: InstantInput
    """When the units should arrive."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.from_location_id == self.to_location_id:
            raise ValueError("from_location_id and to_location_id must differ")
        return self

    def transfer(self, transfer_id: str, now: datetime) -> Transfer:
        """The requested transfer; lines of the same SKU are added up."""
        total: Counter[str] = Counter()
        for line in self.lines:
            total[line.sku] += line.quantity
        return Transfer(
            transfer_id=transfer_id,
            from_location_id=self.from_location_id,
            to_location_id=self.to_location_id,
            lines=tuple(TransferLine(sku, units, units) for sku, units in sorted(total.items())),
            requested_at=now,
            expected_at=self.expected_at,
        )


class ArrivedLine(Input):
    """Received units of a SKU."""

    sku: Sku
    quantity: Count
    """Number of received units."""


class ReceiveInput(Input):
    """The units that have arrived."""

    lines: Annotated[list[ArrivedLine], Field(max_length=MOST_TRANSFER_LINES)] | None = None
    """The received units; default: everything that is under way."""
    final: bool = True
    """Whether units that are not in `lines` are missing; false: they are still under way."""

    def units(self) -> dict[str, int] | None:
        if self.lines is None:
            return None
        total: Counter[str] = Counter()
        for line in self.lines:
            total[line.sku] += line.quantity
        return dict(total)


class CancelTransferInput(Input):
    """Why the transfer is cancelled."""

    reason: Words = "cancelled"
    """Why the transfer is cancelled."""


class TransferLineAnswer(Answer):
    """A line of a transfer: quantity = open + received + missing + cancelled."""

    sku: Sku
    quantity: Units
    """Number of requested units."""
    open: Count
    """Units reserved at the sending location, or under way once shipped."""
    received: Count
    """Units that arrived."""
    missing: Count
    """Units that did not arrive."""
    cancelled: Count
    """Units that stayed at the sending location."""


class TransferAnswer(Answer):
    """The current state of a transfer."""

    transfer_id: Id
    """The id of the transfer."""
    state: Literal["requested", "shipped", "received", "cancelled"]
    """State of the transfer."""
    from_location_id: LocationId
    """The location that sends the units."""
    to_location_id: LocationId
    """The location that receives the units."""
    lines: list[TransferLineAnswer]
    """The lines of the transfer."""
    requested_at: Instant
    """When the transfer was requested."""
    expected_at: Instant
    """When the units are expected to arrive."""
    order_id: Id | None = None
    """The order that the units are for: its shopper collects them at the receiving location."""
    deadline: Instant | None = None
    """When the transfer is escalated if nothing happens."""
    allowed: list[str]
    """Actions that are possible in this state."""
    history: list[HistoryEntry]
    """The events of the transfer, oldest first. A long history is whole only in the answer of
    `GET`; others leave out its first `earlier_events`."""
    earlier_events: int | None = None
    """The number of events before those of `history`."""
    version: int
    """Increases with every change of the transfer."""


class SuggestedTransfer(Answer):
    """A transfer that would earn more than it costs."""

    sku: Sku
    from_location_id: LocationId
    """The location that sends the units."""
    to_location_id: LocationId
    """The location that receives the units."""
    quantity: int
    """Number of units to move."""
    gain: int
    """Expected additional margin in minor units."""
    cost: int
    """Cost of the transfer in minor units."""


class Unjudged(Answer):
    """A SKU that could not be compared."""

    sku: Sku
    reason: str
    """Why the SKU could not be compared."""


class SuggestionsAnswer(Answer):
    """Suggested transfers."""

    currency: str
    """Currency of all amounts (ISO 4217)."""
    suggestions: list[SuggestedTransfer]
    """The suggested transfers, most profitable first."""
    unjudged: list[Unjudged]
    """SKUs that could not be compared."""


def suggestions_answer(suggested: TransferSuggestions) -> SuggestionsAnswer:
    return SuggestionsAnswer(
        currency=suggested.currency,
        suggestions=[SuggestedTransfer(**asdict(row)) for row in suggested.suggestions],
        unjudged=[Unjudged(sku=sku, reason=why) for sku, why in suggested.unjudged.items()],
    )


def transfer_answer(transfer: Transfer) -> TransferAnswer:
    return TransferAnswer(
        transfer_id=transfer.transfer_id,
        state=transfer.state,
        from_location_id=transfer.from_location_id,
        to_location_id=transfer.to_location_id,
        lines=[TransferLineAnswer(**asdict(line)) for line in transfer.lines],
        requested_at=transfer.requested_at,
        expected_at=transfer.expected_at,
        order_id=transfer.order_id,
        deadline=transfer.deadline,
        allowed=list(transfers.allowed_actions(transfer)),
        history=[
            HistoryEntry(
                at=entry.at, event=entry.event, actor=entry.actor, detail=dict(entry.detail)
            )
            for entry in transfer.history
        ],
        earlier_events=transfer.past.entries or None,
        version=transfer.version,
    )
