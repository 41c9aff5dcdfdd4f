"""Requests and answers of merges and unmerges by hand."""

from shared.customers.contract.profiles import CustomerProfile, profile_answer
from shared.customers.contract.statements import Required, Source
from shared.customers.model.views import ExpectedMerge
from shared.web.contract import (
    Answer,
    Id,
    Input,
)


class MergeRequest(Input):
    """The profile to merge with, and why."""

    other_profile_id: Id
    """The profile to merge with."""
    reason: Required
    """Why the two are one person; recorded with the merge."""


class MergedCustomer(Answer):
    """The result of a merge. A known profile survives an anonymous one; among equals, the older
    profile survives."""

    profile_id: Id
    """The surviving profile."""
    merged_from: list[Id]
    """The ids that now lead to the surviving profile."""


class MergePreviewRequest(Input):
    """The profile to merge with."""

    other_profile_id: Id
    """The profile to merge with."""


class MergePreview(Answer):
    """The profile that a merge would make, with the evidence for and against it."""

    profile: CustomerProfile
    """The profile after the merge."""
    bits: float
    """Weight of evidence of the strongest pair of records, in bits."""
    reasons: list[str]
    """The evidence that the two are one person."""
    against: list[str]
    """Evidence that keeps the rules from merging; a person may merge anyway."""


def preview_answer(preview: ExpectedMerge) -> MergePreview:
    return MergePreview(
        profile=profile_answer(preview.profile),
        bits=preview.bits,
        reasons=list(preview.reasons),
        against=list(preview.vetoes),
    )


class NamedRecord(Input):
    """A source record, by its name."""

    source: Source
    """The source of the record."""
    source_id: Required
    """The source's own id of the person."""


class UnmergeRequest(Input):
    """The record to separate, and why."""

    record: NamedRecord
    """The record to separate."""
    reason: Required
    """Why the record belongs to another person; recorded with the unmerge."""


class UnmergedCustomer(Answer):
    """The two profiles after an unmerge."""

    profile_id: Id
    """The profile that keeps the other records."""
    separated_profile_id: Id
    """The profile of the separated person."""
