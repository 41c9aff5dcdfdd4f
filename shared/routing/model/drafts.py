"""The draft of the next policy, and its trial: past orders routed again under the draft."""

from dataclasses import dataclass
from datetime import datetime

from shared.routing.model.policy import Policy
from shared.routing.model.whatif import Totals


@dataclass(frozen=True, slots=True)
class Draft:
    """``published_as`` is the version that this revision was published as. The version inside
    ``policy`` is 0."""

    policy: Policy
    revision: int
    at: datetime
    by: str
    published_as: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """The what-if of a draft's ``revision`` over ``days``, up to the pages requested so far.
    ``cursor`` requests the next page; None when the what-if is complete."""

    revision: int
    days: int
    cursor: str | None
    before: Totals
    after: Totals
    at: datetime
