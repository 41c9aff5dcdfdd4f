"""Webhooks: who wants to hear of what, how a message is signed, when it is sent again. Pure."""

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

WAITS = (5, 300, 1800, 7200, 18_000, 36_000, 43_000)
"""Seconds after each failed attempt (Standard Webhooks). The last attempt is 29 hours after the
first."""
ATTEMPTS = len(WAITS) + 1
DISABLED_AFTER = timedelta(hours=24)
"""So long nothing but failures, and nothing more is sent."""
RESTS_AFTER = 10
"""So many failures in a row, and a webhook is tried by one message at a time, with rests between:
whoever does not answer must not keep all workers waiting."""
SHORTEST_REST, LONGEST_REST = 5, 900
"""Seconds."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Webhook:
    """``channels`` are those of the client when it subscribed; ``sources`` those that it speaks
    for, which are never stored (rights.py). ``failing_since`` is when the first
    delivery failed after the last that did not, ``failures`` how many have since; before
    ``resumes_at`` one that rests is not tried."""

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


def told_to(webhook: Webhook, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event as its client may hear it: of somebody who was erased what its own sources called
    them, and not what others did."""
    if event["type"] != ERASED or "all" in webhook.sources:
        return event
    named = [row for row in event["data"]["records"] if row["source"] in webhook.sources]
    return {**event, "data": {**event["data"], "records": named}}


def wants(webhook: Webhook, event: Mapping[str, Any]) -> bool:
    """Whether it is told of a CloudEvent: what is of one channel goes to whoever sees it, and what
    is for all but some channels to whoever sees another one."""
    if webhook.state != "active" or event["type"] not in webhook.types:
        return False
    channel = event["data"].get("channel")
    if channel is not None:
        return not webhook.channels.isdisjoint({channel, "all"})
    others = event["data"].get("not_for")
    return not (others and webhook.channels and webhook.channels <= set(others))


def worn_out(webhook: Webhook, at: datetime) -> bool:
    return webhook.failing_since is not None and at - webhook.failing_since >= DISABLED_AFTER


def rest(webhook: Webhook, at: datetime) -> int | None:
    """Seconds for which a webhook is left alone once it is tried: as long as it has been failing,
    so that rests double. None when all its messages are sent."""
    if webhook.failing_since is None or webhook.failures < RESTS_AFTER:
        return None
    failing = int((at - webhook.failing_since).total_seconds())
    return min(LONGEST_REST, max(SHORTEST_REST, failing))


def wait(attempt: int, retry_after: int | None = None) -> int | None:
    """Seconds until a message is sent again whose ``attempt``-th delivery has failed, not before
    the receiver wants it (Retry-After); None when it is given up."""
    if attempt >= ATTEMPTS:
        return None
    return min(WAITS[-1], max(WAITS[attempt - 1], retry_after or 0))


# The signature (Standard Webhooks 1.0.0: https://www.standardwebhooks.com)

PREFIX = "whsec_"


def secret(key: bytes, webhook_id: str) -> bytes:
    """The 32 bytes that sign a webhook's messages: derived, so that they are stored nowhere."""
    return hmac.new(key, f"webhook\n{webhook_id}".encode(), hashlib.sha256).digest()


def told(secret: bytes) -> str:
    """The secret as a receiver is told it."""
    return PREFIX + base64.b64encode(secret).decode()


def message_id(webhook_id: str, event: Mapping[str, Any]) -> str:
    """Names an event to a webhook: the same however often it is sent, by us or by the bus."""
    named = "\n".join((webhook_id, event["source"], event["id"]))
    return f"msg_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def signed(secret: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a message that is sent at ``at``."""
    second = int(at.timestamp())
    mac = hmac.new(secret, f"{message_id}.{second}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(second),
        "webhook-signature": f"v1,{base64.b64encode(mac.digest()).decode()}",
    }


# Where messages may go

MOST_CHARACTERS = 2048
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
INSIDE = ("localhost", "local", "internal", "localdomain", "arpa", "home")
"""Names of machines that are not on the Internet (RFC 6761, RFC 6762, ICANN's .internal)."""
WRAPPED = tuple(
    ipaddress.IPv6Network(net)
    for net in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)
"""IPv6 that leads to IPv4 addresses inside of it: compatible, NAT64, Teredo, 6to4."""


def checked(url: str, *, loopback: bool, any_port: bool = False) -> SplitResult:
    """``url`` in its parts: https to a public host, at its usual port unless ``any_port``.
    ``loopback`` lets http and https to this machine through too, for tests.

    Raises InvalidRequest. What a name leads to is checked when it is connected to.
    """
    if len(url) > MOST_CHARACTERS or not url.isascii() or any(c <= " " for c in url):
        raise invalid("$.url", f"at most {MOST_CHARACTERS} printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise invalid("$.url", "it is no URL") from None
    host = (parts.hostname or "").removesuffix(".")
    if not host or port == 0:
        raise invalid("$.url", "it names no host")
    if parts.username is not None or parts.password is not None:
        raise invalid("$.url", "no user and no password in it: check the signature")
    if parts.fragment:
        raise invalid("$.url", "no fragment")
    if loopback and host in HERE and parts.scheme in {"http", "https"}:
        return parts
    if parts.scheme != "https":
        raise invalid("$.url", "https only")
    if port not in {None, 443} and not any_port:
        raise invalid("$.url", "port 443 only")
    if not _outside(host):
        raise invalid("$.url", "it is not on the public Internet")
    return parts


def _outside(host: str) -> bool:
    try:
        return public(str(ipaddress.ip_address(host)))
    except ValueError:
        pass
    # What is no name of several labels may be a number that some resolvers take for an address.
    labels = host.split(".")
    return len(labels) > 1 and labels[-1] not in INSIDE and not labels[-1][:1].isdigit()


def public(address: str) -> bool:
    """Whether an IP address is of the public Internet, and of nothing inside."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return False
        if parsed.ipv4_mapped is not None:
            return public(str(parsed.ipv4_mapped))
        if any(parsed in net for net in WRAPPED):
            return False
    return parsed.is_global and not parsed.is_multicast
