"""The route of what-ifs. It reads decisions of past orders, so the orders Lambda answers it."""

from datetime import timedelta

from shared.errors import NotFound
from shared.orders import store
from shared.orders.contract.decisions import WhatIfAnswer, WhatIfInput, what_if_answer
from shared.routing.model.decision import Decision
from shared.routing.model.erased import is_erased_stub
from shared.routing.model.whatif import what_if
from shared.routing.store import policies
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs
from shared.web.cursor import cursor_of, key_of

WHAT_IF_ITEMS = 400
"""Stored items read for one page: a few seconds of routing at 10 lines and 200 locations."""
DECISION_KEY = r"[^\n]+\n[^\n]+"
"""The decoded cursor: partition key and sort key of the last decision of the page before."""

router = routes()


@router.post(
    "/v1/routing/policies/draft/what-if",
    operation_id="runWhatIf",
    security=needs("policy:read"),
    summary="Route past orders again under the draft policy",
    description="Takes the stored decisions of past orders again under the draft, with the stock "
    "of that time, one page at a time. Returns the totals before and after, and every order that "
    "would have been served differently. Follow `next_cursor` to the end: the guard-rails of the "
    "draft are checked against all pages of one what-if. Requires the scope `channel:all`.",
)
def try_draft(body: WhatIfInput) -> WhatIfAnswer:
    caller_of(router).must_see_all()
    draft = policies.draft()
    if draft is None:
        raise NotFound("there is no draft policy: write one with PUT /v1/routing/policies/draft")
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
