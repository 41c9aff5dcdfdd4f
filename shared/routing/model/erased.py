"""The stub that replaces a decision when its shopper is erased. Pure.

A decision that can be run again reveals its destination, because the distances of some hundred
locations lead back to it. So the problem is deleted and the result stays: units by location,
unfilled units, policy version and costs. The stub has its own format, which says that it cannot be
run again, and its own id, made from its bytes.
"""

import json
import zlib
from typing import Any

from shared.routing.model.decision import ERASED_FORMAT, canonical_json


def erased_stub(data: bytes) -> bytes:
    """The bytes of the stub of the decision ``data``; a stub is returned unchanged."""
    document = json.loads(zlib.decompress(data))
    if document.get("format") == ERASED_FORMAT:
        return data
    problem, plan = document["problem"], document["plan"]
    stub = {
        "format": ERASED_FORMAT,
        "decided_at": problem["now"],
        "policy_version": problem["policy"]["version"],
        "service_level": problem["service_level"],
        "plan": {name: plan[name] for name in ("units", "unfilled", "terms", "cost")},
    }
    return zlib.compress(canonical_json(stub), level=9)


def is_erased_stub(data: bytes) -> bool:
    document: dict[str, Any] = json.loads(zlib.decompress(data))
    return document.get("format") == ERASED_FORMAT
