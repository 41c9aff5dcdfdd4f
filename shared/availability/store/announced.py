"""How far channels have been informed of new rules of channel stock: table ``config``.

    pk CHANNEL_STOCK   sk told   the rules announced for all SKUs, and those that come next (0.2 KB)
    pk WALK#rules                the round that announces the next ones (shared/aws/walks.py)

A change of rules is announced SKU by SKU, which takes some minutes. Meanwhile a channel may know a
SKU under the announced rules, under those in force, or under any in between.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from shared.availability.model.channel import confidence_in, sellable_columns, sellable_pack
from shared.availability.model.events import PackViews
from shared.availability.model.pack import Pack, to_columns
from shared.availability.store.packs import is_first, packs_of
from shared.aws import dynamodb as tables
from shared.aws.expression import Condition
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.aws.walks import Segment, Walk, key_after, start_key
from shared.catalog.model import Product
from shared.instants import rfc3339
from shared.stock.model.rules import (
    ChannelRules,
    ChannelTerms,
    Rule,
    changed_rules,
    in_force_since,
    rules_not_ended,
)
from shared.stock.store import rules as rules_store
from shared.stock.store.rules import CHANNEL_STOCK, NO_RULES

TOLD = "told"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

WALK = Walk("config", "rules")


@dataclass(frozen=True, slots=True)
class RulesState:
    """A version of the rules, and since when they have their present meaning: fences that ended by
    then do not count."""

    version: int = NO_RULES.rules.version
    since: datetime = BEGINNING

    @property
    def name(self) -> str:
        return f"{self.version}.{int(self.since.timestamp())}"


@dataclass(frozen=True, slots=True)
class AnnouncementProgress:
    """All SKUs are announced under ``announced``; some of them also under ``coming``."""

    announced: RulesState = RulesState()
    coming: RulesState | None = None


@dataclass(frozen=True, slots=True)
class RulesChange:
    """The documents of two states: ``before`` of ``was``, ``after`` of ``now``. A SKU that none of
    the ``changed`` rules matches needs no announcement."""

    before: ChannelRules
    was: RulesState
    after: ChannelRules
    now: RulesState
    changed: tuple[Rule, ...]

    @property
    def name(self) -> str:
        return f"{self.was.name}-{self.now.name}"

    @property
    def asks_for_products(self) -> bool:
        return self.before.asks_for_products or self.after.asks_for_products

    def concerns(self, channel: str) -> bool:
        """Whether the change can affect the channel: a fence affects all channels, and so does
        safety stock beside one."""
        return any(rule.fenced for rule in (*self.before.rules, *self.after.rules)) or any(
            rule.binds(channel) for rule in self.changed
        )

    def views(
        self,
        pairs: Iterable[tuple[Pack, Pack]],
        channels: Iterable[str],
        products: Mapping[str, Product],
    ) -> dict[str, dict[str, PackViews]]:
        """By SKU and channel, the packs that the change can affect: the first of each pair under
        the rules before, the second under the rules of now."""
        views: dict[str, dict[str, PackViews]] = {}
        pairs = list(pairs)
        was = confidence_in({before.sku: before for before, _ in pairs})
        now = confidence_in({pack.sku: pack for _, pack in pairs})
        sellings = {
            channel: (
                rules_store.selling(channel, (), self.was.since, was, products, self.before),
                rules_store.selling(channel, (), self.now.since, now, products, self.after),
            )
            for channel in channels
            if self.concerns(channel)
        }
        for before, pack in pairs:
            product = products.get(pack.sku)
            attributes = product.attributes if product else {}
            if any(rule.match.fits_product(pack.sku, attributes) for rule in self.changed):
                views[pack.sku] = _views(before, pack, sellings)
        return views


def _views(
    before: Pack, pack: Pack, sellings: Mapping[str, tuple[ChannelTerms, ChannelTerms]]
) -> dict[str, PackViews]:
    """By channel, except for channels that see the same pack unchanged. Channels with equal columns
    share a view, because making a view costs more than comparing columns."""
    columns = to_columns(before.rows, rfc3339(before.as_of))
    columns_now = columns if before is pack else to_columns(pack.rows, rfc3339(pack.as_of))
    made: dict[tuple[tuple[int, ...], tuple[int, ...]], PackViews] = {}
    views: dict[str, PackViews] = {}
    for channel, (selling, selling_now) in sellings.items():
        was = sellable_columns({pack.sku: columns}, selling)[pack.sku].available
        now = sellable_columns({pack.sku: columns_now}, selling_now)[pack.sku].available
        if before is pack and was == now:
            continue
        key = tuple(was), tuple(now)
        if key not in made:
            made[key] = (
                sellable_pack(before, columns, selling),
                sellable_pack(pack, columns_now, selling_now),
            )
        views[channel] = made[key]
    return views


def current_rules(at: datetime) -> tuple[ChannelRules, RulesState]:
    """The rules as they are stored now (strongly consistent), and since when they have their
    meaning."""
    active = rules_store.published()
    since = in_force_since(active.rules, active.at or BEGINNING, at)
    return active.rules, RulesState(active.rules.version, since)


def read_progress() -> AnnouncementProgress | None:
    """Strongly consistent; None before the first announcement."""
    item = tables.get(table_name("config"), CHANNEL_STOCK, TOLD, consistent=True)
    if item is None:
        return None
    coming = item.get("coming")
    return AnnouncementProgress(_state(item["told"]), _state(coming) if coming else None)


def plan_of(announcement: AnnouncementProgress) -> dict[str, Any]:
    """The plan of the round that announces ``coming``."""
    return {
        "announced": _item(announcement.announced),
        "coming": _item(announcement.coming or announcement.announced),
    }


def announcement_of(plan: Mapping[str, Any]) -> AnnouncementProgress:
    """The announcement of a round's plan."""
    return AnnouncementProgress(_state(plan["announced"]), _state(plan["coming"]))


def packs_page(segment: Segment, limit: int) -> tuple[dict[str, Pack], Mapping[str, str] | None]:
    """The packs on the next page of the segment, by SKU, and the key to continue after. A Scan
    reads each pack once: 0.5 read units per 4 KB. A pack in several items is read as a whole when
    its first item is met."""
    page = tables.scan_page(
        table_name("availability"), limit, start_key(segment.after), **segment.scan_arguments
    )
    return packs_of(item for item in page.items if is_first(item)), key_after(page.last)


def rules_changes(since: RulesState, now: RulesState) -> list[RulesChange]:
    """The changes from each state ``since`` to ``now``; none when both are equal. Reads one
    document per version: versions are kept for ever."""
    if since == now:
        return []
    documents = [rules_store.published(v) for v in range(since.version, now.version + 1)]
    after = documents[-1].rules
    changes = []
    for one, following in zip_longest(documents, documents[1:]):
        begin = since.since if one.rules.version == since.version else one.at or BEGINNING
        end = now.since if following is None else following.at or BEGINNING
        ends = {rule.until for rule in one.rules.rules if rule.until and begin < rule.until < end}
        for at in sorted({begin, *ends}):
            was = RulesState(one.rules.version, at)
            if was != now:
                changed = changed_rules(
                    rules_not_ended(one.rules, at), rules_not_ended(after, now.since)
                )
                changes.append(RulesChange(one.rules, was, after, now, changed))
    return changes


def affected_skus(changes: Iterable[RulesChange]) -> frozenset[str] | None:
    """The SKUs that ``changes`` can affect; None when it may be any SKU."""
    rules = [rule for change in changes for rule in change.changed]
    if any(not rule.match.skus for rule in rules):
        return None
    return frozenset(sku for rule in rules for sku in rule.match.skus)


def save_progress(was: AnnouncementProgress | None, new: AnnouncementProgress) -> bool:
    """Saves ``new``; False when another run has announced all SKUs since ``was`` was read."""
    condition = Condition()
    if was is None:
        # Holds while no announcement has begun.
        condition.require("attribute_not_exists(pk)")
    else:
        # Holds while the rules that all SKUs have been announced under are those that were read.
        condition.require("told = {}", _item(was.announced))
    item = {
        "pk": CHANNEL_STOCK,
        "sk": TOLD,
        "told": _item(new.announced),
        "coming": _item(new.coming) if new.coming else None,
    }
    refused = tables.write(
        "put_item", TableName=table_name("config"), Item=to_item(item), **condition.arguments()
    )
    return refused is None


def _item(state: RulesState) -> dict[str, Any]:
    return {"version": state.version, "since": rfc3339(state.since)}


def _state(item: Mapping[str, Any]) -> RulesState:
    return RulesState(item["version"], datetime.fromisoformat(item["since"]))
