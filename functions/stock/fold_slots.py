"""Folds split positions that have cooled down, and writes the stock's heartbeat (every minute).

Late folding only costs more reads; a missing heartbeat raises the alarm of the projection.
"""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import Busy
from shared.stock.store import heartbeat, slots

SPARE_MS = 10_000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Checks each position that is due until the time is nearly up; the next minute continues."""
    now = datetime.now(UTC)
    heartbeat.beat(now)
    checked = folded = 0
    for sku, location_id in slots.split_positions_due(now):
        if context.get_remaining_time_in_millis() < SPARE_MS:
            break
        checked += 1
        try:
            folded += slots.fold_if_cool(sku, location_id, now)
        except Busy:
            logger.warning(
                "the position is too busy to be folded",
                extra={"sku": sku, "location_id": location_id},
            )
    logger.info("checked split positions", extra={"looked": checked, "folded": folded})
    return {"looked": checked, "folded": folded}
