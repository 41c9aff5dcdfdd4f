"""Writes the ledger: one row for every write of a position (a DynamoDB stream). Rows that expire
after 13 months go to the archive."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import s3
from shared.aws.items import from_item
from shared.aws.settings import setting
from shared.stock import slot_table, table
from shared.stock.archive import files

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Rows are keyed by the version that they led to, and files by what is in them: to write one
    again changes nothing.

    Raises Busy when the table takes no more; the whole batch comes again.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    sold: set[tuple[str, str]] = set()
    expired: list[dict[str, Any]] = []
    for record in event["Records"]:
        images = record["dynamodb"]
        old = from_item(images["OldImage"]) if "OldImage" in images else None
        if "NewImage" not in images:
            if old is not None and old["sk"].startswith("MOVE#"):
                expired.append(old)
            continue
        new = from_item(images["NewImage"])
        if old is not None and old.get("version") == new["version"]:
            continue  # no write of ours: somebody mended an attribute by hand
        if new["sk"] == "SLOT":
            if old is None:
                continue  # a split has made it: the position's row says so
            sold.add((new["sku"], new["location_id"]))
            row = slot_table.sale_row(old, new)
        else:
            row = table.record(old, new)
        rows[row["pk"], row["sk"]] = row
    table.put_rows(rows.values())
    for place in sold:
        slot_table.settle(*place, datetime.now(UTC))
    for key, body in files(expired):
        s3.put(setting("archive"), key, body, ContentType="application/gzip")
    logger.info(
        "recorded",
        extra={"records": len(event["Records"]), "rows": len(rows), "archived": len(expired)},
    )
    return {"batchItemFailures": []}
