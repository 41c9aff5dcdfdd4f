"""boto3 clients, made once per process on first use, with time-outs an API can live with."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient

CONFIG = Config(
    connect_timeout=1,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=64,
)


@cache
def client(service: str) -> Any:
    return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]


def dynamodb() -> "DynamoDBClient":
    found: DynamoDBClient = client("dynamodb")
    return found


def sqs() -> "SQSClient":
    found: SQSClient = client("sqs")
    return found
