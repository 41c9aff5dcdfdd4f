"""Sample requests to the API of stock, and their answers."""

import json
from typing import Any

from functions.stock.api import handler
from tests.support.events import event


def call(
    name: str,
    *,
    body: Any = None,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    key: str | None = None,
    scope: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """Status and body of the answer to ``events/stock/<name>.json``, changed as it is said."""
    request = event(f"stock/{name}")
    request["headers"].update(headers or {})
    if body is not None:
        request["body"] = body if isinstance(body, str) else json.dumps(body)
    for parameter, value in (path or {}).items():
        old = request["pathParameters"][parameter]
        request["rawPath"] = request["rawPath"].replace(old, value)
        request["requestContext"]["http"]["path"] = request["rawPath"]
        request["pathParameters"][parameter] = value
    if query is not None:
        request["queryStringParameters"] = query
        request["rawQueryString"] = "&".join(f"{name}={value}" for name, value in query.items())
    if key is not None:
        request["headers"]["idempotency-key"] = key
    if scope is not None:
        request["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = scope
    answer = handler(request, None)
    text = answer.get("body")
    return answer["statusCode"], json.loads(text) if text else None
