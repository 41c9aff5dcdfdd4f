"""A popular SKU: how often a process reads its pack, how old an answer says that it is, and what is
answered while DynamoDB throttles."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from functions.availability import query
from shared.availability.model.pack import PackChange, PackRow
from shared.availability.store import packs, projection, recent
from shared.aws import cache, clients
from shared.errors import Throttled
from shared.locations import store as locations
from tests.support.places import place
from tests.support.requests import request

AT = datetime(2026, 11, 21, tzinfo=UTC)
THROTTLED = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}'


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(fake_tables: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(cache, "time", clock)
    recent.clear()
    locations.put(place("denver"))
    project(9)
    yield clock
    recent.clear()


def project(units: int, version: int = 1, sku: str = "milk-1") -> None:
    projection.project(sku, [PackChange("denver", version, PackRow(units, version), AT)])


def ask(sku: str = "milk-1") -> tuple[int, dict[str, str], Any]:
    asked = {"sku": sku, "channel": "web", "limit": "0"}
    answer = query.handler(request("availability/get_availability", query=asked), None)
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


def sellable() -> int:
    status, _, body = ask()
    assert status == 200
    return int(body["items"][0]["sellable"])


@pytest.fixture
def calls(clock: Clock) -> list[str]:
    """The names of the calls from now on."""
    calls: list[str] = []
    clients.dynamodb().meta.events.register(
        "before-send", lambda **_: calls.append("sent"), unique_id="count"
    )
    return calls


@pytest.fixture
def throttle(clock: Clock) -> Iterator[Callable[[bool], None]]:
    """Makes DynamoDB throttle every call, or answer again."""
    throttled = False

    def refuse(request: Any, **_: Any) -> Any:
        return AWSResponse(request.url, 400, HTTPHeaders(), Raw()) if throttled else None

    def switch(on: bool) -> None:
        nonlocal throttled
        throttled = on

    clients.dynamodb().meta.events.register_first("before-send", refuse)
    yield switch
    clients.dynamodb().meta.events.unregister("before-send", refuse)


class Raw:
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield THROTTLED


def test_a_process_reads_a_pack_once_in_a_second(clock: Clock, calls: list[str]) -> None:
    ask()
    calls.clear()
    for _ in range(100):  # ten seconds of ten questions each
        clock.now += 0.1
        ask()
    assert 10 <= len(calls) <= 13


def test_an_answer_is_at_most_a_second_old_and_says_so(clock: Clock) -> None:
    status, headers, _ = ask()
    assert (status, headers["Cache-Control"]) == (200, "public, max-age=5")
    assert "Age" not in headers
    project(8, 2)
    clock.now += 0.5
    _, headers, body = ask()
    assert (headers["Age"], headers["Cache-Control"]) == ("1", "public, max-age=4")
    assert body["items"][0]["sellable"] == 9
    clock.now += 0.51
    assert sellable() == 8


def test_an_unknown_sku_is_asked_for_once_too(clock: Clock, calls: list[str]) -> None:
    ask("unknown")
    calls.clear()
    assert ask("unknown")[2]["items"][0]["status"] == "out_of_stock"
    assert not calls


def test_a_basket_reads_only_what_is_too_old(clock: Clock, calls: list[str]) -> None:
    project(5, sku="milk-2")
    ask()
    clock.now += 0.3
    calls.clear()
    _, headers, body = ask("milk-1,milk-2")
    assert [item["sellable"] for item in body["items"]] == [9, 5]
    assert (len(calls), headers["Age"]) == (1, "1")


def test_while_throttled_an_older_pack_is_answered_with_its_age(
    clock: Clock, calls: list[str], throttle: Callable[[bool], None]
) -> None:
    ask()
    throttle(True)
    calls.clear()
    for tenth in range(1, 51):
        clock.now = 1000 + tenth / 10
        status, headers, body = ask()
        assert status == 200
        assert body["items"][0]["sellable"] == 9
        age = int(headers["Age"])
        assert age - 1 < tenth / 10 <= age
        assert headers["Cache-Control"] == f"public, max-age={5 - age}"
    assert 3 <= len(calls) <= 40, "attempts become more frequent, and none is repeated"
    throttle(False)
    clock.now += 1.1
    assert "Age" not in ask()[1]


def test_without_a_young_pack_a_throttled_question_is_refused_with_a_time_to_retry(
    clock: Clock, throttle: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    throttle(True)
    monkeypatch.setattr("time.sleep", lambda _: None)
    clock.now += 5.01
    status, headers, problem = ask()
    assert (status, problem["code"], headers["Retry-After"]) == (503, "busy", "1")
    throttle(False)
    assert sellable() == 9


def test_the_table_is_read_without_the_memory_by_everyone_else(
    clock: Clock, throttle: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    monkeypatch.setattr("time.sleep", lambda _: None)
    project(8, 2)
    assert packs.columns(["milk-1"])["milk-1"].available == [8]
    throttle(True)
    with pytest.raises(Throttled):
        packs.packs(["milk-1"])
