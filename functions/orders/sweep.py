"""Act on the passed deadlines of orders and transfers, every minute."""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger

from shared.errors import Refusal
from shared.orders import backorders, store
from shared.orders.model import transfers
from shared.orders.store import transfers as transfers_store

MOST = 100
SECONDS = 40
"""How long a run begins with further documents; the next run continues."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    now = datetime.now(UTC)
    until = time.monotonic() + SECONDS
    acted = failed = 0
    for name, act in _in_turn(_orders(now), _transfers(now)):
        if time.monotonic() > until:
            break
        try:
            acted += act() is not None
        except Refusal as refusal:
            failed += 1
            logger.warning(
                "deadline could not be acted on", extra={"document": name, "code": refusal.code}
            )
        except Exception:
            # One document that cannot be read must not stop the others.
            failed += 1
            logger.exception("deadline could not be acted on", extra={"document": name})
    logger.info("swept", extra={"acted": acted, "failed": failed})
    return {"acted": acted, "failed": failed}


Act = Callable[[], str | None]


def _in_turn(*kinds: Iterator[tuple[str, Act]]) -> Iterator[tuple[str, Act]]:
    """One document of each kind in turn, so that many of one kind do not delay the other. A kind
    whose list cannot be read yields an act that raises the error; the other continues."""
    remaining = list(kinds)
    while remaining:
        for kind in list(remaining):
            try:
                yield next(kind)
            except StopIteration:
                remaining.remove(kind)
            except Exception:
                remaining.remove(kind)
                yield "the list of passed deadlines", partial(_raise, sys.exc_info()[1])


def _raise(error: BaseException | None) -> None:
    raise error or RuntimeError("the list could not be read")


def _orders(now: datetime) -> Iterator[tuple[str, Act]]:
    for name in store.overdue_orders(now, MOST):
        yield name, partial(backorders.act_on_deadlines, name, now)


def _transfers(now: datetime) -> Iterator[tuple[str, Act]]:
    for name in transfers_store.overdue_transfers(now, MOST):
        yield (
            name,
            partial(
                transfers_store.change,
                name,
                lambda transfer: transfers.act_on_deadline(transfer, now),
                now,
            ),
        )
