"""The files of exports in their bucket: JSON lines (gzip), in parts.

    <profile id>/<job id>/part-00000.jsonl.gz

The bucket deletes them after KEPT (infra/stacks/customers.py).
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
    """Store one more part. Returns the job with the part in its list of files."""
    files = job.content["files"]
    key = f"{job.profile_id}/{job.job_id}/part-{len(files):05d}.jsonl.gz"
    s3.put(setting("person_exports"), key, body, ContentType="application/gzip")
    part = {"key": key, "bytes": len(body), "lines": lines}
    return job.at_step(job.step, job.place, files=[*files, part])


def forget(profile_ids: Iterable[str]) -> None:
    """Delete all export files of the profiles."""
    for profile_id in profile_ids:
        s3.delete_all(setting("person_exports"), f"{profile_id}/")


def links(job: Job) -> list[dict[str, Any]]:
    """Presigned URLs of the files. Anybody who has one can read the file for LINK_SECONDS."""
    return [
        {
            "url": s3.presigned(setting("person_exports"), part["key"], LINK_SECONDS),
            "bytes": part["bytes"],
            "lines": part["lines"],
        }
        for part in job.content["files"]
    ]
