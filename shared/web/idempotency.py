"""The Idempotency-Key of a request: what makes two requests one (draft-ietf-httpapi-idempotency).

A request that changes something is named by its client and key. Its effect is written in the same
transaction as a record of that name, with the digest of the payload and the answer: a second
request finds the record before anything is decided, and gets the first answer again.
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
    """``name`` is the same for the same client and key, and for no other; ``digest`` is SHA-256
    over method, path and body, whatever the order of the body's fields."""

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
        """Raises KeyReused when ``digest``, stored under this name, is of another payload."""
        if not hmac.compare_digest(self.digest, digest):
            raise KeyReused("this Idempotency-Key was used for a different request")
