"""The files of exports, in their bucket: JSON lines (gzip), in parts.

    <profile id>/<job id>/part-00000.jsonl.gz

The bucket forgets them after KEPT (infra/stacks/customers.py).
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from shared.aws import s3
from shared.aws.settings import setting
from shared.customers.model.job import Job

KEPT = timedelta(days=7)
LINK_SECONDS = 900


def put(job: Job, body: bytes, lines: int) -> Job:
    """The job with one part more."""
    files = job.content["files"]
    key = f"{job.profile_id}/{job.job_id}/part-{len(files):05d}.jsonl.gz"
    s3.put(setting("person_exports"), key, body, ContentType="application/gzip")
    part = {"key": key, "bytes": len(body), "lines": lines}
    return job.at(job.step, job.place, files=[*files, part])


def forget(profile_ids: Iterable[str]) -> None:
    """Deletes every file of the persons."""
    for profile_id in profile_ids:
        s3.delete_all(setting("person_exports"), f"{profile_id}/")


def links(job: Job) -> list[dict[str, Any]]:
    """Addresses of the files, each good for LINK_SECONDS, for whoever has it."""
    return [
        {
            "url": s3.presigned(setting("person_exports"), part["key"], LINK_SECONDS),
            "bytes": part["bytes"],
            "lines": part["lines"],
        }
        for part in job.content["files"]
    ]
