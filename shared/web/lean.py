"""api.py without the resolver and pydantic, for a route that must start fast.

Refusals and the log line are the same as there.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from shared.errors import Refusal
from shared.web.auth import caller
from shared.web.crash import crash
from shared.web.problem import headers, problem

Event = Mapping[str, Any]
LeanAnswer = tuple[int, Mapping[str, str], str]
"""Status, headers and body."""


def serve(route: Callable[[Event], LeanAnswer]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The Lambda handler of ``route``. A crash is logged without its message; the answer is 500."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            status, headers, body = route(event)
        except Refusal as refusal:
            status, headers, body = _refused(refusal.status, refusal)
        except Exception as error:
            _log("ERROR", "the request failed", **crash(error))
            status, headers, body = _refused(HTTPStatus.INTERNAL_SERVER_ERROR, None)
        _log(
            "INFO",
            "answered",
            route=event.get("routeKey"),
            status=int(status),
            ms=round((time.perf_counter() - started) * 1000, 1),
            request_id=event.get("requestContext", {}).get("requestId"),
            client_id=caller(event).client_id,
        )
        return {"statusCode": int(status), "headers": headers, "body": body}

    return handler


def _refused(status: HTTPStatus, refusal: Refusal | None) -> LeanAnswer:
    return status, {"Cache-Control": "no-store", **headers(refusal)}, problem(refusal)


def _log(level: str, message: str, **fields: Any) -> None:
    line = {
        "level": level,
        "message": message,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "service": "norain",
        **fields,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
