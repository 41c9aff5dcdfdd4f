"""The routes of what-ifs. They read decisions of past orders, so the orders Lambda answers them."""

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from shared.errors import Conflict, NotFound
from shared.orders import store, what_ifs
from shared.orders.contract.decisions import WhatIfAnswer, WhatIfInput, what_if_answer
from shared.orders.contract.what_ifs import (
    WhatIfAsked,
    WhatIfDifferences,
    WhatIfStarted,
    WhatIfStatus,
    differences_answer,
    started_answer,
    status_answer,
)
from shared.orders.store.what_ifs import DIFFERENCES_PAGE, differences_page
from shared.routing.model.decision import Decision
from shared.routing.model.erased import is_erased_stub
from shared.routing.model.whatif import what_if
from shared.routing.store import policies
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import Id
from shared.web.cursor import cursor_of, key_of

WHAT_IF_ITEMS = 400
"""Stored items read for one page: a few seconds of routing at 10 lines and 200 locations."""
DECISION_KEY = r"[^\n]+\n[^\n]+"
"""The decoded cursor: partition key and sort key of the last decision of the page before."""

JSON = "application/json"
WhatIfPath = Annotated[Id, Path(description="The id of the what-if.")]
Cursor = Annotated[
    str | None,
    Query(description="`next_cursor` of the previous page; leave it out for the first page."),
]

router = routes()


@router.post(
    "/v1/routing/policies/draft/what-if",
    operation_id="runWhatIf",
    security=needs("policy:read"),
    summary="Route past orders again under the draft policy",
    description="Takes the stored decisions of past orders again under the draft, with the stock "
    "of that time, one page at a time. Returns the totals before and after, and every order that "
    "would have been served differently. Follow `next_cursor` to the end: the guard-rails of the "
    "draft are checked against all pages of one what-if. For more than some thousand orders "
    "`POST /v1/routing/what-ifs` is faster. Requires the scope `channel:all`.",
)
def try_draft(body: WhatIfInput) -> WhatIfAnswer:
    caller_of(router).must_see_all()
    draft = policies.draft()
    if draft is None:
        raise NotFound(what_ifs.NO_DRAFT)
    key = key_of(body.cursor, DECISION_KEY, "$.cursor") if body.cursor else ""
    pk, _, sk = key.partition("\n")
    since = now_in_milliseconds() - timedelta(days=body.days)
    page, last = store.first_decisions_since(since, WHAT_IF_ITEMS, (pk, sk) if pk else None)
    decisions = (
        (name, Decision.from_bytes(data)) for name, data in page if not is_erased_stub(data)
    )
    result = what_if(decisions, draft.policy)
    next_cursor = cursor_of("\n".join(last)) if last else None
    trial = policies.add_trial_page(
        draft.revision,
        body.days,
        body.cursor,
        next_cursor,
        before=result.before,
        after=result.after,
        at=now_in_milliseconds(),
    )
    return what_if_answer(result, draft, next_cursor, trial)


@router.post(
    "/v1/routing/what-ifs",
    operation_id="startWhatIf",
    status_code=202,
    security=needs("policy:read"),
    summary="Start a what-if over many past orders",
    description="Starts a job that takes the stored decisions of past orders again under the "
    "draft, with the stock of that time, by several workers. It tries the draft as it is now, and "
    "replaces a what-if that is under way. Poll `status_url`. The guard-rails of the draft are "
    "checked against its result, which is kept for 30 days. Requires the scope `channel:all`.",
)
def start(body: WhatIfAsked) -> Response[WhatIfStarted]:
    caller_of(router).must_see_all()
    job = what_ifs.start(request_of(router), body.days, now_in_milliseconds())
    return Response(202, content_type=JSON, body=started_answer(job))


@router.get(
    "/v1/routing/what-ifs/<what_if_id>",
    operation_id="getWhatIf",
    security=needs("policy:read"),
    summary="Read the progress and the figures of a what-if",
    description="The totals before and after are those of the orders so far, and in the end of all "
    "orders. Requires the scope `channel:all`.",
)
def get(what_if_id: WhatIfPath) -> WhatIfStatus:
    caller_of(router).must_see_all()
    return status_answer(*what_ifs.status(what_if_id, now_in_milliseconds()))


@router.get(
    "/v1/routing/what-ifs/<what_if_id>/differences",
    operation_id="listWhatIfDifferences",
    security=needs("policy:read"),
    summary="List the orders that a draft would serve differently",
    description="Every order of a what-if that has ended which the draft would serve from other "
    "locations, those with the highest increase of cost first. Requires the scope `channel:all`.",
)
def list_differences(what_if_id: WhatIfPath, cursor: Cursor = None) -> WhatIfDifferences:
    caller_of(router).must_see_all()
    number = int(key_of(cursor, r"[0-9]{1,6}")) if cursor else 0
    job, _ = what_ifs.status(what_if_id, now_in_milliseconds())
    if job.ended_at is None:
        raise Conflict("the what-if has not ended: poll it until its state is done")
    more = (number + 1) * DIFFERENCES_PAGE < job.differences
    return differences_answer(
        differences_page(job, number),
        job.policy.currency,
        cursor_of(str(number + 1)) if more else None,
    )
