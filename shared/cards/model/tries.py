"""How often somebody may try codes: failed look-ups of a subject and of a client.

NIST SP 800-63B section 5.1.2.2 advises at most 100 failures in 30 days for look-up secrets of less
than 64 bits. A code has 75; the limits also slow down who tries many cards.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.errors import TooManyTries

QUARTER = timedelta(minutes=15)
MONTH = timedelta(days=30)
MOST_IN_QUARTER = 10
MOST_IN_MONTH = 100
MOST_OF_CLIENT = 3_000
"""Failed look-ups of one client in a quarter of an hour: a client serves many shoppers."""
MOST_PINS = 10
"""Wrong PINs in a row that block a card."""


def check(tries: Sequence[datetime], now: datetime) -> None:
    """Raises TooManyTries with the seconds until the subject may try again. ``tries`` are the
    instants of its failures and of look-ups under way, the oldest first."""
    for window, most in ((QUARTER, MOST_IN_QUARTER), (MONTH, MOST_IN_MONTH)):
        recent = [at for at in tries if at > now - window]
        if len(recent) >= most:
            raise TooManyTries(_seconds(recent[-most] + window - now))


def check_client(failures: int, now: datetime) -> None:
    """``failures`` are those of the client in the quarter of an hour of ``now``."""
    if failures >= MOST_OF_CLIENT:
        raise TooManyTries(_seconds(QUARTER - timedelta(seconds=now.timestamp() % 900)))


def kept(tries: Sequence[datetime], now: datetime) -> list[datetime]:
    """The tries that still count."""
    return [at for at in tries if at > now - MONTH]


def _seconds(wait: timedelta) -> int:
    return max(1, -(-wait // timedelta(seconds=1)))
