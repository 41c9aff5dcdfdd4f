"""Objects of S3 buckets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from shared.aws.clients import client

PIECE = 1024 * 1024
PART = 8 * 1024 * 1024
"""Bytes of a part of an upload: S3 takes 10,000 parts, of at least 5 MB."""


def put(bucket: str, key: str, body: bytes, **more: Any) -> None:
    """Puts an object, replacing an existing one."""
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)


def put_stream(bucket: str, key: str, content: Iterable[bytes], **more: Any) -> int:
    """Puts an object of any size, replacing an existing one, without holding more than one PART in
    memory; returns its size. The old object stays until the new one is complete, also when
    ``content`` raises."""
    s3 = client("s3")
    held, size = bytearray(), 0
    upload: str | None = None
    parts: list[dict[str, Any]] = []

    def part(body: bytes) -> None:
        answer = s3.upload_part(
            Bucket=bucket, Key=key, UploadId=upload, PartNumber=len(parts) + 1, Body=body
        )
        parts.append({"ETag": answer["ETag"], "PartNumber": len(parts) + 1})

    try:
        for piece in content:
            held += piece
            size += len(piece)
            while len(held) >= PART:
                if upload is None:
                    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
                part(bytes(held[:PART]))
                del held[:PART]
        if upload is None:
            put(bucket, key, bytes(held), **more)
            return size
        if held:
            part(bytes(held))
        s3.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except BaseException:
        if upload is not None:
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        raise
    return size


@dataclass(frozen=True, slots=True)
class Object:
    """``metadata`` is the uploader's, ``written_at`` the time of the upload."""

    bucket: str
    key: str
    etag: str
    size: int
    written_at: datetime
    metadata: Mapping[str, str]


def look(bucket: str, key: str) -> Object | None:
    """Size and metadata of an object; None when it does not exist."""
    try:
        head = client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return None
        raise
    return Object(
        bucket,
        key,
        head["ETag"].strip('"'),
        head["ContentLength"],
        head["LastModified"],
        head["Metadata"],
    )


def pieces(found: Object, start: int = 0) -> Iterator[bytes]:
    """The object from byte ``start`` on, PIECE bytes at a time. Each piece is a request of its own,
    so that no connection is idle while a piece is processed.

    Raises ClientError (412) when the object has been replaced.
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
    """The body of an object; None when it does not exist."""
    try:
        body: bytes = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except client("s3").exceptions.NoSuchKey:
        return None
    return body


def delete(bucket: str, key: str) -> None:
    """Deletes an object; one that does not exist is no error."""
    client("s3").delete_object(Bucket=bucket, Key=key)


def delete_all(bucket: str, prefix: str) -> int:
    """Deletes every object whose key begins with ``prefix``; returns their number."""
    s3, deleted = client("s3"), 0
    while page := s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        for row in page:
            s3.delete_object(Bucket=bucket, Key=row["Key"])
        deleted += len(page)
    return deleted


def presigned(bucket: str, key: str, seconds: int) -> str:
    """A URL from which anybody can download the object for ``seconds``."""
    url: str = client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
    )
    return url
