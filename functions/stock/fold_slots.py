"""Folds split positions that have cooled down (every minute). Late, it only costs more reads."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import Busy
from shared.stock import slot_table

SPARE_MS = 10_000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Looks at each position that is due, until the time is nearly up: the next minute goes on."""
    now = datetime.now(UTC)
    looked = folded = 0
    for sku, location_id in slot_table.due(now):
        if context.get_remaining_time_in_millis() < SPARE_MS:
            break
        looked += 1
        try:
            folded += slot_table.cool(sku, location_id, now)
        except Busy:
            logger.warning("still hot", extra={"sku": sku, "location_id": location_id})
    logger.info("looked", extra={"looked": looked, "folded": folded})
    return {"looked": looked, "folded": folded}
