"""Erase a person: what the person's homes buy.

    item                 what remains
    AGAIN#<home> BOUGHT  that the home is closed, and since when
    AGAIN#<home> DAY#..  nothing
    ORDER#..             without the home, when the erased order is counted again

From then on nothing is counted for the homes: the worker leaves closed ones out.
"""

from collections.abc import Sequence
from datetime import datetime

from shared.recommendations.store.homes import close

AT_ONCE = 10
"""Homes that are closed in one step of the job."""


def forget_purchases(members: Sequence[str], place: str, now: datetime) -> str | None:
    """Close the homes, from ``place`` on. Returns the place where the step continues, None at its
    end. Idempotent."""
    first = int(place or 0)
    for home in members[first : first + AT_ONCE]:
        close(home, now)
    following = first + AT_ONCE
    return str(following) if following < len(members) else None
