"""MiniStack with a bounded number of workers and streams of statements; cloud.py runs this file as
a script.

MiniStack starts a process for each request that finds no idle one, so 64 requests at once start 64
processes. On two cores these take longer to start than a client waits. Its own limits
(LAMBDA_ACCOUNT_CONCURRENCY, reserved concurrency) refuse the requests beyond them. Here a function
has at most NORAIN_WORKERS workers, 0 means any number, and further requests wait for one.

A function that invokes itself and waits for the answer would wait for ever; none of ours does.

MiniStack puts no record into the stream of a table for what a PartiQL statement writes. DynamoDB
does, and so it does here.
"""

import copy
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import dynamodb, lambda_svc

Execute = Callable[[Mapping[str, Any], Any, str], Any]
"""(function record, event, request id) -> the result of one invocation."""


def bounded(execute: Execute, workers: int) -> Execute:
    """``execute`` with at most ``workers`` invocations of one function at a time."""
    turns: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(workers))
    making = threading.Lock()

    def wait_and_execute(function: Mapping[str, Any], event: Any, request_id: str) -> Any:
        with making:
            turn = turns[(function.get("config") or function)["FunctionName"]]
        with turn:
            return execute(function, event, request_id)

    return wait_and_execute


def one_after_another(start: Callable[[Any], None], at_once: int) -> Callable[[Any], None]:
    """``start`` (which starts the process of a worker) at most ``at_once`` times at a time."""
    turn = threading.Semaphore(at_once)

    def wait_and_start(worker: Any) -> None:
        with turn:
            start(worker)

    return wait_and_start


def bind(workers: int, cores: int) -> None:
    """Put the bounds into the modules of MiniStack. Raises AttributeError for a version of
    MiniStack that starts its workers in another way."""
    lambda_svc._execute_function_warm = bounded(lambda_svc._execute_function_warm, workers)
    lambda_runtime.Worker._spawn = one_after_another(lambda_runtime.Worker._spawn, cores)


Write = Callable[..., tuple[int, Any, Any]]
"""(table, parsed statement, ...) -> status, headers and body of the answer."""


def streamed(write: Write) -> Write:
    """``write``, which executes an INSERT or an UPDATE, with its record in the table's stream."""

    def write_and_stream(table: Any, parsed: Any, *more: Any) -> tuple[int, Any, Any]:
        before = _item(table, parsed)
        answer = write(table, parsed, *more)
        if answer[0] == HTTPStatus.OK:
            kind = "MODIFY" if before else "INSERT"
            dynamodb._emit_stream_event(parsed["table"], kind, before, _item(table, parsed))
        return answer

    return write_and_stream


def _item(table: Any, parsed: Any) -> Any:
    """The stored item that the statement names; None when there is none."""
    if parsed["op"] == "INSERT":
        new = parsed["item"].get("M", parsed["item"])
        keys = [dynamodb._extract_key_val(new[table[name]]) for name in ("pk_name", "sk_name")]
    else:
        keys = list(dynamodb._partiql_key_target(table, parsed)[:2])
    return copy.deepcopy(table["items"].get(keys[0], {}).get(keys[1]))


def stream_statements() -> None:
    """Put the streams into the module of MiniStack. Raises AttributeError for a version that
    executes statements in another way."""
    dynamodb._partiql_insert = streamed(dynamodb._partiql_insert)
    dynamodb._partiql_update = streamed(dynamodb._partiql_update)


if __name__ == "__main__":
    stream_statements()
    if workers := int(os.environ["NORAIN_WORKERS"]):
        bind(workers, os.cpu_count() or 1)
    main()
