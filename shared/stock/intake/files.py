"""Converts files of stock rows to CloudEvents, piece by piece: memory does not grow with the file.
Pure.

A file is CSV with a header, JSON lines, a JSON array, or an EPCIS 2.0 document (JSON), each
optionally compressed with gzip. A row is a CloudEvent, or flat:

    sku, location_id, quantity [, as_of, basis, net_through, reason]     -> stock.counted
    sku, location_id, delta, reason, occurred_at [, reference]           -> stock.moved
    sku, location_id, quantity, expected_at, reference                   -> stock.expected

A flat row may have its own ``type``, ``id``, ``source`` and ``sequence``. Without an id it gets one
from its content and its place in the file, so that a file that is sent twice changes nothing more.
Of two counts of one position in a file the later one wins: the place is also a count's sequence.
"""

import codecs
import csv
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from shared.documents import DECODER, loads
from shared.errors import Refusal
from shared.instants import rfc3339
from shared.stock.contract.feed import event_of
from shared.stock.intake.epcis import events_of
from shared.web.problem import summary

ENVELOPE = ("type", "id", "source", "sequence", "time")
WHOLE_NUMBERS = ("quantity", "delta", "sequence")
MOST_BYTES = 256 * 1024
"""The longest row: that of a message of the queue."""
PIECE = 256 * 1024
HEAD = 64 * 1024
GZIP = b"\x1f\x8b"
BOM = "\ufeff"
LONGEST_QUOTE = 40
"""Characters of a cell that a reason quotes."""
BLANK = " \t\r\n"
FILLER = 1024 * 1024
"""After so many bytes without a row a place to continue from is yielded all the same."""
UNPACK_ALLOWANCE = 64 * 1024 * 1024
MOST_UNPACK_RATIO = 200
"""A file may unpack to this many times its size, plus UNPACK_ALLOWANCE bytes."""
NUMBER = "+-.0123456789Ee"
EPCIS = ("epcisBody", "eventList")

Event = dict[str, Any]


class Form(StrEnum):
    CSV = "csv"
    LINES = "json lines"
    ARRAY = "json array"
    EPCIS = "epcis"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: behind ``number`` rows, and (in CSV and JSON lines) at byte ``at`` of the
    unpacked file. ``columns`` is the header of a CSV file, once it was read."""

    number: int = 0
    at: int = 0
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """``row`` is the parsed row, a text that says what is wrong with it, or None after FILLER bytes
    without a row. ``number`` is its line (the header included), or its place in the document, from
    1 on; ``behind`` is where the next one begins."""

    number: int
    row: Event | str | None
    behind: Start


@dataclass(frozen=True, slots=True)
class Read:
    """The events of one row, or the ``reason`` why there are none; a row that is None has
    neither."""

    row: Row
    events: Sequence[Event]
    reason: str = ""


def gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """``pieces`` unpacked when they are gzip, otherwise unchanged.

    Raises Refusal (a reason for the whole file) when they are damaged or unpack to an implausible
    size.
    """
    waiting = iter(pieces)
    first = b""
    while len(first) < len(GZIP) and (piece := next(waiting, b"")):
        first += piece
    if not first.startswith(GZIP):
        if first:
            yield first
        yield from waiting
        return
    try:
        yield from _gunzip(first, waiting)
    except zlib.error as error:
        raise Refusal(f"the gzip file is damaged: {error}") from None


def _gunzip(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    unpack, data, begun = zlib.decompressobj(31), first, False
    taken, given = len(first), 0
    while True:
        while data:
            begun = True
            if piece := unpack.decompress(data, PIECE):
                given += len(piece)
                if given > UNPACK_ALLOWANCE + MOST_UNPACK_RATIO * taken:
                    raise Refusal(
                        f"the file unpacks to more than {MOST_UNPACK_RATIO} times its size"
                    )
                yield piece
            data = unpack.unconsumed_tail
            if unpack.eof:
                data = unpack.unused_data.lstrip(b"\0")
                unpack, begun = zlib.decompressobj(31), False
        more = next(others, None)
        if more is None:
            break
        data = more
        taken += len(more)
    if begun:
        raise zlib.error("it is truncated")


def detect_form(pieces: Iterable[bytes]) -> tuple[Form, Iterator[bytes]]:
    """The form of the unpacked file, and all of its pieces."""
    waiting = iter(pieces)
    head = b""
    while len(head) < HEAD and (piece := next(waiting, b"")):
        head += piece
    return form_of(head), chain([head] if head else [], waiting)


def form_of(head: bytes) -> Form:
    """The form, from the first HEAD bytes of the unpacked file."""
    text = head.decode(errors="replace").lstrip(BOM + BLANK)
    match text[:1]:
        case "":
            return Form.EMPTY
        case "[":
            return Form.ARRAY
        case "{":
            return Form.EPCIS if '"epcisBody"' in text or '"EPCISDocument"' in text else Form.LINES
    return Form.CSV


def rows(form: Form, pieces: Iterable[bytes], start: Start = Start()) -> Iterator[Row]:
    """The rows of the unpacked file. CSV and JSON lines continue at ``start.at``, where ``pieces``
    must begin; documents are read from their beginning and skipped up to ``start.number``."""
    match form:
        case Form.CSV:
            yield from _csv(pieces, start)
        case Form.LINES:
            for number, line, behind in _lines(pieces, start):
                match line:
                    case None:
                        yield Row(number, None, behind)
                    case _BadLine():
                        yield Row(number, line.reason, behind)
                    case _ if line.strip(BOM + BLANK):
                        yield Row(number, _json(line.strip(BOM + BLANK)), behind)
        case Form.ARRAY | Form.EPCIS:
            path = EPCIS if form is Form.EPCIS else ()
            try:
                for number, row in enumerate(_elements(_Text(pieces), path), 1):
                    if number > start.number:
                        yield Row(number, _object(row), Start(number))
            except ValueError as error:
                raise Refusal(f"not a JSON document: {error}") from None


def read_events(
    form: Form, found: Iterable[Row], source: str, as_of: datetime, now: datetime
) -> Iterator[Read]:
    """The events of ``found`` (rows), checked as the queue's worker will check them.

    ``source`` names the file; a count without as_of gets ``as_of``.
    """
    for row in found:
        if row.row is None or isinstance(row.row, str):
            yield Read(row, (), row.row or "")
            continue
        try:
            events = (
                events_of(row.row)
                if form is Form.EPCIS
                else [row.row if "specversion" in row.row else _event(row.row, row, source, as_of)]
            )
            for event in events:
                event_of(event, now)
        except Refusal as refusal:
            yield Read(row, (), summary(refusal)["detail"])
        else:
            yield Read(row, events)


# Lines


@dataclass(frozen=True, slots=True)
class _BadLine:
    reason: str


def _lines(
    pieces: Iterable[bytes], start: Start
) -> Iterator[tuple[int, str | _BadLine | None, Start]]:
    """Number, text and end of each line that is not empty, or a _BadLine when it is too long or not
    UTF-8. None after FILLER bytes of empty lines."""
    rest, number, at, dropped, reported = b"", start.number, start.at, False, start.at
    for piece in pieces:
        whole = rest + piece
        *complete, rest = whole.split(b"\n")
        for line in complete:
            number, at = number + 1, at + len(line) + 1
            if dropped or (line and line != b"\r"):
                yield number, _text(line, dropped=dropped), Start(number, at, start.columns)
                dropped, reported = False, at
        if at - reported >= FILLER and not dropped:
            yield number, None, Start(number, at, start.columns)
            reported = at
        if len(rest) > MOST_BYTES:
            at, rest, dropped = at + len(rest), b"", True
    if rest or dropped:
        yield (
            number + 1,
            _text(rest, dropped=dropped),
            Start(number + 1, at + len(rest), start.columns),
        )


def _text(line: bytes, *, dropped: bool) -> str | _BadLine:
    if dropped or len(line) > MOST_BYTES:
        return _BadLine(f"longer than {MOST_BYTES} bytes")
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        return _BadLine("not UTF-8")


def _csv(pieces: Iterable[bytes], start: Start) -> Iterator[Row]:
    columns = start.columns
    for number, line, behind in _lines(pieces, start):
        if line is None:
            yield Row(number, None, replace(behind, columns=columns))
            continue
        cells = line.reason if isinstance(line, _BadLine) else _cells(line)
        if not columns:
            if isinstance(cells, str):
                raise Refusal(f"the header, line {number}: {cells}")
            columns = tuple(cell.strip() for cell in cells)
        elif isinstance(cells, str):
            yield Row(number, cells, replace(behind, columns=columns))
        elif cells:
            yield Row(number, _typed(columns, cells), replace(behind, columns=columns))


def _cells(line: str) -> list[str] | str:
    """The cells of a line, or what is wrong with it."""
    # Cells of stock rows have no line breaks, so a stray quote costs one row only.
    if line.count('"') % 2:
        return "a quoted cell has no closing quote"
    try:
        return next(csv.reader([line.lstrip(BOM)], skipinitialspace=True), [])
    except csv.Error as error:
        if len(line) > csv.field_size_limit():
            return f"a cell is longer than {csv.field_size_limit()} characters"
        return f"not CSV: {error}"


def _typed(columns: Sequence[str], cells: Sequence[str]) -> Event | str:
    if len(cells) > len(columns):
        return "more cells than the header has columns"
    row: Event = {}
    for name, cell in zip(columns, cells, strict=False):
        text = cell.strip()
        if not text:
            continue
        row[name] = text
        if name in WHOLE_NUMBERS:
            try:
                row[name] = int(text)
            except ValueError:
                return f"{name}: {text[:LONGEST_QUOTE]!r} is not a whole number"
    return row


def _json(line: str) -> Event | str:
    try:
        return _object(loads(line))
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"


def _object(row: Any) -> Event | str:
    return row if isinstance(row, dict) else "not a JSON object"


# Documents


class _Text:
    """The text of ``pieces``; it holds no more than the current value."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._held = ""
        self._at = 0
        self._ended = False

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        self._held, self._at = self._held[self._at :], 0
        if piece is None:
            self._ended = True
            return False
        self._held += self._decode(piece)
        return True

    def peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in BLANK + BOM:
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> None:
        found = self.peek()
        if found != wanted:
            raise ValueError(f"{wanted!r} expected instead of {found!r}")
        self._at += 1

    def value(self) -> Any:
        """The next complete value. Raises ValueError when there is none, or when it is longer than
        a message."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._at)
            except (ValueError, RecursionError):
                if len(self._held) - self._at > 4 * MOST_BYTES:
                    raise ValueError("a value is too long or malformed") from None
                if not self._more():
                    raise
            else:
                # A number may continue in the next piece.
                if self._held[end : end + 1] in NUMBER and not self._ended and self._more():
                    continue
                self._at = end
                return value


def _elements(text: _Text, path: Sequence[str]) -> Iterator[Any]:
    """The elements of the array at ``path`` (names of members), one after the other."""
    if path:
        found = False
        for name in _members(text):
            if name == path[0]:
                found = True
                yield from _elements(text, path[1:])
            else:
                text.value()
        if not found:
            raise ValueError(f"the document has no {path[0]}")
        return
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.peek() == "]":
            text.take("]")
            return
        text.take(",")


def _members(text: _Text) -> Iterator[str]:
    """The names of an object's members; the caller reads the value of each."""
    text.take("{")
    if text.peek() == "}":
        text.take("}")
        return
    while True:
        name = text.value()
        text.take(":")
        yield str(name)
        if text.peek() == "}":
            text.take("}")
            return
        text.take(",")


# Events


def _event(row: Mapping[str, Any], place: Row, source: str, as_of: datetime) -> Event:
    kind = row.get("type") or (
        "stock.moved"
        if "delta" in row
        else "stock.expected"
        if "expected_at" in row
        else "stock.counted"
    )
    data = {name: value for name, value in row.items() if name not in ENVELOPE}
    sequence = row.get("sequence")
    if kind == "stock.counted":
        data = {"as_of": rfc3339(as_of), "basis": "physical"} | data
        sequence = place.number if sequence is None else sequence
    event = {
        "specversion": "1.0",
        "id": row.get("id") or _id(row, place.number),
        "source": row.get("source") or source,
        "type": kind,
        "time": row.get("time") or data.get("as_of") or data.get("occurred_at") or rfc3339(as_of),
        "datacontenttype": "application/json",
        "data": data,
    }
    return event | ({} if sequence is None else {"sequence": sequence})


def _id(row: Mapping[str, Any], number: int) -> str:
    """Equal rows of one file are different events: the second sale of a unit is another sale."""
    written = json.dumps(row, sort_keys=True)
    return hashlib.sha256(f"{written}\n{number}".encode()).hexdigest()[:32]
