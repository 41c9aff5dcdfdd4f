"""The audit of cards: law 5 (balance = sum of the ledger, available = balance - held, nothing below
0), round after round over all cards.

    a schedule, every hour: continues the round that is under way, or begins one when the last ended
        REST ago
    {"audit": {"repair": bool, "card_id": str}}     audits one card at once; with ``repair`` writes
        the entries that its ledger lacks and corrects ``available``

A card is one item, and entries never change, so one read of each is a true picture: entries of
later versions are left out, and entries that the stream may still bring are not missed. A balance
that its complete ledger contradicts is only reported: it is money, so a person decides.
"""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.aws import walks
from shared.aws.events import publish
from shared.aws.settings import setting
from shared.aws.walks import Segment, Step, key_after, start_key
from shared.cards.contract.events import DRIFT, SOURCE
from shared.cards.model.ledger import CardDrift, drifts, missing
from shared.cards.store import entries
from shared.cards.store.entries import Stored

PAGE = 200
"""Items of a page of the table, entries included."""
SEGMENTS = 8
STEP_SECONDS = 20
SPARE_MS = 60_000
"""A step ends within this time."""
REST = timedelta(hours=12)
MOST_TOLD = 100
"""Drifts in one event."""

logger = Logger(service="norain", utc=True)


@dataclass(slots=True)
class Found:
    """The result of an audit."""

    cards: int = 0
    drifts: list[CardDrift] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    asked = event.get("audit")
    found = Found()
    if asked is not None:
        stored = entries.stored_card(asked["card_id"])
        _audit([stored], found, repair=asked.get("repair", False))
        _report(found)
    else:
        _work_on_round(found, context)
    return {
        "cards": found.cards,
        "drifts": [asdict(drift) for drift in found.drifts],
        "mended": found.mended,
    }


def _work_on_round(found: Found, context: Any) -> None:
    now = _now()
    last = walks.last_round(entries.WALK)
    if last is None or (last.ended_at is not None and now - last.ended_at >= REST):
        last = walks.begin(entries.WALK, last, SEGMENTS, now) or walks.last_round(entries.WALK)
    if last is None:
        return
    progress = walks.progress(last, now)
    if last.ended_at is None:
        progress = walks.work(
            last,
            lambda segment: _step(segment, found, context),
            lambda _: True,
            lambda: context.get_remaining_time_in_millis() < SPARE_MS,
        )
    logger.info("auditing", extra=progress.summary(_now()))
    _measure("CardDrift", progress.counts.get("drifts", 0), MetricUnit.Count)
    covered_since = progress.round.covered_since or progress.round.began_at
    _measure("CardsUnaudited", (_now() - covered_since).total_seconds(), MetricUnit.Seconds)


def _step(segment: Segment, total: Found, context: Any) -> Step:
    """Audits the cards of some pages, and publishes their drifts."""
    began, after = time.monotonic(), start_key(segment.after)
    found = Found()
    while True:
        page, after = entries.cards_page(PAGE, after, segment.scan_arguments)
        _audit(page, found, repair=False)
        if (
            after is None
            or time.monotonic() - began > STEP_SECONDS
            or context.get_remaining_time_in_millis() < SPARE_MS
        ):
            break
    _report(found)
    total.cards += found.cards
    total.drifts += found.drifts
    return Step(key_after(after), {"cards": found.cards, "drifts": len(found.drifts)})


def _audit(cards: Iterable[Stored], found: Found, *, repair: bool) -> None:
    for stored in cards:
        found.cards += 1
        now, ledger = _now(), entries.of_card(stored.card.card_id)
        drifted = drifts(stored.card, stored.available, stored.last.at, ledger, now)
        found.drifts += drifted
        if repair and _mended(stored, {drift.kind for drift in drifted}):
            found.mended.append(stored.card.card_id)


def _mended(stored: Stored, kinds: set[str]) -> bool:
    """Repairs what follows from the rest; whether something was repaired."""
    mended = False
    if "ledger" in kinds:
        lacking = missing(stored.card, stored.last, entries.of_card(stored.card.card_id))
        entries.put(lacking)
        mended = bool(lacking)
    if "available" in kinds:
        mended |= entries.correct_available(stored.card)
    return mended


def _report(found: Found) -> None:
    if not found.drifts:
        return
    rows = [asdict(drift) for drift in found.drifts]
    logger.error("cards have drifted", extra={"drifts": rows[:MOST_TOLD]})
    publish(
        setting("event_bus"),
        SOURCE,
        DRIFT,
        [
            {"cards": rows[start : start + MOST_TOLD], "mended": found.mended}
            for start in range(0, len(rows), MOST_TOLD)
        ],
        _now(),
    )


def _measure(name: str, value: float, unit: MetricUnit) -> None:
    with single_metric(namespace="NoRain", name=name, unit=unit, value=value) as metric:
        metric.add_dimension("service", "cards")


def _now() -> datetime:
    return datetime.now(UTC)
