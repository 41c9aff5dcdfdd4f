"""Acts on the deadlines of orders that have passed; started every minute."""

import time
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import Refusal
from shared.orders import model, placing, table

MOST = 100
SECONDS = 40
"""How long a run takes on new orders; the next one goes on."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    now = datetime.now(UTC)
    until = time.monotonic() + SECONDS
    acted = failed = 0
    for order_id in table.due(now, MOST):
        if time.monotonic() > until:
            break
        try:
            done = placing.change(order_id, lambda order: model.overdue(order, now), now)
            acted += done is not None
        except Refusal as refusal:
            failed += 1
            logger.warning("not acted on", extra={"order_id": order_id, "code": refusal.code})
        except Exception:
            # One order that cannot be read must not keep all others waiting.
            failed += 1
            logger.exception("not acted on", extra={"order_id": order_id})
    logger.info("swept", extra={"acted": acted, "failed": failed})
    return {"acted": acted, "failed": failed}
