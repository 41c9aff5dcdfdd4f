"""The stock audit: recomputes law 1 piece by piece, round after round (every five minutes), and
reports drift.

``norain audit`` invokes it too, with ``{"audit": {"repair": bool, "sku": str?, "after": key?}}``:
it then walks from ``after`` on, does not touch the scheduled round, and repairs when asked to.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws.events import publish
from shared.aws.items import Item
from shared.aws.settings import setting
from shared.orders.store import reserved_by_open
from shared.stock import store
from shared.stock.model import tidying
from shared.stock.model.audit import Drift, DriftKind, Gap, Ledger, Units, find_drifts
from shared.stock.model.position import Position, PositionKey
from shared.stock.store import audit, rules

READERS = 16
PAGE = 500
SECONDS = 240
"""The duration of a scheduled run; the next run continues where it ends."""
ASKED_SECONDS = 40
SPARE_SECONDS = 20
SETTLE_SECONDS = 5
"""The pause between two reads of a position that seems to have drifted."""
LOOKS = 4
MOST_SEEMING = 5000
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


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    seconds = context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    request = event.get("audit")
    if request is None:
        return _scheduled(time.monotonic() + min(SECONDS, seconds))
    return _asked(request, time.monotonic() + min(ASKED_SECONDS, seconds))


def _scheduled(until: float) -> dict[str, Any]:
    """Continues the round that is under way; the next run begins a new one after its end."""
    walked = audit.current_round(_now())
    found = _walk(_pages(walked.after), until, repair=False, tidy=True)
    walked = replace(
        walked,
        after=found.after,
        positions=walked.positions + found.positions,
        drifts=walked.drifts + len(found.drifts),
    )
    audit.save_round(walked)
    if walked.after is None:
        took = (_now() - walked.began_at).total_seconds()
        _measure("StockAuditRound", took, MetricUnit.Seconds)
    return _report(found)


def _asked(asked: Mapping[str, Any], until: float) -> dict[str, Any]:
    if sku := asked.get("sku"):
        places = [(sku, position.location_id) for position in store.positions(sku)]
        pages: Iterable[tuple[list[PositionKey], Item | None]] = [(places, None)]
    else:
        pages = _pages(asked.get("after"))
    settle = asked.get("settle_seconds", SETTLE_SECONDS)
    return _report(_walk(pages, until, repair=asked.get("repair", False), settle=settle))


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
    settle: float = SETTLE_SECONDS,
    tidy: bool = False,
) -> Found:
    """Audits pages until the time is up. Promised units are read once, and again only where they
    seem wrong. With ``tidy`` obsolete attributes of correct positions are removed."""
    found = Found()
    promised = _promised(())
    suspects: dict[PositionKey, Look] = {}
    for places, after in pages:
        looks = _look(places, lambda _: promised)
        found.unsettled += (place for place, look in looks.items() if look.position.slots)
        suspects |= {place: look for place, look in looks.items() if look.drifts}
        found.positions += len(looks)
        found.after = after
        if tidy:
            _tidy(look.position for look in looks.values() if not look.drifts)
        if time.monotonic() > until or len(suspects) > MOST_SEEMING:
            break
    for place, look in _confirmed(suspects, settle, found).items():
        found.drifts += look.drifts
        if repair:
            (found.mended if _mended(look) else found.unsettled).append(place)
    return found


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
    units = promised(positions.values())
    now = _now()
    with ThreadPoolExecutor(READERS) as pool:
        ledgers = pool.map(lambda position: audit.read_ledger(position, now), positions.values())
        return {
            place: Look(
                position,
                units[place],
                ledger,
                tuple(find_drifts(position, units[place], ledger, now, now - store.LEDGER_KEPT)),
            )
            for (place, position), ledger in zip(positions.items(), ledgers, strict=True)
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


def _report(found: Found) -> dict[str, Any]:
    drifted = {(drift.sku, drift.location_id) for drift in found.drifts}
    _measure("StockAudited", found.positions)
    _measure("StockDrift", len(drifted))
    _measure("StockUnsettled", len(found.unsettled))
    rows = [asdict(drift) for drift in found.drifts]
    mended = [{"sku": sku, "location_id": place} for sku, place in found.mended]
    if rows:
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
    logger.info("audited", extra={"positions": found.positions, "drifted": len(drifted)})
    return {
        "positions": found.positions,
        "drifts": rows,
        "mended": mended,
        "unsettled": [{"sku": sku, "location_id": place} for sku, place in found.unsettled],
        "after": found.after,
    }


def _measure(name: str, value: float, unit: MetricUnit = MetricUnit.Count) -> None:
    with single_metric(namespace="NoRain", name=name, unit=unit, value=value) as metric:
        metric.add_dimension("service", "stock")


def _now() -> datetime:
    return datetime.now(UTC)
