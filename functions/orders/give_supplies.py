"""Gives units of a supply that have come to the orders that wait for them, and promises anew what
has slipped, shrunk or been cancelled; woken by the packs (a DynamoDB stream)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.stream_table import write_of
from shared.orders import backorders

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers the first record that could not be carried out: Lambda sends it and what follows
    again, and what was done already changes nothing then."""
    done = 0
    for record in event["Records"]:
        try:
            for sku, location_id in _changed(record["dynamodb"]):
                done += backorders.review(sku, location_id, datetime.now(UTC))
        except Exception:
            logger.exception("supplies were not given", extra={"event_id": record.get("eventID")})
            number = record["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    logger.info("supplies given", extra={"records": len(event["Records"]), "done": done})
    return {"batchItemFailures": []}


def _changed(images: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The (SKU, location) where something has happened to a supply that is promised."""
    if "awaited" not in images.get("NewImage", {}):
        return
    write = write_of(images)
    if write is None or write.spreads:
        return
    before = write.before.pack.rows if write.before else {}
    for location_id, row in sorted(write.after.pack.rows.items()):
        known = before.get(location_id)
        if row.awaited and (known is None or known.awaited != row.awaited):
            yield write.after.pack.sku, location_id
