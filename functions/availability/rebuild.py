"""Rebuilds packs from the positions (`norain rebuild availability` invokes it).

    {"rebuild": "all", "round"?: number}  ->  {"rebuilt": [...], "progress": {"round", "done", ...}}
        begins a round over all SKUs, or continues the named one (shared/aws/walks.py)
    a message of the queue: helps with the round that it names
    {"rebuild": [sku, ...]}               ->  {"rebuilt": [...], "left": [...]}

``rebuilt`` are the packs that this call has found wrong, ``left`` those that the time was not
enough for. The first half of a round's segments are those of the packs. The second half are those
of the positions, where SKUs without a pack are found; a SKU that gets its pack there may be counted
twice.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from shared.availability.store import rebuild as table
from shared.aws import walks
from shared.aws.walks import Round, Segment, Step, Walk, key_after, start_key
from shared.errors import Busy, NotFound
from shared.web.batch import each_message

WALK = Walk("config", "rebuild")
HALF = 48
"""Segments of the packs, and as many of the positions."""
READERS = 8
PACKS, POSITIONS = 50, 500
"""Items of one page."""
ASKED_MS = 25_000
"""Of a call of `norain rebuild`, which waits for the answer 60 seconds at most."""
SPARE_MS = 20_000
"""A page ends within this time."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], lambda message: _help(message, context))
    if event["rebuild"] != "all":
        return _rebuild_named(event["rebuild"], context)
    end_ms = context.get_remaining_time_in_millis() - ASKED_MS
    return _work(_round(event), context, max(end_ms, SPARE_MS), is_helper=False)


def _round(asked: Mapping[str, Any]) -> Round:
    """The round that is asked for, or a new one. Raises NotFound when it has been replaced, Busy
    when two begin one at once."""
    last = walks.last_round(WALK)
    if "round" not in asked:
        begun = walks.begin(WALK, last, 2 * HALF, datetime.now(UTC))
        if begun is None:
            raise Busy("another rebuild has just begun")
        return begun
    if last is None or last.number != asked["round"]:
        raise NotFound(f"there is no round {asked['round']} of the rebuild")
    return last


def _help(message: str, context: Any) -> None:
    if round_ := walks.called_round(WALK.table, message):
        _work(round_, context, SPARE_MS, is_helper=True)


def _work(round_: Round, context: Any, end_ms: float, *, is_helper: bool) -> dict[str, Any]:
    """Works on the round until ``end_ms`` of the time remain."""
    rebuilt: list[str] = []
    known: set[str] = set()

    def step(segment: Segment) -> Step:
        skus, after = _page(segment, known)
        changed = _rebuild(skus)
        rebuilt.extend(changed)
        return Step(after, {"skus": len(skus), "rebuilt": len(changed)})

    progress = walks.work(
        round_,
        step,
        lambda _: True,
        lambda: context.get_remaining_time_in_millis() < end_ms,
        None if is_helper else lambda free: walks.call_helpers(round_, free),
    )
    summary = progress.summary(datetime.now(UTC))
    logger.info("rebuilding", extra=summary)
    return {"rebuilt": sorted(rebuilt), "progress": summary}


def _page(segment: Segment, known: set[str]) -> tuple[list[str], Mapping[str, str] | None]:
    """The SKUs of the next page of packs, or those of the next page of positions that have no pack.

    ``known`` are SKUs of positions that this call has looked at: each SKU has many positions.
    """
    half = segment.round.segments // 2
    part = {"Segment": segment.number % half, "TotalSegments": half}
    after = start_key(segment.after)
    if segment.number < half:
        skus, last = table.packed_skus(PACKS, after, part)
    else:
        stocked, last = table.stocked_skus(POSITIONS, after, part)
        skus = table.without_pack(stocked - known)
        known |= stocked
    return sorted(skus), key_after(last)


def _rebuild(skus: Iterable[str]) -> list[str]:
    """Rebuilds the packs; returns those that were wrong."""
    names = list(skus)
    with ThreadPoolExecutor(READERS) as pool:
        return [sku for sku, new in zip(names, pool.map(table.rebuild, names), strict=True) if new]


def _rebuild_named(skus: list[str], context: Any) -> dict[str, Any]:
    left, rebuilt = list(skus), list[str]()
    while left and context.get_remaining_time_in_millis() >= SPARE_MS:
        rebuilt += _rebuild(left[:PACKS])
        left = left[PACKS:]
    logger.info("rebuilt", extra={"skus": len(skus), "rebuilt": len(rebuilt), "left": len(left)})
    return {"rebuilt": rebuilt, "left": left}
