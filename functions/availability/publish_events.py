"""Tells the bus when a status of availability has crossed a threshold, from the changes of the
packs (a DynamoDB stream): at least once, in the order of each SKU's packs.


While channels are being told of new rules (tell_rules.py), nobody knows which of them they have
heard of a SKU: then it is told what differs from any.
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
    known: dict[str, Pack] = {}

    def events_of(_: StreamRecord) -> list[dict[str, Any]]:
        return _events(later.popleft(), later, known, now, rules, changes)

    return publish(readable(event["Records"], events_of))


def _rules(now: datetime) -> tuple[ChannelRules, list[RulesChange]]:
    """Those in force, and their change while it is being told. Strongly consistent: whoever tells
    of a pack knows all that was known to whoever told of the one before."""
    rules, state = announced.current_rules(now)
    known = announced.read_progress()
    return rules, announced.rules_changes(known.announced, state) if known else []


def _events(
    images: Mapping[str, Any],
    later: Iterable[Mapping[str, Any]],
    known: dict[str, Pack],
    now: datetime,
    rules: ChannelRules,
    changes: Sequence[RulesChange],
) -> list[dict[str, Any]]:
    """Nothing for a pack that is no more, nor for one that was only spread over more items."""
    write = write_of(images)
    if write is None or write.spreads:
        return []
    before, pack = whole_packs(write, later, known)
    seen = _views(before, pack, now, rules)
    told = events.channel_events(before, pack, seen)
    for change in changes if before else ():
        told += _of_rules(change, before or pack, pack, seen)
    return told


def _of_rules(
    change: RulesChange, before: Pack, pack: Pack, seen: Mapping[str, PackViews]
) -> list[dict[str, Any]]:
    """For the channels that may have heard of ``before`` otherwise than they have ``seen`` it."""
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
    """What rules of channel stock make of the packs, for each channel of which they speak."""
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
