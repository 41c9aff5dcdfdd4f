"""Route unpicked orders again on a schedule, and move them where that saves enough. Does nothing
unless the policy sets the saving (``offers.saving``)."""

import random
import time
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import Refusal
from shared.locations.store import all_locations
from shared.orders import offers, store
from shared.orders.model import UNPICKED
from shared.routing.store import policies

SECONDS = 240
"""How long a run begins with further orders. Locations are in random order, so that none is always
last."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    now, until = datetime.now(UTC), time.monotonic() + SECONDS
    moved = looked = 0
    if policies.active_policy().offers.saving is not None:
        places = list(all_locations())
        random.shuffle(places)
        for order_id in store.unpicked_orders(places, UNPICKED):
            if time.monotonic() > until:
                break
            looked += 1
            try:
                moved += offers.move_where_cheaper(order_id, now) is not None
            except Refusal as refusal:
                logger.warning(
                    "order could not be improved", extra={"order": order_id, "code": refusal.code}
                )
            except Exception:
                # One document that cannot be read must not stop the others.
                logger.exception("order could not be improved", extra={"order": order_id})
    logger.info("reevaluated", extra={"orders": looked, "moved": moved})
    return {"looked": looked, "moved": moved}
