"""Big files: into the feed bucket, and how far they have been read there."""

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
from shared.stock.intake.ingest import Progress, progress_key, progress_of_item, rejects_keys

FROM_BYTES = 1_000_000
"""Smaller files go straight onto the queue."""
LOOK_SECONDS = 0.5
SILENT_SECONDS = 120

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Uploaded:
    key: str
    etag: str
    as_of: str
    size: int


def key_of(path: Path) -> str:
    """Named by its content: the same file is the same object, and none is written over."""
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
    told = s3.head_object(Bucket=target.feed_bucket, Key=key)
    return Uploaded(key, told["ETag"].strip('"'), as_of, told["ContentLength"])


def follow(target: Target, uploaded: Uploaded, advance: Advance) -> Progress:
    """The progress at its end, told by bytes on the way.

    Raises CloudFailed when nothing moves for SILENT_SECONDS.
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
            found = progress_of_item(from_item(answer["Item"]))
            if found.read > seen:
                advance(found.read - seen)
                seen, moved = found.read, time.monotonic()
            if found.state != "reading":
                return found
        if time.monotonic() - moved > SILENT_SECONDS:
            raise CloudFailed(
                f"the file has not been read on for {SILENT_SECONDS} s; see the dead letters of "
                "the queue Stock FilesQueue"
            )
        time.sleep(LOOK_SECONDS)


def rejects(target: Target, progress: Progress) -> bytes:
    """The lines that name what was wrong, JSON each."""
    s3 = target.aws("s3")
    return b"".join(
        s3.get_object(Bucket=target.feed_bucket, Key=key)["Body"].read()
        for key in rejects_keys(progress)
    )
