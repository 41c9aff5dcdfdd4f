"""Tells the bus what has happened to orders and transfers, from the changes of their documents (a
DynamoDB stream): at least once, in the order in which it happened to each."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.events import send
from shared.aws.items import from_item
from shared.aws.settings import setting
from shared.aws.streams import put_away
from shared.orders import store
from shared.orders.contract import events
from shared.orders.store import transfers

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers the first record of which an event was not taken: Lambda sends it and what follows
    again. Events that were taken keep the id they had. What cannot be read is put away."""
    told: list[dict[str, Any]] = []
    owners: list[str] = []
    failed: str | None = None
    for record in event["Records"]:
        number = record["dynamodb"]["SequenceNumber"]
        try:
            new = _events(record["dynamodb"])
        except (KeyError, TypeError, ValueError) as error:
            logger.exception("not to be read", extra={"event_id": record.get("eventID")})
            put_away(record, type(error).__name__)
            continue
        told += new
        owners += [number] * len(new)
    taken = send(setting("event_bus"), told)
    if taken < len(told):
        failed = owners[taken]
        logger.warning("not taken", extra={"events": len(told) - taken, "first": told[taken]["id"]})
    logger.info("published", extra={"events": taken})
    return {"batchItemFailures": [{"itemIdentifier": failed}] if failed else []}


def _events(images: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Nothing for what is neither an order nor a transfer, or is no more."""
    kind = images["Keys"]["sk"]["S"]
    if "NewImage" not in images or kind not in {"ORDER", "TRANSFER"}:
        return []
    old = from_item(images["OldImage"]) if "OldImage" in images else None
    new = from_item(images["NewImage"])
    if kind == "TRANSFER":
        read = transfers.transfer_of_item
        return events.of_transfer(read(old) if old else None, read(new))
    before = store.order_of_item(old) if old else None
    return events.of_change(before, store.order_of_item(new))
