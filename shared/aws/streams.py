"""Records of a table's stream that their worker cannot read, put away so that they hold up none."""

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from shared.aws import s3
from shared.aws.settings import setting


def _base64(value: bytes) -> str:
    """As Lambda hands bytes over."""
    return b64encode(value).decode()


def put_away(record: Mapping[str, Any], reason: str) -> None:
    """Keeps the record whole, in the form in which Lambda keeps what it gives up: ``payload`` is
    the event to be handed to the worker again. The same record is kept once."""
    worker = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    images = record.get("dynamodb", {})
    number = images.get("SequenceNumber")
    kept = {
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
        json.dumps(kept).encode(),
        ContentType="application/json",
    )
