"""Writes expired rows of the ledger to the archive, for ever (SQS)."""

import json
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import s3
from shared.aws.settings import setting
from shared.stock.model.archive import archive_files
from shared.web.batch import each_message

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The names of the files are digests of their content: writing one again changes nothing."""
    return each_message(event["Records"], _archive)


def _archive(message: str) -> None:
    expired = json.loads(message)
    for key, body in archive_files(expired):
        s3.put(setting("archive"), key, body, ContentType="application/gzip")
    logger.info("archived", extra={"rows": len(expired)})
