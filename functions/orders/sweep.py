"""Acts on the deadlines of orders and transfers that have passed; started every minute."""

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
"""How long a run takes on new orders; the next one goes on."""

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
            logger.warning("not acted on", extra={"document": name, "code": refusal.code})
        except Exception:
            # One document that cannot be read must not keep all others waiting.
            failed += 1
            logger.exception("not acted on", extra={"document": name})
    logger.info("swept", extra={"acted": acted, "failed": failed})
    return {"acted": acted, "failed": failed}


Act = Callable[[], str | None]


def _in_turn(*kinds: Iterator[tuple[str, Act]]) -> Iterator[tuple[str, Act]]:
    """One of each kind after the other, so that many of one keep no other waiting; a kind that
    cannot be listed is told, and the others go on."""
    left = list(kinds)
    while left:
        for kind in list(left):
            try:
                yield next(kind)
            except StopIteration:
                left.remove(kind)
            except Exception:
                left.remove(kind)
                yield "a list of what is due", partial(_unlisted, sys.exc_info()[1])


def _unlisted(error: BaseException | None) -> None:
    raise error or RuntimeError("not to be listed")


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
                lambda found: transfers.act_on_deadline(found, now),
                now,
            ),
        )
