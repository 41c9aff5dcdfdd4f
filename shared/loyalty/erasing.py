"""Erase a person: the wallets.

    item                        what remains
    POINTS                      that the account is closed, and since when
    EARN#, TIER, ENTRY#, REQUEST#   nothing

From then on nothing can be booked for the person: every write of the area is conditional on the
version of the account. Rows of the ledger that the stream delivers later are deleted in a second
pass, which the job makes after the lag of the indexes.
"""

from collections.abc import Sequence
from datetime import datetime

from shared.loyalty.store.accounts import close

AT_ONCE = 10
"""Accounts that are closed in one step of the job."""


def close_wallets(members: Sequence[str], place: str, now: datetime) -> str | None:
    """Close the accounts of the home profiles, from ``place`` on. Returns the place where the step
    continues, None at its end. Idempotent."""
    first = int(place or 0)
    for home in members[first : first + AT_ONCE]:
        close(home, now)
    following = first + AT_ONCE
    return str(following) if following < len(members) else None
