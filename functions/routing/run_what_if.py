"""Routes past orders again under a draft, as a job that several workers share.

    a message of the queue: works on the round that it names (shared/aws/walks.py); the one that
                            the API sends has ``first``, and its worker calls helpers

A step routes orders for STEP_SECONDS and stores their totals and differences as a piece. Only the
pieces of saved steps count, so that no order counts twice. The worker that closes the round adds
the pieces up. A worker that is out of time sends its message again.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import walks
from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.aws.walks import Progress, Segment, Step
from shared.orders.model.what_ifs import WhatIfJob
from shared.orders.store import what_ifs
from shared.orders.store.what_ifs import PIECE_DIFFERENCES, WALK
from shared.routing.model.decision import Decision
from shared.routing.model.erased import is_erased_stub
from shared.routing.model.whatif import WhatIf, combine, figures, what_if
from shared.routing.store import policies
from shared.web.batch import each_message

PAGE = 50
"""Items of a page, which are orders and what lies beside them."""
STEP_SECONDS = 20
SPARE_MS = 60_000
"""A step ends within this time: STEP_SECONDS, one page and one write."""
CLOSING_MS = 120_000
"""The pieces of 300,000 orders are added up within this time."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return each_message(event["Records"], lambda message: _work(message, context))


def _work(message: str, context: Any) -> None:
    round_ = walks.called_round(WALK.table, message)
    if round_ is None or round_.ended_at is not None:
        return
    job = what_ifs.find(round_.plan["id"])
    if job is None:
        return  # it has expired
    first = json.loads(message).get("first", False)
    time_left_ms = context.get_remaining_time_in_millis
    progress = walks.work(
        round_,
        lambda segment: _step(segment, job, time_left_ms),
        lambda done: time_left_ms() >= CLOSING_MS and _close(job, done),
        lambda: time_left_ms() < SPARE_MS,
        (lambda free: walks.call_helpers(round_, free)) if first else None,
    )
    logger.info("what if", extra=progress.summary(datetime.now(UTC)))
    if progress.round.ended_at is None and time_left_ms() < CLOSING_MS:
        send(setting("helpers_queue"), message)


def _step(segment: Segment, job: WhatIfJob, time_left_ms: Callable[[], int]) -> Step:
    """Routes the orders of some pages again, and stores the result as a piece."""
    began, after = time.monotonic(), segment.after
    parts: list[WhatIf] = []
    while True:
        at = replace(segment, after=after)
        page, after = what_ifs.decisions_page(at, job.since, PAGE)
        decisions = (
            (name, Decision.from_bytes(data)) for name, data in page if not is_erased_stub(data)
        )
        parts.append(what_if(decisions, job.policy))
        if (
            after is None
            or time.monotonic() - began > STEP_SECONDS
            or time_left_ms() < SPARE_MS
            or sum(len(part.differences) for part in parts) + PAGE > PIECE_DIFFERENCES
        ):
            break
    whole = combine(parts)
    counts = figures(whole)
    if after is None:
        # The orders of segments that are done: from these the number of all orders is estimated.
        counts["of_done"] = segment.counts.get("orders", 0) + whole.before.orders
    if not whole.before.orders:
        return Step(after, counts)
    # The version makes the name unique to this claim, as in functions/availability/export.py.
    name = f"{segment.number:04d}-{segment.version:06d}"
    what_ifs.put_piece(job, name, whole)
    return Step(after, counts, (name,))


def _close(job: WhatIfJob, progress: Progress) -> bool:
    """Stores the result, and as the trial of the draft that the guard-rails are checked against."""
    result = combine(what_ifs.pieces(job, progress.kept))
    now = datetime.now(UTC)
    policies.add_trial_page(
        job.revision, job.days, None, None, before=result.before, after=result.after, at=now
    )
    what_ifs.end(job, result, now)
    return True
