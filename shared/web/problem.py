"""problem+json (RFC 9457): how a refusal looks to a caller, and to whoever reads a dead letter."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.errors import Busy, InvalidRequest, Refusal

if TYPE_CHECKING:  # whoever refuses without pydantic does not load it
    from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"


RETRY_SECONDS = 1
"""After which a caller whom we were too busy for may come again."""


def headers(refusal: Refusal | None) -> dict[str, str]:
    """The headers beside ``problem``."""
    found = {"Content-Type": MEDIA_TYPE}
    if isinstance(refusal, Busy):
        found["Retry-After"] = str(RETRY_SECONDS)
    return found


def problem(refusal: Refusal | None) -> str:
    """The body that answers ``refusal``; None is a fault of ours, of which nothing is told."""
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
    """``("body", "lines", 0, "sku")`` as ``$.lines[0].sku``; other places keep their own name."""
    root, *rest = loc if loc and loc[0] in {"body", "query", "path", "header"} else ("body", *loc)
    path = "$" if root == "body" else f"{root}"
    for step in rest:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path


def invalid(error: "ValidationError", detail: str = "it does not fit its schema") -> InvalidRequest:
    """What pydantic found, as a refusal that names each place by its path, and never the input."""
    return InvalidRequest(
        detail,
        [
            {"path": json_path(entry["loc"]), "message": entry["msg"]}
            for entry in error.errors(include_input=False, include_url=False)
        ],
    )


def summary(refusal: Refusal) -> dict[str, Any]:
    """One line for a log or a dead letter: the code, and the first place that was wrong."""
    errors = refusal.data.get("errors") or []
    places = "; ".join(f"{entry['path']}: {entry['message']}" for entry in errors[:3])
    return {
        "code": refusal.code,
        "detail": f"{refusal.detail}: {places}" if places else refusal.detail,
    }
