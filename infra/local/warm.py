"""Start the workers of the API's functions and of the feed after a deployment, so that the first
requests and events do not wait for cold starts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infra.local.target import Target

BUSY = ("functions.availability.query.handler", "functions.orders.api.handler")
"""The handlers that many shoppers call at once."""
FEED = "functions.stock.apply_feed.handler"
AT_ONCE = 2
"""Workers of each BUSY handler. The others start beside them when they are needed."""
ROUTE = "/v1/warm"


def warm(target: Target) -> int:
    """Ask each function of the API for a route that no function has, which changes nothing; the
    functions in BUSY several times at once; and give the feed no messages. Returns the number of
    calls.

    Raises CloudFailed with the message of a function that does not start.
    """
    starts = [
        (name, {"Records": []} if handler == FEED else _request())
        for name, handler in _functions(target)
        if handler in {*BUSY, FEED} or handler.endswith(".api.handler")
        for _ in range(AT_ONCE if handler in BUSY else 1)
    ]
    with ThreadPoolExecutor(len(starts) or 1) as pool:
        list(pool.map(lambda start: target.invoke(*start), starts))
    return len(starts)


def _functions(target: Target) -> Iterator[tuple[str, str]]:
    """Name (with the alias that the gateway calls) and handler of each function."""
    for page in target.aws("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            yield f"{function['FunctionName']}:live", function["Handler"]


def _request() -> dict[str, Any]:
    """The gateway's event (payload format 2.0) of a request without a token."""
    http = {"method": "GET", "path": ROUTE, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
    return {
        "version": "2.0",
        "routeKey": f"GET {ROUTE}",
        "rawPath": ROUTE,
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"requestId": "warm", "stage": "$default", "http": http},
        "isBase64Encoded": False,
    }
