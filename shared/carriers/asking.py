"""Ask a provider over HTTPS. No other module talks to providers.

What may be repeated is asked again after a fault; the purchase of a label is not (port.label).
"""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import urllib3

from shared.aws.secrets import secret
from shared.errors import CarrierUnavailable

CONNECT_SECONDS = 3
ANSWER_SECONDS = 10
WAITS = (0.2, 0.8)
"""Seconds before the second and the third attempt of what may be repeated."""
MOST_BYTES = 2_000_000
"""The largest document that is downloaded."""
THROTTLED = 429


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    status: int
    body: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Keys:
    """``api_key`` is the provider's, ``webhook_secret`` signs what it sends us."""

    api_key: str
    webhook_secret: str


def keys() -> Keys:
    """The keys of the provider: JSON in the secret ``carrier_keys``. They are never logged."""
    stored = json.loads(secret("carrier_keys"))
    return Keys(stored.get("api_key", ""), stored.get("webhook_secret", ""))


def ask(
    method: str,
    url: str,
    authorization: str,
    body: Mapping[str, Any] | None = None,
    *,
    repeatable: bool = True,
) -> ProviderAnswer:
    """Ask a provider and return its JSON, also that of a refusal. A request that is ``repeatable``
    is made up to three times.

    Raises CarrierUnavailable without an answer, when the provider throttles, and when it fails.
    """
    headers = {"authorization": authorization, "accept": "application/json"}
    payload = None
    if body is not None:
        headers["content-type"] = "application/json"
        payload = json.dumps(body, separators=(",", ":")).encode()
    for wait in (*WAITS, None) if repeatable else (None,):
        answer = _once(method, url, headers, payload)
        if answer is not None and answer.status != THROTTLED and answer.status < 500:
            return answer
        if wait is not None:
            time.sleep(wait)
    raise CarrierUnavailable("the carrier's service does not answer; try again")


def _once(
    method: str, url: str, headers: Mapping[str, str], payload: bytes | None
) -> ProviderAnswer | None:
    """One request; None when it got no answer that can be read."""
    try:
        raw = _pool().request(
            method, url, body=payload, headers=dict(headers), redirect=False, retries=False
        )
        document = json.loads(raw.data) if raw.data else {}
    except (OSError, ValueError, urllib3.exceptions.HTTPError):
        return None
    return ProviderAnswer(raw.status, document if isinstance(document, dict) else {})


def download(url: str) -> bytes:
    """The document of a label. Raises CarrierUnavailable."""
    if urlsplit(url).scheme != "https":
        raise CarrierUnavailable("the carrier's document is not at an https address")
    for wait in (*WAITS, None):
        try:
            raw = _pool().request("GET", url, retries=False, preload_content=False)
            content: bytes = raw.read(MOST_BYTES + 1)
            raw.release_conn()
        except (OSError, urllib3.exceptions.HTTPError):
            content = b""
        else:
            if raw.status == 200 and 0 < len(content) <= MOST_BYTES:
                return content
        if wait is not None:
            time.sleep(wait)
    raise CarrierUnavailable("the carrier's document cannot be downloaded; try again")


@cache
def _pool() -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    return urllib3.PoolManager(timeout=timeout, ssl_context=ssl.create_default_context())
