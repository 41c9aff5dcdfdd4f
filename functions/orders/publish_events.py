"""Publish the events of orders and transfers from the changes of their documents (a DynamoDB
stream): at least once, and in order for each document."""

from typing import Any

from shared.aws.items import from_item
from shared.orders import store
from shared.orders.contract import events, transfer_events
from shared.orders.store import transfers
from shared.web.batch import StreamRecord, publish, readable


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return publish(readable(event["Records"], _events))


def _events(record: StreamRecord) -> list[dict[str, Any]]:
    """The events of one change; none for a deleted item, or one that is no order or transfer."""
    images = record["dynamodb"]
    kind = images["Keys"]["sk"]["S"]
    if "NewImage" not in images or kind not in {"ORDER", "TRANSFER"}:
        return []
    old = from_item(images["OldImage"]) if "OldImage" in images else None
    new = from_item(images["NewImage"])
    if kind == "TRANSFER":
        read = transfers.transfer_of_item
        return transfer_events.of_transfer(read(old) if old else None, read(new))
    before = store.order_of_item(old) if old else None
    return events.of_change(before, store.order_of_item(new))
