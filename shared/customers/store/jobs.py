"""Jobs on all that is kept of a person: to erase it, or to write it down for the person.

    JOB#<id>    JOB    what is wanted, how far it has come, by when somebody has to go on with it

A job is worked off in steps, each of which may be done again. Whoever takes it has it until
``due_at``, and notes after each step how far it has come. One that nobody goes on with stands in
the index by_job, where the sweep finds it when it is due again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared.aws.clients import dynamodb
from shared.aws.dynamodb import Part, get, key, query, transact
from shared.aws.items import from_item, to_item
from shared.customers.model.job import Job
from shared.customers.store.rows import put, table
from shared.customers.store.values import instant, text
from shared.errors import Busy

OPEN = "OPEN"
LEASE = timedelta(minutes=6)
"""Longer than a worker runs (infra/stacks/customers.py)."""
LONGEST_LEASE = timedelta(hours=1)
KEPT = timedelta(days=30)
"""Of a job that is over."""


def job_at(job_id: str) -> tuple[str, str]:
    return f"JOB#{job_id}", "JOB"


def job_put(job: Job) -> Part:
    is_open = job.state == "open"
    ended = job.ended_at or job.asked_at
    return put(
        *job_at(job.job_id),
        {
            "job_id": job.job_id,
            "kind": job.kind,
            "profile_id": job.profile_id,
            "actor": job.actor,
            "asked_at": text(job.asked_at),
            "due_at": text(job.due_at) if is_open else None,
            "job_key": OPEN if is_open else None,
            "step": job.step,
            "place": job.place,
            "content": dict(job.content),
            "state": job.state,
            "ended_at": text(job.ended_at) if job.ended_at else None,
            "tries": job.tries,
            "version": job.version + 1,
            "ttl": None if is_open else int((ended + KEPT).timestamp()),
        },
        # holds when nobody else has taken it since it was read
        condition="version = :v" if job.version else "attribute_not_exists(pk)",
        values={":v": job.version} if job.version else None,
    )


def find_job(job_id: str) -> Job | None:
    item = get(table(), *job_at(job_id), consistent=True)
    return _job(item) if item else None


def take(job_id: str, now: datetime) -> Job | None:
    """The job, for whoever goes on with it now; None when it is over, or somebody else has it.

    Each time that it is taken in vain it rests longer.
    """
    known = find_job(job_id)
    if known is None or known.state != "open":
        return None
    lease = min(LONGEST_LEASE, LEASE * 2 ** min(known.tries, 8))
    try:
        answer = dynamodb().update_item(
            TableName=table(),
            Key=key(*job_at(job_id)),
            UpdateExpression="SET due_at = :until ADD version :one, tries :one",
            # holds when it is due, and is as it was read
            ConditionExpression="job_key = :open AND due_at <= :now AND version = :v",
            ExpressionAttributeValues=to_item(
                {
                    ":until": text(now + lease),
                    ":one": 1,
                    ":open": OPEN,
                    ":now": text(now),
                    ":v": known.version,
                }
            ),
            ReturnValues="ALL_NEW",
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        return None
    return _job(from_item(answer["Attributes"]))


def note(job: Job, now: datetime, due_at: datetime | None = None, also: Sequence[Part] = ()) -> Job:
    """The job as it stands now, kept for another LEASE, or due again at ``due_at``.

    Raises Busy when somebody else has taken it meanwhile, or ``also`` is refused.
    """
    kept = replace(job, due_at=due_at or now + LEASE)
    if transact([job_put(kept), *also]):
        raise Busy("somebody else works on this job")
    return replace(kept, version=kept.version + 1)


def due(now: datetime) -> Iterator[str]:
    """Ids of jobs that somebody has to go on with, those that wait longest first."""
    rows = query(
        table(),
        "job_key = :open AND due_at <= :now",
        to_item({":open": OPEN, ":now": text(now)}),
        IndexName="by_job",
    )
    for row in rows:
        yield row["pk"].removeprefix("JOB#")


def oldest() -> datetime | None:
    """When the oldest of the open jobs was asked for, about."""
    rows = query(
        table(), "job_key = :open", to_item({":open": OPEN}), IndexName="by_job", Limit=100
    )
    return min((instant(row["asked_at"]) for row in rows), default=None)


def _job(item: Mapping[str, Any]) -> Job:
    ended = item.get("ended_at")
    return Job(
        job_id=item["job_id"],
        kind=item["kind"],
        profile_id=item["profile_id"],
        actor=item["actor"],
        asked_at=instant(item["asked_at"]),
        due_at=instant(item["due_at"]) if "due_at" in item else instant(item["asked_at"]),
        step=item["step"],
        content=item["content"],
        place=item["place"],
        state=item["state"],
        ended_at=instant(ended) if ended else None,
        tries=item["tries"],
        version=item["version"],
    )
