"""Gives the units of expired holds back (every minute). A hold is unusable from its expiry on, even
when this worker is late.

A run with few due holds closes them itself. A larger one hands portions of them to the queue of
this function, whose workers close holds until shortly before the next run (shared/web/portions.py).
"""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws.settings import setting
from shared.errors import Busy
from shared.stock import store
from shared.stock.model.position import Hold
from shared.web.batch import each_message
from shared.web.portions import WHOLE, Portion, hand_out, handed_out

WRITERS = 16
AT_ONCE = 200
MOST = 500
"""Due holds that a scheduled run closes itself."""
SECONDS = 40
"""How long a scheduled run begins with further holds; the next run continues."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], _work_off)
    now = datetime.now(UTC)
    run = Run(now)
    due = list(islice(run.due(), MOST + 1))
    if len(due) > MOST:
        sent = hand_out(setting("expire_queue"), now)
        logger.info("handed out", extra={"portions": sent})
        return {"portions": sent}
    return run.expire(due, time.monotonic() + SECONDS)


def _work_off(message: str) -> None:
    """Close the due holds of a portion."""
    portion, seconds = handed_out(message)
    if seconds:
        until = time.monotonic() + seconds
        run = Run(datetime.now(UTC), portion)
        run.expire(run.due(), until)


class Run:
    """Closes the holds of ``portion`` that are due at ``now``, and counts those that it cannot
    read."""

    def __init__(self, now: datetime, portion: Portion = WHOLE) -> None:
        self._now, self._portion = now, portion
        self._unread = 0

    def due(self) -> Iterable[Hold]:
        return store.due_holds(self._now, self._note, self._portion)

    def expire(self, due: Iterable[Hold], until: float) -> dict[str, int]:
        """Close holds until none remains or the clock (``time.monotonic``) shows ``until``."""
        remaining = iter(due)
        expired = failed = 0
        with ThreadPoolExecutor(WRITERS) as pool:
            while time.monotonic() < until and (some := list(islice(remaining, AT_ONCE))):
                for closed in pool.map(self._expire, some):
                    expired += closed is True
                    failed += closed is None
        counts = {"expired": expired, "failed": failed + self._unread}
        logger.info("expired holds", extra=counts)
        return counts

    def _note(self, name: str) -> None:
        self._unread += 1
        logger.exception("the hold cannot be read", extra={"hold": name})

    def _expire(self, hold: Hold) -> bool | None:
        """Whether this call gave the units back; None when it failed, and the next run tries
        again."""
        try:
            return store.expire_hold(hold, self._now)
        except Busy:
            logger.warning("the hold is busy", extra={"hold_id": hold.hold_id})
        except Exception:
            # One hold that cannot be closed must not stop the others.
            logger.exception("the hold was not expired", extra={"hold_id": hold.hold_id})
        return None
