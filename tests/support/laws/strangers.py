"""What a client without the right to do it asks for; each is refused, and nothing is changed."""

from collections.abc import Mapping
from typing import Any

from functions.orders import api as orders_api
from functions.stock import api as stock_api
from shared.web.auth import RESOURCE_SERVER
from tests.support.requests import request

REFUSED = frozenset({403, 404})
ORDER = ("get_order", "get_history", "get_decision", "cancel_order", "return_order", "pay_order")
FULFILLMENT = ("accept", "reject", "pick", "pack", "ready", "ship", "collect", "cancel")
HOLD = ("extend_hold", "bind_hold", "release_hold")


def on_an_order(which: int, order_id: str) -> int:
    """A marketplace at an order of the web: the status of the answer."""
    name = ORDER[which % len(ORDER)]
    return _asked("orders", name, "marketplace", "o-1", order_id)


def on_a_fulfillment(which: int, fulfillment_id: str, elsewhere: str) -> int:
    """Whoever sells but does not fulfil; or a person of the store ``elsewhere``."""
    name = f"{FULFILLMENT[which % len(FULFILLMENT)]}_fulfillment"
    if which % 2:
        return _asked("orders", name, "web", "o-1.1", fulfillment_id)
    claims = {"location": elsewhere, "sub": "somebody-elsewhere"}
    return _asked("orders", name, "associate", "o-1.1", fulfillment_id, claims)


def on_a_hold(which: int, hold_id: str) -> int:
    """Holds of the web, from a marketplace that may sell."""
    name = HOLD[which % len(HOLD)]
    return _asked("stock", name, "marketplace", "hold-1", hold_id)


def _asked(
    area: str,
    name: str,
    client: str,
    known: str,
    wanted: str,
    claims: Mapping[str, str] | None = None,
) -> int:
    """``events/<area>/<name>.json`` with the id ``wanted`` in place of the ``known`` one."""
    from infra.stacks.access import CLIENTS  # here, because the CDK starts a process of Node

    scope = " ".join(f"{RESOURCE_SERVER}/{granted}" for granted in CLIENTS[client])
    made: dict[str, Any] = request(f"{area}/{name}", scope=scope)
    path = made["rawPath"].replace(known, wanted)
    assert path != made["rawPath"], (name, path)
    made["rawPath"] = made["requestContext"]["http"]["path"] = path
    made["requestContext"]["authorizer"]["jwt"]["claims"] |= claims or {}
    handler = {"orders": orders_api, "stock": stock_api}[area].handler
    return int(handler(made, None)["statusCode"])
