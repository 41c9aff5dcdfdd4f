"""Big stock files: uploading them to the feed bucket, and following the worker that reads them."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from infra.local.cloud import CloudFailed
from infra.local.target import Target
from shared.aws.items import from_item
from shared.instants import rfc3339
from shared.stock.intake.ingest import IntakeProgress, progress_key, progress_of_item, rejects_keys

FROM_BYTES = 1_000_000
"""Smaller files go straight onto the queue."""
POLL_SECONDS = 0.5
SILENT_SECONDS = 120

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Uploaded:
    key: str
    etag: str
    as_of: str
    size: int


def key_of(path: Path) -> str:
    """The object's key contains a digest of the content: a file sent again is the same object, and
    no object is overwritten by a different file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return f"uploads/{digest.hexdigest()[:16]}/{path.name}"


def upload(target: Target, path: Path, source: str, advance: Advance) -> Uploaded:
    s3 = target.aws("s3")
    key = key_of(path)
    as_of = rfc3339(datetime.fromtimestamp(path.stat().st_mtime, UTC))
    with path.open("rb") as file:
        s3.upload_fileobj(
            file,
            target.feed_bucket,
            key,
            ExtraArgs={"Metadata": {"as-of": as_of, "source": quote(source, safe=":/")}},
            Callback=advance,
        )
    head = s3.head_object(Bucket=target.feed_bucket, Key=key)
    return Uploaded(key, head["ETag"].strip('"'), as_of, head["ContentLength"])


def follow(target: Target, uploaded: Uploaded, advance: Advance) -> IntakeProgress:
    """Wait until the worker has read the file; its final progress.

    ``advance`` gets the number of bytes read since its last call. Raises CloudFailed when the
    worker has not progressed for SILENT_SECONDS.
    """
    pk, sk = progress_key(target.feed_bucket, uploaded.key, uploaded.etag, uploaded.as_of)
    seen, moved = 0, time.monotonic()
    while True:
        answer = target.dynamodb.get_item(
            TableName=target.tables["stock"],
            Key={"pk": {"S": pk}, "sk": {"S": sk}},
            ConsistentRead=True,
        )
        if "Item" in answer:
            progress = progress_of_item(from_item(answer["Item"]))
            if progress.read > seen:
                advance(progress.read - seen)
                seen, moved = progress.read, time.monotonic()
            if progress.state != "reading":
                return progress
        if time.monotonic() - moved > SILENT_SECONDS:
            raise CloudFailed(
                f"the worker has not read on for {SILENT_SECONDS} s: see the dead letters, "
                "`norain redrive --of stock-files --dry-run`"
            )
        time.sleep(POLL_SECONDS)


def rejects(target: Target, progress: IntakeProgress) -> bytes:
    """The wrong rows with their reasons, as JSON lines."""
    s3 = target.aws("s3")
    return b"".join(
        s3.get_object(Bucket=target.feed_bucket, Key=key)["Body"].read()
        for key in rejects_keys(progress)
    )
