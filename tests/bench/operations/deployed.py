"""The environment of a deployed function, with DynamoDB Local as its database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.aws import clients, settings
from tests.support.dynamodb_local import DynamoDbLocal
from tests.support.tables import ENVIRONMENT


@contextmanager
def deployed() -> Iterator[pytest.MonkeyPatch]:
    """Without tables: tests.support.tables.make_tables makes them."""
    with DynamoDbLocal() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("AWS_LAMBDA_FUNCTION_NAME", "bench")
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.url)
        forget()
        yield patch
    forget()


def forget() -> None:
    """Makes the process read its settings, and all that it has cached from tables, again."""
    clients.client.cache_clear()
    settings.setting.cache_clear()
