"""Queues beside the tables, and a caller."""

from dataclasses import dataclass
from typing import Any

import boto3
import pytest


@dataclass(frozen=True)
class Queue:
    name: str
    url: str

    def messages(self) -> list[dict[str, Any]]:
        """All messages, which leave the queue."""
        found: list[dict[str, Any]] = []
        client: Any = boto3.client("sqs")
        while page := client.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            found += page
            for message in page:
                client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found


@pytest.fixture
def queues(fake_tables: None, environment: pytest.MonkeyPatch) -> dict[str, Queue]:
    client: Any = boto3.client("sqs")
    made = {}
    for name in ("feed_queue", "bulk_queue", "dead_letters"):
        url = client.create_queue(QueueName=name)["QueueUrl"]
        environment.setenv(f"NORAIN_{name.upper()}", url)
        made[name] = Queue(name, url)
    return made
