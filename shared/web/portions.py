"""Portions of a large run, worked off by several workers at once.

A run that is due every minute counts its rows first. When they are few, it acts on them itself;
otherwise it sends a message for each portion to a queue, and the queue starts the workers. The next
run counts again, so nothing has to be remembered: what a worker did not finish is still due then.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.aws.sqs import send_many
from shared.instants import rfc3339

WORKERS = 32
"""Portions of a run that is handed out; a multiple of the shards of every index of deadlines."""
SECONDS = 50
"""How long the workers of a run begin with further rows. They end before the next run begins, so
that two workers do not act on the same rows."""


@dataclass(frozen=True, slots=True)
class Portion:
    """The rows whose name has the remainder ``number`` when its checksum is divided by ``of``."""

    number: int
    of: int

    def has(self, name: str) -> bool:
        return checksum(name) % self.of == self.number

    def shards(self, count: int) -> Sequence[int]:
        """Those of ``count`` shards (numbered by ``checksum(name) % count``) that have rows of this
        portion. One of ``count`` and ``of`` must be a multiple of the other."""
        return range(self.number % count, count, self.of)


WHOLE = Portion(0, 1)


def checksum(name: str) -> int:
    """The same for a name in every process, and evenly spread."""
    return zlib.crc32(name.encode())


def hand_out(queue_url: str, now: datetime) -> int:
    """Send a message for each of WORKERS portions; how many were sent. The rows of the others are
    due in the next run."""
    until = rfc3339(now + timedelta(seconds=SECONDS))
    messages = [
        json.dumps({"portion": number, "of": WORKERS, "until": until}) for number in range(WORKERS)
    ]
    return WORKERS - len(send_many(queue_url, messages))


def handed_out(message: str) -> tuple[Portion, float]:
    """The portion of a message, and the seconds that remain for it; none when the message has
    waited for too long, because the next run has handed its rows out again."""
    told = json.loads(message)
    remaining = datetime.fromisoformat(told["until"]) - datetime.now(UTC)
    return Portion(told["portion"], told["of"]), max(0.0, remaining.total_seconds())
