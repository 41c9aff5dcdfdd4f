"""Publishes the changes of availability that new rules of channel stock cause, in rounds over all
SKUs (shared/aws/walks.py).

    a schedule, every minute:  begins a round when rules have changed, and works on it
    a message of the queue:    helps with the round that it names

Workers share the segments of a round. A SKU belongs to one segment, so that one worker publishes
the events of a SKU, in their order. A worker that fails loses nothing, and an event that is
published twice has the same id.

No outdated event follows those of a round. A round begins when every worker that publishes changes
of packs knows the new rules: a worker with old rules would publish outdated events after the
round's. And a worker of an earlier round publishes nothing any more when the next round begins: it
makes a call to the bus only while SENDING remains of its lease, which is longer than the call can
take, and a round ends only after the lease of every segment.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.availability.model import events
from shared.availability.model.pack import Pack
from shared.availability.store import announced
from shared.availability.store import packs as packs_store
from shared.availability.store.announced import AnnouncementProgress, RulesChange
from shared.aws import walks
from shared.aws.events import send
from shared.aws.settings import setting
from shared.aws.walks import MOST_SEGMENTS, Progress, Round, Segment, Step
from shared.catalog import store as catalog
from shared.web.auth import CHANNELS
from shared.web.batch import each_message

SETTLED = timedelta(seconds=75)
"""The time-out of the worker that publishes changes of packs, plus a margin for clocks."""
SEGMENTS = 96
PAGE = 100
SENDING = timedelta(seconds=60)
"""The longest duration of one call to the bus with its repetitions, and a margin for clocks."""
SPARE_MS = 30_000
"""A page ends within this time."""

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return each_message(event["Records"], lambda message: _help(message, context))
    now = datetime.now(UTC)
    # The round is read before the progress: a round that has ended by then has saved its progress,
    # so that no round begins twice.
    last = walks.last_round(announced.WALK)
    _, state = announced.current_rules(now)
    was = announced.read_progress()
    if was is None:
        announced.save_progress(None, AnnouncementProgress(state))  # announces changes from here on
        return {"events": 0, "left": False}
    coming = was.coming or state
    waited = now - coming.since if coming != was.announced else timedelta()
    with single_metric(
        namespace="NoRain",
        name="RulesUntold",
        unit=MetricUnit.Seconds,
        value=waited.total_seconds(),
    ) as metric:
        metric.add_dimension("service", "availability")
    if waited < SETTLED:
        return {"events": 0, "left": coming != was.announced}
    announcement = AnnouncementProgress(was.announced, coming)
    if was.coming is None and not announced.save_progress(was, announcement):
        return {"events": 0, "left": True}  # another run has announced the rules meanwhile
    plan = announced.plan_of(announcement)
    if last is None or last.plan != plan:
        begun = walks.begin(announced.WALK, last, _segments(announcement), now, plan)
        if begun is None:
            return {"events": 0, "left": True}  # another run has begun the round
        last = begun
    return _work(last, context, lambda free: walks.call_helpers(last, free))


def _segments(announcement: AnnouncementProgress) -> int:
    """As many as there are pages of named SKUs; SEGMENTS when any SKU may be affected."""
    named = announced.affected_skus(_changes(announcement))
    return SEGMENTS if named is None else max(1, min(MOST_SEGMENTS, -(-len(named) // PAGE)))


def _changes(announcement: AnnouncementProgress) -> list[RulesChange]:
    coming = announcement.coming or announcement.announced
    return announced.rules_changes(announcement.announced, coming)


def _help(message: str, context: Any) -> None:
    if round_ := walks.called_round(announced.WALK.table, message):
        _work(round_, context, None)


def _work(round_: Round, context: Any, call_others: Callable[[int], None] | None) -> dict[str, Any]:
    """Page by page, until all SKUs are announced, the bus refuses events, or the time is up."""
    announcement = announced.announcement_of(round_.plan)
    changes = _changes(announcement)
    named = announced.affected_skus(changes)
    published = 0

    def step(segment: Segment) -> Step | None:
        nonlocal published
        if named is None:
            packs, after = announced.packs_page(segment, PAGE)
        else:
            skus, after = _named_page(named, segment)
            packs = packs_store.packs(skus)
        new = _events(changes, packs)
        taken = send(setting("event_bus"), new, lambda: _lease_ends(segment))
        published += taken
        if taken < len(new):
            logger.warning("events are not published", extra={"events": len(new) - taken})
            return None
        return Step(after, {"skus": len(packs), "events": taken})

    def close(_: Progress) -> bool:
        # False when another worker has saved the same before.
        announced.save_progress(
            announcement, AnnouncementProgress(announcement.coming or announcement.announced)
        )
        return True

    progress = walks.work(
        round_,
        step,
        close,
        lambda: context.get_remaining_time_in_millis() < SPARE_MS,
        call_others,
    )
    logger.info("announced", extra=progress.summary(datetime.now(UTC)))
    return {"events": published, "left": progress.round.ended_at is None}


def _lease_ends(segment: Segment) -> bool:
    """Whether another worker may take over the segment while a call to the bus is under way."""
    return segment.lease_until is None or walks.now() > segment.lease_until - SENDING


def _named_page(
    named: Collection[str], segment: Segment
) -> tuple[list[str], Mapping[str, str] | None]:
    """A page of the named SKUs of the segment, and where to continue."""
    skus = sorted(named)[segment.number :: segment.round.segments]
    after = segment.after["sku"] if segment.after else ""
    remaining = [sku for sku in skus if sku > after]
    page = remaining[:PAGE]
    return page, {"sku": page[-1]} if len(remaining) > PAGE else None


def _events(changes: Sequence[RulesChange], packs: Mapping[str, Pack]) -> list[dict[str, Any]]:
    asked = packs and any(change.asks_for_products for change in changes)
    products = catalog.products(packs) if asked else {}
    pairs: Iterable[tuple[Pack, Pack]] = [(pack, pack) for _, pack in sorted(packs.items())]
    return [
        event
        for change in changes
        for seen in change.views(pairs, CHANNELS, products).values()
        for event in events.rule_change_events(seen, change.name, change.now.since)
    ]
