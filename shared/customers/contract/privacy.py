"""Erasure, export and the record of who read a profile."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from shared.customers.contract.profiles import KnownConsent, plain_value
from shared.customers.contract.statements import CustomerAddress
from shared.customers.model.job import Job
from shared.customers.model.person import SourceRecord
from shared.web.contract import (
    Answer,
    Count,
    Id,
    Instant,
)


class CustomerStatementKept(Answer):
    """A statement of a source as it is kept: fields by name, and what it says of consent."""

    source: str
    source_id: str
    occurred_at: Instant
    fields: dict[str, str | CustomerAddress]
    consents: list[KnownConsent]


class SaidOfRecords(Answer):
    """That two records are, or are not, one person: by which rules or whom, and why."""

    kind: Literal["link", "cannot"]
    at: Instant
    actor: str
    rules: str | None = None
    bits: float | None = None
    reasons: list[str]


class ProfileRead(Answer):
    at: Instant
    actor: str
    what: str


class ProfileReads(Answer):
    """Who has read the profile under this id, newest first."""

    profile_id: Id
    reads: list[ProfileRead]
    next_cursor: str | None = None


class JobAsked(Answer):
    """What was asked for goes on by itself: ``status_url`` tells how far it has come."""

    job_id: Id
    status_url: str


class ExportedFile(Answer):
    """JSON lines, gzip: a document each, with its ``kind``. Whoever has the ``url`` can fetch it
    for 15 minutes."""

    url: str
    bytes: Count
    lines: Count


class CustomerJob(Answer):
    """``gone``: the person was erased before it was done. Known for 30 days after its end.
    ``files`` are there when an export is done, and until ``files_until``."""

    job_id: Id
    kind: Literal["erase", "export"]
    profile_id: Id
    state: Literal["open", "done", "gone"]
    step: str | None = Field(default=None, description="what is being done")
    asked_at: Instant
    ended_at: Instant | None = None
    files: list[ExportedFile] | None = None
    files_until: Instant | None = None


def job_asked(job_id: str) -> JobAsked:
    return JobAsked(job_id=job_id, status_url=f"/v1/customers/jobs/{job_id}")


def job_answer(job: Job) -> CustomerJob:
    return CustomerJob(
        job_id=job.job_id,
        kind=job.kind,
        profile_id=job.profile_id,
        state=job.state,
        step=job.step or None,
        asked_at=job.asked_at,
        ended_at=job.ended_at,
    )


def said_answer(row: Mapping[str, Any]) -> SaidOfRecords:
    return SaidOfRecords.model_validate({**row})


def statement_answer(record: SourceRecord) -> CustomerStatementKept:
    return CustomerStatementKept.model_validate(
        {
            "source": record.source,
            "source_id": record.source_id,
            "occurred_at": record.occurred_at,
            "fields": {name: plain_value(stated.value) for name, stated in record.fields.items()},
            "consents": [
                {
                    "channel": consent.channel,
                    "purpose": consent.purpose,
                    "contact": consent.contact,
                    "status": consent.status,
                    "at": consent.at,
                }
                for consent in record.consents
            ],
        }
    )
