"""Requests and answers of batches of fulfillments."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from shared.orders.contract.common import Words
from shared.orders.contract.fulfillments import FulfillmentPart
from shared.web.contract import Answer, Id, Input

MOST_ACTIONS = 20
Step = Literal["accept", "pick", "pack", "ready", "ship", "assign"]


class BatchAction(Input):
    """A step of one fulfillment."""

    fulfillment_id: Id
    """The fulfillment."""
    action: Step
    """The step."""
    to: Words | None = None
    """The person who does the work; for `assign`."""
    carrier: Words | None = None
    """The carrier; for `ship` without a label."""
    tracking: Words | None = None
    """The carrier's tracking number; for `ship` without a label."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.to is not None and self.action != "assign":
            raise ValueError("only assign takes to")
        if (self.carrier or self.tracking) and self.action != "ship":
            raise ValueError("only ship takes carrier and tracking")
        return self


class BatchInput(Input):
    """Up to 20 steps."""

    actions: Annotated[list[BatchAction], Field(min_length=1, max_length=MOST_ACTIONS)]
    """The steps, in the order in which they are taken."""


class BatchResult(Answer):
    """What became of a step."""

    fulfillment_id: Id
    """The fulfillment."""
    action: Step
    """The step."""
    status: int
    """The status that the step alone would have been answered with."""
    fulfillment: FulfillmentPart | None = None
    """The fulfillment after the step."""
    problem: dict[str, Any] | None = None
    """Why the step was refused: a problem document."""


class BatchAnswer(Answer):
    """The results, in the order of the actions."""

    results: list[BatchResult]
    """One result for each action."""
