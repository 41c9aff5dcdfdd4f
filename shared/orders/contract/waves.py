"""Requests and answers of waves."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from shared.orders.contract.common import MOST_LINES, Words
from shared.orders.contract.fulfillments import FulfillmentPart, RejectedLine, part_answer
from shared.orders.model.waves import MOST_IN_WAVE, Stop, Tote, Wave
from shared.stock.contract.bins import Bin
from shared.web.contract import Answer, Id, Input, Instant, LocationId, Sku, Units


class WaveInput(Input):
    """Which fulfillments are picked together, and by whom."""

    location_id: LocationId
    fulfillment_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_IN_WAVE)] | None = None
    """Up to 20 fulfillments; default: the most urgent ones that nobody has."""
    most: Annotated[int, Field(ge=1, le=MOST_IN_WAVE)] | None = None
    """How many of the most urgent ones, up to 20; default: 20. Not with `fulfillment_ids`."""
    to: Words | None = None
    """The person who picks."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.fulfillment_ids is not None and self.most is not None:
            raise ValueError("send fulfillment_ids or most, not both")
        if self.fulfillment_ids and len(set(self.fulfillment_ids)) < len(self.fulfillment_ids):
            raise ValueError("fulfillment_ids names one twice")
        return self


class PickedTote(Input):
    """What became of one fulfillment."""

    fulfillment_id: Id
    """The fulfillment."""
    rejected: Annotated[list[RejectedLine], Field(max_length=MOST_LINES)] | None = None
    """Units that are not served, with the reason; the others are picked. Default: none."""


class PickWaveInput(Input):
    """What was picked."""

    fulfillments: (
        Annotated[list[PickedTote], Field(min_length=1, max_length=MOST_IN_WAVE)] | None
    ) = None
    """The fulfillments that were picked; default: all of the wave, with all units."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [row.fulfillment_id for row in self.fulfillments or ()]
        if len(set(names)) < len(names):
            raise ValueError("fulfillments names one twice")
        return self


class ToteAnswer(FulfillmentPart):
    """A fulfillment of a wave, and the number of its tote."""

    tote: int
    """The number of the tote, from 1."""
    order_id: Id
    """The id of the order."""


class ToteUnitsAnswer(Answer):
    """Units of an order line that go into a tote."""

    tote: int
    """The number of the tote."""
    line_id: Id
    """The id of the order line, as the channel named it."""
    quantity: Units
    """Number of units."""


class StopAnswer(Answer):
    """What is taken from one bin."""

    bin: Bin | None = None
    """Where the units lie; absent when the SKU has no bin."""
    sku: Sku
    title: str | None = None
    """The name of the product."""
    quantity: Units
    """Number of units of all totes."""
    picked: int
    """How many of them are picked already."""
    totes: list[ToteUnitsAnswer]
    """The units of each tote."""


class RefusedAnswer(Answer):
    """A fulfillment that the wave did not get."""

    fulfillment_id: Id
    """The fulfillment."""
    problem: dict[str, Any]
    """Why not: a problem document."""


class WaveAnswer(Answer):
    """A wave: fulfillments of a location that one person picks on one walk."""

    wave_id: Id
    """The id of the wave."""
    location_id: LocationId
    assignee: str | None = None
    """The person who picks."""
    begun_at: Instant
    """When the wave was begun."""
    totes: list[ToteAnswer]
    """The fulfillments, each in a tote of its own."""
    walk: list[StopAnswer]
    """What is taken from the bins, in the order of the walk; SKUs without a bin come last."""
    refused: list[RefusedAnswer] | None = None
    """The named fulfillments that the wave did not get; only in the answer that begins it."""


def wave_answer(
    wave: Wave,
    totes: Sequence[Tote],
    stops: Sequence[Stop],
    titles: Mapping[str, str],
    refused: Sequence[tuple[str, Mapping[str, Any]]] = (),
) -> WaveAnswer:
    return WaveAnswer(
        wave_id=wave.wave_id,
        location_id=wave.location_id,
        assignee=wave.assignee,
        begun_at=wave.begun_at,
        totes=[
            ToteAnswer(
                tote=tote.number,
                order_id=tote.order.order_id,
                # The answer is stored where no erasure looks for tracking numbers.
                **dict(part_answer(tote.part, paused=tote.order.is_paused)) | {"tracking": None},
            )
            for tote in totes
        ],
        walk=[_stop(stop, titles.get(stop.sku)) for stop in stops],
        refused=[
            RefusedAnswer(fulfillment_id=name, problem=dict(problem)) for name, problem in refused
        ]
        or None,
    )


def _stop(stop: Stop, title: str | None) -> StopAnswer:
    return StopAnswer(
        bin=stop.bin_name,
        sku=stop.sku,
        title=title,
        quantity=sum(row.quantity for row in stop.units),
        picked=sum(row.quantity for row in stop.units if row.picked),
        totes=[
            ToteUnitsAnswer(tote=row.tote, line_id=row.line_id, quantity=row.quantity)
            for row in stop.units
        ],
    )
