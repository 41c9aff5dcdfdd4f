"""Writes the ledger: one row for every write of a position (a DynamoDB stream)."""

from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.items import from_item
from shared.stock import table

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Rows are keyed by the version that they led to: to write one again changes nothing.

    Raises Busy when the table takes no more; the whole batch comes again.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for record in event["Records"]:
        images = record["dynamodb"]
        if "NewImage" not in images:
            continue
        new = from_item(images["NewImage"])
        old = from_item(images["OldImage"]) if "OldImage" in images else None
        if old is not None and old.get("version") == new["version"]:
            continue  # no write of ours: somebody mended an attribute by hand
        row = table.record(old, new)
        rows[row["pk"], row["sk"]] = row
    table.put_rows(rows.values())
    logger.info("recorded", extra={"records": len(event["Records"]), "rows": len(rows)})
    return {"batchItemFailures": []}
