"""Pairs of records that may be one person, for a person to judge."""

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
    """What the two records say, in the order of the review's ``profile_ids``."""

    field: FieldName
    values: Annotated[list[str | CustomerAddress | None], Len(2, 2)]
    verdict: Literal["same", "different", "one_sided"]


class CustomerReview(Answer):
    """Two records that may be one person; ``profile_ids`` are the profiles that hold them now."""

    compared: list[ComparedField]
    records: list[RecordName]

    review_id: Id
    profile_ids: list[Id]
    bits: float
    reasons: list[str]
    opened_at: Instant


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
    found = []
    for name in FIELDS:
        sides = [record.fields.get(name) for record in (one, other)]
        values = [plain_value(side.value) if side is not None else None for side in sides]
        if values == [None, None]:
            continue
        verdict = "same" if values[0] == values[1] else "different"
        if None in values:
            verdict = "one_sided"
        found.append(
            ComparedField.model_validate({"field": name, "values": values, "verdict": verdict})
        )
    return found


class CustomerReviews(Answer):
    reviews: list[CustomerReview]
    next_cursor: str | None = None


class Verdict(Input):
    verdict: Literal["same", "different"]


class JudgedReview(Answer):
    review_id: Id
    verdict: Literal["same", "different"]
    profile_ids: list[Id]
