"""Gives the units of expired holds back (every minute). A hold is unusable from its expiry on, even
when this worker is late."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import Busy
from shared.stock import store
from shared.stock.model.position import Hold

WRITERS = 16
AT_ONCE = 200
SPARE_MS = 10_000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Expires holds until none is due or the time is nearly up; the next minute continues."""
    now = datetime.now(UTC)
    unread: list[str] = []

    def note(name: str) -> None:
        unread.append(name)
        logger.exception("the hold cannot be read", extra={"hold": name})

    due = store.due_holds(now, note)
    expired = failed = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        while context.get_remaining_time_in_millis() > SPARE_MS and (some := _some(due)):
            for swept in pool.map(lambda hold: _expire(hold, now), some):
                expired += swept is True
                failed += swept is None
    failed += len(unread)
    logger.info("expired holds", extra={"expired": expired, "failed": failed})
    return {"expired": expired, "failed": failed}


def _some(due: Iterator[Hold]) -> list[Hold]:
    return list(islice(due, AT_ONCE))


def _expire(hold: Hold, now: datetime) -> bool | None:
    """Whether this call gave the units back; None when it failed, and the next run tries again."""
    try:
        return store.expire_hold(hold, now)
    except Busy:
        logger.warning("the hold is busy", extra={"hold_id": hold.hold_id})
    except Exception:
        # One hold that cannot be closed must not stop the others.
        logger.exception("the hold was not expired", extra={"hold_id": hold.hold_id})
    return None
