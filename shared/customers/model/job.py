"""A job on all data of a person: erase it, or export it for the person."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

JobKind = Literal["erase", "export"]
JobState = Literal["open", "done", "gone"]
"""``gone``: the person was erased before the job was done."""


@dataclass(frozen=True, slots=True)
class Job:
    """``step`` is the next step, to continue at ``place`` ('' is its beginning). ``content`` is the
    input of the steps. ``tries`` counts the attempts since the last progress. ``version`` is the
    stored version that was read."""

    job_id: str
    kind: JobKind
    profile_id: str
    actor: str
    asked_at: datetime
    due_at: datetime
    step: str
    content: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    state: JobState = "open"
    ended_at: datetime | None = None
    tries: int = 0
    version: int = 0

    def at_step(self, step: str, place: str = "", **content: Any) -> "Job":
        return replace(self, step=step, place=place, content={**self.content, **content}, tries=0)

    def ended(self, state: JobState, at: datetime, **content: Any) -> "Job":
        """The ended job. Only ``content`` is kept."""
        return replace(self, step="", place="", state=state, ended_at=at, content=content)
