"""Objects of a bucket."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.clients import client

PIECE = 1024 * 1024


def put(bucket: str, key: str, body: bytes, **more: Any) -> None:
    """Puts an object over whatever is there."""
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)


@dataclass(frozen=True, slots=True)
class Object:
    """``metadata`` is what the uploader said of it, ``written_at`` when it was uploaded."""

    bucket: str
    key: str
    etag: str
    size: int
    written_at: datetime
    metadata: Mapping[str, str]


def look(bucket: str, key: str) -> Object | None:
    try:
        found = client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise
    return Object(
        bucket,
        key,
        found["ETag"].strip('"'),
        found["ContentLength"],
        found["LastModified"],
        found["Metadata"],
    )


def pieces(found: Object, start: int = 0) -> Iterator[bytes]:
    """The object from byte ``start`` on, PIECE bytes at a time: each a request of its own, so that
    no connection waits while a piece is worked on.

    Raises ClientError (412) when another object has come in its place.
    """
    while start < found.size:
        end = min(start + PIECE, found.size) - 1
        answer = client("s3").get_object(
            Bucket=found.bucket,
            Key=found.key,
            Range=f"bytes={start}-{end}",
            IfMatch=found.etag,
        )
        yield answer["Body"].read()
        start = end + 1


def get(bucket: str, key: str) -> bytes | None:
    try:
        body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except client("s3").exceptions.NoSuchKey:
        return None
    return body
