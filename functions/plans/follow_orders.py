"""Counts what orders want, by location and day (SQS, from the bus of events)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.orders.following import order_of_event, orders_now
from shared.plans.counting import count_wanted
from shared.web.batch import together

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An event that comes twice or late changes nothing."""
    return together(event["Records"], order_of_event, _count)


def _count(order_ids: Sequence[str]) -> None:
    changed = count_wanted(orders_now(order_ids), datetime.now(UTC))
    logger.info("counted", extra={"events": len(order_ids), "orders": changed})
