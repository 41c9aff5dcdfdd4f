"""Lists of orders: of a shopper, by ids, by deadline; and the units open orders reserve."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
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
from shared.orders.store.keys import SHARDS, TRANSFERS_DUE, order_key, orders_table


def overdue_orders(now: datetime, page: int) -> Iterator[str]:
    """Ids of orders whose deadline has passed, the longest overdue of each shard first, read
    ``page`` by page. Each time another shard is the first, so that none always waits for others."""
    for number in random.sample(range(SHARDS), SHARDS):
        rows = tables.query(
            orders_table(),
            "deadline_key = :key AND deadline <= :now",
            to_item({":key": f"DUE#{number}", ":now": rfc3339(now)}),
            IndexName="by_deadline",
            Limit=page,
        )
        for row in rows:
            yield row["pk"].removeprefix("ORDER#")


def reserved_by_open(
    named: Iterable[str] = (),
) -> Iterator[tuple[str | None, Counter[tuple[str, str]]]]:
    """What each open order holds now, by (SKU, location), and the hold that it has taken over; and
    what each transfer does that is not shipped yet.

    An order that holds anything has a deadline, and stands in that index; but an index may be
    behind, and only says where to look: what is held is read from the orders (strongly
    consistent). ``named`` are ids of orders and transfers to be looked at beside it.
    """
    ids = frozenset(named)
    keys = {Key(orders_table(), f"ORDER#{name}", "ORDER") for name in ids}
    for number in range(SHARDS):
        keys |= _waiting_for(f"DUE#{number}")
    left = iter(sorted(keys))
    while some := list(islice(left, tables.READ_KEYS)):
        found = tables.get_many(some, consistent=True, only=("hold_id", "fulfillments"))
        for item in found.values():
            parts = (fulfillment_of_row(row) for row in item["fulfillments"])
            yield item.get("hold_id"), units_held(parts)
    keys = {Key(orders_table(), f"TRANSFER#{name}", "TRANSFER") for name in ids}
    left = iter(sorted(keys | _waiting_for(TRANSFERS_DUE)))
    while some := list(islice(left, tables.READ_KEYS)):
        for item in tables.get_many(some, consistent=True).values():
            yield None, reserved_by_transfer(item)


def _waiting_for(deadline_key: str) -> set[Key]:
    rows = tables.query(
        orders_table(),
        "deadline_key = :key",
        to_item({":key": deadline_key}),
        IndexName="by_deadline",
    )
    return {Key(orders_table(), row["pk"], row["sk"]) for row in rows}


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where a page ended: the index's sort key, the id of the last row, and in a list of several
    states which one it was."""

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
    found: list[Order] = []
    for profile_id in sorted(profile_ids):
        rows = _placed_before(profile_id, limit + 1, after)
        found += islice(rows, limit + 1)
    found.sort(key=_newness, reverse=True)
    last = found[limit - 1] if len(found) > limit else None
    return OrderPage(
        found[:limit],
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
    """The orders that exist among ``order_ids``, in their order: one call per 100."""
    keys = [order_key(order_id) for order_id in dict.fromkeys(order_ids)]
    items = tables.get_many(keys)
    return [order_of_item(items[key]) for key in keys if key in items]


def first_decisions_since(
    since: datetime, limit: int, after: tuple[str, str] | None = None
) -> tuple[list[tuple[str, bytes]], tuple[str, str] | None]:
    """How the orders placed since then were first routed, by id, in no order of note; and where
    to go on. ``limit`` bounds the items that are looked at: a scan, which costs what it
    reads."""
    page = tables.scan_page(
        orders_table(),
        limit,
        tables.key(*after) if after else None,
        FilterExpression="sk = :order AND placed_at >= :since",
        ProjectionExpression="pk, decisions",
        ExpressionAttributeValues=to_item({":order": "ORDER", ":since": rfc3339(since)}),
    )
    found = [
        (name, decision(name, item["decisions"][0]))
        for item in page.items
        if item["decisions"] and (name := item["pk"].removeprefix("ORDER#"))
    ]
    if page.last is None:
        return found, None
    return found, (page.last["pk"]["S"], page.last["sk"]["S"])
