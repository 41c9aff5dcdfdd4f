"""Release price holds whose deadline has passed. Every minute; an order cannot claim such a hold
any more, so that a late run only keeps codes, cards and points from others a little longer."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import NotFound, PriceHoldClosed
from shared.orders import price_holds
from shared.pricing.store.price_holds import overdue
from shared.web.crash import crash

MOST = 2_000
"""Holds of one run; the next run continues."""
PAGE = 500
THREADS = 8
SECONDS = 45

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    now = datetime.now(UTC)
    until = time.monotonic() + SECONDS

    def release(hold_id: str) -> str:
        if time.monotonic() > until:
            return "remaining"
        try:
            released = price_holds.release(hold_id, now, only_expired=True)
        except (NotFound, PriceHoldClosed):
            return "unchanged"
        except Exception as error:
            # One hold that cannot be released must not stop the others.
            logger.error("hold could not be released", extra={"hold_id": hold_id, **crash(error)})
            return "failed"
        return "released" if released else "unchanged"

    with ThreadPoolExecutor(THREADS) as pool:
        done = Counter(pool.map(release, islice(overdue(now, PAGE), MOST)))
    counts = {name: done[name] for name in ("released", "failed", "remaining")}
    logger.info("swept", extra=counts)
    return counts
