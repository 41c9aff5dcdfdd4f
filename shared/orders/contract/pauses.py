"""Requests and answers of pauses of orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import StringConstraints, model_validator

from shared.errors import invalid
from shared.orders.contract.common import Words
from shared.orders.model import Pause, PauseKind, new_pause
from shared.orders.model.pausing import LONGEST
from shared.web.contract import Answer, Id, Input, Instant, InstantInput

Owner = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class PauseInput(Input):
    """Why nobody shall work on an order for a time."""

    kind: PauseKind
    """`fraud`: a review, which cancels the order when it is not decided within a week; `manual`;
    `until`: the order goes on by itself at `until`."""
    reason: Words
    """Why the order is paused."""
    owner: Owner
    """The person or team that decides."""
    until: InstantInput | None = None
    """When the pause ends (`until`), or by when the owner decides; default: after 24 hours for
    `fraud`, 72 hours for `manual`."""

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.kind == "until" and self.until is None:
            raise ValueError("a pause of kind until needs until")
        return self

    def pause(self, pause_id: str, now: datetime, path: str = "$") -> Pause:
        """Raises InvalidRequest, naming the JSON ``path``, unless ``until`` is within LONGEST."""
        if self.until is not None and not now < self.until <= now + LONGEST:
            raise invalid(f"{path}.until", f"it must be within {LONGEST.days} days from now")
        return new_pause(pause_id, self.kind, self.reason, self.owner, now, self.until)


class ReleaseInput(Input):
    """How a pause ends."""

    outcome: Literal["continue", "cancel"] = "continue"
    """`continue`: the order goes on, unless other pauses remain. `cancel`: everything that has not
    been handed over is cancelled, whatever other pauses there are."""
    reason: Words | None = None
    """Why the order is cancelled."""


class PauseAnswer(Answer):
    """A pause of an order."""

    pause_id: Id
    """The id of the pause."""
    kind: PauseKind
    """Why the order is paused."""
    owner: str
    """The person or team that decides."""
    began_at: Instant
    """When the pause began."""
    deadline: Instant
    """When the pause ends (`until`), or is reported as overdue."""
    reason: str | None = None
    """Why the order is paused, in words; absent in pick lists."""


def pauses_answer(pauses: Sequence[Pause]) -> list[PauseAnswer] | None:
    return [
        PauseAnswer(
            pause_id=pause.pause_id,
            kind=pause.kind,
            owner=pause.owner,
            began_at=pause.began_at,
            deadline=pause.deadline,
            reason=pause.reason or None,
        )
        for pause in pauses
    ] or None
