"""Instants as texts, and the clocks of others: for whoever must not load pydantic."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.errors import FromTheFuture

MOST_AHEAD = timedelta(minutes=5)
"""How far the clock of a sender may run before that of the receiver."""


def rfc3339(instant: datetime) -> str:
    """UTC with milliseconds and ``Z``: of equal length, so that the order of texts is of times."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def must_have_passed(instants: Mapping[str, datetime], now: datetime) -> None:
    """Raises FromTheFuture naming each of ``instants`` (by JSON path) that is more than MOST_AHEAD
    after ``now``: what is dated ahead would outlive every correction until then."""
    ahead = [path for path, instant in instants.items() if instant > now + MOST_AHEAD]
    if ahead:
        raise FromTheFuture(
            "it is stated as of an instant that has not come yet",
            [
                {"path": path, "message": f"more than 5 minutes after {rfc3339(now)}"}
                for path in ahead
            ],
            now=rfc3339(now),
        )


def passed(instant: datetime, now: datetime) -> datetime:
    """``instant`` by a sender's clock, or ``now`` when that clock runs ahead. Nobody can know what
    has not happened yet: a count stamped four minutes ahead would swallow the sales of the next
    four."""
    return min(instant, now.replace(microsecond=now.microsecond // 1000 * 1000))
