"""Merges and unmerges by hand."""

from shared.customers.contract.profiles import CustomerProfile, profile_answer
from shared.customers.contract.statements import Required, Source
from shared.customers.model.views import ExpectedMerge
from shared.web.contract import (
    Answer,
    Id,
    Input,
)


class MergeRequest(Input):
    other_profile_id: Id
    reason: Required


class MergedCustomer(Answer):
    """``profile_id`` is the survivor: the known before the anonymous, then the older."""

    profile_id: Id
    merged_from: list[Id]


class MergePreviewRequest(Input):
    other_profile_id: Id


class MergePreview(Answer):
    """``profile`` is who they would be together; ``bits`` and ``reasons`` are of the strongest
    pair of records; ``against`` is what forbids the merge to the rules, though not to a person."""

    profile: CustomerProfile
    bits: float
    reasons: list[str]
    against: list[str]


def preview_answer(preview: ExpectedMerge) -> MergePreview:
    return MergePreview(
        profile=profile_answer(preview.profile),
        bits=preview.bits,
        reasons=list(preview.reasons),
        against=list(preview.vetoes),
    )


class NamedRecord(Input):
    source: Source
    source_id: Required


class UnmergeRequest(Input):
    record: NamedRecord
    reason: Required


class UnmergedCustomer(Answer):
    """``profile_id`` keeps the rest; the separated person lives under ``separated_profile_id``."""

    profile_id: Id
    separated_profile_id: Id
