"""Keyed hashes: what a person is found by, without the table's keys telling who it is."""

import hashlib
import hmac

from shared.customers.model import RecordKey

HASH_LENGTH = 32


def hashed(secret: bytes, kind: str, value: str) -> str:
    """128 bits of HMAC-SHA256 over the kind and the normalised value, in hex."""
    message = f"{kind}\n{value}".encode()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()[:HASH_LENGTH]


def record_key(secret: bytes, source: str, source_id: str) -> RecordKey:
    return f"{source}#{hashed(secret, f'record {source}', source_id)}"


def identifier_key(secret: bytes, name: str, value: str) -> str:
    return f"{name}#{hashed(secret, name, value)}"
