"""A throttled call is Busy, whichever it is, and 503 with Retry-After to whoever has asked."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from functions.availability import query as availability
from functions.stock import api as stock
from shared.aws import clients, dynamodb, s3, sqs
from shared.aws.dynamodb import Key
from shared.errors import Busy
from tests.support.events import event
from tests.support.stock_requests import call

PUT: Any = {"TableName": "t", "Item": dynamodb.key("a", "b")}
CODES = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
)
CALLS: dict[str, Callable[[], Any]] = {
    "get": lambda: dynamodb.get("t", "a", "b"),
    "get_many": lambda: dynamodb.get_many([Key("t", "a", "b")]),
    "query": lambda: list(dynamodb.query("t", "pk = :pk", {":pk": {"S": "a"}})),
    "query_page": lambda: dynamodb.query_page("t", "pk = :pk", {":pk": {"S": "a"}}, 5),
    "scan_page": lambda: dynamodb.scan_page("t", 5),
    "write": lambda: dynamodb.write("put_item", **PUT),
    "transact": lambda: dynamodb.transact([{"Put": PUT}]),
    "put_many": lambda: dynamodb.put_many("t", [PUT["Item"]]),
    "add": lambda: dynamodb.add("t", "a", "b", 1),
    "a put past dynamodb.py": lambda: clients.dynamodb().put_item(**PUT),
    "the queue": lambda: sqs.send("https://sqs.eu-central-1.amazonaws.com/1/q", "body"),
    "the bucket": lambda: s3.put("bucket", "key", b""),
}


@pytest.fixture
def answer(environment: pytest.MonkeyPatch, fake_tables: None) -> Iterator[Callable[..., None]]:
    """What AWS answers to everything from now on."""
    once = Config(retries={"mode": "standard", "total_max_attempts": 1})
    environment.setattr(clients, "CONFIG", clients.CONFIG.merge(once))
    environment.setattr("time.sleep", lambda _: None)
    clients.client.cache_clear()

    def say(status: int, **body: Any) -> None:
        def response(request: Any, **_: Any) -> AWSResponse:
            text = json.dumps(body).encode()
            if "s3" in request.url:
                code = body["__type"].rpartition("#")[2]
                text = f"<Error><Code>{code}</Code></Error>".encode()
            return AWSResponse(request.url, status, HTTPHeaders(), Raw(text))

        for service in ("dynamodb", "sqs", "s3"):
            clients.client(service).meta.events.register_first("before-send", response)

    yield say
    clients.client.cache_clear()


class Raw:
    def __init__(self, text: bytes) -> None:
        self._text = text

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._text


def throttled(say: Callable[..., None], code: str) -> None:
    status = 500 if code == "InternalServerError" else 400
    say(status, __type=f"com.amazonaws.dynamodb.v20120810#{code}", message="slow down")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", CALLS)
def test_a_throttled_call_is_busy(answer: Callable[..., None], kind: str, code: str) -> None:
    throttled(answer, code)
    with pytest.raises(Busy):
        CALLS[kind]()


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("failure", [ReadTimeoutError, ConnectTimeoutError, ConnectionClosedError])
def test_a_call_that_is_not_answered_is_busy(
    answer: Callable[..., None], kind: str, failure: Any
) -> None:
    def silent(**_: Any) -> None:
        raise failure(endpoint_url="https://dynamodb.example.com")

    for service in ("dynamodb", "sqs", "s3"):
        clients.client(service).meta.events.register_first("before-send", silent)
    with pytest.raises(Busy):
        CALLS[kind]()


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_cancelled_by_throttling_is_busy(
    answer: Callable[..., None], reason: str
) -> None:
    answer(
        400,
        __type="com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        CancellationReasons=[{"Code": "None"}, {"Code": reason}],
    )
    with pytest.raises(Busy):
        dynamodb.transact([{"Put": PUT}, {"Put": PUT}])


def test_a_damaged_request_is_not_busy(answer: Callable[..., None]) -> None:
    answer(400, __type="com.amazonaws.dynamodb.v20120810#ValidationException", message="no")
    with pytest.raises(Exception, match="ValidationException"):
        dynamodb.get("t", "a", "b")


@pytest.mark.parametrize("route", ["list_positions", "get_position", "open_hold", "put_rules"])
def test_whoever_is_throttled_is_told_when_to_come_again(
    answer: Callable[..., None], route: str
) -> None:
    throttled(answer, "ThrottlingException")
    status, problem = call(route)
    assert (status, problem["code"]) == (503, "busy")


def test_the_header_says_when(answer: Callable[..., None]) -> None:
    throttled(answer, "ThrottlingException")
    told = availability.handler(event("availability/get_availability"), None)
    assert (told["statusCode"], told["headers"]["Retry-After"]) == (503, "1")
    told = stock.handler(event("stock/get_position"), None)
    headers = told.get("headers", {}) | {
        name: values[0] for name, values in told.get("multiValueHeaders", {}).items()
    }
    assert (told["statusCode"], headers["Retry-After"]) == (503, "1")
    assert headers["Content-Type"] == "application/problem+json"
