"""Availability as files, written by the function that does it by the clock."""

import json
from typing import Any

from infra.local.cloud import CloudFailed
from infra.local.target import Target


def export(target: Target, form: str, channel: str) -> dict[str, Any]:
    """What was written, and where."""
    answer = target.aws("lambda").invoke(
        FunctionName=target.export_function,
        Payload=json.dumps({"format": form, "channel": channel}),
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CloudFailed(f"the export failed: {told.get('errorMessage', told)}")
    (written,) = told["exports"]
    found: dict[str, Any] = written
    return found


def content(target: Target, written: dict[str, Any]) -> bytes:
    """The file, as it lies in the bucket (gzip)."""
    found = target.aws("s3").get_object(Bucket=written["bucket"], Key=written["key"])
    body: bytes = found["Body"].read()
    return body
