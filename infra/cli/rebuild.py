"""Packs made again on a running system, by the function that does it."""

import json
from collections.abc import Iterator
from typing import Any

from infra.local.cloud import CloudFailed
from infra.local.target import Target

AT_ONCE = 200
"""SKUs of one call."""


def skus(target: Target) -> list[str]:
    """Every SKU that has positions, or a pack."""
    found: set[str] = set()
    for of in ("positions", "packs"):
        asked: dict[str, Any] = {"of": of}
        while True:
            told = _ask(target, {"skus": asked})
            found.update(told["skus"])
            if told["after"] is None:
                break
            asked["after"] = told["after"]
    return sorted(found)


def rebuild(target: Target, wanted: list[str]) -> Iterator[tuple[int, list[str]]]:
    """How many SKUs each call has gone through, and whose packs were not what positions say."""
    while wanted:
        now, wanted = wanted[:AT_ONCE], wanted[AT_ONCE:]
        told = _ask(target, {"rebuild": now})
        yield len(now) - len(told["left"]), told["rebuilt"]
        wanted = told["left"] + wanted


def _ask(target: Target, event: dict[str, Any]) -> dict[str, Any]:
    answer = target.aws("lambda").invoke(
        FunctionName=target.rebuild_function, Payload=json.dumps(event)
    )
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CloudFailed(f"the rebuild failed: {told.get('errorMessage', told)}")
    return told
