"""Files of stock rows as CloudEvents batches for the feed queue.

A file is CSV with a header, JSON lines, or a JSON array. A row is a CloudEvent, or flat:

    sku, location_id, quantity [, as_of, basis, net_through]             -> stock.counted
    sku, location_id, delta, reason, occurred_at [, reference]           -> stock.moved
    sku, location_id, quantity, expected_at, reference                   -> stock.expected

A flat row may name its ``type``, ``id``, ``source`` and ``sequence``. Without an id it gets one
from its content, so that a file sent twice changes nothing more.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.errors import Refusal
from shared.instants import rfc3339
from shared.stock.contract import event_of
from shared.web.problem import summary

BATCH_BYTES = 256 * 1024
ENVELOPE = ("type", "id", "source", "sequence", "time")
WHOLE_NUMBERS = ("quantity", "delta", "sequence")

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is not sent; ``line`` counts from 1, the header included."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Feed:
    events: list[Event]
    bad: list[Bad]


def read(text: str, source: str, as_of: datetime, now: datetime) -> Feed:
    """The events of a file. ``source`` names it; a count without as_of is as of ``as_of``.

    They are checked as the queue's worker will check them.
    """
    feed = Feed([], [])
    seen: Counter[str] = Counter()
    for line, row in _rows(text):
        if isinstance(row, str):
            feed.bad.append(Bad(line, row))
            continue
        event = row if "specversion" in row else _event(row, source, as_of, seen)
        try:
            event_of(event, now)
        except Refusal as refusal:
            feed.bad.append(Bad(line, summary(refusal)["detail"]))
        else:
            feed.events.append(event)
    return feed


def _rows(text: str) -> Iterator[tuple[int, Event | str]]:
    """Line and row, or line and what is wrong with it."""
    match text.lstrip("\ufeff \t\r\n")[:1]:
        case "":
            return
        case "[":
            try:
                yield from ((index, _object(row)) for index, row in enumerate(json.loads(text), 1))
            except ValueError as error:
                yield 1, f"not JSON: {error}"
        case "{":
            for line, written in enumerate(text.splitlines(), 1):
                if written.strip():
                    try:
                        yield line, _object(json.loads(written))
                    except ValueError as error:
                        yield line, f"not JSON: {error}"
        case _:
            reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), skipinitialspace=True)
            for cells in reader:
                yield reader.line_num, _typed(cells)


def _object(row: Any) -> Event | str:
    return row if isinstance(row, dict) else "not a JSON object"


def _typed(cells: dict[Any, Any]) -> Event | str:
    if None in cells:
        return "more cells than the header has columns"
    row: Event = {}
    for name, cell in cells.items():
        if cell is None or not cell.strip():
            continue
        row[name] = cell.strip()
        if name in WHOLE_NUMBERS:
            try:
                row[name] = int(cell)
            except ValueError:
                return f"{name}: {cell.strip()!r} is not a whole number"
    return row


def _event(row: Event, source: str, as_of: datetime, seen: Counter[str]) -> Event:
    kind = row.get("type") or (
        "stock.moved"
        if "delta" in row
        else "stock.expected"
        if "expected_at" in row
        else "stock.counted"
    )
    data = {name: value for name, value in row.items() if name not in ENVELOPE}
    if kind == "stock.counted":
        data = {"as_of": rfc3339(as_of), "basis": "physical"} | data
    event = {
        "specversion": "1.0",
        "id": row.get("id") or _id(row, seen),
        "source": row.get("source") or source,
        "type": kind,
        "time": row.get("time") or data.get("as_of") or data.get("occurred_at") or rfc3339(as_of),
        "datacontenttype": "application/json",
        "data": data,
    }
    return event | ({"sequence": row["sequence"]} if "sequence" in row else {})


def _id(row: Event, seen: Counter[str]) -> str:
    """Equal rows of one file are different events: the second sale of a unit is another sale."""
    written = json.dumps(row, sort_keys=True)
    seen[written] += 1
    return hashlib.sha256(f"{written}\n{seen[written]}".encode()).hexdigest()[:32]


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
