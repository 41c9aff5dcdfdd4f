"""A job on all that is kept of a person: to erase it, or to write it down for the person."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

JobKind = Literal["erase", "export"]
JobState = Literal["open", "done", "gone"]
"""``gone``: the person was erased before the job was done."""


@dataclass(frozen=True, slots=True)
class Job:
    """``step`` is what is done next, from ``place`` on, '' for its beginning; ``content`` is what
    the steps need to know. ``tries`` count how often it was taken since it came on.
    ``version`` is the stored one that this was read at."""

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

    def at(self, step: str, place: str = "", **content: Any) -> "Job":
        return replace(self, step=step, place=place, content={**self.content, **content}, tries=0)

    def over(self, state: JobState, at: datetime, **content: Any) -> "Job":
        """Nothing is kept of it but ``content``."""
        return replace(self, step="", place="", state=state, ended_at=at, content=content)
