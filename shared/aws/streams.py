"""Stores stream records that their worker cannot read, so that they do not block the others."""

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from shared.aws import s3
from shared.aws.settings import setting


def _base64(value: bytes) -> str:
    """Bytes in the form in which Lambda delivers them."""
    return b64encode(value).decode()


def put_away(record: Mapping[str, Any], reason: str) -> None:
    """Stores the record in the format of Lambda's failed records: ``payload`` is the event to send
    to the worker again. The same record is stored once."""
    worker = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    images = record.get("dynamodb", {})
    number = images.get("SequenceNumber")
    document = {
        "requestContext": {"functionArn": worker, "condition": "Unreadable", "reason": reason},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "streamArn": record.get("eventSourceARN"),
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "batchSize": 1,
        },
        "payload": json.dumps({"Records": [record]}, default=_base64),
    }
    name = record.get("eventID") or number
    s3.put(
        setting("failed_records"),
        f"put-away/{worker}/{name}.json",
        json.dumps(document).encode(),
        ContentType="application/json",
    )
