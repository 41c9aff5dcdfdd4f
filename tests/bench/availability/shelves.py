"""A retailer's shelves on DynamoDB Local, and the requests of a channel."""

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3

from shared.availability.model.pack import Pack, PackRow
from shared.availability.model.sales import Prior, Sales
from shared.availability.store import packs
from shared.aws import clients, settings
from shared.aws.clients import dynamodb
from shared.locations import store as locations
from shared.schema import TABLES, definition
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.events import event
from tests.support.places import hours, place

AT = datetime(2026, 11, 21, tzinfo=UTC)
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "NORAIN_STAGE": "bench",
    **{f"NORAIN_TABLE_{entry.name.upper()}": f"bench-{entry.name}" for entry in TABLES},
}


@contextmanager
def empty_tables() -> Iterator[str]:
    """Empty tables, found by whoever runs in this process; the endpoint."""
    before = dict(os.environ)
    with DynamoDbLocal() as running:
        os.environ.update(ENVIRONMENT, AWS_ENDPOINT_URL_DYNAMODB=running.url)
        forget()
        try:
            patient: Any = boto3.client("dynamodb")
            for entry in TABLES:
                made: Any = definition(entry)
                patient.create_table(TableName=f"bench-{entry.name}", **made)
            yield running.url
        finally:
            os.environ.clear()
            os.environ.update(before)
            forget()


def forget() -> None:
    clients.client.cache_clear()
    settings.setting.cache_clear()


def open_stores(count: int) -> None:
    for number in range(count):
        locations.put(
            place(
                f"store-{number:04}",
                latitude=25 + number % 50 / 2,
                longitude=-120 + number // 50,
                hours=hours(every="09:00-21:00"),
                groups=frozenset({f"group-{number % 10}"}),
            )
        )


def stock(sku: str, stores: int, extra: int = 0, *, sold: bool = False) -> None:
    """Units by chance in each of the stores, versions as after months of changes, some reserved,
    some supply expected; with ``sold`` every shelf has sold over the counter."""
    chance = random.Random(f"{sku} {extra}")
    now = int(AT.timestamp())
    rows = {
        f"store-{number:04}": PackRow(
            chance.randint(1, 40),
            chance.randint(1, 20_000),
            ((1_797_000_000 + number * 60, 12),) if number % 20 == 0 else (),
            Sales(chance.uniform(0, 20), chance.uniform(1, 40), now - chance.randint(1, 10**6))
            if sold
            else None,
            reserved=chance.randint(1, 3) if chance.random() < 0.3 else 0,
        )
        for number in range(stores)
    }
    prior = Prior(now - 10**7, now, stores * 10.0, stores * 20.0, stores, 30.0) if sold else None
    packs.replace_slices([], Pack(sku, rows, AT, prior=prior))


def question(**query: str) -> dict[str, Any]:
    """The gateway's event of GET /v1/availability."""
    made = event("availability/get_availability")
    made["queryStringParameters"] = {"channel": "web", **query}
    return made


@contextmanager
def counted() -> Iterator[list[Mapping[str, Any]]]:
    """What DynamoDB said that each call of the block has consumed, in order."""
    client: Any = dynamodb()
    used: list[Mapping[str, Any]] = []

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def note(parsed: Mapping[str, Any], **_: Any) -> None:
        told = parsed.get("ConsumedCapacity", [])
        units = told if isinstance(told, list) else [told]
        used.append({"units": sum(one["CapacityUnits"] for one in units)})

    client.meta.events.register("before-parameter-build.dynamodb", ask)
    client.meta.events.register("after-call.dynamodb", note)
    try:
        yield used
    finally:
        client.meta.events.unregister("before-parameter-build.dynamodb", ask)
        client.meta.events.unregister("after-call.dynamodb", note)
