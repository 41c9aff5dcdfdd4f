"""Books the points that orders earn and lose (the stream of the table orders).

What an order should have earned follows from its document, so that a change that is delivered twice
or late books nothing twice (shared/loyalty/model/earning.py).
"""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from functions.loyalty.order_points import earning_order, home_of
from shared.aws.items import from_item
from shared.loyalty import earning
from shared.orders import store
from shared.orders.model import Order
from shared.web.batch import StreamRecord, again, number_of, readable
from shared.web.crash import crash

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A record that fails is sent again, and all behind it."""
    failed = []
    booked = 0
    for record, change in readable(event["Records"], _read):
        if change is None:
            continue
        home, order = change
        try:
            booked += earning.follow_order(home, earning_order(order), datetime.now(UTC))
        except Exception as error:
            logger.error(
                "points could not be booked", extra={"event_id": record["eventID"], **crash(error)}
            )
            failed.append(number_of(record))
    logger.info("followed orders", extra={"booked": booked, "failed": len(failed)})
    return again(failed)


def _read(record: StreamRecord) -> tuple[str, Order] | None:
    """An order of a profile of which units were handed over or came back, with the home profile;
    None for any other change."""
    images = record["dynamodb"]
    if "NewImage" not in images or images["Keys"]["sk"]["S"] != "ORDER":
        return None
    order = store.order_of_item(from_item(images["NewImage"]))
    home = home_of(order)
    if home is None or not any(line.fulfilled for line in order.lines):
        return None
    old = images.get("OldImage")
    before = store.order_of_item(from_item(old)) if old else None
    if before is not None and _figures(before) == _figures(order):
        return None
    return home, order


def _figures(order: Order) -> object:
    found = earning_order(order)
    return found.lines, found.repriced
