"""Writes the ledger: one row for every write of a position (a DynamoDB stream). Rows that expire
after 13 months go to the archive's queue."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.items import from_item
from shared.aws.settings import setting
from shared.aws.sqs import MOST_BYTES, send
from shared.aws.streams import put_away
from shared.documents import batches_of
from shared.stock import store
from shared.stock.model.position import PositionKey
from shared.stock.store import slot_sales, slots
from shared.web.batch import StreamRecord, again, readable

logger = Logger(service="norain", utc=True)

ItemKey = tuple[str, str]
"""(pk, sk)"""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The keys of rows contain the version: writing a row again changes nothing.

    A record that cannot be read is stored away and does not block the others. The ledger is written
    before the archive's queue, so that a failure of the archive does not affect it.

    Raises Busy when the table throttles; the whole batch is retried.
    """
    rows: dict[ItemKey, dict[str, Any]] = {}
    sold: set[PositionKey] = set()
    expired: list[tuple[Mapping[str, Any], dict[str, Any]]] = []
    for record, read in readable(event["Records"], _read):
        match read:
            case None:
                continue
            case "expired", row:
                expired.append((record, row))
                continue
            case "sold", row:
                sold.add((row["sku"], row["location_id"]))
            case _, row:
                pass
        rows[row["pk"], row["sk"]] = row
    store.put_ledger_rows(rows.values())
    for place in sold:
        slots.refresh_granted(*place, datetime.now(UTC))
    _archive(expired)
    logger.info(
        "recorded",
        extra={"records": len(event["Records"]), "rows": len(rows), "expired": len(expired)},
    )
    return again([])


def _read(record: StreamRecord) -> tuple[str, dict[str, Any]] | None:
    """The kind of the record and its ledger row; None where there is nothing to do."""
    images = record["dynamodb"]
    old = from_item(images["OldImage"]) if "OldImage" in images else None
    if "NewImage" not in images:
        return ("expired", old) if old is not None and old["sk"].startswith("MOVE#") else None
    new = from_item(images["NewImage"])
    if old is not None and old.get("version") == new["version"]:
        return None  # not a write of ours: somebody changed an attribute by hand
    if new["sk"] != "SLOT":
        return "moved", store.ledger_item(old, new)
    # A new slot is described by the position's row.
    return None if old is None else ("sold", slot_sales.sale_item(old, new))


def _archive(expired: list[tuple[Mapping[str, Any], dict[str, Any]]]) -> None:
    """Sends expired rows to the archive's queue, or stores their records away when that fails."""
    if not expired:
        return
    try:
        for batch in batches_of((row for _, row in expired), MOST_BYTES):
            send(setting("archive_queue"), batch)
    except Exception as error:
        logger.exception(
            "the rows were not sent to the archive's queue", extra={"rows": len(expired)}
        )
        for record, _ in expired:
            put_away(record, type(error).__name__)
