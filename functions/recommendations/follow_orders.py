"""Counts what orders say about taste (a queue of events of the bus).

What is counted of an order follows from its document, so that an event that comes twice, late or
out of order counts nothing twice (shared/recommendations/store/counting.py).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.orders.following import order_of_event, orders_now
from shared.recommendations.following import follow
from shared.web.batch import together

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return together(event["Records"], order_of_event, _follow)


def _follow(order_ids: Sequence[str]) -> None:
    counted = follow(orders_now(order_ids), datetime.now(UTC))
    logger.info("followed orders", extra={"orders": len(order_ids), "counted": counted})
