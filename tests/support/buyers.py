"""Buyers, one by one or all at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared.aws.clients import dynamodb
from shared.errors import Busy, Refusal
from shared.orders import placing
from shared.orders.contract.orders import order_answer
from shared.orders.model import Line, Order
from tests.support.shop import NOW, order, request


def at_once(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each act returned, or the refusal it raised; all start together. An act that is told
    Busy is done again, as a client does it, at most ten times."""
    dynamodb()
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        ready.wait()
        answer: Any = None
        for _ in range(10):
            try:
                return act()
            except Busy as busy:
                answer = busy
            except Refusal as refusal:
                return refusal
        return answer

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def answer(stored: Order) -> str:
    return order_answer(stored).model_dump_json()


def buy(name: str, *lines: Line, key: str = "", **more: Any) -> str:
    draft = order(name, *lines, **more)
    return placing.place(draft, request(key or name, draft.order_id), "web", NOW, answer)
