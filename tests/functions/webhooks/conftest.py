"""The settings of the webhook functions, their queues, and a receiver."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.functions.webhooks.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def queues(fake_tables: None, environment: pytest.MonkeyPatch) -> dict[str, str]:
    made: Any = boto3.client("sqs")
    urls = {
        name: made.create_queue(QueueName=name)["QueueUrl"]
        for name in ("deliveries", "dead-letters")
    }
    environment.setenv("NORAIN_DELIVERIES", urls["deliveries"])
    environment.setenv("NORAIN_DEAD_LETTERS", urls["dead-letters"])
    environment.setenv("NORAIN_WEBHOOK_KEY", "a key for tests")
    environment.setenv("NORAIN_WEBHOOK_LOOPBACK", "yes")
    return urls


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
