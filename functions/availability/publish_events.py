"""Publishes an event when a status of availability crosses a threshold, from changes of packs (a
DynamoDB stream): at least once, in the order of each SKU's packs.

While new rules are being announced (tell_rules.py), nobody knows under which rules a channel knows
a SKU: then differences to any of them are published.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.availability.model import events
from shared.availability.model.channel import confidence_in, sellable_pack
from shared.availability.model.events import PackViews
from shared.availability.model.pack import Pack, to_columns
from shared.availability.store import announced
from shared.availability.store.announced import RulesChange
from shared.availability.store.stream import whole_packs, write_of
from shared.catalog import store as catalog
from shared.instants import rfc3339
from shared.stock.model.rules import ChannelRules
from shared.stock.store import rules as rules_store
from shared.web.auth import CHANNELS
from shared.web.batch import StreamRecord, publish, readable


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    rules, changes = _rules(now)
    later = deque(record["dynamodb"] for record in event["Records"])
    latest: dict[str, Pack] = {}

    def events_of(_: StreamRecord) -> list[dict[str, Any]]:
        return _events(later.popleft(), later, latest, now, rules, changes)

    return publish(readable(event["Records"], events_of))


def _rules(now: datetime) -> tuple[ChannelRules, list[RulesChange]]:
    """The rules in force, and their changes while they are being announced. Strongly consistent, so
    that the worker for one pack knows all that the worker for the pack before it knew."""
    rules, state = announced.current_rules(now)
    known = announced.read_progress()
    return rules, announced.rules_changes(known.announced, state) if known else []


def _events(
    images: Mapping[str, Any],
    later: Iterable[Mapping[str, Any]],
    latest: dict[str, Pack],
    now: datetime,
    rules: ChannelRules,
    changes: Sequence[RulesChange],
) -> list[dict[str, Any]]:
    """The events of a record; none for a deleted pack, nor for one that was only spread over more
    items."""
    write = write_of(images)
    if write is None or write.spreads:
        return []
    before, pack = whole_packs(write, later, latest)
    views = _views(before, pack, now, rules)
    documents = events.channel_events(before, pack, views)
    for change in changes if before else ():
        documents += _rule_change_events(change, before or pack, pack, views)
    return documents


def _rule_change_events(
    change: RulesChange, before: Pack, pack: Pack, seen: Mapping[str, PackViews]
) -> list[dict[str, Any]]:
    """Events for the channels that may know ``before`` otherwise than as in ``seen``."""
    products = catalog.products([pack.sku]) if change.asks_for_products else {}
    views = change.views([(before, pack)], CHANNELS, products).get(pack.sku, {})
    other = {
        channel: view
        for channel, view in views.items()
        if view[0] != seen.get(channel, (before, pack))[0]
    }
    return events.rule_change_events(other, change.name, change.now.since)


def _views(
    before: Pack | None, pack: Pack, now: datetime, rules: ChannelRules
) -> dict[str, PackViews]:
    """The packs as each channel may sell them; empty without rules."""
    if not rules.rules:
        return {}
    products = catalog.products([pack.sku]) if rules.asks_for_products else {}
    columns = {id(one): to_columns(one.rows, rfc3339(one.as_of)) for one in (before, pack) if one}
    views: dict[str, PackViews] = {}
    for channel in CHANNELS:

        def seen(pack: Pack, channel: str = channel) -> Pack:
            found = confidence_in({pack.sku: pack})
            selling = rules_store.selling(channel, [pack.sku], now, found, products, rules)
            return sellable_pack(pack, columns[id(pack)], selling)

        views[channel] = seen(before) if before else None, seen(pack)
    return views
