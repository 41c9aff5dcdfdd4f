"""Writes the ledger of points: one row for every write of an account (a DynamoDB stream)."""

from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.items import from_item
from shared.loyalty.store import entries
from shared.web.batch import StreamRecord, again, readable

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The keys of rows contain the version: writing a row again changes nothing.

    Raises Busy when the table throttles; the whole batch is retried.
    """
    rows = [row for _, row in readable(event["Records"], _read) if row is not None]
    entries.put_rows({row["pk"] + row["sk"]: row for row in rows}.values())
    logger.info("recorded", extra={"records": len(event["Records"]), "rows": len(rows)})
    return again([])


def _read(record: StreamRecord) -> dict[str, Any] | None:
    """The row of the ledger; None where there is none: a closed account, or a change by hand."""
    images = record["dynamodb"]
    if "NewImage" not in images or images["Keys"]["sk"]["S"] != "POINTS":
        return None
    new = from_item(images["NewImage"])
    old = from_item(images["OldImage"]) if "OldImage" in images else {}
    if "closed_at" in new or old.get("version") == new["version"]:
        return None
    return entries.entry_item(new)
