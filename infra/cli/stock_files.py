"""Stock files as CloudEvents batches for the bulk queue. The reader of the files themselves, and
their formats, are in shared/stock: the feed bucket's worker uses the same."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.local.bad_row import BadRow
from shared.errors import Refusal
from shared.stock.intake import files
from shared.stock.intake.files import Event

BATCH_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Feed:
    """The events of a file, and its wrong rows."""

    events: list[Event]
    bad: list[BadRow]


def read(content: bytes, source: str, as_of: datetime, now: datetime) -> Feed:
    """The events of a file. ``source`` becomes the CloudEvents source of its flat rows, ``as_of``
    the instant of counts that name none."""
    feed = Feed([], [])
    try:
        form, pieces = files.detect_form(files.gunzipped([content]))
        for one in files.read_events(form, files.rows(form, pieces), source, as_of, now):
            feed.events.extend(one.events)
            if one.reason:
                feed.bad.append(BadRow(one.row.number, one.reason))
    except Refusal as refusal:
        feed.bad.append(BadRow(1, refusal.detail))
    return feed


def batches(events: Iterable[Event], limit: int = BATCH_BYTES) -> Iterator[tuple[int, str]]:
    """CloudEvents batches in the order of the file, each with its number of events.

    A batch is a JSON array of at most ``limit`` bytes; a single longer event is a batch of its own.
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
