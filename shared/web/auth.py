"""The caller of a request: the claims of its token, which the gateway has already verified.

The gateway refuses a token without the scope of the route. How far that scope reaches is decided
here, by further scopes and claims of the same token:

    channel:<name>            acts as that channel, ``channel:all`` as any
    location:all              works at every location; a person's claim ``location`` names some
                              (ids with spaces between them, or ``*``) and goes before the scope
    source:<name>             states what the system <name> knows of a customer, ``source:all`` any
    source:<name>:trusted     ... and its ``verified`` and its consents count
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from shared.errors import Forbidden

RESOURCE_SERVER = "norain"
ALL = "all"
EVERY_LOCATION = "*"

SCOPES = {
    "locations:read": "read locations",
    "locations:write": "change locations",
    "catalog:read": "read products",
    "catalog:write": "change products",
    "stock:read": "read stock positions and movements",
    "stock:write": "send stock updates, hold stock",
    "availability:read": "ask what is available",
    "orders:read": "read orders and their decisions",
    "orders:write": "place, pay, change, cancel and take back orders, hold stock",
    "fulfillments:read": "read the pick lists of own locations",
    "fulfillments:write": "accept, reject, pick and hand over at own locations",
    "parcels:write": "report what carriers did with parcels of all channels",
    "transfers:read": "read transfers and suggestions for them",
    "transfers:write": "request, ship, receive and cancel transfers of own locations",
    "customers:read": "read profiles, timelines and carts",
    "customers:write": "resolve customers, note interactions, change carts",
    "customers:manage": "merge and unmerge profiles, judge pairs",
    "customers:erase": "erase customers",
    "customers:export": "export everything that is kept on a customer",
    "prices:read": "read prices, price carts",
    "cards:read": "look up gift cards and store credit by their codes",
    "cards:write": "issue and change gift cards and store credit, read them by id",
    "promotions:read": "read drafts of promotions",
    "promotions:write": "change promotions and tax rates",
    "loyalty:read": "read points, tiers and the loyalty programme",
    "loyalty:write": "change the loyalty programme, give and take points by hand",
    "recommendations:read": "read recommendations, report what shoppers took of them",
    "policy:read": "read routing policies, and the costs in decisions",
    "policy:write": "change routing policies",
    "kpis:read": "read KPIs, and the costs in them",
    "kpis:write": "state what selling costs",
    "plans:read": "read demand, forecasts and plans",
    "webhooks:read": "read own webhooks",
    "webhooks:write": "subscribe own webhooks to events",
    "ops": "operate the system",
}
CHANNELS = ("web", "pos", "marketplace", "kiosk", "associate", "agent")
CHANNEL_SCOPES = {
    **{f"channel:{name}": f"act as the channel {name}" for name in CHANNELS},
    f"channel:{ALL}": "act as any channel, and see the orders of all",
}
SOURCES = ("web", "app", "shop", "pos", "kiosk", "associate", "marketplace", "agent", "crm", "erp")
"""The systems of a retailer that state things of customers through a client of their own."""
SOURCE_SCOPES = {
    f"source:{name}{suffix}": f"state what {which} knows of a customer{meaning}"
    for name, which in ((ALL, "any source"), *((name, f"the source {name}") for name in SOURCES))
    for suffix, meaning in (("", ""), (":trusted", "; what it verified and its consents count"))
}
LOCATION_SCOPES = {f"location:{ALL}": "work at every location"}
REACHES = {**CHANNEL_SCOPES, **SOURCE_SCOPES, **LOCATION_SCOPES}
"""Scopes that open no route and limit how far the other scopes reach."""


@dataclass(frozen=True, slots=True)
class Caller:
    """``person`` is the ``sub`` of the person who is signed in, empty for a machine;
    ``location`` is the claim of that name, None when the token has none."""

    client_id: str
    scopes: frozenset[str]
    person: str = ""
    location: str | None = None

    @property
    def actor(self) -> str:
        """The name in histories and audits: the person who is signed in, otherwise the client."""
        return self.person or self.client_id

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(
            scope.removeprefix("channel:") for scope in self.scopes if scope.startswith("channel:")
        )

    def sees(self, channel: str) -> bool:
        return channel in self.channels or ALL in self.channels

    def must_see(self, channel: str) -> None:
        """Raises Forbidden when the token does not reach ``channel``."""
        if not self.sees(channel):
            raise Forbidden(f"this client may not act as channel {channel}", channel=channel)

    def must_see_all(self) -> None:
        """Raises Forbidden unless the token reaches all channels, as an answer over the orders of
        all of them (a what-if) requires."""
        if ALL not in self.channels:
            raise Forbidden(f"this takes the scope channel:{ALL}")

    def works_at(self, location_id: str) -> bool:
        if self.location is None:
            return f"location:{ALL}" in self.scopes
        places = self.location.split()
        return location_id in places or EVERY_LOCATION in places

    def must_look_after(self, location_id: str) -> None:
        """Raises Forbidden when the token names locations, and this is none of them: what a person
        may know of a location, a machine may know of all."""
        if self.location is not None:
            self.must_work_at(location_id)

    def must_work_at(self, *location_ids: str) -> None:
        """Raises Forbidden when the token reaches none of ``location_ids``."""
        if not any(self.works_at(location_id) for location_id in location_ids):
            named = " or ".join(location_ids)
            raise Forbidden(f"this caller does not work at {named}", location_ids=location_ids)

    @property
    def sources(self) -> "Sources":
        return Sources.of(
            scope.removeprefix("source:") for scope in self.scopes if scope.startswith("source:")
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """The source systems that a caller or a feed may speak for (``stated``), and those whose
    verifications and consents count (``trusted``). ``all`` stands for every source."""

    stated: frozenset[str]
    trusted: frozenset[str]

    @staticmethod
    def of(grants: Iterable[str]) -> "Sources":
        """``grants`` are names of sources, trusted ones with the suffix ``:trusted``."""
        names = [grant.partition(":") for grant in grants]
        return Sources(
            stated=frozenset(name for name, _, _ in names),
            trusted=frozenset(name for name, _, trust in names if trust == "trusted"),
        )

    def must_state(self, source: str, path: str) -> None:
        """Raises Forbidden, naming the JSON ``path``, when the caller may not speak for
        ``source``."""
        if self.stated.isdisjoint({source, ALL}):
            raise Forbidden(
                f"this caller may not speak for the source {source}",
                errors=[{"path": path, "message": "not a source of this caller"}],
            )

    def trust(self, source: str) -> bool:
        return not self.trusted.isdisjoint({source, ALL})


def caller(event: Mapping[str, Any]) -> Caller:
    """The caller of an HTTP API event (payload 2.0); a caller without claims has no scopes.

    The ``sub`` of a machine's token is its client id; the ``sub`` of a person's token is not.
    """
    claims: Mapping[str, str] = (
        event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    )
    subject = claims.get("sub", "")
    client_id = claims.get("client_id", subject)
    return Caller(
        client_id=client_id,
        scopes=_scopes_of_token(claims.get("scope", "")),
        person=subject if subject != client_id else "",
        location=claims.get("location"),
    )


@lru_cache(maxsize=1024)
def _scopes_of_token(claim: str) -> frozenset[str]:
    """The scopes of the claim ``scope``. They are kept: a client sends its token with each call."""
    return scopes_of(claim.split())


def scopes_of(granted: Iterable[str]) -> frozenset[str]:
    """The scopes of a token or a client, without the prefix of the resource server."""
    return frozenset(scope.removeprefix(f"{RESOURCE_SERVER}/") for scope in granted)


def needs(*scopes: str) -> list[dict[str, list[str]]]:
    """The OpenAPI security of a route: a token with any one of ``scopes`` may call it."""
    unknown = set(scopes) - SCOPES.keys()
    if unknown:
        raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
    return [{"oauth": [f"{RESOURCE_SERVER}/{scope}"]} for scope in scopes]
