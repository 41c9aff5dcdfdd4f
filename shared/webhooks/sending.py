"""Send one signed message to a webhook over HTTP. No other module talks to receivers.

The module checks the address that it connects to, so that a host name cannot change its address in
between (DNS rebinding), and does not follow redirects.
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
from shared.webhooks.model import LOOPBACK_HOSTS, Webhook

CONNECT_SECONDS = 3
ANSWER_SECONDS = 8
MEDIA_TYPE = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """``status`` is the HTTP status of the answer, None without an answer; ``reason`` says why the
    delivery failed; ``retry_after`` is in seconds, if the receiver sent Retry-After."""

    status: int | None
    reason: str = ""
    retry_after: int | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send(webhook: Webhook, event: Mapping[str, Any], at: datetime) -> DeliveryOutcome:
    """Send a CloudEvent, signed at ``at``. A failure of the receiver raises no exception."""
    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    headers = model.signature_headers(
        signing_secret(webhook.webhook_id), model.message_id(webhook.webhook_id, event), at, body
    )
    try:
        parts = check_url(webhook.url)
        return _post(parts, {**headers, "content-type": MEDIA_TYPE}, body)
    except InvalidRequest as refusal:
        return DeliveryOutcome(None, str(refusal.data["errors"][0]["message"]))
    except (OSError, UnicodeError, urllib3.exceptions.HTTPError) as error:
        return DeliveryOutcome(None, _reason(error))


def check_url(url: str) -> SplitResult:
    """Check the URL by the rules of this stage. Raises InvalidRequest."""
    return model.check_url(url, loopback=loopback_allowed(), any_port=setting("stage") == "dev")


def signing_secret(webhook_id: str) -> bytes:
    return model.derive_secret(secret("webhook_key"), webhook_id)


def loopback_allowed() -> bool:
    """Whether receivers on this machine are allowed; only in the local cloud."""
    return setting("webhook_loopback") == "yes"


def _post(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> DeliveryOutcome:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _allowed_address(host, port)
    if address is None:
        return DeliveryOutcome(None, "the host has an address that is not public")
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=timeout,
            ssl_context=_tls_context(),
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
    retry_after = answer.headers.get("retry-after", "")
    return DeliveryOutcome(
        status,
        "" if 200 <= status < 300 else f"the receiver answered {status}",
        int(retry_after) if retry_after.isdecimal() and len(retry_after) < 9 else None,
    )


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _allowed_address(host: str, port: int) -> str | None:
    """The first address of ``host``, preferring IPv4; None unless all of them are allowed."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [
        str(entry[4][0]) for entry in sorted(entries, key=lambda entry: entry[0] != socket.AF_INET)
    ]
    if loopback_allowed() and host in LOOPBACK_HOSTS:
        return addresses[0]
    return addresses[0] if all(map(model.is_public_address, addresses)) else None


def _reason(error: Exception) -> str:
    match error:
        case socket.gaierror():
            return "the host name is unknown"
        case urllib3.exceptions.SSLError():
            return "the TLS certificate is not valid"
        case urllib3.exceptions.ConnectTimeoutError() | urllib3.exceptions.NewConnectionError():
            return "the receiver does not accept the connection"
        case urllib3.exceptions.TimeoutError():
            return "the receiver did not answer in time"
    return "the connection was broken"
