"""Requests beyond the bound wait for a worker of their function, and only of theirs; what a
statement writes is in the stream of its table."""

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ministack.core import lambda_runtime
from ministack.services import dynamodb, lambda_svc

from infra.local.emulator import bind, bounded, one_after_another, stream_statements


def test_requests_beyond_the_bound_wait_and_are_all_answered() -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()
    both_run = threading.Barrier(2)

    def execute(function: Mapping[str, Any], event: Any, request_id: str) -> Any:
        name = function["FunctionName"]
        with lock:
            running[name] += 1
            most[name] = max(most[name], running[name])
        if event < 2:
            both_run.wait(timeout=10)
        with lock:
            running[name] -= 1
        return event, request_id

    limited = bounded(execute, 2)
    with ThreadPoolExecutor(20) as pool:
        calls = [
            pool.submit(limited, {"FunctionName": "orders"}, number, f"r{number}")
            for number in range(20)
        ]
        answers = [call.result(timeout=20) for call in calls]
    assert answers == [(number, f"r{number}") for number in range(20)]
    assert most == {"orders": 2}


def test_a_function_that_is_busy_does_not_hold_up_another() -> None:
    held = threading.Event()

    def execute(function: Mapping[str, Any], event: Any, request_id: str) -> Any:
        return held.wait(10) if event == "wait" else event

    limited = bounded(execute, 1)
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(limited, {"config": {"FunctionName": "orders"}}, "wait", "1")
        other = pool.submit(limited, {"config": {"FunctionName": "stock"}}, "answer", "2")
        assert other.result(timeout=10) == "answer"
        held.set()
        assert busy.result(timeout=10) is True


def test_a_worker_that_fails_gives_its_place_to_the_next() -> None:
    def execute(*_: Any) -> Any:
        raise RuntimeError("the worker is gone")

    limited = bounded(execute, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            limited({"FunctionName": "orders"}, {}, "1")

    def start(worker: Any) -> None:
        raise RuntimeError("the worker does not start")

    for _ in range(3):
        with pytest.raises(RuntimeError):
            one_after_another(start, 1)("a worker")


def test_the_installed_ministack_starts_its_workers_where_they_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = lambda_svc._execute_function_warm, lambda_runtime.Worker._spawn
    monkeypatch.setattr(lambda_svc, "_execute_function_warm", before[0])
    monkeypatch.setattr(lambda_runtime.Worker, "_spawn", before[1])
    bind(2, 2)
    assert lambda_svc._execute_function_warm is not before[0]
    assert lambda_runtime.Worker._spawn is not before[1]
    assert "_execute_function_warm" in lambda_svc._execute_function_dispatch.__code__.co_names
    assert "_spawn" in lambda_runtime.Worker.invoke.__code__.co_names


def test_the_stream_of_a_table_has_what_statements_write(monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[Any] = []
    for name in ("_partiql_insert", "_partiql_update"):
        monkeypatch.setattr(dynamodb, name, getattr(dynamodb, name))
    monkeypatch.setattr(dynamodb, "_emit_stream_event", lambda *record: records.append(record))
    stored: dict[str, dict[str, Any]] = {"S#1": {}}
    table = {"pk_name": "pk", "sk_name": "sk", "items": stored}
    monkeypatch.setattr(
        dynamodb, "_set_item", lambda _, pk, sk, item: stored[pk].update({sk: item})
    )
    monkeypatch.setitem(dynamodb._tables, "stock", table)
    stream_statements()

    def execute(statement: str, *parameters: dict[str, str]) -> int:
        request = {"Statement": statement, "Parameters": list(parameters)}
        status, _, _ = dynamodb._execute_statement(request)
        return int(status)

    key = {"S": "S#1"}, {"S": "LOC#1"}
    insert = "INSERT INTO \"stock\" VALUE {'pk': ?, 'sk': ?, 'units': ?}"
    update = 'UPDATE "stock" SET "units" = "units" + ? WHERE "pk" = ? AND "sk" = ? AND "units" = ?'
    assert execute(insert, *key, {"N": "1"}) == 200
    assert execute(insert, *key, {"N": "2"}) == 400
    assert execute(update, {"N": "4"}, *key, {"N": "1"}) == 200
    assert execute(update, {"N": "4"}, *key, {"N": "1"}) == 400
    first, second = ({"pk": key[0], "sk": key[1], "units": {"N": units}} for units in "15")
    assert records == [("stock", "INSERT", None, first), ("stock", "MODIFY", first, second)]
