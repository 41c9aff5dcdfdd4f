"""What is kept of a decision when its shopper is erased. Pure.

Where the parcel went cannot be taken out of a decision that can still be run again: the distances
of some hundred locations lead back to it. So the problem goes, and what it came to stays: units by
location, what was left unfilled, the policy and the costs. It is kept as what it is, in a format of
its own, and says that it cannot be run again; its id is that of these bytes.
"""

import json
import zlib
from typing import Any

from shared.routing.model.decision import ERASED_FORMAT, canonical


def stub(data: bytes) -> bytes:
    """``data`` are the bytes of a decision; those of a stub stay as they are."""
    document = json.loads(zlib.decompress(data))
    if document.get("format") == ERASED_FORMAT:
        return data
    problem, plan = document["problem"], document["plan"]
    kept = {
        "format": ERASED_FORMAT,
        "decided_at": problem["now"],
        "policy_version": problem["policy"]["version"],
        "service_level": problem["service_level"],
        "plan": {name: plan[name] for name in ("units", "unfilled", "terms", "cost")},
    }
    return zlib.compress(canonical(kept), level=9)


def is_stub(data: bytes) -> bool:
    document: dict[str, Any] = json.loads(zlib.decompress(data))
    return document.get("format") == ERASED_FORMAT
