"""Refusals as problem+json (RFC 9457) for callers, and in one line for logs and dead letters."""

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.errors import Busy, InvalidRequest, Refusal, TooManyTries

if TYPE_CHECKING:  # not loaded by routes that work without pydantic
    from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"


RETRY_SECONDS = 1
"""Retry-After of an answer 503."""


def headers(refusal: Refusal | None) -> dict[str, str]:
    """The headers of the answer whose body is ``problem(refusal)``."""
    named = {"Content-Type": MEDIA_TYPE}
    if isinstance(refusal, Busy):
        named["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(refusal, TooManyTries):
        named["Retry-After"] = str(refusal.data["retry_after_seconds"])
    return named


def problem(refusal: Refusal | None) -> str:
    """The body of the answer to a refused request. None is a crash: its cause is not shown."""
    if refusal is None:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return json.dumps(
            {
                "type": "about:blank",
                "title": status.phrase,
                "status": status,
                "code": "internal_error",
                "detail": "something went wrong here; trying again is safe",
            }
        )
    return json.dumps(
        {
            "type": f"urn:norain:problem:{refusal.code}",
            "title": refusal.status.phrase,
            "status": refusal.status,
            "code": refusal.code,
            "detail": refusal.detail,
            **{name: value for name, value in refusal.data.items() if value != []},
        },
        default=str,
    )


def json_path(loc: Sequence[str | int]) -> str:
    """``("body", "lines", 0, "sku")`` as ``$.lines[0].sku``, a parameter as ``query.<name>``."""
    root, *rest = loc if loc and loc[0] in {"body", "query", "path", "header"} else ("body", *loc)
    path = "$" if root == "body" else f"{root}"
    for step in rest:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path


def invalid(error: "ValidationError", detail: str = "it does not fit its schema") -> InvalidRequest:
    """The errors of pydantic as a refusal: the path and the reason of each, without the input."""
    return InvalidRequest(
        detail,
        defects(error.errors(include_input=False, include_url=False)),
    )


def defects(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Path and reason of each error of pydantic, which puts the kind of its exception before our
    own words."""
    return [
        {"path": json_path(entry["loc"]), "message": entry["msg"].removeprefix("Value error, ")}
        for entry in errors
    ]


def summary(refusal: Refusal) -> dict[str, Any]:
    """Code and detail for a log or a dead letter, with the first three errors."""
    errors = refusal.data.get("errors") or []
    places = "; ".join(f"{entry['path']}: {entry['message']}" for entry in errors[:3])
    return {
        "code": refusal.code,
        "detail": f"{refusal.detail}: {places}" if places else refusal.detail,
    }
