"""Keyed hashes of codes, PINs and subjects: HMAC-SHA-256 under the secret ``card_key``.

The table has hashes only. Who has the table alone can test no code and no PIN.

The code of a new card is derived from the idempotent request that asks for it, so that a replay can
show it again although it is not stored. The table has only a hash of the request's name, so that
the key and the table together do not yield the codes, as long as clients use idempotency keys that
cannot be guessed, such as UUIDs.
"""

import hashlib
import hmac
from base64 import b32encode

from shared.aws.secrets import secret
from shared.cards.model.code import RANDOM_BITS, code_of_bits

ID_BYTES = 20


def card_id_of(code: str) -> str:
    """The id of the card of a normalised code: 32 characters, lower-case base32."""
    return _text("code", code)


def pin_hash_of(card_id: str, pin: str) -> str:
    """Bound to the card, so that equal PINs have different hashes."""
    return _text("pin", f"{card_id}\n{pin}")


def subject_hash_of(subject: str) -> str:
    """Of whoever tries codes, such as a session or a shopper."""
    return _text("subject", subject)


def request_hash_of(name: str) -> str:
    """Of the name of an idempotent request."""
    return _text("request", name)


def new_code(name: str, digest: str) -> str:
    """The code of the card that the request ``name`` with the payload ``digest`` asks for, in
    groups of four; the same for each repetition. ``name`` must not be guessable."""
    number = int.from_bytes(_hash("new", f"{name}\n{digest}"), "big")
    return code_of_bits(number >> (8 * hashlib.sha256().digest_size - RANDOM_BITS))


def same(hash_: str, other: str) -> bool:
    """Compares in a time that does not tell where the two differ."""
    return hmac.compare_digest(hash_, other)


def _text(use: str, text: str) -> str:
    return b32encode(_hash(use, text)[:ID_BYTES]).decode().lower()


def _hash(use: str, text: str) -> bytes:
    return hmac.digest(secret("card_key"), f"{use}\0{text}".encode(), hashlib.sha256)
