"""The current rights of a webhook's client, from the user pool.

A webhook outlives the token that created it. When its client loses a scope or is deleted, this
takes effect within KEPT_SECONDS.
"""

import time as clock
from dataclasses import dataclass, replace

from shared.aws.cognito import scopes_of_client
from shared.aws.settings import setting
from shared.errors import Busy
from shared.web.auth import Caller, scopes_of
from shared.webhooks.contract import TYPES
from shared.webhooks.model import Webhook

KEPT_SECONDS = 60
MAX_STALE_SECONDS = 900
"""How long the last answer is used while the user pool does not answer."""


@dataclass(frozen=True, slots=True)
class _CachedScopes:
    asked_at: float
    scopes: frozenset[str]


_cached_scopes: dict[tuple[str, str], _CachedScopes] = {}


def with_current_rights(webhook: Webhook) -> Webhook:
    """``webhook`` with the current channels and sources of its client, and without the event types
    that the client may no longer read.

    Raises Busy when the user pool has not answered for MAX_STALE_SECONDS.
    """
    scopes = _scopes(webhook.client_id)
    client = Caller(webhook.client_id, scopes)
    return replace(
        webhook,
        channels=client.channels,
        sources=client.sources.stated,
        types=frozenset(name for name in webhook.types if TYPES.get(name) in scopes),
    )


def _scopes(client_id: str) -> frozenset[str]:
    """The scopes that a token of the client may have; none if the client was deleted."""
    pool, now = setting("user_pool_id"), clock.monotonic()
    cached = _cached_scopes.get((pool, client_id))
    if cached is not None and now - cached.asked_at < KEPT_SECONDS:
        return cached.scopes
    try:
        scopes = scopes_of(scopes_of_client(pool, client_id))
    except Busy:
        if cached is None or now - cached.asked_at >= MAX_STALE_SECONDS:
            raise
        return cached.scopes
    _cached_scopes[pool, client_id] = _CachedScopes(now, scopes)
    return scopes
