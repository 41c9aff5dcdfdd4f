"""Past orders that were placed with a price quote, as a what-if of promotions reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.orders.model.order import Line
from shared.orders.model.quoted import OrderQuote
from shared.orders.store.items import line_of_row, quote_of_row
from shared.orders.store.keys import orders_table


@dataclass(frozen=True, slots=True)
class QuotedOrder:
    """``shipping`` is what shipping cost after its discounts, in minor units."""

    order_id: str
    channel: str
    lines: tuple[Line, ...]
    quote: OrderQuote
    shipping: int


@dataclass(frozen=True, slots=True)
class QuotedPage:
    """``unquoted`` orders were placed without a quote; ``last`` is the key to continue after."""

    orders: tuple[QuotedOrder, ...]
    unquoted: int
    last: tuple[str, str] | None


def quoted_orders_since(
    since: datetime, limit: int, after: tuple[str, str] | None = None
) -> QuotedPage:
    """Orders placed since then, in no particular order. ``limit`` bounds the items that the scan
    reads, and so its cost."""
    page = tables.scan_page(
        orders_table(),
        limit,
        tables.key(*after) if after else None,
        FilterExpression="sk = :order AND placed_at >= :since",
        ProjectionExpression="pk, channel, #lines, quote, shipping",
        ExpressionAttributeNames={"#lines": "lines"},
        ExpressionAttributeValues=to_item({":order": "ORDER", ":since": rfc3339(since)}),
    )
    orders = tuple(_quoted(item) for item in page.items if item.get("quote"))
    last = (page.last["pk"]["S"], page.last["sk"]["S"]) if page.last else None
    return QuotedPage(orders, len(page.items) - len(orders), last)


def _quoted(item: Mapping[str, Any]) -> QuotedOrder:
    return QuotedOrder(
        item["pk"].removeprefix("ORDER#"),
        item["channel"],
        tuple(map(line_of_row, item["lines"])),
        quote_of_row(item["quote"]),
        item.get("shipping", 0),
    )
