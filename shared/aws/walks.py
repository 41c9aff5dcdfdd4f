"""Walks over a whole table: rounds in segments, which several workers share.

    pk WALK#<name>   sk ROUND            the round that is under way, or the last one
    pk WALK#<name>   sk SEGMENT#<nnnn>   where the round continues in a segment, counts, the lease

A round divides a table into the parallel segments of a Scan. Their number is stored with the round,
because a key to continue after is valid only together with it. A worker claims a segment with a
lease, does one step of it after the other, and saves after each step where the next one begins.

Every write of a segment is conditional on the ``version`` that was read. So of two workers on one
segment only one saves its step; the other's save is refused, and it leaves the segment. A worker
that dies loses the step that it was in, which another worker repeats when the lease has ended.
A step must therefore be harmless when it is repeated, also partly, and take less than the lease.
When all segments are done, one worker closes the round; the closing is claimed like a segment and
may be repeated like a step.

Largest items: a round has 1 KB beside its plan. A segment has 0.5 KB beside what its steps ``keep``
(30 bytes per step of a walk that keeps anything, at most 400 KB: 13,000 steps; exports reach 100).
Largest rate: one write per step of a worker, so 100 workers with steps of a second write 100 units
a second to the partition of a walk, a tenth of what a partition takes.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.expression import Condition
from shared.aws.items import Item, from_item, to_item
from shared.aws.settings import setting, table_name
from shared.aws.sqs import send_many
from shared.instants import rfc3339

LEASE = timedelta(minutes=3)
"""How long a worker that has died keeps a segment from the others."""
CLOSING_LEASE = timedelta(minutes=16)
"""Longer than any function may run: nobody closes a round while an earlier closer may be alive."""
ALONE_SECONDS = 15
"""How long a worker works before it calls others: small tables need none."""
MOST_SEGMENTS = 256
"""A worker reads all segments to choose one: 256 are 30 read units."""


@dataclass(frozen=True, slots=True)
class Walk:
    """``table`` is the table of shared/schema.py that stores the progress of the walk, which may be
    another than the one that it walks over. ``lease`` is longer than any step takes: a step that
    takes longer is repeated by another worker, and for ever when every worker is too slow."""

    table: str
    name: str
    lease: timedelta = LEASE


@dataclass(frozen=True, slots=True)
class Round:
    """``plan`` is what the round is about (plain values). ``covered_since`` is when the last
    complete round began: everything has been visited since then."""

    walk: Walk
    number: int
    segments: int
    began_at: datetime
    plan: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    covered_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """``after`` is the key that the segment continues after, None at its beginning. ``counts`` are
    the sums of what its steps have counted, ``kept`` are their notes for the closing of the round.
    The segment after the last one stands for the closing."""

    round: Round
    number: int
    after: Mapping[str, str] | None = None
    done: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    lease_until: datetime | None = None
    version: int = 0

    @property
    def is_closing(self) -> bool:
        return self.number == self.round.segments

    @property
    def scan_arguments(self) -> dict[str, int]:
        """What makes a Scan read this segment only."""
        return {"Segment": self.number, "TotalSegments": self.round.segments}

    def claimable(self, now: datetime) -> bool:
        return not self.done and (self.lease_until is None or self.lease_until <= now)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a step: where the next one begins, None at the end of the segment."""

    after: Mapping[str, str] | None
    counts: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """The sums of a round. ``held`` are the segments with a lease that has not ended."""

    round: Round
    done: int
    held: int
    free: int
    counts: Mapping[str, int]
    kept: tuple[str, ...]

    def summary(self, now: datetime) -> dict[str, Any]:
        """For logs and answers: JSON values."""
        end = self.round.ended_at or now
        return {
            "walk": self.round.walk.name,
            "round": self.round.number,
            "segments": self.round.segments,
            "done": self.done,
            "workers": self.held,
            "began_at": rfc3339(self.round.began_at),
            "ended_at": rfc3339(self.round.ended_at) if self.round.ended_at else None,
            "seconds": round((end - self.round.began_at).total_seconds()),
            "counts": dict(self.counts),
        }


def last_round(walk: Walk) -> Round | None:
    """The round that is under way, or the last one (strongly consistent)."""
    item = tables.get(_table(walk), partition(walk), "ROUND", consistent=True)
    return round_of_item(walk, item) if item else None


def begin(
    walk: Walk,
    was: Round | None,
    segments: int,
    now: datetime,
    plan: Mapping[str, Any] | None = None,
) -> Round | None:
    """Begins the round after ``was``, which need not have ended; None when another worker has begun
    one since ``was`` was read."""
    if not 1 <= segments <= MOST_SEGMENTS:
        raise ValueError(f"a round has 1 to {MOST_SEGMENTS} segments, not {segments}")
    begun = Round(
        walk,
        was.number + 1 if was else 1,
        segments,
        now,
        plan or {},
        covered_since=was.covered_since if was else None,
    )
    condition = Condition()
    if was is None:
        # Holds while there has been no round.
        condition.require("attribute_not_exists(pk)")
    else:
        # Holds while the round that was read is the last one.
        condition.require("round_number = {}", was.number)
    return begun if _put(walk, "ROUND", _round_item(begun), condition) else None


def progress(round_: Round, now: datetime) -> Progress:
    """The sums of the round: one strongly consistent Query."""
    return _progress_of(round_, _segments(round_), now)


def claim(round_: Round, now: datetime) -> Segment | None:
    """A segment of the round, or its closing when all segments are done, for this worker alone
    until the lease ends. None when all are in other hands, or the round has ended."""
    while True:
        segments = _segments(round_)
        choices = [one for one in segments if not one.is_closing and one.claimable(now)]
        if all(one.done for one in segments if not one.is_closing):
            choices = [segments[-1]] if segments[-1].claimable(now) else []
        if not choices:
            return None
        chosen = random.choice(choices)
        lease = CLOSING_LEASE if chosen.is_closing else round_.walk.lease
        if claimed := _save(replace(chosen, lease_until=now + lease)):
            return claimed


def advance(segment: Segment, step: Step, now: datetime) -> Segment | None:
    """Saves a step, and renews the lease. None when another worker has taken over the segment."""
    return _save(
        replace(
            segment,
            after=step.after,
            done=step.after is None,
            counts=dict(Counter(segment.counts) + Counter(step.counts)),
            kept=(*segment.kept, *step.kept),
            lease_until=None if step.after is None else now + segment.round.walk.lease,
        )
    )


def release(segment: Segment) -> None:
    """Gives the segment to the next worker at once, not only at the end of the lease."""
    _save(replace(segment, lease_until=None))


def work(
    round_: Round,
    step: Callable[[Segment], Step | None],
    close: Callable[[Progress], bool],
    late: Callable[[], bool],
    call_others: Callable[[int], None] | None = None,
) -> Progress:
    """Works on the round until it has ended, all segments are in other hands, or it is ``late``.

    ``call_others`` is called once, when this worker has been busy for ALONE_SECONDS, with the
    number of segments that nobody holds. ``step`` returns None when it cannot be done now:
    that ends the work of this worker, and the next one repeats the step. ``close`` ends the round,
    or returns False when the time is not enough for it. An exception releases the segment at its
    last saved step.
    """
    began, called = time.monotonic(), call_others is None
    while not late():
        segment = claim(round_, now())
        if segment is None:
            break
        if segment.is_closing:
            with _Claim(segment):
                if close(progress(round_, now())):
                    round_ = _end(round_)
                else:
                    release(segment)
            break
        while True:
            with _Claim(segment):
                done = step(segment)
            if done is None:
                release(segment)
                return progress(round_, now())
            saved = advance(segment, done, now())
            if saved is None or saved.done:
                break
            segment = saved
            if late():
                release(segment)
                break
            if call_others and not called and time.monotonic() - began > ALONE_SECONDS:
                called = True
                call_others(progress(round_, now()).free)
    return progress(round_, now())


def call_helpers(round_: Round, free: int) -> None:
    """Sends a message for each of the ``free`` segments to the queue of helpers, and no more than
    helpers may work at the same time. A message that comes too late changes nothing. Helpers call
    no further helpers: the next scheduled run does."""
    message = json.dumps({"walk": round_.walk.name, "round": round_.number})
    send_many(setting("helpers_queue"), [message] * min(int(setting("helpers")), free))


def called_round(table: str, message: str) -> Round | None:
    """The round that a helper is called to; None when it has been replaced by a later one."""
    called = json.loads(message)
    last = last_round(Walk(table, called["walk"]))
    return last if last is not None and last.number == called["round"] else None


class _Claim:
    """A claim that is released when its holder fails, so that the next worker need not wait."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            release(self._segment)


def _end(round_: Round) -> Round:
    """Marks the end of the round; harmless when another worker has done so, or has begun the next
    one."""
    ended = replace(round_, ended_at=now(), covered_since=round_.began_at)
    condition = Condition()
    # Holds while this round is the last one.
    condition.require("round_number = {}", round_.number)
    _put(round_.walk, "ROUND", _round_item(ended), condition)
    return ended


def progress_of(walk: Walk, items: Iterable[Mapping[str, Any]], now: datetime) -> Progress | None:
    """The progress from all items of the walk's partition; None when there has been no round."""
    by_key = {item["sk"]: item for item in items}
    if "ROUND" not in by_key:
        return None
    round_ = round_of_item(walk, by_key["ROUND"])
    return _progress_of(round_, _segments_of(round_, by_key), now)


def _progress_of(round_: Round, segments: list[Segment], now: datetime) -> Progress:
    walked = [one for one in segments if not one.is_closing]
    counts: Counter[str] = Counter()
    for one in walked:
        counts.update(one.counts)
    done = sum(one.done for one in walked)
    free = sum(one.claimable(now) for one in walked)
    kept = tuple(note for one in walked for note in one.kept)
    return Progress(round_, done, len(walked) - done - free, free, dict(counts), kept)


def partition(walk: Walk) -> str:
    """The partition key of the walk's items."""
    return f"WALK#{walk.name}"


def _segments(round_: Round) -> list[Segment]:
    """All segments by number, and the closing after them. The closing of a round that has been
    ended or replaced is done, and so are its segments."""
    items = tables.query(
        _table(round_.walk),
        "pk = :pk",
        to_item({":pk": partition(round_.walk)}),
        ConsistentRead=True,
    )
    by_key = {item["sk"]: item for item in items}
    last = round_of_item(round_.walk, by_key["ROUND"])
    if last.number != round_.number:
        return [Segment(round_, n, done=True) for n in range(round_.segments + 1)]
    return _segments_of(last, by_key)


def _segments_of(round_: Round, by_key: Mapping[str, Mapping[str, Any]]) -> list[Segment]:
    """Segments of an earlier round stand for segments that nobody has begun."""
    segments = []
    for number in range(round_.segments + 1):
        item = by_key.get(_sk(number))
        segment = Segment(round_, number, version=item["version"] if item else 0)
        if item and item["round_number"] == round_.number:
            lease = item.get("lease_until")
            segment = replace(
                segment,
                after=item.get("after"),
                done=item["done"],
                counts=item["counts"],
                kept=tuple(item.get("kept", ())),
                lease_until=datetime.fromisoformat(lease) if lease else None,
            )
        if segment.is_closing:
            segment = replace(segment, done=round_.ended_at is not None)
        segments.append(segment)
    return segments


def _save(segment: Segment) -> Segment | None:
    condition = Condition()
    if segment.version:
        # Holds while no other worker has written the segment.
        condition.require("version = {}", segment.version)
    else:
        # Holds while nobody has written the segment.
        condition.require("attribute_not_exists(pk)")
    saved = replace(segment, version=segment.version + 1)
    lease = segment.lease_until
    item = {
        "round_number": saved.round.number,
        "version": saved.version,
        "after": saved.after,
        "done": saved.done,
        "counts": saved.counts,
        "kept": list(saved.kept) or None,
        "lease_until": rfc3339(lease) if lease else None,
    }
    return saved if _put(saved.round.walk, _sk(saved.number), item, condition) else None


def _put(walk: Walk, sk: str, item: Mapping[str, Any], condition: Condition) -> bool:
    refused = tables.write(
        "put_item",
        TableName=_table(walk),
        Item=to_item({"pk": partition(walk), "sk": sk, **item}),
        **condition.arguments(),
    )
    return refused is None


def round_of_item(walk: Walk, item: Mapping[str, Any]) -> Round:
    return Round(
        walk,
        item["round_number"],
        item["segments"],
        datetime.fromisoformat(item["began_at"]),
        item["plan"],
        *(
            datetime.fromisoformat(item[name]) if item.get(name) else None
            for name in ("ended_at", "covered_since")
        ),
    )


def _round_item(round_: Round) -> dict[str, Any]:
    return {
        "round_number": round_.number,
        "segments": round_.segments,
        "began_at": rfc3339(round_.began_at),
        "plan": round_.plan,
        "ended_at": rfc3339(round_.ended_at) if round_.ended_at else None,
        "covered_since": rfc3339(round_.covered_since) if round_.covered_since else None,
    }


def key_after(last: Item | None) -> Mapping[str, str] | None:
    """``Step.after`` from the key that a page ended at."""
    return from_item(last) if last else None


def start_key(after: Mapping[str, str] | None) -> Item | None:
    """The key that a page begins after, from ``Segment.after``."""
    return to_item(after) if after else None


def _table(walk: Walk) -> str:
    return table_name(walk.table)


def _sk(number: int) -> str:
    return f"SEGMENT#{number:04d}"


def now() -> datetime:
    return datetime.now(UTC)
