"""Webhooks: which events they receive, how messages are signed and retried. Pure."""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from shared.errors import invalid

WebhookState = Literal["active", "disabled", "deleted"]
ERASED = "customer.erased"

RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 43_000)
"""Seconds from each failed attempt to the next (Standard Webhooks). The last attempt is 29 hours
after the first."""
MAX_ATTEMPTS = len(RETRY_SECONDS) + 1
DISABLED_AFTER = timedelta(hours=24)
"""A webhook whose deliveries have all failed for this long is disabled."""
REST_AFTER_FAILURES = 10
"""After this many failures in a row, only one message at a time tries the webhook, with rests in
between, so that a receiver that does not answer does not block all workers."""
MIN_REST_SECONDS, MAX_REST_SECONDS = 5, 900
"""The bounds of a rest."""
GONE = 410
"""The HTTP status by which a receiver ends its subscription."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription of a client. ``channels`` are stored as of the subscription; ``sources``, for
    which the client may speak, are never stored; rights.py sets the current values of both.
    ``failing_since`` is the first failure after the last success, ``failures`` counts the failures
    since. A resting webhook is not tried before ``resumes_at``."""

    webhook_id: str
    client_id: str
    url: str
    types: frozenset[str]
    channels: frozenset[str]
    created_at: datetime
    state: WebhookState = "active"
    failing_since: datetime | None = None
    failures: int = 0
    disabled_at: datetime | None = None
    resumes_at: datetime | None = None
    sources: frozenset[str] = frozenset()


def event_for(webhook: Webhook, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event with only the data that the webhook's client may see. For ``customer.erased`` these
    are the source ids of its own sources."""
    if event["type"] != ERASED or "all" in webhook.sources:
        return event
    records = [row for row in event["data"]["records"] if row["source"] in webhook.sources]
    return {**event, "data": {**event["data"], "records": records}}


def is_entitled_to(webhook: Webhook, event: Mapping[str, Any]) -> bool:
    """Whether the webhook receives the CloudEvent. An event of one channel (``channel``) goes to
    clients of that channel; an event for all but some channels (``not_for``) goes to clients that
    have another one."""
    if webhook.state != "active" or event["type"] not in webhook.types:
        return False
    channel = event["data"].get("channel")
    if channel is not None:
        return not webhook.channels.isdisjoint({channel, "all"})
    excluded = event["data"].get("not_for")
    return not (excluded and webhook.channels and webhook.channels <= set(excluded))


def failed_too_long(webhook: Webhook, at: datetime) -> bool:
    """Whether the webhook must be disabled."""
    return webhook.failing_since is not None and at - webhook.failing_since >= DISABLED_AFTER


def rest_seconds(webhook: Webhook, at: datetime) -> int | None:
    """The length of the rest after the next try, in seconds: as long as the webhook has been
    failing, so that rests double. None if it does not rest: all its messages are sent."""
    if webhook.failing_since is None or webhook.failures < REST_AFTER_FAILURES:
        return None
    failing = int((at - webhook.failing_since).total_seconds())
    return min(MAX_REST_SECONDS, max(MIN_REST_SECONDS, failing))


def retry_seconds(attempt: int, retry_after: int | None = None) -> int | None:
    """Seconds until a message is sent again after its ``attempt``-th delivery has failed, at least
    ``retry_after`` (the receiver's Retry-After); None if it is given up."""
    if attempt >= MAX_ATTEMPTS:
        return None
    return min(RETRY_SECONDS[-1], max(RETRY_SECONDS[attempt - 1], retry_after or 0))


# The signature (Standard Webhooks 1.0.0: https://www.standardwebhooks.com)

PREFIX = "whsec_"


def derive_secret(key: bytes, webhook_id: str) -> bytes:
    """The 32 bytes that sign a webhook's messages. They are derived, so they need no storage."""
    return hmac.new(key, f"webhook\n{webhook_id}".encode(), hashlib.sha256).digest()


def encode_secret(secret: bytes) -> str:
    """The secret in the form given to the receiver."""
    return PREFIX + base64.b64encode(secret).decode()


def message_id(webhook_id: str, event: Mapping[str, Any]) -> str:
    """The id of the message that carries the event to the webhook. It is the same however often we
    or the bus send the event, so receivers can drop repetitions."""
    identity = "\n".join((webhook_id, event["source"], event["id"]))
    return f"msg_{hashlib.sha256(identity.encode()).hexdigest()[:32]}"


def signature_headers(secret: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The signature headers of a message sent at ``at``."""
    second = int(at.timestamp())
    mac = hmac.new(secret, f"{message_id}.{second}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(second),
        "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
    }


# Where messages may go

MAX_URL_LENGTH = 2048
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
INTERNAL_DOMAINS = ("localhost", "local", "internal", "localdomain", "arpa", "home")
"""Top-level domains outside the public Internet (RFC 6761, RFC 6762, ICANN's .internal)."""
IPV4_IN_IPV6 = tuple(
    ipaddress.IPv6Network(net)
    for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)
"""IPv6 networks that embed IPv4 addresses: compatible, NAT64, Teredo, 6to4."""


def check_url(url: str, *, loopback: bool, any_port: bool = False) -> SplitResult:
    """Check and split the URL of a receiver: https to a public host, on port 443 unless
    ``any_port``. ``loopback`` also allows http and https to this machine, for tests.

    Raises InvalidRequest. The addresses of the host are checked when connecting.
    """
    if len(url) > MAX_URL_LENGTH or not url.isascii() or any(c <= " " for c in url):
        raise invalid("$.url", f"at most {MAX_URL_LENGTH} printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise invalid("$.url", "not a valid URL") from None
    host = (parts.hostname or "").removesuffix(".")
    if not host or port == 0:
        raise invalid("$.url", "must name a host")
    if parts.username is not None or parts.password is not None:
        raise invalid("$.url", "must not contain a user or password; check the signature instead")
    if parts.fragment:
        raise invalid("$.url", "must not have a fragment")
    if loopback and host in LOOPBACK_HOSTS and parts.scheme in {"http", "https"}:
        return parts
    if parts.scheme != "https":
        raise invalid("$.url", "must use https")
    if port not in {None, 443} and not any_port:
        raise invalid("$.url", "must use port 443")
    if not _is_public_host(host):
        raise invalid("$.url", "must be a host on the public Internet")
    return parts


def _is_public_host(host: str) -> bool:
    try:
        return is_public_address(str(ipaddress.ip_address(host)))
    except ValueError:
        pass
    # Some resolvers read a name of a single label, or with a numeric last label, as an address.
    labels = host.split(".")
    return len(labels) > 1 and labels[-1] not in INTERNAL_DOMAINS and not labels[-1][:1].isdigit()


def is_public_address(address: str) -> bool:
    """Whether an IP address, and any IPv4 address inside it, is on the public Internet."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return False
        if parsed.ipv4_mapped is not None:
            return is_public_address(str(parsed.ipv4_mapped))
        if any(parsed in net for net in IPV4_IN_IPV6):
            return False
    return parsed.is_global and not parsed.is_multicast
