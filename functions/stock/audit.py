"""The stock audit: recomputes law 1, round after round over all positions, and reports drift.

    a schedule, every five minutes: continues the round that is under way, or begins one when it is
        due; at most WORKERS runs work at the same time, for up to 14 minutes (shared/aws/walks.py)
    {"audit": {"repair": bool, "sku": str?, "after": key?}}     (`norain audit`)
        walks from ``after`` on, does not touch the round, reads every ledger in full, and repairs
        when asked to

A round compares every position with law 1: its own three numbers with each other, ``reserved`` with
the open holds and orders, and ``on_hand`` with the sum of its ledger. It is cheap because of what
is not read again:

- Of a ledger only the rows behind a checkpoint are read, which is the sum of the rows before, and
  none when the position was not written since. That relies on rows before the checkpoint being what
  they were: nothing changes a row but its expiry after 13 months. A row that somebody deletes or
  changes by hand after its audit is found by the full recomputation: each round reads the whole
  ledger of one position in FULL_ROUNDS, others in each round. So everything is recomputed in full
  in 28 rounds, which are four weeks when a round takes a day.
- Positions and ledgers are read eventually consistently, and holds and orders once per run.
  Whatever seems wrong then is read again consistently, with its whole ledger, and drift is only
  what two such reads in a row agree on.

A round rests REST times as long as its workers were busy, LONGEST_REST at most, so that a small
retailer is audited every few minutes and a large one once a day. Every position has been audited
since the beginning of the last complete round; the metric StockUnaudited is the age of that.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws import walks
from shared.aws.events import publish
from shared.aws.items import Item
from shared.aws.settings import setting
from shared.aws.walks import Progress, Round, Segment, Step, key_after, start_key
from shared.orders.store import reserved_by_open
from shared.stock import store
from shared.stock.model import tidying
from shared.stock.model.audit import (
    BEGINNING,
    Checkpoint,
    Drift,
    DriftKind,
    Gap,
    Ledger,
    Units,
    find_drifts,
    in_full,
    next_checkpoint,
)
from shared.stock.model.ledger import SKEW
from shared.stock.model.position import Position, PositionKey
from shared.stock.store import audit, rules

READERS = 16
PAGE = 500
SEGMENTS = 32
WORKERS = 3
"""A run that finds as many at work leaves the round to them."""
STEP_SECONDS = 20
SPARE_MS = 60_000
"""A step ends within this time, when nothing seems to have drifted."""
REST = 10
LONGEST_REST = timedelta(hours=12)
ASKED_SECONDS = 40
SPARE_SECONDS = 20
SETTLE_SECONDS = 5
"""The pause between two reads of a position that seems to have drifted."""
LOOKS = 4
MOST_SEEMING = 1000
MOST_TOLD = 100
"""Positions in one event."""

logger = Logger(service="norain", utc=True)


@dataclass(frozen=True, slots=True)
class Look:
    """A position as it was read, and its drifts at that moment."""

    position: Position
    promised: int
    ledger: Ledger
    drifts: tuple[Drift, ...]

    def same(self, other: "Look") -> bool:
        """Whether nobody has written in between and the drifts are the same."""
        return self.position.version == other.position.version and self.drifts == other.drifts


@dataclass(slots=True)
class Found:
    """The result of a walk. ``unsettled`` are positions without a verdict: they were written
    between all reads, are split into slots (no reads of many items are a snapshot), or were not
    repaired because the repair would have lowered ``reserved`` of a position that was written
    recently or meanwhile."""

    positions: int = 0
    drifts: list[Drift] = field(default_factory=list)
    mended: list[PositionKey] = field(default_factory=list)
    unsettled: list[PositionKey] = field(default_factory=list)
    after: Item | None = None

    @property
    def drifted(self) -> set[PositionKey]:
        return {(drift.sku, drift.location_id) for drift in self.drifts}

    def add(self, other: "Found") -> None:
        self.positions += other.positions
        self.drifts += other.drifts
        self.mended += other.mended
        self.unsettled += other.unsettled


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request = event.get("audit")
    if request is None:
        return _scheduled(context)
    seconds = context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    return _asked(request, time.monotonic() + min(ASKED_SECONDS, seconds))


def _scheduled(context: Any) -> dict[str, Any]:
    now = _now()
    found = Found()
    last = walks.last_round(audit.WALK)
    if last is None or _is_due(last, now):
        last = walks.begin(audit.WALK, last, SEGMENTS, now) or walks.last_round(audit.WALK)
    if last is None:
        return _answer(found)
    progress = walks.progress(last, now)
    if last.ended_at is None and progress.held < WORKERS:

        @cache
        def promised() -> tuple[Units, datetime]:
            """The promised units, read when they are first needed, and when that began."""
            at = _now()
            return _promised(()), at

        progress = walks.work(
            last,
            lambda segment: _step(segment, promised, found, context),
            _close,
            lambda: context.get_remaining_time_in_millis() < SPARE_MS,
        )
    logger.info("auditing", extra=progress.summary(_now()))
    _measure("StockDrift", progress.counts.get("drifted", 0))
    covered_since = progress.round.covered_since or progress.round.began_at
    _measure("StockUnaudited", (_now() - covered_since).total_seconds(), MetricUnit.Seconds)
    return _answer(found)


def _is_due(last: Round, now: datetime) -> bool:
    if last.ended_at is None:
        return False
    busy = walks.progress(last, now).counts.get("busy_ms", 0)
    return now - last.ended_at >= min(LONGEST_REST, REST * timedelta(milliseconds=busy))


def _close(progress: Progress) -> bool:
    took = (_now() - progress.round.began_at).total_seconds()
    _measure("StockAuditRound", took, MetricUnit.Seconds)
    return True


def _step(
    segment: Segment,
    promised: Callable[[], tuple[Units, datetime]],
    total: Found,
    context: Any,
) -> Step:
    """Audits the positions of some pages, and publishes their drifts."""
    units, promised_at = promised()
    began, after = time.monotonic(), start_key(segment.after)
    found, full = Found(), 0
    suspects: dict[PositionKey, Look] = {}
    while True:
        places, after = audit.position_keys_page(PAGE, after, segment.scan_arguments)
        whole = {place for place in places if in_full(place, segment.round.number)}
        stored = audit.checkpoints(place for place in places if place not in whole)
        looks = _look_cheaply(places, units, stored)
        _note(looks, found, suspects)
        full += len(whole)
        correct = {place: look for place, look in looks.items() if not look.drifts}
        _save_checkpoints(correct, stored)
        _tidy(look.position for look in correct.values())
        if (
            after is None
            or time.monotonic() - began > STEP_SECONDS
            or len(suspects) > MOST_SEEMING
            or context.get_remaining_time_in_millis() < SPARE_MS
        ):
            break
    suspects = _unexplained(suspects, promised_at)
    for look in _confirmed(suspects, SETTLE_SECONDS, found).values():
        found.drifts += look.drifts
    _report(found)
    total.add(found)
    counts = {
        "positions": found.positions,
        "drifted": len(found.drifted),
        "unsettled": len(found.unsettled),
        "in_full": full,
        "busy_ms": round((time.monotonic() - began) * 1000),
    }
    return Step(key_after(after), counts)


def _look_cheaply(
    places: Iterable[PositionKey], units: Units, stored: Mapping[PositionKey, Checkpoint]
) -> dict[PositionKey, Look]:
    """The positions and the rows behind their checkpoints, eventually consistent."""
    now = _now()
    positions = store.positions_of(places)

    def ledger(place: PositionKey) -> Ledger:
        position = positions[place]
        return audit.read_ledger(position, now, _start(position, stored), consistent=False)

    return _looks(positions, units, ledger, now)


def _start(position: Position, stored: Mapping[PositionKey, Checkpoint]) -> Checkpoint:
    """The checkpoint of the position; none for a position that was stored anew since."""
    checkpoint = stored.get((position.sku, position.location_id), BEGINNING)
    return checkpoint if checkpoint.version <= position.version else BEGINNING


def _save_checkpoints(
    looks: Mapping[PositionKey, Look], stored: Mapping[PositionKey, Checkpoint]
) -> None:
    now = _now()
    audit.save_checkpoints(
        {
            place: checkpoint
            for place, look in looks.items()
            if not look.position.slots
            and (
                checkpoint := next_checkpoint(
                    look.position, look.ledger, _start(look.position, stored), now
                )
            )
        }
    )


def _unexplained(
    suspects: Mapping[PositionKey, Look], promised_at: datetime
) -> dict[PositionKey, Look]:
    """The suspects that a write since the promised units were read does not explain: those that
    were not written since, and those that do not agree with what their own ledger names either.

    This spares reading all holds and orders again because of a sale of the last minutes.
    """
    written = {
        place for place, look in suspects.items() if look.position.updated_at >= promised_at - SKEW
    }
    if not written:
        return dict(suspects)
    by_ledger = _look(
        written, lambda positions: audit.promised_units(reserved_by_open, positions, indexed=False)
    )
    return {
        place: by_ledger.get(place, look)
        for place, look in suspects.items()
        if place not in written or (place in by_ledger and by_ledger[place].drifts)
    }


def _asked(asked: Mapping[str, Any], until: float) -> dict[str, Any]:
    if sku := asked.get("sku"):
        places = [(sku, position.location_id) for position in store.positions(sku)]
        pages: Iterable[tuple[list[PositionKey], Item | None]] = [(places, None)]
    else:
        pages = _pages(asked.get("after"))
    settle = asked.get("settle_seconds", SETTLE_SECONDS)
    found = _walk(pages, until, repair=asked.get("repair", False), settle=settle)
    _report(found)
    return _answer(found)


def _pages(after: Item | None) -> Iterator[tuple[list[PositionKey], Item | None]]:
    while True:
        places, after = audit.position_keys_page(PAGE, after)
        yield places, after
        if after is None:
            return


def _walk(
    pages: Iterable[tuple[list[PositionKey], Item | None]],
    until: float,
    *,
    repair: bool,
    settle: float,
) -> Found:
    """Audits pages in full until the time is up. Promised units are read once, and again only where
    they seem wrong."""
    found = Found()
    promised = _promised(())
    suspects: dict[PositionKey, Look] = {}
    for places, after in pages:
        _note(_look(places, lambda _: promised), found, suspects)
        found.after = after
        if time.monotonic() > until or len(suspects) > MOST_SEEMING:
            break
    for place, look in _confirmed(suspects, settle, found).items():
        found.drifts += look.drifts
        if repair:
            (found.mended if _mended(look) else found.unsettled).append(place)
    return found


def _note(
    looks: Mapping[PositionKey, Look], found: Found, suspects: dict[PositionKey, Look]
) -> None:
    found.positions += len(looks)
    found.unsettled += (place for place, look in looks.items() if look.position.slots)
    suspects |= {place: look for place, look in looks.items() if look.drifts}


def _tidy(positions: Iterable[Position]) -> None:
    now, candidates = _now(), list(positions)
    counted = any(position.counters for position in candidates)
    rule_ids = rules.rule_ids_since(now - tidying.TIDY_AFTER) if counted else frozenset()
    untidy = [
        (position, leftovers)
        for position in candidates
        if (leftovers := tidying.leftovers(position, rule_ids, now))
    ]
    with ThreadPoolExecutor(READERS) as pool:
        tidied = sum(pool.map(lambda one: audit.tidy(one[0], one[1], now), untidy))
    if tidied:
        logger.info("tidied", extra={"positions": tidied})


def _promised(positions: Iterable[Position]) -> Units:
    """Exact at ``positions``; elsewhere as the indexes show it, which may be behind."""
    return audit.promised_units(reserved_by_open, positions)


def _look(
    places: Iterable[PositionKey], promised: Callable[[Iterable[Position]], Units]
) -> dict[PositionKey, Look]:
    """Reads the positions, then the promised units: an order or a hold that is newer than the read
    has raised the version, which the next read shows."""
    positions = store.positions_of(places, consistent=True)
    units, now = promised(positions.values()), _now()
    return _looks(positions, units, lambda place: audit.read_ledger(positions[place], now), now)


def _looks(
    positions: Mapping[PositionKey, Position],
    units: Units,
    ledger: Callable[[PositionKey], Ledger],
    now: datetime,
) -> dict[PositionKey, Look]:
    with ThreadPoolExecutor(READERS) as pool:
        return {
            place: Look(
                position,
                units[place],
                read,
                tuple(find_drifts(position, units[place], read, now, now - store.LEDGER_KEPT)),
            )
            for (place, position), read in zip(
                positions.items(), pool.map(ledger, positions), strict=True
            )
        }


def _confirmed(
    suspects: dict[PositionKey, Look], settle: float, found: Found
) -> dict[PositionKey, Look]:
    """The drifts that two successive reads confirm. Reads are no snapshot: most apparent drift is a
    write that was under way. Some units were promised by items that an index did not show yet, so
    the ledgers are now also searched for everything that has reserved units."""
    confirmed: dict[PositionKey, Look] = {}
    for _ in range(1, LOOKS):
        if not suspects:
            return confirmed
        time.sleep(settle)
        repeated = {
            place: look for place, look in _look(suspects, _promised).items() if look.drifts
        }
        confirmed |= {place: look for place, look in repeated.items() if look.same(suspects[place])}
        suspects = {place: look for place, look in repeated.items() if place not in confirmed}
    found.unsettled += suspects
    return confirmed


def _mended(look: Look) -> bool:
    """Repairs the ledger, then the position, each only while it is as it was read; whether the
    position is correct now."""
    position, ledger, now = look.position, look.ledger, _now()
    if any(drift.kind is DriftKind.LEDGER for drift in look.drifts):
        for gap in ledger.gaps:
            audit.fill_gap(position, gap)
        if ledger.version < position.version:
            audit.fill_gap(position, Gap(ledger.last, None))
        ledger = audit.read_ledger(position, now)
    remaining = find_drifts(position, look.promised, ledger, now, now - store.LEDGER_KEPT)
    if not remaining:
        return True
    # A ledger that is only behind does not show yet what the position should be.
    return ledger.version == position.version and audit.correct_position(
        position, look.promised, ledger, now
    )


def _report(found: Found) -> None:
    """Publishes the drifts, and measures what a walk has audited."""
    _measure("StockAudited", found.positions)
    _measure("StockUnsettled", len(found.unsettled))
    if found.drifts:
        rows, mended = [asdict(drift) for drift in found.drifts], _places(found.mended)
        logger.error("stock has drifted", extra={"drifts": rows[:MOST_TOLD], "mended": mended})
        publish(
            setting("event_bus"),
            "norain/stock",
            "stock.drift",
            [
                {"positions": rows[start : start + MOST_TOLD], "mended": mended}
                for start in range(0, len(rows), MOST_TOLD)
            ],
            _now(),
        )
    logger.info("audited", extra={"positions": found.positions, "drifted": len(found.drifted)})


def _answer(found: Found) -> dict[str, Any]:
    return {
        "positions": found.positions,
        "drifts": [asdict(drift) for drift in found.drifts],
        "mended": _places(found.mended),
        "unsettled": _places(found.unsettled),
        "after": found.after,
    }


def _places(keys: Iterable[PositionKey]) -> list[dict[str, str]]:
    return [{"sku": sku, "location_id": place} for sku, place in keys]


def _measure(name: str, value: float, unit: MetricUnit = MetricUnit.Count) -> None:
    with single_metric(namespace="NoRain", name=name, unit=unit, value=value) as metric:
        metric.add_dimension("service", "stock")


def _now() -> datetime:
    return datetime.now(UTC)
