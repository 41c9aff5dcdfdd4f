"""What follows from the changes of orders and transfers, wherever else it is kept: a row per
fulfillment for the pick lists, each new order and return in its buyer's timeline, and what a
transfer brings as expected supply at its other end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.model.confidence import PickOutcome
from shared.availability.store import confidence
from shared.aws.items import from_item
from shared.orders import buyers, store
from shared.orders.model import Order
from shared.orders.model.picking import Pick, pick_results
from shared.orders.model.transfers import Transfer
from shared.orders.store import transfers
from shared.web.batch import StreamRecord, again, number_of, readable
from shared.web.crash import crash

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A record that fails comes again; the log says where it broke, and never the words."""
    failed = []
    for record, change in readable(event["Records"], _read):
        try:
            _project(change)
        except Exception as error:
            logger.error("not projected", extra={"event_id": record["eventID"], **crash(error)})
            failed.append(number_of(record))
    return again(failed)


def _project(change: Transfer | tuple[Order, Order | None] | None) -> None:
    match change:
        case Transfer():
            transfers.index_unshipped(change)
            transfers.announce_supply(change, datetime.now(UTC))
        case (order, before):
            _of_order(order, before)


def _read(record: StreamRecord) -> Transfer | tuple[Order, Order | None] | None:
    """A transfer as it is, or an order as it is and was; None for any other change."""
    images = record["dynamodb"]
    kind = images["Keys"]["sk"]["S"]
    if "NewImage" not in images or kind not in {"ORDER", "TRANSFER"}:
        return None
    if kind == "TRANSFER":
        return transfers.transfer_of_item(from_item(images["NewImage"]))
    old = images.get("OldImage")
    before = store.order_of_item(from_item(old)) if old else None
    return store.order_of_item(from_item(images["NewImage"])), before


def _of_order(order: Order, before: Order | None) -> None:
    store.project_pick_rows(order, before)
    note(pick_results(before, order))
    buyers.record_in_timeline(order, before)


def note(found: Sequence[Pick]) -> None:
    """What the picks say of the counts of their locations."""
    if not found:
        return
    groups = confidence.product_groups(pick.sku for pick in found)
    for location_id in sorted({pick.location_id for pick in found}):
        outcomes = [
            PickOutcome(pick.id, groups[pick.sku], pick.found, int(pick.at.timestamp()))
            for pick in found
            if pick.location_id == location_id
        ]
        confidence.learn_outcomes(location_id, outcomes)
