"""One signed message to a webhook, over HTTP: the only module that talks to receivers.

It connects to an address that it has looked at itself, so that a name cannot lead to another one
in between, and follows no redirection.
"""

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import SplitResult

import urllib3

from shared.aws.secrets import secret
from shared.aws.settings import setting
from shared.errors import InvalidRequest
from shared.webhooks import model
from shared.webhooks.model import HERE, Webhook

CONNECT_SECONDS = 3
ANSWER_SECONDS = 8
MEDIA_TYPE = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """``status`` is what the receiver has answered, None when nothing came; ``reason`` is why it
    has failed; ``retry_after`` seconds, when the receiver has asked for them."""

    status: int | None
    reason: str = ""
    retry_after: int | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send(webhook: Webhook, event: Mapping[str, Any], at: datetime) -> DeliveryOutcome:
    """Sends a CloudEvent, signed at ``at``. A receiver that fails raises nothing."""
    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    headers = model.signed(
        signing_secret(webhook.webhook_id), model.message_id(webhook.webhook_id, event), at, body
    )
    try:
        parts = checked(webhook.url)
        return _post(parts, {**headers, "content-type": MEDIA_TYPE}, body)
    except InvalidRequest as refusal:
        return DeliveryOutcome(None, str(refusal.data["errors"][0]["message"]))
    except (OSError, UnicodeError, urllib3.exceptions.HTTPError) as error:
        return DeliveryOutcome(None, _reason(error))


def checked(url: str) -> SplitResult:
    """``url`` in its parts, as this stage allows it. Raises InvalidRequest."""
    return model.checked(url, loopback=loopback(), any_port=setting("stage") == "dev")


def signing_secret(webhook_id: str) -> bytes:
    return model.secret(secret("webhook_key"), webhook_id)


def loopback() -> bool:
    """Whether receivers on this machine are allowed: in the local cloud only."""
    return setting("webhook_loopback") == "yes"


def _post(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> DeliveryOutcome:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _address(host, port)
    if address is None:
        return DeliveryOutcome(None, "its name leads to an address that is not public")
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            ssl_context=_trusted(),
            server_hostname=host,
            assert_hostname=host,
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        answer = pool.urlopen(
            "POST",
            path,
            body=body,
            headers={**headers, "host": parts.netloc, "user-agent": "norain"},
            redirect=False,
            retries=False,
            preload_content=False,
        )
        answer.release_conn()
    finally:
        pool.close()
    status = answer.status
    told = answer.headers.get("retry-after", "")
    return DeliveryOutcome(
        status,
        "" if 200 <= status < 300 else f"the receiver has answered {status}",
        int(told) if told.isdecimal() and len(told) < 9 else None,
    )


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _address(host: str, port: int) -> str | None:
    """The first address of ``host``, IPv4 first; None unless all of them are allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [
        str(entry[4][0]) for entry in sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    ]
    if loopback() and host in HERE:
        return addresses[0]
    return addresses[0] if all(map(model.public, addresses)) else None


def _reason(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return "its name is not known"
        case urllib3.exceptions.SSLError():
            return "its certificate is not good"
        case urllib3.exceptions.ConnectTimeoutError() | urllib3.exceptions.NewConnectionError():
            return "it does not take the connection"
        case urllib3.exceptions.TimeoutError():
            return "it has not answered in time"
    return "the connection was broken"
