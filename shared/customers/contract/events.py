"""What is told of persons to other systems: that somebody was erased, so that they erase too."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from shared.customers.model.job import Job
from shared.instants import rfc3339
from shared.web.contract import Answer, Id, Instant

SOURCE = "norain/customers"
ERASED = "customer.erased"
AT_ONCE = 100


class ErasedRecord(Answer):
    """What a source called the person."""

    source: str
    source_id: str


class CustomerErased(Answer):
    """Nothing else is told: who has the person under one of these ids knows whom to erase. A person
    of many records is told of in several events."""

    profile_ids: list[Id] = Field(description="every id that the person has had here")
    records: list[ErasedRecord] = Field(
        description="what the sources called the person; a webhook is told of those of its own "
        "sources only (scopes `source:<name>`)"
    )
    erased_at: Instant


EVENTS: Mapping[str, tuple[type[Answer], str]] = {
    ERASED: (CustomerErased, "A person was erased, and is to be erased by whoever hears of it."),
}


def of_erasure(job: Job) -> Iterator[dict[str, Any]]:
    """The CloudEvents of a job; repeated, they have the ids that they had."""
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
