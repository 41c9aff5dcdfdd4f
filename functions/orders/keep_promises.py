"""Keeps what was promised: gives units of a supply that have come to the orders that wait for them,
promises anew what has slipped, shrunk or been cancelled, and finds other units where more is
promised than there is; woken by the packs (a DynamoDB stream)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.store.stream import write_of
from shared.orders import backorders, shortfalls
from shared.web.batch import StreamRecord, again, number_of, readable

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers the first record that could not be carried out: Lambda sends it and what follows
    again, and what was done already changes nothing then. What is no pack is put away."""
    done = 0
    for record, changed in readable(
        event["Records"], lambda record: list(_changed(record["dynamodb"]))
    ):
        try:
            for keep, sku, location_id in changed:
                done += keep(sku, location_id, datetime.now(UTC))
        except Exception:
            logger.exception("promises were not kept", extra={"event_id": record.get("eventID")})
            return again([number_of(record)])
    logger.info("promises kept", extra={"records": len(event["Records"]), "done": done})
    return again([])


Keep = Callable[[str, str, datetime], int]
"""Of a SKU at a location; how many orders it has changed."""


def _changes(record: StreamRecord) -> list[tuple[Keep, str, str]]:
    return list(_changed(record["dynamodb"]))


def _changed(images: Mapping[str, Any]) -> Iterator[tuple[Keep, str, str]]:
    """What there is to do, at which (SKU, location): something has happened to a supply that is
    promised, or to a position that lacks what is promised."""
    if not {"awaited", "short"} & images.get("NewImage", {}).keys():
        return
    write = write_of(images)
    if write is None or write.spreads:
        return
    before = write.before.pack.rows if write.before else {}
    for location_id, row in sorted(write.after.pack.rows.items()):
        known = before.get(location_id)
        if row.awaited and (known is None or known.awaited != row.awaited):
            yield backorders.review_supplies, write.after.pack.sku, location_id
        if row.available < 0 and (known is None or known.version != row.version):
            yield shortfalls.cover, write.after.pack.sku, location_id
