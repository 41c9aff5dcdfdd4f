"""Who takes part in a canary: a published version that is tried on a share. Pure."""

import hashlib

ALL = 10_000
"""Everybody, in hundredths of a percent."""


def canary_takes(name: str, version: int, share: int) -> bool:
    """Whether the canary ``version`` takes whoever has the ``name``. ``share`` is in hundredths of
    a percent. The answer for a name and a version never changes; each version takes others."""
    digest = hashlib.sha256(f"{version}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % ALL < share
