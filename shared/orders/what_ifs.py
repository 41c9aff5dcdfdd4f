"""Start what-ifs, and tell how far they are. functions/routing/run_what_if.py does the work."""

import base64
import json
from datetime import datetime, timedelta

from shared.aws import walks
from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.errors import Busy, NotFound
from shared.orders.model.what_ifs import WhatIfJob, WhatIfRun
from shared.orders.store import what_ifs
from shared.orders.store.what_ifs import WALK
from shared.routing.store import policies
from shared.web.idempotency import Request

SEGMENTS = 96
NO_DRAFT = "there is no draft policy: write one with PUT /v1/routing/policies/draft"


def start(request: Request, days: int, now: datetime) -> WhatIfJob:
    """Begins a what-if of the stored draft, in place of the one that is under way. A repeated
    request begins none.

    Raises NotFound without a draft, KeyReused, and Busy when two begin one at once.
    """
    job_id = base64.b32encode(bytes.fromhex(request.name)[:10]).decode()
    job = what_ifs.find(job_id)
    if job is None:
        draft = policies.draft()
        if draft is None:
            raise NotFound(
                "there is no draft policy: write one with PUT /v1/routing/policies/draft"
            )
        job = what_ifs.add(
            WhatIfJob(
                id=job_id,
                digest=request.digest,
                days=days,
                since=now - timedelta(days=days),
                revision=draft.revision,
                policy=draft.policy,
                asked_at=now,
            )
        )
    request.check(job.digest)
    if job.round is None:
        _begin(job, now)
    return job


def _begin(job: WhatIfJob, now: datetime) -> None:
    last = walks.last_round(WALK)
    if last is None or last.plan["id"] != job.id:
        last = walks.begin(WALK, last, SEGMENTS, now, {"id": job.id})
        if last is None:
            raise Busy("another what-if has just begun; try again")
    send(
        setting("what_if_queue"),
        json.dumps({"walk": WALK.name, "round": last.number, "first": True}),
    )
    # Only now: a request that fails before is repeated, and then sends the message.
    what_ifs.save_round(job, last.number)


def status(job_id: str, now: datetime) -> tuple[WhatIfJob, WhatIfRun | None]:
    """The what-if, and how far it is: None when a later what-if has replaced it.

    Raises NotFound when there is no such what-if, or when it has expired.
    """
    # The round is read before the what-if: one that has ended by then has stored its result.
    last = walks.last_round(WALK)
    job = what_ifs.find(job_id)
    if job is None:
        raise NotFound("there is no such what-if", what_if_id=job_id)
    if last is None or last.plan["id"] != job_id:
        return job, None
    progress = walks.progress(last, now)
    return job, WhatIfRun(progress.counts, last.segments, progress.done, progress.held)
