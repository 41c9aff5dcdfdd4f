"""AWS clients, made once per process on first use, with time-outs that suit an API.

They are boto3's clients, made by botocore directly as boto3 does: that saves a seventh of a cold
start.
"""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ConnectionError, HTTPClientError  # noqa: A004
from botocore.loaders import Loader
from botocore.validate import ParamValidationDecorator, ParamValidator

from shared.aws.parsing import InputSerializer, ParserFactory
from shared.errors import Busy, Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient

CONFIG = Config(
    connect_timeout=1,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=64,
    # A fixed text: botocore composes its own for each request.
    user_agent="norain",
)
DEPLOYED = Config(parameter_validation=False)
"""In a deployed function AWS alone checks the parameters; tests and tools check them first, so that
a wrong call fails with its name."""
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
"""The codes that botocore retries as throttling, and those of the parts of a transaction."""


ONE_ENDPOINT = frozenset({"dynamodb"})
"""Services where all calls of a client have one endpoint, that of the region: without the rules
for endpoints botocore finds it when it makes the client, and not with each call."""


class AskedServicesLoader(Loader):
    """Takes for granted that the services in ``asked`` exist. botocore looks through the folders of
    all 400 services to find out, which takes a third of the making of a client."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def list_available_services(self, type_name: str) -> list[str]:
        without = ONE_ENDPOINT if type_name == "endpoint-rule-set-1" else frozenset()
        return sorted(self.asked - without)


LOADER = AskedServicesLoader()


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.get_session()
    session.register_component("data_loader", LOADER)
    session.register_component("response_parser_factory", ParserFactory())
    return session


@cache
def client(service: str) -> Any:
    """The client of a service. Threads that ask for it first may each get one of their own;
    botocore makes one at a time."""
    # Presigned links of S3 use signature version 4; botocore's default is an older version.
    config = CONFIG.merge(Config(signature_version="s3v4")) if service == "s3" else CONFIG
    deployed = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
    if deployed:
        config = config.merge(DEPLOYED)
    with MAKING:
        LOADER.asked.add(service)
        made: Any = _session().create_client(service, config=config)
    if service == "dynamodb":
        # botocore lets a session choose the parser of answers, and not the writer of requests.
        inputs = InputSerializer()
        made._serializer = (
            inputs if deployed else ParamValidationDecorator(ParamValidator(), inputs)
        )
    made.meta.events.register("response-received", _refused_at_once)
    made.meta.events.register("after-call", _busy)
    made.meta.events.register("after-call-error", _silent)
    if deployed:
        # The modules and clients stay as long as the process does: the garbage collector need not
        # walk through them again and again, which was a tenth of the CPU of a request.
        gc.freeze()
    return made


_single_attempts: ContextVar[bool] = ContextVar("single_attempts", default=False)


@contextmanager
def single_attempts(wanted: bool = True) -> Iterator[None]:
    """Calls of the block are not repeated by botocore, whose retries would take seconds: for a
    caller that has something else to use. With ``wanted`` false nothing changes."""
    before = _single_attempts.set(wanted)
    try:
        yield
    finally:
        _single_attempts.reset(before)


def _refused_at_once(
    response_dict: Mapping[str, Any] | None,
    parsed_response: Mapping[str, Any] | None,
    exception: Exception | None,
    **_: Any,
) -> None:
    """Raises what ``_busy`` and ``_silent`` raise, before botocore decides about a retry."""
    if not _single_attempts.get():
        return
    if exception is not None:
        _silent(exception)
    elif response_dict is not None and parsed_response is not None:
        _check(response_dict["status_code"], parsed_response)


def _busy(http_response: Any, parsed: Mapping[str, Any], **_: Any) -> None:
    """Turns overload and failures of AWS into our errors, for every call of every client, after its
    retries. The call may be repeated.

    Raises Throttled, or Busy when AWS has failed and may or may not have executed the call.
    """
    _check(http_response.status_code, parsed)


def _check(status: int, parsed: Mapping[str, Any]) -> None:
    code = parsed.get("Error", {}).get("Code")
    if code in THROTTLED:
        raise Throttled(f"AWS throttles calls: {code}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Busy(f"AWS has failed: {code}")


def _silent(exception: Exception, **_: Any) -> None:
    """Turns a missing answer of AWS into Busy; AWS may or may not have executed the call.

    Raises Busy for everything that botocore calls a failed connection, time-outs included.
    """
    if isinstance(exception, HTTPClientError | ConnectionError):
        raise Busy(f"AWS does not answer: {type(exception).__name__}") from exception


def dynamodb() -> "DynamoDBClient":
    made: DynamoDBClient = client("dynamodb")
    return made


def sqs() -> "SQSClient":
    made: SQSClient = client("sqs")
    return made
