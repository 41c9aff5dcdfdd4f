"""Law 1 recomputed on a running system, by the function that does it on a schedule."""

import json
from collections.abc import Iterator
from typing import Any

from infra.local.cloud import CloudFailed
from infra.local.target import Target


def audit(target: Target, *, repair: bool, sku: str | None = None) -> Iterator[dict[str, Any]]:
    """What each call has found, until every position has been looked at.

    Raises CloudFailed with what the function has said.
    """
    client = target.aws("lambda")
    asked: dict[str, Any] = {"repair": repair} | ({"sku": sku} if sku else {})
    while True:
        answer = client.invoke(
            FunctionName=target.audit_function, Payload=json.dumps({"audit": asked})
        )
        told = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise CloudFailed(f"the audit failed: {told.get('errorMessage', told)}")
        yield told
        if told["after"] is None:
            return
        asked["after"] = told["after"]


def together(parts: Iterator[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"positions": 0, "drifts": [], "mended": [], "unsettled": []}
    for part in parts:
        for name in found:
            found[name] += part[name]
    return found
