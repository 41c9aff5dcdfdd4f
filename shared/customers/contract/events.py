"""The event that a person was erased, so that other systems erase the person too."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.customers.model.job import Job
from shared.instants import rfc3339
from shared.web.contract import Answer, Id, Instant

SOURCE = "norain/customers"
ERASED = "customer.erased"
AT_ONCE = 100


class ErasedRecord(Answer):
    """A record of the erased person."""

    source: str
    """The source of the record."""
    source_id: str
    """The source's own id of the person."""


class CustomerErased(Answer):
    """The ids of an erased person, and nothing else: a system that stores the person under one of
    them erases the person too. A person with more than 100 records has several events."""

    profile_ids: list[Id]
    """Every profile id that the person has had."""
    records: list[ErasedRecord]
    """The records of the person. A webhook gets only records of its own sources (scopes
    `source:<name>`)."""
    erased_at: Instant
    """When the person was erased."""


EVENTS: Mapping[str, tuple[type[Answer], str]] = {
    ERASED: (CustomerErased, "A person was erased: receivers must erase the person too."),
}


def of_erasure(job: Job) -> Iterator[dict[str, Any]]:
    """The CloudEvents of an erasure job; repeated events keep their ids."""
    named = [(source, name) for _, source, name in job.content["records"] if source]
    for number, start in enumerate(range(0, max(1, len(named)), AT_ONCE)):
        data = CustomerErased(
            profile_ids=list(job.content["members"]),
            records=[
                ErasedRecord(source=source, source_id=name)
                for source, name in named[start : start + AT_ONCE]
            ],
            erased_at=job.content["erased_at"],
        )
        yield {
            "specversion": "1.0",
            "id": f"{job.job_id}.{number}",
            "source": SOURCE,
            "type": ERASED,
            "subject": job.profile_id,
            "time": rfc3339(job.asked_at),
            "sequence": f"{number:04d}",
            "datacontenttype": "application/json",
            "data": data.model_dump(mode="json"),
        }
