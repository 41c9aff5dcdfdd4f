"""Lists of orders (of a shopper, by id, by deadline), and the units that open orders reserve."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.orders.model import (
    Order,
    units_held,
)
from shared.orders.store.decisions import decision
from shared.orders.store.items import fulfillment_of_row, order_of_item, reserved_by_transfer
from shared.orders.store.keys import order_key, orders_due, orders_table, transfers_due
from shared.web.portions import WHOLE, Portion


def overdue_orders(now: datetime, page: int, portion: Portion = WHOLE) -> Iterator[str]:
    """Ids of the portion's orders whose deadline has passed, the longest overdue of each shard
    first, read in pages of ``page`` rows. The shards are in random order, so that none always waits
    for the others."""
    return _overdue(orders_due(portion), "ORDER#", now, page, portion)


def overdue_transfers(now: datetime, page: int, portion: Portion = WHOLE) -> Iterator[str]:
    """The same of transfers."""
    return _overdue(transfers_due(portion), "TRANSFER#", now, page, portion)


def _overdue(
    shards: Sequence[str], prefix: str, now: datetime, page: int, portion: Portion
) -> Iterator[str]:
    for deadline_key in random.sample(shards, len(shards)):
        rows = tables.query(
            orders_table(),
            "deadline_key = :key AND deadline <= :now",
            to_item({":key": deadline_key, ":now": rfc3339(now)}),
            IndexName="by_deadline",
            Limit=page,
        )
        for row in rows:
            name = row["pk"].removeprefix(prefix)
            if portion.has(name):
                yield name


HELD = ("hold_id", "fulfillments")


def reserved_by_open(
    named: Iterable[str] = (), *, indexed: bool = True
) -> Iterator[tuple[str | None, Counter[tuple[str, str]]]]:
    """The units by (SKU, location_id) that each open order reserves, with the id of the hold that
    it was made from; then those that each transfer reserves until it is shipped.

    Every order that reserves units has a deadline, so that the index by_deadline names it. The
    index may be behind: the units are read from the orders themselves (strongly consistent), and
    ``named`` orders and transfers are read in addition, or alone when not ``indexed``; so are the
    transfers that named orders have requested, because the stock names only the order, and the
    orders to which a transfer has sold its units, because the stock may not have changed.
    """
    ids = set(named)
    of_named = {Key(orders_table(), f"ORDER#{name}", "ORDER") for name in ids}
    keys = set(of_named)
    for deadline_key in orders_due() if indexed else ():
        keys |= _keys_with_deadline(deadline_key)
    seen = frozenset(keys)
    for some, attributes in ((of_named, (*HELD, "history")), (keys - of_named, HELD)):
        remaining = iter(sorted(some))
        while batch := list(islice(remaining, tables.READ_KEYS)):
            for item in tables.get_many(batch, consistent=True, only=attributes).values():
                parts = (fulfillment_of_row(row) for row in item["fulfillments"])
                yield item.get("hold_id"), units_held(parts)
                ids |= {
                    row["detail"]["transfer_id"]
                    for row in item.get("history", ())
                    if row["event"] == "order.sent_to_store"
                }
    keys = {Key(orders_table(), f"TRANSFER#{name}", "TRANSFER") for name in ids}
    for deadline_key in transfers_due() if indexed else ():
        keys |= _keys_with_deadline(deadline_key)
    buyers = set[str]()
    remaining = iter(sorted(keys))
    while batch := list(islice(remaining, tables.READ_KEYS)):
        for item in tables.get_many(batch, consistent=True).values():
            yield None, reserved_by_transfer(item)
            buyers |= {
                row["detail"]["sold_to"]
                for row in item.get("history", ())
                if "sold_to" in row.get("detail", {})
            }
    unread = {Key(orders_table(), f"ORDER#{name}", "ORDER") for name in buyers} - seen
    remaining = iter(sorted(unread))
    while batch := list(islice(remaining, tables.READ_KEYS)):
        for item in tables.get_many(batch, consistent=True, only=HELD).values():
            yield item.get("hold_id"), units_held(map(fulfillment_of_row, item["fulfillments"]))


def _keys_with_deadline(deadline_key: str) -> set[Key]:
    rows = tables.query(
        orders_table(),
        "deadline_key = :key",
        to_item({":key": deadline_key}),
        IndexName="by_deadline",
    )
    return {Key(orders_table(), row["pk"], row["sk"]) for row in rows}


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where a page ended: the sort key of the index, the id of the last row, and the state (or
    ``profile``) whose rows were listed."""

    group: str
    key: str
    id: str


@dataclass(frozen=True, slots=True)
class OrderPage:
    orders: list[Order]
    after: PageEnd | None


def orders_of_profiles(
    profile_ids: Iterable[str], limit: int, after: PageEnd | None = None
) -> OrderPage:
    """The orders placed under any of these ids of one person, the newest first (eventually
    consistent, like every index)."""
    orders: list[Order] = []
    for profile_id in sorted(profile_ids):
        rows = _placed_before(profile_id, limit + 1, after)
        orders += islice(rows, limit + 1)
    orders.sort(key=_newness, reverse=True)
    last = orders[limit - 1] if len(orders) > limit else None
    return OrderPage(
        orders[:limit],
        PageEnd("profile", rfc3339(last.placed_at), last.order_id) if last else None,
    )


def _placed_before(profile_id: str, page: int, after: PageEnd | None) -> Iterator[Order]:
    condition = "profile_key = :profile"
    values = {":profile": f"PROFILE#{profile_id}"}
    if after is not None:
        condition += " AND placed_at <= :at"
        values[":at"] = after.key
    more: dict[str, Any] = {"IndexName": "by_profile", "ScanIndexForward": False, "Limit": page}
    for item in tables.query(orders_table(), condition, to_item(values), **more):
        order = order_of_item(item)
        if after is None or _newness(order) < (after.key, after.id):
            yield order


def _newness(order: Order) -> tuple[str, str]:
    return rfc3339(order.placed_at), order.order_id


def orders_by_id(order_ids: Iterable[str]) -> list[Order]:
    """The orders that exist among ``order_ids``, in the same order: one call per 100."""
    keys = [order_key(order_id) for order_id in dict.fromkeys(order_ids)]
    items = tables.get_many(keys)
    return [order_of_item(items[key]) for key in keys if key in items]


def order_items(order_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The items of the orders that exist, by order_id (strongly consistent): one call per 100.
    ``order_of_item`` makes an order of one."""
    keys = {order_key(order_id): order_id for order_id in order_ids}
    items = tables.get_many(keys, consistent=True)
    return {keys[key]: item for key, item in items.items()}


def first_decisions_since(
    since: datetime,
    limit: int,
    after: tuple[str, str] | None = None,
    part: Mapping[str, int] | None = None,
) -> tuple[list[tuple[str, bytes]], tuple[str, str] | None]:
    """The id and first routing decision of orders placed since then, in no particular order, and
    the key to continue after. ``limit`` bounds the items that the scan reads, and so its cost;
    ``part`` is a segment of a parallel Scan."""
    page = tables.scan_page(
        orders_table(),
        limit,
        tables.key(*after) if after else None,
        FilterExpression="sk = :order AND placed_at >= :since",
        ProjectionExpression="pk, decisions",
        ExpressionAttributeValues=to_item({":order": "ORDER", ":since": rfc3339(since)}),
        **(part or {}),
    )
    decisions = [
        (name, decision(name, item["decisions"][0]))
        for item in page.items
        if item["decisions"] and (name := item["pk"].removeprefix("ORDER#"))
    ]
    if page.last is None:
        return decisions, None
    return decisions, (page.last["pk"]["S"], page.last["sk"]["S"])
