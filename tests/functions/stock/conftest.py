"""Queues beside the tables, and a caller."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from functions.stock.api import handler
from tests.conftest import event


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
    for name in ("feed_queue", "dead_letters"):
        url = client.create_queue(QueueName=name)["QueueUrl"]
        environment.setenv(f"NORAIN_{name.upper()}", url)
        made[name] = Queue(name, url)
    return made


class Context:
    """As much of Lambda's context as the workers read."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def call(
    name: str,
    *,
    body: Any = None,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    key: str | None = None,
    scope: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """Status and body of the answer to ``events/stock/<name>.json``, changed as it is said."""
    request = event(f"stock/{name}")
    request["headers"].update(headers or {})
    if body is not None:
        request["body"] = body if isinstance(body, str) else json.dumps(body)
    for parameter, value in (path or {}).items():
        old = request["pathParameters"][parameter]
        request["rawPath"] = request["rawPath"].replace(old, value)
        request["requestContext"]["http"]["path"] = request["rawPath"]
        request["pathParameters"][parameter] = value
    if query is not None:
        request["queryStringParameters"] = query
        request["rawQueryString"] = "&".join(f"{name}={value}" for name, value in query.items())
    if key is not None:
        request["headers"]["idempotency-key"] = key
    if scope is not None:
        request["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = scope
    answer = handler(request, None)
    text = answer.get("body")
    return answer["statusCode"], json.loads(text) if text else None
