"""Objects of a bucket."""

from typing import Any

from shared.aws.clients import client


def put(bucket: str, key: str, body: bytes, **more: Any) -> None:
    """Puts an object over whatever is there."""
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, **more)
