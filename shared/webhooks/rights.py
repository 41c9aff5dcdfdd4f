"""What a client may hear of now, as the user pool knows it.

A webhook outlives the token that made it. What its client has lost since, or that it is gone, is
known here within KEPT_SECONDS.
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
MOST_STALE_SECONDS = 900
"""For so long the last answer stands while the user pool does not answer."""


@dataclass(frozen=True, slots=True)
class _Kept:
    asked_at: float
    scopes: frozenset[str]


_kept: dict[tuple[str, str], _Kept] = {}


def entitled(webhook: Webhook) -> Webhook:
    """``webhook`` with the channels that its client reaches now and the sources that it speaks for,
    and without the types of events that it may not read any more.

    Raises Busy when the user pool does not answer, and has not for MOST_STALE_SECONDS.
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
    """The scopes that a token of the client may have; none of a client that is gone."""
    pool, now = setting("user_pool_id"), clock.monotonic()
    known = _kept.get((pool, client_id))
    if known is not None and now - known.asked_at < KEPT_SECONDS:
        return known.scopes
    try:
        scopes = scopes_of(scopes_of_client(pool, client_id))
    except Busy:
        if known is None or now - known.asked_at >= MOST_STALE_SECONDS:
            raise
        return known.scopes
    _kept[pool, client_id] = _Kept(now, scopes)
    return scopes
