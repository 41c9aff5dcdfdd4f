"""Publishes the changes of availability that new rules of channel stock cause (every minute).

A round covers every SKU; the next run continues where this one ends. A run that fails loses
nothing, and an event that is published twice has the same id. A round begins when every worker that
publishes changes of packs knows the new rules: a worker with old rules would publish outdated
events after the round's.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from shared.availability.model import events
from shared.availability.store import announced, rebuild
from shared.availability.store import packs as packs_store
from shared.availability.store.announced import After, AnnouncementProgress, RulesChange, RulesState
from shared.aws.events import send
from shared.aws.items import from_item, to_item
from shared.aws.settings import setting
from shared.catalog import store as catalog
from shared.web.auth import CHANNELS

SETTLED = timedelta(seconds=75)
"""The time-out of the worker that publishes changes of packs, plus a margin for clocks."""
PAGE = 100
SPARE_MS = 10_000

logger = Logger(service="norain", utc=True)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
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
    result = _announce(announced.rules_changes(was.announced, coming), coming, was, context)
    logger.info("announced", extra={"rules": coming.name, **result})
    return result


def _announce(
    changes: Sequence[RulesChange], coming: RulesState, was: AnnouncementProgress, context: Any
) -> dict[str, Any]:
    """Page by page, until all SKUs are announced, the bus refuses events, or the time is up."""
    published, left = 0, True
    for skus, after in _pages(announced.affected_skus(changes), was.after):
        new = _events(changes, skus)
        taken = send(setting("event_bus"), new)
        published += taken
        if taken < len(new):
            logger.warning("the bus refused events", extra={"events": len(new) - taken})
            break
        left = after is not None
        through = (
            AnnouncementProgress(was.announced, coming, after)
            if left
            else AnnouncementProgress(coming)
        )
        if (
            not announced.save_progress(was, through)
            or context.get_remaining_time_in_millis() < SPARE_MS
        ):
            break
    return {"events": published, "left": left}


def _pages(
    named: Collection[str] | None, after: After | None
) -> Iterator[tuple[list[str], After | None]]:
    """The SKUs behind ``after``, of those that are ``named`` or of all, and where to continue."""
    if named is not None:
        remaining = sorted(sku for sku in named if after is None or sku > after["sku"])
        for start in range(0, max(1, len(remaining)), PAGE):
            page = remaining[start : start + PAGE]
            yield page, {"sku": page[-1]} if start + PAGE < len(remaining) else None
        return
    while True:
        skus, last = rebuild.packed_skus(PAGE, to_item(after) if after else None)
        after = from_item(last) if last else None
        yield sorted(skus), after
        if after is None:
            return


def _events(changes: Sequence[RulesChange], skus: Collection[str]) -> list[dict[str, Any]]:
    packs = packs_store.packs(skus)
    asked = packs and any(change.asks_for_products for change in changes)
    products = catalog.products(packs) if asked else {}
    pairs = [(pack, pack) for _, pack in sorted(packs.items())]
    return [
        event
        for change in changes
        for seen in change.views(pairs, CHANNELS, products).values()
        for event in events.rule_change_events(seen, change.name, change.now.since)
    ]
