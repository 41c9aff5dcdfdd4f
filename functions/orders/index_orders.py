"""Makes all orders found by the search (`norain rebuild search` invokes it).

    {"rebuild": "all", "round"?: number}  ->  {"rebuilt": [], "progress": {"round", "done", ...}}
        begins a round over all orders, or continues the named one (shared/aws/walks.py)
    a message of the queue: helps with the round that it names

Orders go on meanwhile: a row is written only where none of a newer version of its order is. A round
costs 1 read unit per 8 KB of the table of orders and up to 2 write units for each row.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.aws import walks
from shared.aws.walks import Round, Segment, Step, Walk
from shared.errors import Busy, NotFound
from shared.orders import searching
from shared.orders.model import Order
from shared.orders.store.demand import orders_page
from shared.web.batch import each_message

WALK = Walk("config", "index-orders")
SEGMENTS = 64
WRITERS = 8
ALWAYS = datetime.min.replace(tzinfo=UTC)
ASKED_MS = 25_000
"""Of a call of `norain rebuild`, which waits for the answer 60 seconds at most."""
SPARE_MS = 20_000
"""A page ends within this time."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], lambda message: _help(message, context))
    end_ms = context.get_remaining_time_in_millis() - ASKED_MS
    return _work(_round(event), context, max(end_ms, SPARE_MS), is_helper=False)


def _round(asked: dict[str, Any]) -> Round:
    """The round that is asked for, or a new one. Raises NotFound when it has been replaced, Busy
    when two begin one at once."""
    last = walks.last_round(WALK)
    if "round" not in asked:
        begun = walks.begin(WALK, last, SEGMENTS, datetime.now(UTC))
        if begun is None:
            raise Busy("another round has just begun")
        return begun
    if last is None or last.number != asked["round"]:
        raise NotFound(f"there is no round {asked['round']} of the search")
    return last


def _help(message: str, context: Any) -> None:
    if round_ := walks.called_round(WALK.table, message):
        _work(round_, context, SPARE_MS, is_helper=True)


def _work(round_: Round, context: Any, end_ms: float, *, is_helper: bool) -> dict[str, Any]:
    """Works on the round until ``end_ms`` of the time remain."""
    progress = walks.work(
        round_,
        _step,
        lambda _: True,
        lambda: context.get_remaining_time_in_millis() < end_ms,
        None if is_helper else lambda free: walks.call_helpers(round_, free),
    )
    summary = progress.summary(datetime.now(UTC))
    logger.info("indexing orders", extra=summary)
    return {"rebuilt": [], "progress": summary}


def _step(segment: Segment) -> Step:
    orders, after = orders_page(segment, ALWAYS)
    with ThreadPoolExecutor(WRITERS) as pool:
        rows = sum(pool.map(_index, orders))
    return Step(after, {"orders": len(orders), "rows": rows})


def _index(order: Order) -> int:
    return searching.index_order(order, None)
