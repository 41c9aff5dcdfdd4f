"""The route of the what-if of the promotions. It reads past orders, so the orders Lambda answers
it."""

from datetime import timedelta

from shared.errors import NotFound
from shared.orders.promotions_what_if import try_page
from shared.pricing.contract.what_if import (
    BookTrial,
    BookWhatIfAnswer,
    BookWhatIfInput,
    BrokenRail,
    totals_answer,
    what_if_answer,
)
from shared.pricing.model.book import Book
from shared.pricing.model.rails import broken_by_trial
from shared.pricing.store import books
from shared.web.api import caller_of, now_in_milliseconds, routes
from shared.web.auth import needs
from shared.web.cursor import cursor_of, key_of

WHAT_IF_ITEMS = 100
"""Stored items read for one page: some seconds of pricing at 20 lines and 100 promotions each."""
ORDER_KEY = r"[^\n]+\n[^\n]+"
"""The decoded cursor: partition key and sort key of the last item of the page before."""

router = routes()


@router.post(
    "/v1/promotions/draft/what-if",
    operation_id="runPromotionsWhatIf",
    security=needs("promotions:read"),
    summary="Price past orders by the draft of the promotions",
    description="Prices the carts of past orders that had a quote by the draft: their lines at the "
    "base prices of that time, the instant, the place, the facts of the shopper and the codes that "
    "were given. Returns sales, discounts and margin before and after, what each promotion takes "
    "off, who gains, and what a what-if cannot know. One page at a time: follow `next_cursor` to "
    "the end, because the guard-rails are checked against all pages of one what-if. Requires the "
    "scope `channel:all`.",
)
def try_draft(body: BookWhatIfInput) -> BookWhatIfAnswer:
    caller_of(router).must_see_all()
    draft = books.draft()
    if draft is None:
        raise NotFound("there is no draft: write one with PUT /v1/promotions/draft")
    key = key_of(body.cursor, ORDER_KEY, "$.cursor") if body.cursor else ""
    pk, _, sk = key.partition("\n")
    now = now_in_milliseconds()
    tried, in_force = Book.from_json(0, draft.document), None
    if body.against == "now":
        in_force = books.in_force.get().book
    page = try_page(
        tried, in_force, now - timedelta(days=body.days), WHAT_IF_ITEMS, (pk, sk) if pk else None
    )
    next_cursor = cursor_of("\n".join(page.last)) if page.last else None
    outcome = page.outcome
    made = books.Trial(
        draft.revision, body.days, body.against, next_cursor, outcome.before, outcome.after, now
    )
    return what_if_answer(
        outcome,
        revision=draft.revision,
        compared_with=in_force.version if in_force else None,
        currency=draft.document["currency"],
        skipped=page.skipped,
        trial=_trial(books.add_trial_page(made, body.cursor), draft),
        next_cursor=next_cursor,
    )


def _trial(trial: books.Trial | None, draft: books.Draft) -> BookTrial | None:
    if trial is None:
        return None
    rails = books.stored_rails().rails
    return BookTrial(
        through=trial.cursor is None,
        days=trial.days,
        at=trial.at,
        before=totals_answer(trial.before),
        after=totals_answer(trial.after),
        broken=[
            BrokenRail.of(breach) for breach in broken_by_trial(rails, draft.document, trial.after)
        ],
    )
