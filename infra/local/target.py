"""Addresses, clients and tables of a deployment, as stored in local.json, and clients for them.

``channel`` makes an HTTP client that acts as one of the OAuth clients: it fetches a token, keeps it
until it expires, and gives each POST an Idempotency-Key.
"""

import json
import threading
import time
import uuid
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.config import Config

from infra.local.cloud import FOLDER, CloudFailed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient

NAME = "local.json"
TOKEN_MARGIN_SECONDS = 60
PATIENCE_SECONDS = 40
AWS_CONFIG = Config(proxies={}, retries={"mode": "standard"}, max_pool_connections=32)


@dataclass(frozen=True, slots=True)
class Client:
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """``api_url`` is for curl, which resolves *.localhost itself. Other clients send requests to
    ``endpoint_url`` with ``api_host`` in the Host header."""

    api_url: str
    api_host: str
    endpoint_url: str
    region: str
    stage: str
    stock_feed_queue_url: str
    stock_feed_dlq_url: str
    feed_bucket: str
    token_url: str
    user_pool_id: str
    clients: dict[str, Client]
    tables: dict[str, str]
    digest: str
    audit_function: str = ""
    loyalty_sweep_function: str = ""
    rebuild_function: str = ""
    index_orders_function: str = ""
    customer_feed_queue_url: str = ""
    customer_feed_dlq_url: str = ""
    export_function: str = ""
    stock_bulk_queue_url: str = ""
    stock_bulk_dlq_url: str = ""

    def save(self, folder: Path) -> None:
        path = folder / NAME
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def aws(self, service: str) -> Any:
        return aws(service, self.endpoint_url, self.region)

    @property
    def sqs(self) -> "SQSClient":
        client: SQSClient = self.aws("sqs")
        return client

    @property
    def dynamodb(self) -> "DynamoDBClient":
        client: DynamoDBClient = self.aws("dynamodb")
        return client

    def invoke(self, function_name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a function. Raises CloudFailed with the function's error message."""
        response = self.aws("lambda").invoke(FunctionName=function_name, Payload=json.dumps(event))
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise CloudFailed(f"{function_name} failed: {answer.get('errorMessage', answer)}")
        return answer


def load(folder: Path = FOLDER) -> Target:
    """The deployment of a state folder. Raises CloudFailed when there is none."""
    try:
        saved = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        raise CloudFailed("nothing is deployed: run `norain up` (or `make demo`) first") from None
    clients = {name: Client(**client) for name, client in saved.pop("clients").items()}
    return Target(**saved, clients=clients)


def aws(service: str, endpoint_url: str, region: str) -> Any:
    """A boto3 client for the local cloud; the environment cannot lead it to another one."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=AWS_CONFIG,
    )


class Tokens(httpx.Auth):
    """OAuth 2 client credentials; a token is kept until shortly before it expires."""

    requires_response_body = True

    def __init__(self, target: Target, client: str) -> None:
        self._target = target
        self._client = credentials(target, client)
        self._token = ""
        self._expires = 0.0
        self._lock = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        with self._lock:
            if time.monotonic() >= self._expires:
                self._keep((yield self._token_request()))
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request

    def _token_request(self) -> httpx.Request:
        basic = httpx.BasicAuth(self._client.client_id, self._client.client_secret)
        request = httpx.Request(
            "POST", self._target.token_url, data={"grant_type": "client_credentials"}
        )
        return next(basic.auth_flow(request))

    def _keep(self, response: httpx.Response) -> None:
        if response.is_error:
            raise Refused.of(response)
        granted = response.json()
        self._token = granted["access_token"]
        self._expires = time.monotonic() + granted["expires_in"] - TOKEN_MARGIN_SECONDS


def credentials(target: Target, client: str) -> Client:
    """Raises CloudFailed when there is no such client."""
    try:
        return target.clients[client]
    except KeyError:
        known = ", ".join(target.clients)
        raise CloudFailed(f"there is no client {client}: use one of {known}") from None


def token(target: Target, client: str) -> str:
    """A new access token of ``client``, with all scopes of the client."""
    granted = answer(
        httpx.post(
            target.token_url,
            data={"grant_type": "client_credentials"},
            auth=(credentials(target, client).client_id, credentials(target, client).client_secret),
            trust_env=False,
        )
    )
    access_token: str = granted["access_token"]
    return access_token


def channel(target: Target, client: str | None) -> httpx.Client:
    """An HTTP client of the API that acts as ``client``, or sends no token when that is None.

    Threads can share it. Close it, or use it as a context manager.
    """
    return httpx.Client(
        base_url=target.endpoint_url,
        headers={"Host": target.api_host},
        auth=Tokens(target, client) if client else None,
        event_hooks={"request": [_set_idempotency_key]},
        timeout=httpx.Timeout(PATIENCE_SECONDS, connect=5),
        limits=httpx.Limits(max_connections=64),
        trust_env=False,
    )


def _set_idempotency_key(request: httpx.Request) -> None:
    if request.method == "POST" and request.url.path.startswith("/v1/"):
        request.headers.setdefault("Idempotency-Key", str(uuid.uuid4()))


class Refused(Exception):
    """The API answered with a problem (RFC 9457); ``problem`` holds all its members."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(self.message())

    @classmethod
    def of(cls, response: httpx.Response) -> "Refused":
        try:
            body = response.json()
        except ValueError:
            body = {"detail": response.text}
        return cls(response.status_code, body if isinstance(body, dict) else {"detail": body})

    def message(self) -> str:
        """Title and detail, and a line for each JSON path with an error."""
        title = self.problem.get("title") or httpx.codes.get_reason_phrase(self.status)
        detail = next(
            (
                self.problem[name]
                for name in ("detail", "message", "errorMessage", "error_description", "error")
                if self.problem.get(name)
            ),
            "",
        )
        errors = [f"  {e['path']}: {e['message']}" for e in self.problem.get("errors", [])]
        return "\n".join([f"{self.status} {title}: {detail}", *errors])


def answer(response: httpx.Response) -> Any:
    """The JSON body of a successful response, None when it is empty. Raises Refused for others."""
    if response.is_error:
        raise Refused.of(response)
    return response.json() if response.content else None
