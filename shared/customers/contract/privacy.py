"""Answers of erasure, export and the audit of reads."""

from collections.abc import Mapping
from typing import Any, Literal

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
    """A stored statement of a source (line of an export)."""

    source: str
    """The source of the record."""
    source_id: str
    """The source's own id of the person."""
    occurred_at: Instant
    """When the statement was true."""
    fields: dict[str, str | CustomerAddress]
    """The stated values by field."""
    consents: list[KnownConsent]
    """The stated consents."""


class SaidOfRecords(Answer):
    """A decision that two records are or are not one person (line of an export)."""

    kind: Literal["link", "cannot"]
    """`link`: one person; `cannot`: different people."""
    at: Instant
    """When it was decided."""
    actor: str
    """The person, client or part of NoRain that did this."""
    rules: str | None = None
    """Version of the rules that decided; absent when a person did."""
    bits: float | None = None
    """Weight of evidence in bits."""
    reasons: list[str]
    """Why."""


class ProfileRead(Answer):
    """A read of a profile."""

    at: Instant
    """When the profile was read."""
    actor: str
    """The person, client or part of NoRain that did this."""
    what: str
    """The request that read it."""


class ProfileReads(Answer):
    """A page of the audit of a profile id."""

    profile_id: Id
    """The id of the customer's profile."""
    reads: list[ProfileRead]
    """The reads of this page, newest first."""
    next_cursor: str | None = None
    """Send this as `cursor` to get the next page. Absent on the last page."""


class JobAsked(Answer):
    """A started job. Poll `status_url` for its progress."""

    job_id: Id
    """The id of the job."""
    status_url: str
    """Path of the job's progress."""


class ExportedFile(Answer):
    """A file of JSON Lines, compressed with gzip; `kind` names the type of each line."""

    url: str
    """Link to the file; valid for 15 minutes."""
    bytes: Count
    """Size of the compressed file in bytes."""
    lines: Count
    """Number of JSON documents in the file."""


class CustomerJob(Answer):
    """The progress of an erasure or export. A job can be read for 30 days after its end."""

    job_id: Id
    """The id of the job."""
    kind: Literal["erase", "export"]
    """Kind of job."""
    profile_id: Id
    """The id of the customer's profile."""
    state: Literal["open", "done", "gone"]
    """`gone`: the person was erased before the job ended."""
    step: str | None = None
    """The step that is running."""
    asked_at: Instant
    """When the job was requested."""
    ended_at: Instant | None = None
    """When the job ended."""
    files: list[ExportedFile] | None = None
    """Files of a finished export, until `files_until`."""
    files_until: Instant | None = None
    """When the files are deleted."""


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
