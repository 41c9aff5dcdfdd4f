"""The environment of a deployed function, and the tables of the schema."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.aws import clients
from shared.schema import TABLES, definition
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
