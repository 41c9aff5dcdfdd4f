"""What-ifs that run as jobs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.routing.model.policy import Policy
from shared.routing.model.whatif import Totals


@dataclass(frozen=True, slots=True)
class WhatIfJob:
    """A what-if over the orders placed since ``since``, under the ``policy`` of the draft's
    ``revision``. ``round`` is the number of its round, None until that has begun; ``totals`` are
    those before and after, None until it has ended. ``differences`` is their number."""

    id: str
    digest: str
    days: int
    since: datetime
    revision: int
    policy: Policy
    asked_at: datetime
    round: int | None = None
    ended_at: datetime | None = None
    totals: tuple[Totals, Totals] | None = None
    differences: int = 0


@dataclass(frozen=True, slots=True)
class WhatIfRun:
    """How far the ``workers`` are. ``counts`` are ``figures`` of shared/routing/model/whatif.py,
    and ``of_done``: the orders in the segments that are done."""

    counts: Mapping[str, int]
    segments: int
    segments_done: int
    workers: int

    @property
    def orders_expected(self) -> int | None:
        """An estimate of the number of all orders, from the segments that are done; exact at the
        end. Segments are of similar size, because keys are hashed."""
        if not self.segments_done:
            return None
        return round(self.counts.get("of_done", 0) * self.segments / self.segments_done)
