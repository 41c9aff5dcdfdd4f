"""The routes that join and separate profiles by hand: reviews, merges and unmerges."""

from contextlib import suppress
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.customers.requests import Cursor, Limit, ProfilePath, act_of, record_reads
from shared.customers import store
from shared.customers.contract.merges import (
    MergedCustomer,
    MergePreview,
    MergePreviewRequest,
    MergeRequest,
    UnmergedCustomer,
    UnmergeRequest,
    preview_answer,
)
from shared.customers.contract.reviews import (
    CustomerReviews,
    JudgedReview,
    VerdictInput,
    review_answer,
)
from shared.errors import Gone, NotFound
from shared.loyalty import wallets
from shared.web.api import caller_of, now_in_milliseconds, request_of, routes
from shared.web.auth import needs
from shared.web.contract import ID, Id
from shared.web.cursor import cursor_of, key_of

MANAGE = needs("customers:manage")
REVIEW_KEY = rf"[0-9TZ:.-]{{24}} {ID}"
"""The decoded cursor of the list of reviews: opened_at and review_id of its last row."""

router = routes()


@router.get(
    "/v1/customers/reviews",
    operation_id="listReviews",
    security=MANAGE,
    summary="List pairs of records that may be one person",
    description="Returns open pairs side by side, oldest first. Each read of a profile is recorded "
    "in its audit.",
)
def list_reviews(limit: Limit = 20, cursor: Cursor = None) -> CustomerReviews:
    reviews, more = store.open_reviews(limit, key_of(cursor, REVIEW_KEY) if cursor else None)
    profile_ids = {profile_id for review in reviews for profile_id in review.profile_ids}
    record_reads(sorted(profile_ids), "reviews", caller_of(router))
    return CustomerReviews(
        reviews=[review_answer(review) for review in reviews],
        next_cursor=cursor_of(more) if more else None,
    )


@router.post(
    "/v1/customers/reviews/<review_id>",
    operation_id="judgeReview",
    security=MANAGE,
    summary="Judge a pair: the same person or different people",
    description="The verdict `same` merges the two profiles. `different` keeps them apart for "
    "good: no rule links the two records again.",
)
def judge(
    review_id: Annotated[Id, Path(description="The id of the review.")], verdict: VerdictInput
) -> JudgedReview:
    act = act_of(caller_of(router), f"review: {verdict.verdict}")
    profile_ids = store.judge(review_id, verdict.verdict, act)
    return JudgedReview(review_id=review_id, verdict=verdict.verdict, profile_ids=list(profile_ids))


@router.post(
    "/v1/customers/<profile_id>/merge",
    operation_id="mergeCustomers",
    security=MANAGE,
    summary="Merge two profiles",
    description="Both ids answer with the surviving profile from now on.",
)
def merge(profile_id: ProfilePath, body: MergeRequest) -> MergedCustomer:
    act = act_of(caller_of(router), body.reason)
    merged = store.merge(profile_id, body.other_profile_id, act, request_of(router))
    return MergedCustomer(profile_id=merged.profile_id, merged_from=list(merged.merged_from))


@router.post(
    "/v1/customers/<profile_id>/merge/preview",
    operation_id="previewMerge",
    security=MANAGE,
    summary="Preview a merge of two profiles",
    description="Returns the profile that the merge would make, without making it.",
)
def preview(profile_id: ProfilePath, body: MergePreviewRequest) -> MergePreview:
    preview = store.preview_merge(profile_id, body.other_profile_id)
    record_reads(sorted(preview.profile.member_ids), "merge preview", caller_of(router))
    return preview_answer(preview)


@router.post(
    "/v1/customers/<profile_id>/unmerge",
    operation_id="unmergeCustomer",
    security=MANAGE,
    summary="Separate a record from a profile",
    description="A record of a merged profile undoes that merge; any other record is separated "
    "alone. No rule links the separated records again. Each "
    "side keeps the points that it would have without the merge.",
)
def unmerge(profile_id: ProfilePath, body: UnmergeRequest) -> UnmergedCustomer:
    remaining_id, separated_id = store.unmerge(
        profile_id,
        (body.record.source, body.record.source_id),
        store.new_id(),
        act_of(caller_of(router), body.reason),
        request_of(router),
    )
    for separated in (remaining_id, separated_id):
        # A repeated request may come after one of the two was erased.
        with suppress(Gone, NotFound):
            wallets.separate(store.find(separated), now_in_milliseconds())
    return UnmergedCustomer(profile_id=remaining_id, separated_profile_id=separated_id)
