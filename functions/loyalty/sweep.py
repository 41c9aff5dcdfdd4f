"""Act on what becomes due of points and tiers: pending points, expiries and their announcements,
reviews of tiers. Every 15 minutes; all of it is judged when points are spent as well.

A run with few due items acts on them itself. A larger one, such as the end of a month, hands
portions of them to the queue of this function (shared/web/portions.py).
"""

import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws.settings import setting
from shared.loyalty import earning
from shared.loyalty.store.accounts import Due, overdue
from shared.web.batch import each_message
from shared.web.crash import crash
from shared.web.portions import hand_out, handed_out

MOST = 500
"""Due items that a scheduled run acts on itself."""
PAGE = 300
MOST_IN_PORTION = 20_000
THREADS = 8
SECONDS = 40
"""How long a scheduled run begins with further items; the next run continues."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], _work_off)
    now = datetime.now(UTC)
    due = list(islice(overdue(now, PAGE), MOST + 1))
    with single_metric(
        namespace="NoRain", name="DuePoints", unit=MetricUnit.Count, value=len(due)
    ) as metric:
        metric.add_dimension("service", "loyalty")
    if len(due) > MOST:
        sent = hand_out(setting("sweep_queue"), now)
        logger.info("handed out", extra={"portions": sent})
        return {"portions": sent}
    return _act_on(due, now, time.monotonic() + SECONDS)


def _work_off(message: str) -> None:
    """Act on the due items of a portion."""
    portion, seconds = handed_out(message)
    if seconds:
        until = time.monotonic() + seconds
        now = datetime.now(UTC)
        _act_on(islice(overdue(now, PAGE, portion), MOST_IN_PORTION), now, until)


def _act_on(due: Iterable[Due], now: datetime, until: float) -> dict[str, int]:
    def act(one: Due) -> str:
        if time.monotonic() > until:
            return "remaining"
        try:
            return "acted" if earning.act_on_deadline(*one, now) else "unchanged"
        except Exception as error:
            # One item that cannot be read must not stop the others.
            kind = one[1].partition("#")[0]
            logger.error("deadline could not be acted on", extra={"item": kind, **crash(error)})
            return "failed"

    with ThreadPoolExecutor(THREADS) as pool:
        done = Counter(pool.map(act, due))
    counts = {"acted": done["acted"], "failed": done["failed"]}
    logger.info("swept", extra={**counts, "remaining": done["remaining"]})
    return counts
