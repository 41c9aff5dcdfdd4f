"""Project changes of orders and transfers (a DynamoDB stream): rows of pick lists, the results of
picks, purchases and returns in the buyer's timeline, what new orders ship (the demand that routing
learns from), how well locations keep their times, the rows by which orders are found, events of
carriers that came before their parcels were shipped, transfers as expected supply of the receiver,
and those that their order no longer waits for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.model.confidence import PickOutcome
from shared.availability.store import confidence
from shared.aws.items import from_item
from shared.orders import buyers, demand, parcels, punctuality, searching, sending, store
from shared.orders.model import Order
from shared.orders.model.picking import Pick, pick_results
from shared.orders.model.transfers import Transfer
from shared.orders.store import transfers
from shared.web.batch import StreamRecord, again, number_of, readable
from shared.web.crash import crash

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A record that fails is sent again. The log has the place of the error without its message,
    which may contain personal data."""
    failed = []
    for record, change in readable(event["Records"], _read):
        try:
            _project(change)
        except Exception as error:
            logger.error(
                "change could not be projected",
                extra={"event_id": record["eventID"], **crash(error)},
            )
            failed.append(number_of(record))
    return again(failed)


def _project(change: Transfer | tuple[Order, Order | None] | None) -> None:
    match change:
        case Transfer():
            transfers.index_unshipped(change)
            transfers.announce_supply(change, datetime.now(UTC))
        case (order, before):
            _project_order(order, before)


def _read(record: StreamRecord) -> Transfer | tuple[Order, Order | None] | None:
    """A transfer, or an order with its version before; None for a change of another item."""
    images = record["dynamodb"]
    kind = images["Keys"]["sk"]["S"]
    if "NewImage" not in images or kind not in {"ORDER", "TRANSFER"}:
        return None
    if kind == "TRANSFER":
        return transfers.transfer_of_item(from_item(images["NewImage"]))
    old = images.get("OldImage")
    before = store.order_of_item(from_item(old)) if old else None
    return store.order_of_item(from_item(images["NewImage"])), before


def _project_order(order: Order, before: Order | None) -> None:
    store.project_pick_rows(order, before)
    record_picks(pick_results(before, order))
    buyers.record_in_timeline(order, before)
    demand.record_order(order, before, datetime.now(UTC))
    punctuality.record_order(order, before, datetime.now(UTC))
    parcels.hear_early(order, before, datetime.now(UTC))
    searching.index_order(order, before)
    sending.release_unclaimed(order, before, datetime.now(UTC))


def record_picks(picks: Sequence[Pick]) -> None:
    """Record by location whether picks found their units: the confidence in its stock."""
    if not picks:
        return
    groups = confidence.product_groups(pick.sku for pick in picks)
    for location_id in sorted({pick.location_id for pick in picks}):
        outcomes = [
            PickOutcome(pick.id, groups[pick.sku], pick.found, int(pick.at.timestamp()))
            for pick in picks
            if pick.location_id == location_id
        ]
        confidence.learn_outcomes(location_id, outcomes)
