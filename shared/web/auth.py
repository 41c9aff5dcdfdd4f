"""Who is calling: the claims that the gateway's JWT authorizer has already verified.

The gateway refuses a token without the route's scope. What is left to decide here is the channel:
a scope ``channel:<name>`` lets a client act as that channel, ``channel:all`` as any, and do what
belongs to no channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import Forbidden

RESOURCE_SERVER = "norain"
EVERY_CHANNEL = "all"

SCOPES = {
    "locations:read": "read locations",
    "locations:write": "change locations",
    "catalog:read": "read products",
    "catalog:write": "change products",
    "stock:read": "read stock positions and movements",
    "stock:write": "send stock updates, hold stock",
    "availability:read": "ask what is available",
    "orders:read": "read orders, fulfillments and decisions",
    "orders:write": "place and carry out orders, hold stock",
    "customers:read": "read profiles",
    "customers:write": "resolve, merge and erase customers",
    "policy:read": "read routing policies",
    "policy:write": "change routing policies",
    "webhooks:read": "read own webhooks",
    "webhooks:write": "subscribe own webhooks to events",
    "ops": "operate the system",
}
CHANNELS = ("web", "pos", "marketplace", "kiosk", "associate", "agent")
CHANNEL_SCOPES = {
    **{f"channel:{name}": f"act as the channel {name}" for name in CHANNELS},
    f"channel:{EVERY_CHANNEL}": "act as any channel, and see the orders of all",
}


@dataclass(frozen=True, slots=True)
class Caller:
    client_id: str
    scopes: frozenset[str]

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(
            scope.removeprefix("channel:") for scope in self.scopes if scope.startswith("channel:")
        )

    def sees(self, channel: str) -> bool:
        return channel in self.channels or EVERY_CHANNEL in self.channels

    def must_see(self, channel: str) -> None:
        """Raises Forbidden when the token does not reach ``channel``."""
        if not self.sees(channel):
            raise Forbidden(f"this client may not act as channel {channel}", channel=channel)

    def must_see_all(self) -> None:
        """What is the retailer's own and no channel's, such as transfers.

        Raises Forbidden when the token reaches some channels only.
        """
        if EVERY_CHANNEL not in self.channels:
            raise Forbidden(f"this takes the scope channel:{EVERY_CHANNEL}")


def caller(event: Mapping[str, Any]) -> Caller:
    """The caller of an HTTP API event (payload 2.0); one without claims may do nothing."""
    claims: Mapping[str, str] = (
        event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    )
    return Caller(
        client_id=claims.get("client_id", claims.get("sub", "")),
        scopes=frozenset(
            scope.removeprefix(f"{RESOURCE_SERVER}/") for scope in claims.get("scope", "").split()
        ),
    )


def needs(*scopes: str) -> list[dict[str, list[str]]]:
    """The OpenAPI security of a route: a token with any one of ``scopes`` may call it."""
    unknown = set(scopes) - SCOPES.keys()
    if unknown:
        raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
    return [{"oauth": [f"{RESOURCE_SERVER}/{scope}"]} for scope in scopes]
