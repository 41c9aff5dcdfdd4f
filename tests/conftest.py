"""What every kind of test stands on: tables from the schema, on moto or on DynamoDB Local.

``fake_tables``   moto, single-threaded: for the tests of tables and functions.
``local_tables``  Amazon's DynamoDB Local, one process per run: for races, laws and request units.

Both leave the environment as a deployed function finds it, so that the code under test is the code
that runs in the cloud.
"""

import json
import uuid
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import is_hypothesis_test
from moto import mock_aws

from shared.aws import clients, secrets, settings
from tests.support import growth, permissions, profiles
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.quick_moto import FreshTables, quick_moto
from tests.support.tables import (
    ENVIRONMENT,
    Kept,
    TablesOnFirstUse,
    create_tables,
    name_tables,
)

fresh_tables = FreshTables(partial(create_tables, "fake"))
permissions.watch()
growth.watch()
profiles.load()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has the cloud and synthesises the stacks, when several share the tests. Tests of
    properties get their mark, by which `make laws` selects them."""
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.property)
        if {"e2e", "infra"} & set(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.xdist_group("cloud"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """No handler does on a table what tests/support/permissions.json does not list. In a race
    nobody can tell which handler does it. And nobody writes an item whose kind growth.toml does not
    list."""
    permissions.recording = {"functions", "tables"} & set(item.path.parts) != set()
    growth.watching = permissions.recording
    yield
    kinds = growth.unlisted()
    assert not kinds, f"state its largest size and rate in {growth.FILE.name}: {kinds}"
    unlisted = permissions.unlisted()
    assert not unlisted, f"not in {permissions.USES.name}: run `make permissions`: {unlisted}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A function's environment without an account; cached clients and settings are forgotten."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    _forget()
    yield monkeypatch
    _forget()


def _forget() -> None:
    clients.client.cache_clear()
    settings.setting.cache_clear()
    secrets.secret.cache_clear()


@cache
def _boto3_session() -> boto3.Session:
    """One for all tests: a new one reads botocore's models of the services again."""
    return boto3.Session()


@pytest.fixture
def fake_tables(environment: pytest.MonkeyPatch) -> Iterator[None]:
    with quick_moto(), mock_aws():
        environment.setattr(boto3, "DEFAULT_SESSION", _boto3_session())
        name_tables(environment, prefix="fake")
        fresh_tables.restore()
        yield


@pytest.fixture
def failed_records(fake_tables: None, environment: pytest.MonkeyPatch) -> Kept:
    """The bucket of what workers of streams put away; what lies there."""
    s3 = clients.client("s3")
    where = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="failed-records", CreateBucketConfiguration=where)
    environment.setenv("NORAIN_FAILED_RECORDS", "failed-records")

    def kept() -> list[dict[str, Any]]:
        return [
            json.loads(s3.get_object(Bucket="failed-records", Key=found["Key"])["Body"].read())
            for found in s3.list_objects_v2(Bucket="failed-records").get("Contents", [])
        ]

    return kept


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[DynamoDbLocal]:
    with DynamoDbLocal() as running:
        yield running


@pytest.fixture
def local_tables(environment: pytest.MonkeyPatch, dynamodb_local: DynamoDbLocal) -> Iterator[None]:
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_local.url)
    # Requests for one item wait for one another there, longer than an API could.
    environment.setattr(clients, "CONFIG", clients.CONFIG.merge(Config(read_timeout=30)))
    prefix = uuid.uuid4().hex[:8]
    name_tables(environment, prefix)
    made = TablesOnFirstUse(_boto3_session(), dynamodb_local.url, prefix)
    events = clients._session().get_component("event_emitter")
    events.register("provide-client-params.dynamodb.*", made.asked, "tables on first use")
    clients.client.cache_clear()
    yield
    events.unregister("provide-client-params.dynamodb.*", made.asked, "tables on first use")
