"""Reads files of the feed bucket onto the bulk queue (S3's notifications, by SQS).

A long file is read in several runs: each run sends a message for the next one to its own queue.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.aws.sqs import send
from shared.stock.intake.ingest import ingest
from shared.web.batch import each_message

SPARE_SECONDS = 30
"""One checkpoint takes a few of them."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A message is retried when one of its files could not be read for a temporary reason; events
    that were sent already are noted, or sent again, which changes nothing."""

    def read(message: str) -> None:
        for bucket, key in _files(json.loads(message)):
            _read_on(bucket, key, context)

    return each_message(event["Records"], read)


def _files(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Bucket and key of each file in a notification, or in our own message."""
    if "bucket" in body:
        yield body["bucket"], body["key"]
    for record in body.get("Records", ()):  # S3 sends a test event without records
        entity = record["s3"]
        yield entity["bucket"]["name"], unquote_plus(entity["object"]["key"])


def _read_on(bucket: str, key: str, context: Any) -> None:
    progress = ingest(
        bucket,
        key,
        datetime.now(UTC),
        lambda: context.get_remaining_time_in_millis() / 1000,
        SPARE_SECONDS,
    )
    if progress is None:
        logger.info("there is nothing to read", extra={"bucket": bucket, "key": key})
        return
    logger.info("read a file", extra=asdict(progress))
    if progress.state == "reading":
        send(setting("files_queue"), json.dumps({"bucket": bucket, "key": key}))
