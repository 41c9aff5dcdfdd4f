"""Input and answers of what-ifs that run as jobs."""

from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Strict

from shared.orders.contract.decisions import (
    Broken,
    OrderDifference,
    WhatIfTotals,
    broken_rails,
    difference_answer,
    totals_answer,
)
from shared.orders.model.what_ifs import WhatIfJob, WhatIfRun
from shared.routing.model.whatif import Difference, totals_of
from shared.web.contract import Answer, Count, Id, Input, Instant


class WhatIfAsked(Input):
    """Which past orders to route again under the draft."""

    days: Annotated[int, Strict(), Ge(1), Le(366)]
    """Orders placed in the last so many days."""


class WhatIfStarted(Answer):
    """A started what-if. Poll `status_url` for its progress."""

    what_if_id: Id
    """The id of the what-if."""
    status_url: str
    """Path of the what-if's progress and result."""


class WhatIfProgress(Answer):
    """How far the workers are."""

    orders_done: Count
    """Orders that have been routed again."""
    orders_expected: Count | None = None
    """Orders in all, estimated from the segments that are done; absent before the first one is.
    It is exact at the end."""
    segments: Count
    """Parts of the table of orders, of similar size."""
    segments_done: Count
    """Parts that have been read to their end."""
    workers: Count
    """Workers that are at work."""


class WhatIfStatus(Answer):
    """A what-if: its progress, and its figures so far or in the end."""

    what_if_id: Id
    """The id of the what-if."""
    state: Literal["running", "done", "replaced"]
    """`replaced` means that a later what-if has begun before the end of this one."""
    draft_revision: int
    """The revision of the draft that is tried."""
    days: int
    """Days that the what-if looks back."""
    asked_at: Instant
    """When the what-if was asked for."""
    ended_at: Instant | None = None
    """When its result was stored."""
    progress: WhatIfProgress | None = None
    """Absent when the what-if was replaced, or ended before a later one began."""
    before: WhatIfTotals | None = None
    """Totals so far under the policies that decided. `load` is empty until the end."""
    after: WhatIfTotals | None = None
    """Totals so far under the draft. `load` is empty until the end."""
    differences: Count
    """Orders so far that the draft would serve differently."""
    broken: list[Broken] | None = None
    """Guard-rails of the draft that the totals break, in the end."""


class WhatIfDifferences(Answer):
    """A page of the orders that the draft would serve differently."""

    differences: list[OrderDifference]
    """The orders, those with the highest increase of cost first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


def started_answer(job: WhatIfJob) -> WhatIfStarted:
    return WhatIfStarted(what_if_id=job.id, status_url=f"/v1/routing/what-ifs/{job.id}")


def status_answer(job: WhatIfJob, run: WhatIfRun | None) -> WhatIfStatus:
    """``run`` is None when a later what-if has replaced this one."""
    totals, differences = job.totals, job.differences
    if totals is None and run is not None:
        totals = totals_of(run.counts, "before"), totals_of(run.counts, "after")
        differences = run.counts.get("differences", 0)
    before, after = (
        [totals_answer(each, job.policy.currency) for each in totals] if totals else (None, None)
    )
    return WhatIfStatus(
        what_if_id=job.id,
        state="done" if job.ended_at else "running" if run else "replaced",
        draft_revision=job.revision,
        days=job.days,
        asked_at=job.asked_at,
        ended_at=job.ended_at,
        progress=_progress(run) if run else None,
        before=before,
        after=after,
        differences=differences,
        broken=broken_rails(job.policy, *job.totals) if job.totals else None,
    )


def _progress(run: WhatIfRun) -> WhatIfProgress:
    return WhatIfProgress(
        orders_done=run.counts.get("orders", 0),
        orders_expected=run.orders_expected,
        segments=run.segments,
        segments_done=run.segments_done,
        workers=run.workers,
    )


def differences_answer(
    page: list[Difference], currency: str, next_cursor: str | None
) -> WhatIfDifferences:
    return WhatIfDifferences(
        differences=[difference_answer(row, currency) for row in page], next_cursor=next_cursor
    )
