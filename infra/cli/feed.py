"""Stock files for the system: small ones as CloudEvents batches for the feed queue, big ones for
the feed bucket. What a file may be is told in shared/stock/files.py."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.errors import Refusal
from shared.stock.intake import files
from shared.stock.intake.files import Event

BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is not sent; ``line`` counts from 1, the header included."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Feed:
    events: list[Event]
    bad: list[Bad]


def read(content: bytes, source: str, as_of: datetime, now: datetime) -> Feed:
    """The events of a file. ``source`` names it; a count without as_of is as of ``as_of``."""
    feed = Feed([], [])
    try:
        form, pieces = files.opened(files.unpacked([content]))
        for one in files.read(form, files.rows(form, pieces), source, as_of, now):
            feed.events.extend(one.events)
            if one.reason:
                feed.bad.append(Bad(one.row.number, one.reason))
    except Refusal as refusal:
        feed.bad.append(Bad(1, refusal.detail))
    return feed


def batches(events: Iterable[Event], limit: int = BATCH_BYTES) -> Iterator[tuple[int, str]]:
    """How many events, and the CloudEvents batch of them: a JSON array of at most ``limit`` bytes.

    In the order of the file. One event longer than that is a batch of its own.
    """
    texts: list[str] = []
    size = 2
    for event in events:
        text = json.dumps(event, separators=(",", ":"))
        if texts and size + len(text) + 1 > limit:
            yield len(texts), _array(texts)
            texts, size = [], 2
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield len(texts), _array(texts)


def _array(texts: Sequence[str]) -> str:
    return f"[{','.join(texts)}]"
