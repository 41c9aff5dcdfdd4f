"""Keep promises when stock changes, woken by changes of the packs (a DynamoDB stream).

Arrived supply goes to the backorders that wait for it; supply that slipped, shrank or was cancelled
is promised again; a location with fewer units than are promised gets them covered elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.store.stream import write_of
from shared.orders import backorders, shortfalls
from shared.web.batch import again, number_of, readable

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Returns the first record that failed; Lambda sends it and the following ones again, and a
    repetition changes nothing. Records that cannot be read are put aside."""
    done = 0
    for record, tasks in readable(
        event["Records"], lambda record: list(_tasks(record["dynamodb"]))
    ):
        try:
            for task, sku, location_id in tasks:
                done += task(sku, location_id, datetime.now(UTC))
        except Exception:
            logger.exception(
                "promises could not be kept", extra={"event_id": record.get("eventID")}
            )
            return again([number_of(record)])
    logger.info("promises kept", extra={"records": len(event["Records"]), "done": done})
    return again([])


Task = Callable[[str, str, datetime], int]
"""(sku, location_id, now) -> the number of orders and transfers that changed."""


def _tasks(images: Mapping[str, Any]) -> Iterator[tuple[Task, str, str]]:
    """The tasks with their SKU and location: a promised supply has changed, or a position has fewer
    units than are promised."""
    if not {"awaited", "short"} & images.get("NewImage", {}).keys():
        return
    write = write_of(images)
    if write is None or write.spreads:
        return
    before = write.before.pack.rows if write.before else {}
    for location_id, row in sorted(write.after.pack.rows.items()):
        row_before = before.get(location_id)
        if row.awaited and (row_before is None or row_before.awaited != row.awaited):
            yield backorders.review_supplies, write.after.pack.sku, location_id
        if row.available < 0 and (row_before is None or row_before.version != row.version):
            yield shortfalls.cover, write.after.pack.sku, location_id
