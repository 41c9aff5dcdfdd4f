"""Whole handlers beside the calls that they make: CPU, calls and request units of each operation.

After each run of a handler, its calls are made again by plain boto3, on tables of the same content,
so that every condition holds there too. What the handler costs more is our own code.
"""

import contextlib
import io
import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from functions.availability import query
from functions.customers import api as customers
from functions.orders import api as orders
from functions.stock import api as stock
from shared.availability.store import recent
from shared.aws.clients import dynamodb
from shared.schema import TABLES
from tests.bench.operations.deployed import deployed, forget
from tests.bench.report import Row, Table, Tell
from tests.bench.stock import feed
from tests.support import shop
from tests.support.places import hours, place
from tests.support.requests import request
from tests.support.tables import make_tables
from tests.support.units import Units, metered

HANDLER, BARE = "handler", "bare"
LOCATIONS = 20
SKUS = tuple(f"S{number:02}" for number in range(5))
FEED_ROWS = 100
WARM_RUNS = 5

Calls = list[tuple[str, dict[str, Any]]]
"""The operations of boto3's client, with their parameters."""


@dataclass(frozen=True, slots=True)
class Operation:
    """``prepare`` makes the event of one operation of ``rows`` rows, by its number, and returns
    what handles it. ``goal`` is the largest ratio of its CPU to that of its bare calls; None where
    there is none. ``bare`` makes the bare calls of the calls of the handler, where they are not
    the same ones."""

    name: str
    prepare: Callable[[int], Callable[[], object]]
    goal: float | None = None
    rows: int = 1
    bare: Callable[[Calls], Calls] = lambda calls: calls


def tables(quick: bool, tell: Tell) -> Iterator[Table]:
    logging.disable(logging.WARNING)
    runs = 20 if quick else 200
    try:
        with deployed() as patch, contextlib.redirect_stdout(io.StringIO()):
            client: Any = boto3.client("dynamodb")
            for prefix in (BARE, HANDLER):  # the handler finds the last ones
                make_tables(patch, prefix)
                forget()
                tell(f"a shop, {prefix}")
                _fill()
            rows = [
                _measured(operation, client, WARM_RUNS + runs, tell) for operation in OPERATIONS
            ]
    finally:
        logging.disable(logging.NOTSET)
    yield Table(
        "Whole handlers beside their calls by plain boto3",
        rows,
        notes=[
            f"CPU ms: median of {runs} runs, in turns, one process, DynamoDB Local. ratio: handler",
            "to bare. A feed row is one of a message of 100; its bare calls are one GetItem and",
            "one UpdateItem for each row. RU, WU: indexes included. Locations and policy in",
            "memory; packs are read each time (availability.hot is about their memory).",
        ],
    )


def _fill() -> None:
    shop.PLACES.update(
        {
            f"store-{number:02}": place(
                f"store-{number:02}",
                latitude=39.0 + number / 10,
                longitude=-105.0 + number / 7,
                hours=hours(every="09:00-21:00"),
            )
            for number in range(LOCATIONS - 4)
        }
    )
    shop.stocked({sku: dict.fromkeys(shop.PLACES, 100_000) for sku in SKUS})


def _measured(operation: Operation, client: Any, runs: int, tell: Tell) -> Row:
    tell(operation.name)
    own, bare = [], []
    units = Units()
    for number in range(runs):
        if number == WARM_RUNS:
            with metered() as units:
                calls, _ = _timed(operation.prepare(number))
        else:
            calls, spent = _timed(operation.prepare(number))
            own.append(spent)
        plain = [(name, _beside(arguments)) for name, arguments in operation.bare(calls)]
        began = time.process_time()
        for name, arguments in plain:
            getattr(client, name)(**arguments)
        bare.append(time.process_time() - began)
    mine = 1000 * statistics.median(own[WARM_RUNS:]) / operation.rows
    least = 1000 * statistics.median(bare[WARM_RUNS:]) / operation.rows
    return {
        "operation": operation.name,
        "calls": len(calls) / operation.rows,
        "RU": units.read / operation.rows,
        "WU": units.write / operation.rows,
        "CPU ms": mine,
        "bare": least,
        "ratio": mine / least,
        "goal": operation.goal,
    }


def _timed(run: Callable[[], object]) -> tuple[Calls, float]:
    with _recorded() as calls:
        recent.clear()
        began = time.process_time()
        run()
        spent = time.process_time() - began
    return calls, spent


@contextmanager
def _recorded() -> Iterator[Calls]:
    """The calls of the block, with the parameters that the caller gave."""
    calls: Calls = []
    events: Any = dynamodb().meta.events
    names = {
        operation: method for method, operation in dynamodb().meta.method_to_api_mapping.items()
    }

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append((names[model.name], dict(params)))

    events.register_first("provide-client-params.dynamodb", note)
    try:
        yield calls
    finally:
        events.unregister("provide-client-params.dynamodb", note)


NAMES = {f"{HANDLER}-{entry.name}": f"{BARE}-{entry.name}" for entry in TABLES}


def _beside(value: Any) -> Any:
    """The parameters for the tables of the bare calls."""
    if isinstance(value, dict):
        return {NAMES.get(name, name): _beside(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_beside(entry) for entry in value]
    if isinstance(value, str):
        for own, bare in NAMES.items():
            value = value.replace(own, bare) if value == own or f'"{own}"' in value else value
    return value


# Operations


def _answered(statuses: tuple[int, ...], answer: dict[str, Any]) -> None:
    if answer["statusCode"] not in statuses:
        raise RuntimeError(f"{answer['statusCode']}: {answer.get('body')}")


def _ask(skus: int) -> Callable[[int], Callable[[], None]]:
    asked = request(
        "availability/get_availability", query={"sku": ",".join(SKUS[:skus]), "channel": "web"}
    )
    return lambda _: lambda: _answered((200,), query.handler(asked, None))


def _reserve(number: int) -> Callable[[], None]:
    lines = [{"sku": "S00", "location_id": "denver", "quantity": 1}]
    key = {"idempotency-key": f"hold-{number}"}
    made = request("stock/open_hold", body={"lines": lines}, headers=key)
    return lambda: _answered((201,), stock.handler(made, None))


def _order(number: int) -> Callable[[], None]:
    (line, _) = json.loads(request("orders/place_order")["body"])["lines"]
    lines = [{**line, "sku": "S00", "quantity": 1}]
    key = {"idempotency-key": f"order-{number}"}
    made = request("orders/place_order", body={"lines": lines}, headers=key)
    return lambda: _answered((201,), orders.handler(made, None))


def _feed(number: int) -> Callable[[], object]:
    rows = [feed.count(row, 10 + number % 7, number) for row in range(FEED_ROWS)]
    return lambda: feed.feed(rows)


def _one_by_one(_: Calls) -> Calls:
    """For each row of the feed the two calls that a worker makes that handles one at a time."""
    table = f"{HANDLER}-stock"
    calls: Calls = []
    for row in range(FEED_ROWS):
        sku, location_id = feed.place(row)
        key = {"pk": {"S": f"SKU#{sku}"}, "sk": {"S": f"LOC#{location_id}"}}
        calls.append(("get_item", {"TableName": table, "Key": key, "ConsistentRead": True}))
        update = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": "SET on_hand = :units, available = :units ADD version :one",
            "ConditionExpression": "attribute_not_exists(version) OR version >= :one",
            "ExpressionAttributeValues": {":units": {"N": "10"}, ":one": {"N": "1"}},
        }
        calls.append(("update_item", update))
    return calls


def _resolve(number: int) -> Callable[[], None]:
    stated = {"source": "web", "source_id": f"account-{number}"}
    key = {"idempotency-key": f"person-{number}"}
    made = request("customers/resolve", body=stated, headers=key)
    return lambda: _answered((200, 201), customers.handler(made, None))


OPERATIONS = (
    Operation("availability, 1 SKU x 20 locations", _ask(1), 1.15),
    Operation("availability, a basket of 5", _ask(5), 1.15),
    Operation("reserve 1 line", _reserve, 1.2),
    Operation("order of 1 line over 20 locations", _order, 1.5),
    Operation("feed row, changed", _feed, 0.3, FEED_ROWS, _one_by_one),
    Operation("resolve a known customer", _resolve),
)
