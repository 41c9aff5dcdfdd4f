"""What follows from the changes of orders and transfers, wherever else it is kept: a row per
fulfillment for the pick lists, each new order and return in its buyer's timeline, and what a
transfer brings as expected supply at its other end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from shared.availability import confidence_table
from shared.availability.confidence import Outcome
from shared.aws.items import from_item
from shared.orders import buyers, table, transfer_table
from shared.orders.picking import Pick, picks

logger = Logger(service="norain", utc=True)
processor = BatchProcessor(
    event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
)


def project(record: DynamoDBRecord) -> None:
    images = record.raw_event["dynamodb"]
    kind = images["Keys"]["sk"]["S"]
    if "NewImage" not in images or kind not in {"ORDER", "TRANSFER"}:
        return
    if kind == "TRANSFER":
        moved = transfer_table.transfer_of_item(from_item(images["NewImage"]))
        transfer_table.enlist(moved)
        transfer_table.announce(moved, datetime.now(UTC))
        return
    order = table.order_of_item(from_item(images["NewImage"]))
    old = images.get("OldImage")
    before = table.order_of_item(from_item(old)) if old else None
    table.project(order, before)
    note(picks(before, order))
    buyers.tell(order, before)


def note(found: Sequence[Pick]) -> None:
    """What the picks say of the counts of their locations."""
    if not found:
        return
    groups = confidence_table.groups(pick.sku for pick in found)
    for location_id in sorted({pick.location_id for pick in found}):
        outcomes = [
            Outcome(pick.id, groups[pick.sku], pick.found, int(pick.at.timestamp()))
            for pick in found
            if pick.location_id == location_id
        ]
        confidence_table.note(location_id, outcomes)


def handler(event: dict[str, Any], context: Any) -> Any:
    return process_partial_response(
        event=event, record_handler=project, processor=processor, context=context
    )
