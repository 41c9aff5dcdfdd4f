"""Act on the passed deadlines of orders and transfers, every minute.

A run with few due documents acts on them itself. A larger one hands portions of them to the queue
of this function, whose workers act until shortly before the next run (shared/web/portions.py).
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws.settings import setting
from shared.errors import Refusal
from shared.orders import backorders, store
from shared.orders.model import transfers
from shared.orders.store import transfers as transfers_store
from shared.web.batch import each_message
from shared.web.portions import WHOLE, Portion, hand_out, handed_out

MOST = 300
"""Due documents that a scheduled run acts on itself."""
PAGE = 300
"""Rows of the index that are read in one call."""
MOST_IN_PORTION = 20_000
"""Due documents of a kind that a worker lists; the others are due in the next run."""
AT_ONCE = 25
"""Documents that are read in one call."""
THREADS = 8
SECONDS = 40
"""How long a scheduled run begins with further documents; the next run continues."""

logger = Logger(service="norain", utc=True)
V = TypeVar("V")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], _work_off)
    now = datetime.now(UTC)
    due, unlisted = list_due(now, WHOLE, MOST + 1)
    count = sum(map(len, due.values()))
    with single_metric(
        namespace="NoRain", name="DueDeadlines", unit=MetricUnit.Count, value=count
    ) as metric:
        metric.add_dimension("service", "orders")
    if count > MOST:
        sent = hand_out(setting("sweep_queue"), now)
        logger.info("handed out", extra={"portions": sent})
        return {"portions": sent}
    done = act_on(due, now, time.monotonic() + SECONDS)
    return _counted(done, unlisted)


def _work_off(message: str) -> None:
    """Act on the due documents of a portion."""
    portion, seconds = handed_out(message)
    if not seconds:
        return
    until = time.monotonic() + seconds
    now = datetime.now(UTC)
    due, unlisted = list_due(now, portion, MOST_IN_PORTION)
    _counted(act_on(due, now, until), unlisted)


def _counted(done: Counter[str], unlisted: int) -> dict[str, int]:
    counts = {"acted": done["acted"], "failed": done["failed"] + unlisted}
    logger.info("swept", extra={**counts, "remaining": done["remaining"]})
    return counts


@dataclass(frozen=True, slots=True)
class Kind:
    """How due documents of a kind are listed (time, rows of a page, portion), read, and acted on
    (id, item, time; None when nothing was to be done)."""

    overdue: Callable[[datetime, int, Portion], Iterator[str]]
    read: Callable[[Iterable[str]], Mapping[str, Mapping[str, Any]]]
    act: Callable[[str, Mapping[str, Any], datetime], str | None]


def _act_on_order(name: str, item: Mapping[str, Any], now: datetime) -> str | None:
    return backorders.act_on_deadlines(name, now, store.order_of_item(item))


def _act_on_transfer(name: str, item: Mapping[str, Any], now: datetime) -> str | None:
    return transfers_store.change(
        name,
        lambda transfer: transfers.act_on_deadline(transfer, now),
        now,
        known=transfers_store.transfer_of_item(item),
    )


def _kinds() -> list[Kind]:
    return [
        Kind(store.overdue_orders, store.order_items, _act_on_order),
        Kind(store.overdue_transfers, transfers_store.transfer_items, _act_on_transfer),
    ]


Due = Mapping[Kind, Sequence[str]]


def list_due(now: datetime, portion: Portion, most: int) -> tuple[dict[Kind, list[str]], int]:
    """At most ``most`` due ids of each kind, and the number of kinds that could not be listed."""
    due, unlisted = {}, 0
    for kind in _kinds():
        try:
            due[kind] = list(islice(kind.overdue(now, PAGE, portion), most))
        except Exception:
            unlisted += 1
            logger.exception("the passed deadlines could not be listed")
    return due, unlisted


def act_on(due: Due, now: datetime, until: float) -> Counter[str]:
    """Act on the due documents; how many were acted on, failed, and remained when time was up.

    They have their turn by chance, so that documents that fail in every run, or the many of one
    location, delay no others for long.
    """
    batches = [
        [(kind, batch) for batch in _batches(random.sample(names, len(names)))]
        for kind, names in due.items()
    ]
    done = Counter[str]()
    with ThreadPoolExecutor(THREADS) as pool:
        for counts in pool.map(partial(_act_on_batch, now=now, until=until), in_turn(batches)):
            done += counts
    return done


def _batches(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE)]


def in_turn(lists: Iterable[Iterable[V]]) -> Iterator[V]:
    """One entry of each list in turn, so that a long list does not delay the others."""
    remaining = [iter(entries) for entries in lists]
    while remaining:
        for entries in list(remaining):
            try:
                yield next(entries)
            except StopIteration:
                remaining.remove(entries)


def _act_on_batch(batch: tuple[Kind, Sequence[str]], now: datetime, until: float) -> Counter[str]:
    kind, names = batch
    done = Counter[str]()
    if time.monotonic() > until:
        return Counter(remaining=len(names))
    try:
        items = kind.read(names)
    except Exception:
        logger.exception("due documents could not be read")
        return Counter(failed=len(names))
    for name, item in items.items():
        if time.monotonic() > until:
            done["remaining"] += 1
            continue
        try:
            done["acted"] += kind.act(name, item, now) is not None
        except Refusal as refusal:
            done["failed"] += 1
            logger.warning(
                "deadline could not be acted on", extra={"document": name, "code": refusal.code}
            )
        except Exception:
            # One document that cannot be read must not stop the others.
            done["failed"] += 1
            logger.exception("deadline could not be acted on", extra={"document": name})
    return done
