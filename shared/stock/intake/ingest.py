"""Reads a file of the feed bucket onto the bulk queue, with checkpoints in table ``stock``.

    pk FILE#<bucket>/<key>   sk <etag>#<as_of>     how far the file has been read

An invocation continues at the last checkpoint, sends CloudEvents batches, and saves a checkpoint
every CHECKPOINT rows or CHECKPOINT_BYTES. A reader that dies in between causes some events to be
sent again, which changes nothing; of two readers of the same file the second to save a checkpoint
gives up. Every row that is not an event is listed beside the file: the first REJECTS_AT_ONCE in
``<key>.rejects.jsonl``, the next ones in ``<key>.2.rejects.jsonl``, and so on.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import quote

from shared.aws import dynamodb as tables
from shared.aws import s3
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import setting
from shared.aws.sqs import MOST_BYTES, send
from shared.documents import batches_of
from shared.errors import Refusal
from shared.instants import rfc3339
from shared.stock.intake.files import (
    GZIP,
    Form,
    Read,
    Start,
    detect_form,
    gunzipped,
    read_events,
    rows,
)
from shared.stock.store import stock_table

REJECTS = ".rejects.jsonl"
REJECTS_AT_ONCE = 10_000
CHECKPOINT = 10_000
CHECKPOINT_BYTES = 16 * 1024 * 1024
"""Unpacked bytes: rows may be long, and long stretches may have none."""
PROGRESS_KEPT = timedelta(days=45)

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True)
class IntakeProgress:
    """``state`` is reading, done or refused (``reason``). ``number`` and ``at`` are where to
    continue (files.Start), ``size`` is that of the object; ``read`` counts its bytes, as far as
    known."""

    bucket: str
    key: str
    etag: str
    as_of: str
    size: int
    state: str = "reading"
    number: int = 0
    at: int = 0
    read: int = 0
    columns: tuple[str, ...] = ()
    events: int = 0
    messages: int = 0
    rejected: int = 0
    reason: str = ""


def progress_key(bucket: str, key: str, etag: str, as_of: str) -> tuple[str, str]:
    return f"FILE#{bucket}/{key}", f"{etag}#{as_of}"


def ingest(
    bucket: str, key: str, now: datetime, left: Seconds, spare: float
) -> IntakeProgress | None:
    """Reads until the file ends or only ``spare`` of the remaining seconds, which ``left`` returns,
    are left.

    None when the file does not exist, is a list of rejects, or is read by another process.
    """
    file = s3.look(bucket, key)
    if file is None or key.endswith(REJECTS):
        return None
    as_of = _as_of(file)
    so_far = _so_far(file, rfc3339(as_of))
    if so_far.state != "reading":
        return so_far
    source = file.metadata.get("source") or f"file:{quote(key.rsplit('/', 1)[-1])}"
    try:
        opened = _Opened(file, so_far.at)
        start = Start(so_far.number, so_far.at, so_far.columns)
        taken = read_events(
            opened.form, rows(opened.form, opened.pieces, start), source, as_of, now
        )
        for part in _parts(taken, opened):
            after = replace(_send(so_far, part), read=opened.read)
            if not _note(so_far, after, now):
                return None
            so_far = after
            if left() < spare:
                return so_far
    except Refusal as refusal:
        end = replace(so_far, state="refused", reason=refusal.detail)
    else:
        end = replace(so_far, state="done", read=file.size)
    return end if _note(so_far, end, now) else None


class _Opened:
    """A file from byte ``at`` of its unpacked content: its form, its pieces, the bytes of the
    object that were ``read`` for them, and the bytes that they were ``unpacked`` to."""

    def __init__(self, found: s3.Object, at: int) -> None:
        self.read = self.unpacked = 0
        packed = self._counted(s3.pieces(found))
        first = next(packed, b"")
        whole = self._unpacking(gunzipped(chain([first], packed)))
        self.form, self.pieces = detect_form(whole)
        if self.form not in {Form.CSV, Form.LINES}:
            return
        if at and not first.startswith(GZIP):
            self.read = at
            self.pieces = self._unpacking(self._counted(s3.pieces(found, at)))
        else:
            self.pieces = _behind(self.pieces, at)

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.read += len(piece)
            yield piece

    def _unpacking(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.unpacked += len(piece)
            yield piece


def _as_of(found: s3.Object) -> datetime:
    """The uploader's metadata ``as-of``, else the time of the upload."""
    stated = found.metadata.get("as-of")
    try:
        instant = datetime.fromisoformat(stated) if stated else found.written_at
    except ValueError:
        return found.written_at
    return instant if instant.tzinfo else found.written_at


def _behind(pieces: Iterable[bytes], at: int) -> Iterator[bytes]:
    for piece in pieces:
        if at < len(piece):
            yield piece[at:]
        at = max(0, at - len(piece))


def _parts(taken: Iterable[Read], opened: _Opened) -> Iterator[list[Read]]:
    part: list[Read] = []
    begun = opened.unpacked
    for one in taken:
        part.append(one)
        if len(part) >= CHECKPOINT or opened.unpacked - begun >= CHECKPOINT_BYTES:
            yield part
            part, begun = [], opened.unpacked
    if part:
        yield part


def _send(so_far: IntakeProgress, part: list[Read]) -> IntakeProgress:
    messages = 0
    events = [event for one in part for event in one.events]
    for batch in batches_of(events, MOST_BYTES):
        send(setting("bulk_queue"), batch)
        messages += 1
    bad = [one for one in part if one.reason]
    _write_rejects(so_far, bad)
    last = part[-1].row.behind
    return replace(
        so_far,
        number=last.number,
        at=last.at,
        columns=last.columns,
        events=so_far.events + len(events),
        messages=so_far.messages + messages,
        rejected=so_far.rejected + len(bad),
    )


def _write_rejects(so_far: IntakeProgress, bad: list[Read]) -> None:
    """Appends to the rejects listed before this checkpoint; those of a dead reader are
    overwritten."""
    named = [json.dumps({"line": one.row.number, "reason": one.reason}).encode() for one in bad]
    done = so_far.rejected
    while named:
        name = rejects_key(so_far.key, done // REJECTS_AT_ONCE)
        there = done % REJECTS_AT_ONCE
        before = (s3.get(so_far.bucket, name) or b"").splitlines() if there else []
        some, named = named[: REJECTS_AT_ONCE - there], named[REJECTS_AT_ONCE - there :]
        s3.put(
            so_far.bucket,
            name,
            b"\n".join([*before[:there], *some]) + b"\n",
            ContentType="application/x-ndjson",
        )
        done += len(some)


def rejects_keys(progress: IntakeProgress) -> list[str]:
    """The keys of the objects that list the rejected rows, in their order."""
    return [
        rejects_key(progress.key, part) for part in range(-(-progress.rejected // REJECTS_AT_ONCE))
    ]


def rejects_key(key: str, part: int) -> str:
    return f"{key}.{part + 1}{REJECTS}" if part else f"{key}{REJECTS}"


def _so_far(found: s3.Object, as_of: str) -> IntakeProgress:
    fresh = IntakeProgress(found.bucket, found.key, found.etag, as_of, found.size)
    pk, sk = progress_key(found.bucket, found.key, found.etag, as_of)
    noted = tables.get(stock_table(), pk, sk, consistent=True)
    return progress_of_item(noted) if noted else fresh


def progress_of_item(item: dict[str, Any]) -> IntakeProgress:
    known = {name: item[name] for name in IntakeProgress.__dataclass_fields__ if name in item}
    return IntakeProgress(**known | {"columns": tuple(item.get("columns", ()))})


def _note(before: IntakeProgress, after: IntakeProgress, now: datetime) -> bool:
    """Saves the checkpoint; False when another reader has saved one meanwhile."""
    pk, sk = progress_key(after.bucket, after.key, after.etag, after.as_of)
    item = {
        **asdict(after),
        "columns": list(after.columns),
        "pk": pk,
        "sk": sk,
        "updated_at": rfc3339(now),
        "ttl": int((now + PROGRESS_KEPT).timestamp()),
    }
    condition = Condition()
    if before.number:
        # Holds while the file has been read as far as this reader has found it.
        condition.require("#number = {} AND #state = {}", before.number, "reading")
    else:
        # Holds while nobody has begun to read the file.
        condition.require("attribute_not_exists(pk)")
    arguments = {"TableName": stock_table(), "Item": to_item(item), **condition.arguments()}
    return tables.write("put_item", **arguments) is None
