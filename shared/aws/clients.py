"""AWS clients, made once per process on first use, with time-outs an API can live with.

They are those of boto3, made by botocore as boto3 does itself: a seventh of a cold start less.
"""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ConnectionError, HTTPClientError  # noqa: A004

from shared.errors import Busy, Throttled

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
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)
"""The codes that botocore tries again as throttled, and those of a transaction's parts."""


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """Threads that ask for it first may each get one of their own; botocore makes one at a time."""
    # Links that S3 is asked with are signed as everything else is; botocore's own are of old.
    config = CONFIG.merge(Config(signature_version="s3v4")) if service == "s3" else CONFIG
    with MAKING:
        made = _session().create_client(service, config=config)
    made.meta.events.register("after-call", _busy)
    made.meta.events.register("after-call-error", _silent)
    return made


def _busy(http_response: Any, parsed: Mapping[str, Any], **_: Any) -> None:
    """The one place that knows when AWS has too much to do: behind every call of every client, when
    its retries are over. What was asked may be asked again.

    Raises Throttled, or Busy when AWS has failed and nobody knows whether it did what was asked.
    """
    code = parsed.get("Error", {}).get("Code")
    if code in THROTTLED:
        raise Throttled(f"AWS takes no more calls for now: {code}")
    if http_response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Busy(f"AWS has failed: {code}")


def _silent(exception: Exception, **_: Any) -> None:
    """AWS does not answer, and nobody knows whether it did what was asked.

    Raises Busy for whatever botocore calls a failed connection, time-outs included.
    """
    if isinstance(exception, HTTPClientError | ConnectionError):
        raise Busy(f"AWS does not answer: {type(exception).__name__}") from exception


def dynamodb() -> "DynamoDBClient":
    found: DynamoDBClient = client("dynamodb")
    return found


def sqs() -> "SQSClient":
    found: SQSClient = client("sqs")
    return found
