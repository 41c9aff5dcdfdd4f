"""Transfers as locations and planners send and see them."""

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.orders.contract.common import Words
from shared.orders.contract.orders import HistoryEntry
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
    sku: Sku
    quantity: Units


class TransferInput(Input):
    from_location_id: LocationId
    to_location_id: LocationId
    lines: Annotated[list[TransferLineInput], Field(min_length=1, max_length=MOST_TRANSFER_LINES)]
    expected_at: InstantInput = Field(description="when it should be there")

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.from_location_id == self.to_location_id:
            raise ValueError("a transfer goes from one location to another")
        return self

    def transfer(self, transfer_id: str, now: datetime) -> Transfer:
        """Lines of one SKU are added up."""
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
    sku: Sku
    quantity: Count


class ReceiveInput(Input):
    """Without ``lines`` all that is under way has arrived."""

    lines: Annotated[list[ArrivedLine], Field(max_length=MOST_TRANSFER_LINES)] | None = None
    final: bool = Field(
        default=True, description="what has not arrived is missing; false: it is still under way"
    )

    def units(self) -> dict[str, int] | None:
        if self.lines is None:
            return None
        total: Counter[str] = Counter()
        for line in self.lines:
            total[line.sku] += line.quantity
        return dict(total)


class CancelTransferInput(Input):
    reason: Words = "cancelled"


class TransferLineAnswer(Answer):
    """quantity = open + received + missing + cancelled."""

    sku: Sku
    quantity: Units
    open: Count = Field(description="reserved at the donor, or under way once it is shipped")
    received: Count
    missing: Count
    cancelled: Count


class TransferAnswer(Answer):
    transfer_id: Id
    state: Literal["requested", "shipped", "received", "cancelled"]
    from_location_id: LocationId
    to_location_id: LocationId
    lines: list[TransferLineAnswer]
    requested_at: Instant
    expected_at: Instant
    deadline: Instant | None = None
    allowed: list[str] = Field(description="the actions that its state allows")
    history: list[HistoryEntry]
    version: int


class SuggestedTransfer(Answer):
    sku: Sku
    from_location_id: LocationId
    to_location_id: LocationId
    quantity: int
    gain: int = Field(description="margin expected in addition, minor units")
    cost: int = Field(description="of the transfer, minor units")


class Unjudged(Answer):
    sku: Sku
    reason: str


class SuggestionsAnswer(Answer):
    currency: str
    suggestions: list[SuggestedTransfer] = Field(description="what pays most comes first")
    unjudged: list[Unjudged]


def suggestions_answer(found: TransferSuggestions) -> SuggestionsAnswer:
    return SuggestionsAnswer(
        currency=found.currency,
        suggestions=[SuggestedTransfer(**asdict(one)) for one in found.suggestions],
        unjudged=[Unjudged(sku=sku, reason=why) for sku, why in found.unjudged.items()],
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
        deadline=transfer.deadline,
        allowed=list(transfers.allowed_actions(transfer)),
        history=[
            HistoryEntry(
                at=entry.at, event=entry.event, actor=entry.actor, detail=dict(entry.detail)
            )
            for entry in transfer.history
        ],
        version=transfer.version,
    )
