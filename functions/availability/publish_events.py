"""Tells the bus when a status of availability has crossed a threshold, from the changes of the
packs (a DynamoDB stream): at least once, in the order of each SKU's packs."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability import events
from shared.availability.table import pack_of_item
from shared.aws.events import send
from shared.aws.items import from_item
from shared.aws.settings import setting

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers the first record whose event was not taken, or which is no pack: Lambda sends it and
    what follows again. Events that were taken keep the id they had."""
    told: list[dict[str, Any]] = []
    owners: list[str] = []
    failed: str | None = None
    for record in event["Records"]:
        number = record["dynamodb"]["SequenceNumber"]
        try:
            new = _event(record["dynamodb"])
        except (KeyError, TypeError, ValueError):
            logger.exception("not a pack", extra={"event_id": record.get("eventID")})
            failed = number
            break
        if new is not None:
            told.append(new)
            owners.append(number)
    taken = send(setting("event_bus"), told)
    if taken < len(told):
        failed = owners[taken]
        logger.warning("not taken", extra={"events": len(told) - taken, "first": told[taken]["id"]})
    logger.info("published", extra={"events": taken})
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


def _event(images: Mapping[str, Any]) -> dict[str, Any] | None:
    """Nothing for a pack that is no more."""
    if "NewImage" not in images:
        return None
    before = pack_of_item(from_item(images["OldImage"])) if "OldImage" in images else None
    return events.of_change(before, pack_of_item(from_item(images["NewImage"])))
