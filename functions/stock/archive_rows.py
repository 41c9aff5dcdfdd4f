"""Writes rows of the ledger that have expired to the archive, for ever (SQS)."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import s3
from shared.aws.settings import setting
from shared.stock.model.archive import files

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Files are keyed by what is in them: to write one again changes nothing."""
    failed = []
    rows = 0
    for record in event["Records"]:
        try:
            expired = json.loads(record["body"])
            for key, body in files(expired):
                s3.put(setting("archive"), key, body, ContentType="application/gzip")
            rows += len(expired)
        except Exception:
            logger.exception("rows were not archived", extra={"message_id": record["messageId"]})
            failed.append({"itemIdentifier": record["messageId"]})
    logger.info("archived", extra={"rows": rows, "failed_messages": len(failed)})
    return {"batchItemFailures": failed}
