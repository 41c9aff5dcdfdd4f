"""The environment of a deployed function, and the tables of the schema."""

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any

import boto3
import pytest

from shared.aws import clients
from shared.schema import STOCK, TABLES, Table, definition
from tests.support.notes import establish_notes

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "NORAIN_STAGE": "test",
    "NORAIN_IDENTITY_KEY": "a key for tests",
    "NORAIN_QUOTE_KEY": "a key for tests",
    "NORAIN_CARD_KEY": "a key for tests",
    "NORAIN_CARRIER": "local",
    "NORAIN_CARRIER_KEYS": '{"api_key": "", "webhook_secret": "a secret for tests"}',
    "NORAIN_LABELS": "labels",
    "NORAIN_CUSTOMER_FEED_SOURCES": "all:trusted",
    "NORAIN_USER_POOL_ID": "eu-central-1_tests",
}


Kept = Callable[[], list[dict[str, Any]]]


def make_tables(environment: pytest.MonkeyPatch, prefix: str) -> None:
    """The tables of a new installation that has answered its first look-up of noted counts."""
    name_tables(environment, prefix)
    create_tables(prefix)


def name_tables(environment: pytest.MonkeyPatch, prefix: str) -> None:
    for table in TABLES:
        environment.setenv(f"NORAIN_TABLE_{table.name.upper()}", f"{prefix}-{table.name}")


def create_tables(prefix: str) -> None:
    client: Any = clients.dynamodb()
    for table in TABLES:
        client.create_table(TableName=f"{prefix}-{table.name}", **definition(table))
    establish_notes()


class TablesOnFirstUse:
    """The tables of a new installation at ``url``, each made when a client first names it: most
    tests use three of them, and to make all takes DynamoDB Local longer than many a test.

    The stock table is there at once, with its noted counts.
    """

    def __init__(self, session: boto3.Session, url: str, prefix: str) -> None:
        self._client: Any = session.client("dynamodb", endpoint_url=url)
        self._missing = {f"{prefix}-{table.name}": table for table in TABLES if table != STOCK}
        self._making = Lock()
        self._create(f"{prefix}-{STOCK.name}", STOCK)
        establish_notes()

    def asked(self, params: Mapping[str, Any], **_: Any) -> None:
        """Of each call, before it is made."""
        if self._missing:
            for name in _named(params):
                if name in self._missing:
                    self._make(name)

    def _make(self, name: str) -> None:
        with self._making:
            if table := self._missing.get(name):
                self._create(name, table)
                del self._missing[name]

    def _create(self, name: str, table: Table) -> None:
        self._client.create_table(TableName=name, **definition(table))


def _named(params: Mapping[str, Any]) -> Iterator[str]:
    """The tables of a call; statements name theirs in their text."""
    yield params.get("TableName", "")
    yield from params.get("RequestItems", ())
    for part in params.get("TransactItems", ()):
        yield from (one["TableName"] for one in part.values())
    for one in params.get("Statements", ()):
        yield from one["Statement"].split('"')[1:2]
