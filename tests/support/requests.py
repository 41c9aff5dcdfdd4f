"""Sample events, changed in what a test is about."""

import json
from typing import Any
from urllib.parse import urlencode

from tests.support.events import event


def request(
    name: str,
    *,
    body: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    scope: str | None = None,
    path: str | None = None,
) -> dict[str, Any]:
    """``events/<name>.json``; ``body`` replaces fields of its body, and None removes one."""
    made = event(name)
    http = made["requestContext"]["http"]
    if body is not None:
        fields = {**json.loads(made.get("body", "{}")), **body}
        made["body"] = json.dumps(
            {key: value for key, value in fields.items() if value is not None}
        )
    if query is not None:
        made["queryStringParameters"] = query
        made["rawQueryString"] = urlencode(query)
    if headers is not None:
        made["headers"].update(headers)
    if scope is not None:
        made["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = scope
    if path is not None:
        made["rawPath"] = http["path"] = path
    return made


def answered(response: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return int(response["statusCode"]), json.loads(response["body"])


def paths(body: dict[str, Any]) -> set[str]:
    return {entry["path"] for entry in body["errors"]}


class Context:
    """As much of Lambda's context as the workers read."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000
