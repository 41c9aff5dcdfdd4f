"""Requests and answers of reviews: pairs of records that may be one person."""

from typing import Annotated, Literal

from annotated_types import Len

from shared.customers.contract.profiles import RecordName, plain_value, record_name
from shared.customers.contract.statements import CustomerAddress, FieldName
from shared.customers.model.person import FIELDS, SourceRecord
from shared.customers.model.views import Review
from shared.web.contract import (
    Answer,
    Id,
    Input,
    Instant,
)


class ComparedField(Answer):
    """A field of the two records side by side."""

    field: FieldName
    """The compared field."""
    values: Annotated[list[str | CustomerAddress | None], Len(2, 2)]
    """The two values, in the order of `profile_ids` of the review; null when a record has none."""
    verdict: Literal["same", "different", "one_sided"]
    """Whether the values are equal; `one_sided` when only one record has a value."""


class CustomerReview(Answer):
    """Two records that may be one person."""

    compared: list[ComparedField]
    """The fields of both records side by side."""
    records: list[RecordName]
    """The two records."""

    review_id: Id
    """The id of the review."""
    profile_ids: list[Id]
    """The profiles that hold the two records now."""
    bits: float
    """Weight of evidence in bits."""
    reasons: list[str]
    """The evidence that the two are one person."""
    opened_at: Instant
    """When the pair was found."""


def review_answer(review: Review) -> CustomerReview:
    return CustomerReview(
        review_id=review.review_id,
        profile_ids=list(review.profile_ids),
        bits=review.bits,
        reasons=list(review.reasons),
        opened_at=review.opened_at,
        records=[record_name(record) for record in review.records],
        compared=_compared(*review.records),
    )


def _compared(one: SourceRecord, other: SourceRecord) -> list[ComparedField]:
    compared = []
    for name in FIELDS:
        sides = [record.fields.get(name) for record in (one, other)]
        values = [plain_value(side.value) if side is not None else None for side in sides]
        if values == [None, None]:
            continue
        verdict = "same" if values[0] == values[1] else "different"
        if None in values:
            verdict = "one_sided"
        compared.append(
            ComparedField.model_validate({"field": name, "values": values, "verdict": verdict})
        )
    return compared


class CustomerReviews(Answer):
    """A page of reviews."""

    reviews: list[CustomerReview]
    """The pairs of this page, oldest first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


class VerdictInput(Input):
    """The verdict on a pair of records."""

    verdict: Literal["same", "different"]
    """`same` merges the two profiles, `different` keeps them apart."""


class JudgedReview(Answer):
    """A judged review."""

    review_id: Id
    """The id of the review."""
    verdict: Literal["same", "different"]
    """The verdict."""
    profile_ids: list[Id]
    """The profiles after the verdict."""
