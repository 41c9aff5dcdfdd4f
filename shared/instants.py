"""Instants as texts, for whoever must not load pydantic."""

from datetime import UTC, datetime


def rfc3339(instant: datetime) -> str:
    """UTC with milliseconds and ``Z``: of equal length, so that the order of texts is of times."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
