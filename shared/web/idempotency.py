"""The Idempotency-Key of a request (draft-ietf-httpapi-idempotency-key-header).

Client and key together name a request that changes something. One transaction writes its effect
and a record of that name, with the digest of the payload and the answer. A repeated request finds
the record before anything is decided, and gets the first answer again.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from shared.errors import KeyReused, invalid

KEY_LENGTH = 255
KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Request:
    """``name`` identifies client and key. ``digest`` is the SHA-256 of method, path and body; the
    order of fields in the body does not matter."""

    name: str
    digest: str

    @staticmethod
    def of(client_id: str, key: str, method: str, path: str, body: Any) -> "Request":
        if not 1 <= len(key) <= KEY_LENGTH:
            raise invalid("header.Idempotency-Key", f"it has 1 to {KEY_LENGTH} characters")
        canonical = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"))
        return Request(
            name=hashlib.sha256(f"{client_id}\n{key}".encode()).hexdigest()[:32],
            digest=hashlib.sha256(canonical.encode()).hexdigest(),
        )

    def check(self, digest: str) -> None:
        """Raises KeyReused when ``digest``, stored under this name, belongs to another payload."""
        if not hmac.compare_digest(self.digest, digest):
            raise KeyReused("this Idempotency-Key was used for a different request")
