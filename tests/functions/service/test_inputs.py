"""Every input to every route of the API document gets an answer that is documented, never 500."""

import base64
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest

from infra import openapi, problems
from shared.aws import clients
from shared.aws.clients import dynamodb
from shared.orders.model.waves import Wave
from shared.orders.store import waves
from shared.schema import TABLES
from shared.web.auth import SCOPES
from shared.web.cursor import cursor_of
from tests.support import shop
from tests.support.events import EVENTS, event
from tests.support.profiles import profile
from tests.support.quick_moto import FreshTables

Event = dict[str, Any]

HANDLERS = {"availability": ("availability.api", "availability.query")}
AREAS = [area for area in openapi.AREAS if area != "service"]  # its routes take nothing
KEYS = {"pk", "sk"} | {
    key for table in TABLES for index in table.indexes for key in (index.pk, index.sk)
}
KEY_BYTES = {"pk": 2048}
"""The most that Amazon's DynamoDB takes, 1,024 of others; moto takes any, in most calls."""
CURSORS = (
    "",
    "\n",
    "\n\n",
    "x",
    "x" * 3000,
    "#",
    "é" * 600,
    "\x00",
    "9" * 5000,
    "²",
    "a\nb",
    "a\nb\nc",
    "a\nb\nc\nd",
    "offered\n\nxx.1",
    "offered\n2026\nxx",
    "offered\na\n#b",
    "offered\n2026-11-20T18:00:00.000Z\n" + "x" * 3000 + ".1",
    "offered\n" + "k" * 3000 + "\nx.1",
    "profile\n" + "k" * 3000 + "\nx",
    "profile\n\n",
    "profile\n2026-11-20T18:00:00.000Z\nx",
    "nan x",
    "1e999 x",
    "1.0 ",
    "AT#",
    "AT#" + "9" * 3000,
    "AT#2026-11-20T18:00:00.000Z#x",
    "2026-11-20T18:00:00.000Z x",
    " ",
)
REACH = ("channel:all", "location:all", "source:all:trusted")
TEXTS = (
    "",
    " ",
    ",",
    ".",
    "x" * 60,
    "x" * 64,
    "x" * 1100,
    "x" * 2100,
    "é",
    "a b",
    "²",
    "%00",
    "-1",
    "1" * 39,
    "9" * 5000,
    "1e400",
    "nan",
    "inf",
    "null",
    "[]",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)
UNREADABLE = ("", "{", "null", "[]", "9" * 5000, "[" * 100_000, '{"lines": ' * 900 + "}" * 900)
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**39 + 1,
    1e-300,
    1e300,
    "",
    "\x00",
    "\ud800",
    "x" * 3000,
    "é" * 200,
    "\U0001f600" * 200,
    [],
    {},
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
)


def some(values: Sequence[Any], turn: int) -> Sequence[Any]:
    """Every fourth of ``values``, others at each turn; all in the profile ``thorough``."""
    return values if profile() == "thorough" else values[turn % 4 :: 4]


def samples() -> Mapping[str, Event]:
    """The sample event of each route."""
    found = {}
    for path in sorted(EVENTS.glob("*/*.json")):
        made = json.loads(path.read_text())
        if "routeKey" in made:
            found[made["routeKey"]] = made
    return found


def keys_fit(params: Mapping[str, Any], **_: object) -> None:
    """Refuses, as DynamoDB does, a key that is empty or too long."""
    for name, value in _texts(params):
        assert value, f"{name} is empty"
        assert len(value.encode()) <= KEY_BYTES.get(name, 1024), f"{name} is too long"


def _texts(given: Any) -> Iterator[tuple[str, str]]:
    if isinstance(given, list):
        for one in given:
            yield from _texts(one)
    elif isinstance(given, Mapping):
        for name, value in given.items():
            if name in KEYS and "S" in value:
                yield name, value["S"]
            if name == "ExpressionAttributeValues" and "KeyConditionExpression" in given:
                yield from ((placed, at["S"]) for placed, at in value.items() if "S" in at)
            yield from _texts(value)


@pytest.fixture
def ids(fake_tables: None, environment: pytest.MonkeyPatch) -> dict[str, str]:
    """What is there, by the names that paths have for it."""
    made: Any = boto3.client("sqs")
    for name in ("feed_queue", "deliveries", "jobs_queue", "what_if_queue"):
        url = made.create_queue(QueueName=name)["QueueUrl"]
        environment.setenv(f"NORAIN_{name.upper()}", url)
    environment.setenv("NORAIN_PERSON_EXPORTS", "person-exports")
    environment.setenv("NORAIN_CARRIER", "easypost")
    environment.setenv("NORAIN_WEBHOOK_KEY", "a key for tests")
    environment.setenv("NORAIN_WEBHOOK_LOOPBACK", "no")
    filled.restore()
    clients.client.cache_clear()  # every route reads by itself what the process keeps for a while
    dynamodb().meta.events.register("provide-client-params.dynamodb.*", keys_fit)
    return dict(known)


known: dict[str, str] = {}


def _fill() -> None:
    """Something of each kind in the tables; its ids are ``known``."""
    shop.stocked({"A": {"denver": 50, "boulder": 20, "depot": 90}, "B": {"denver": 9, "omaha": 4}})
    shop.stocked({"TENT-2P": {"store-12": 9}, "STOVE-1": {"store-12": 9}})
    order = answered("orders", "place_order")
    known.update(
        sku="A",
        location_id="denver",
        version="0",
        country="US",
        postal_code="80301",
        review_id="none",
        job_id="none",
        order_id=order["order_id"],
        fulfillment_id=order["fulfillments"][0]["fulfillment_id"],
        pause_id="none",
        return_id=order["order_id"] + ".R1",
        transfer_id=answered("orders", "request_transfer")["transfer_id"],
        card_id=answered("cards", "issue")["card_id"],
        hold_id=answered("stock", "open_hold")["hold_id"],
        profile_id=answered("customers", "resolve")["profile_id"],
        webhook_id="none",
        provider="easypost",
        what_if_id=_what_if(),
        wave_id=_wave(order["fulfillments"][0]["fulfillment_id"]),
        promotion_id="dairy-10",
        code="TEN",
    )


filled = FreshTables(_fill)


def _wave(fulfillment_id: str) -> str:
    """The id of one that got the fulfillment, which has been taken back since."""
    wave = Wave("w1", "denver", None, datetime.now(UTC), (fulfillment_id,), 1, "digest")
    waves.finish(waves.add(wave), wave.candidates, "{}")
    return wave.wave_id


def _what_if() -> str:
    """The id of one that has ended."""
    answered("routing", "put_draft")
    started = answered("orders", "start_what_if")
    context: Any = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
    record = {"messageId": "1", "body": json.dumps({"walk": "what-if", "round": 1})}
    worked = handler("routing.run_what_if")({"Records": [record]}, context)
    assert worked == {"batchItemFailures": []}
    name: str = started["what_if_id"]
    return name


def answered(area: str, name: str) -> dict[str, Any]:
    """What the sample event is answered."""
    answer = handler(f"{area}.api")(_allowed(event(f"{area}/{name}")), None)
    assert int(answer["statusCode"]) < 300, answer
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def handler(name: str) -> Any:
    return importlib.import_module(f"functions.{name}").handler


def requests(area: str, ids: Mapping[str, str]) -> Iterator[tuple[str, Event]]:
    """What is sent to the routes of ``area``, each with what is odd about it."""
    known, count = samples(), 0
    for path, operations in openapi.document()["paths"].items():
        for method, operation in operations.items():
            if operation.get("x-function", operation["tags"][0]).partition(".")[0] != area:
                continue
            route = f"{method.upper()} {path}"
            sample = _at(_allowed(known[route]), path, ids)
            turn = count
            for odd, made in (
                *_parameters(sample, path, operation, ids, turn),
                *_bodies(sample, turn),
            ):
                count += 1
                made["headers"]["idempotency-key"] = made["headers"].get(
                    "idempotency-key", f"request-{count}"
                )
                yield f"{route} {odd}", made


def _allowed(sample: Event) -> Event:
    made = deepcopy(sample)
    claims = made["requestContext"]["authorizer"]["jwt"]["claims"]
    claims["scope"] = " ".join(f"norain/{scope}" for scope in (*SCOPES, *REACH))
    return made


def _at(sample: Event, path: str, ids: Mapping[str, str]) -> Event:
    made = deepcopy(sample)
    made["rawPath"] = made["requestContext"]["http"]["path"] = path.format(**ids)
    return made


def _asked(sample: Event, query: Mapping[str, str]) -> Event:
    made = deepcopy(sample)
    made["queryStringParameters"] = {**made.get("queryStringParameters", {}), **query}
    made["rawQueryString"] = urlencode(made["queryStringParameters"])
    return made


def _parameters(
    sample: Event, path: str, operation: Mapping[str, Any], ids: Mapping[str, str], turn: int
) -> Iterator[tuple[str, Event]]:
    for number, parameter in enumerate(operation.get("parameters", ()), start=turn):
        name, place = parameter["name"], parameter["in"]
        cursors = map(cursor_of, CURSORS) if name == "cursor" else ()
        for value in (*some(TEXTS, number), *cursors):
            if place == "query":
                made = _asked(sample, {name: value})
            elif place == "path":
                made = _at(sample, path, {**ids, name: value})
            else:
                made = deepcopy(sample)
                made["headers"][name.lower()] = value
            yield f"{place}.{name} {value[:60]!r}", made


def _bodies(sample: Event, turn: int) -> Iterator[tuple[str, Event]]:
    if "body" not in sample:
        return
    for text in UNREADABLE:
        yield f"body {text[:20]!r}", {**deepcopy(sample), "body": text}
    no_text = base64.b64encode(b"\xff").decode()
    yield "no text", {**deepcopy(sample), "body": no_text, "isBase64Encoded": True}
    body = json.loads(sample["body"])
    for number, place in enumerate(_places(body), start=turn):
        for value in some(VALUES, number):
            text = json.dumps(_with(body, place, value))
            yield f"{place} {str(value)[:60]!r}", {**deepcopy(sample), "body": text}
    yield "as it is", deepcopy(sample)


def _places(body: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a value stands: the names and numbers that lead to it."""
    rows = body.items() if isinstance(body, dict) else enumerate(body)
    for name, value in rows:
        yield (*at, name)
        if isinstance(value, dict | list):
            yield from _places(value, (*at, name))


def _with(body: Any, place: tuple[str | int, ...], value: Any) -> Any:
    made = deepcopy(body)
    there = made
    for step in place[:-1]:
        there = there[step]
    there[place[-1]] = value
    return made


@pytest.mark.property
@pytest.mark.parametrize("area", AREAS)
def test_no_input_is_a_fault_of_ours_and_every_problem_is_documented(
    area: str, ids: dict[str, str]
) -> None:
    documented = problems.by_route(openapi.document()["paths"])
    faults, undocumented = [], set()
    for odd, made in requests(area, ids):
        for name in HANDLERS.get(area, (f"{area}.api",)):
            answer = handler(name)(made, None)
            status = int(answer["statusCode"])
            if status >= 500:
                faults.append(f"{name}: {odd}")
            elif status >= 400:
                code = json.loads(answer["body"])["code"]
                if code not in documented[made["routeKey"]]:
                    undocumented.add((made["routeKey"], code))
    assert faults == []
    # A path parameter with a slash or nothing in it is another route, or none.
    assert {(route, code) for route, code in undocumented if code != "not_found"} == set()


def test_an_idempotency_key_is_documented_where_it_is_required(ids: dict[str, str]) -> None:
    required, paths = set(), openapi.document()["paths"]
    for route, sample in samples().items():
        method, _, path = route.partition(" ")
        operation = paths[path][method.lower()]
        made = _at(_allowed(sample), path, ids)
        made["headers"].pop("idempotency-key", None)
        area = operation.get("x-function", operation["tags"][0])
        if "." in area:
            continue
        answer = handler(f"{area}.api")(made, None)
        refused = int(answer["statusCode"]) >= 400
        if refused and json.loads(answer["body"])["code"] == "idempotency_key_missing":
            required.add(operation["operationId"])
    assert required == problems.IDEMPOTENT


@pytest.mark.parametrize("text", [text for text in UNREADABLE if text not in {"", "null", "[]"}])
def test_a_body_that_is_no_json_is_refused_as_such(text: str, fake_tables: None) -> None:
    made = {**_allowed(event("orders/cancel_order")), "body": text}
    answer = handler("orders.api")(made, None)
    problem = json.loads(answer["body"])
    assert (int(answer["statusCode"]), problem["code"]) == (400, "malformed_request")
    assert problem["errors"]
