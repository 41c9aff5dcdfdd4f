"""Instants as texts, and the clocks of senders; without pydantic, for fast imports."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.errors import FromTheFuture

MOST_AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours."""


def rfc3339(instant: datetime) -> str:
    """UTC with milliseconds and ``Z``. All texts have the same length, so that their order is the
    order of time."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(at: datetime) -> datetime:
    """``at`` in milliseconds, the precision in which instants are stored."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def must_have_passed(instants: Mapping[str, datetime], now: datetime) -> None:
    """Raises FromTheFuture naming each of ``instants`` (by JSON path) that is more than MOST_AHEAD
    after ``now``: a message that is dated ahead would win over every correction until then."""
    ahead = [path for path, instant in instants.items() if instant > now + MOST_AHEAD]
    if ahead:
        raise FromTheFuture(
            "the instant is in the future",
            [
                {"path": path, "message": f"more than 5 minutes after {rfc3339(now)}"}
                for path in ahead
            ],
            now=rfc3339(now),
        )


def passed(instant: datetime, now: datetime) -> datetime:
    """``instant`` by a sender's clock, or ``now`` when that clock is ahead. A count that is stamped
    four minutes ahead would otherwise contain the sales of the next four minutes."""
    return min(instant, milliseconds(now))


def start_of_day(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC. Where the clocks go forward at midnight it is the
    first instant that exists; where they go back over midnight, the earlier midnight."""
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)


def local_day(instant: datetime, zone: str) -> date:
    """The local day of an instant."""
    return instant.astimezone(ZoneInfo(zone)).date()
