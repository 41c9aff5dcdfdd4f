"""Jobs on all data of a person: erase it, or export it for the person.

    JOB#<id>    JOB    the job: what to do, its progress, and until when its worker holds it

A job consists of steps, each of which is idempotent. A worker holds the job until ``due_at`` and
saves the progress after each step. An abandoned job is found by the sweep in the index by_job once
it is due again.
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
from shared.customers.store.values import instant
from shared.errors import Busy
from shared.instants import rfc3339

OPEN = "OPEN"
LEASE = timedelta(minutes=6)
"""Longer than the time limit of a worker (infra/stacks/customers.py)."""
LONGEST_LEASE = timedelta(hours=1)
ENDED_JOBS_KEPT = timedelta(days=30)
"""How long an ended job is kept."""


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
            "asked_at": rfc3339(job.asked_at),
            "due_at": rfc3339(job.due_at) if is_open else None,
            "job_key": OPEN if is_open else None,
            "step": job.step,
            "place": job.place,
            "content": dict(job.content),
            "state": job.state,
            "ended_at": rfc3339(job.ended_at) if job.ended_at else None,
            "tries": job.tries,
            "version": job.version + 1,
            "ttl": None if is_open else int((ended + ENDED_JOBS_KEPT).timestamp()),
        },
        # Holds when no other worker has taken the job since it was read.
        condition="version = :v" if job.version else "attribute_not_exists(pk)",
        values={":v": job.version} if job.version else None,
    )


def find_job(job_id: str) -> Job | None:
    item = get(table(), *job_at(job_id), consistent=True)
    return _job(item) if item else None


def take(job_id: str, now: datetime) -> Job | None:
    """Take the job for the caller; None when it has ended or another worker holds it.

    The lease doubles with each attempt that made no progress.
    """
    job = find_job(job_id)
    if job is None or job.state != "open":
        return None
    lease = min(LONGEST_LEASE, LEASE * 2 ** min(job.tries, 8))
    try:
        answer = dynamodb().update_item(
            TableName=table(),
            Key=key(*job_at(job_id)),
            UpdateExpression="SET due_at = :until ADD version :one, tries :one",
            # Holds when the job is due and unchanged since it was read.
            ConditionExpression="job_key = :open AND due_at <= :now AND version = :v",
            ExpressionAttributeValues=to_item(
                {
                    ":until": rfc3339(now + lease),
                    ":one": 1,
                    ":open": OPEN,
                    ":now": rfc3339(now),
                    ":v": job.version,
                }
            ),
            ReturnValues="ALL_NEW",
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        return None
    return _job(from_item(answer["Attributes"]))


def save_progress(
    job: Job, now: datetime, due_at: datetime | None = None, also: Sequence[Part] = ()
) -> Job:
    """Store the job's progress and hold it for another LEASE, or make it due at ``due_at``.

    Raises Busy when another worker has taken it meanwhile, or a condition of ``also`` fails.
    """
    saved = replace(job, due_at=due_at or now + LEASE)
    if transact([job_put(saved), *also]):
        raise Busy("another worker holds this job")
    return replace(saved, version=saved.version + 1)


def due_job_ids(now: datetime) -> Iterator[str]:
    """The ids of jobs that wait for a worker, the longest waiting first."""
    rows = query(
        table(),
        "job_key = :open AND due_at <= :now",
        to_item({":open": OPEN, ":now": rfc3339(now)}),
        IndexName="by_job",
    )
    for row in rows:
        yield row["pk"].removeprefix("JOB#")


def oldest_request() -> datetime | None:
    """The request time of the oldest open job; approximate, since the index may lag."""
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
