"""The units that recent orders shipped, and where to: a scan of the table ``orders``."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.items import Item, to_item
from shared.instants import rfc3339
from shared.orders.model import DeliveryPlace
from shared.orders.store.keys import orders_table

PAGE = 500


@dataclass(frozen=True, slots=True)
class Shipment:
    """The units by SKU of the lines of one order that are shipped."""

    placed_at: datetime
    ship_to: DeliveryPlace
    units: Counter[str]


def shipments_since(since: datetime) -> Iterator[Shipment]:
    """The shipments of the orders placed since then, in no particular order. The scan reads the
    whole table, decisions included, and costs as much."""
    after: Item | None = None
    while True:
        page = tables.scan_page(
            orders_table(),
            PAGE,
            after,
            FilterExpression="sk = :order AND placed_at >= :since AND attribute_exists(ship_to)",
            ProjectionExpression="placed_at, ship_to, #lines",
            ExpressionAttributeNames={"#lines": "lines"},
            ExpressionAttributeValues=to_item({":order": "ORDER", ":since": rfc3339(since)}),
        )
        for item in page.items:
            units: Counter[str] = Counter()
            for line in item["lines"]:
                if line["method"] == "ship":
                    units[line["sku"]] += line["quantity"]
            if units:
                yield Shipment(
                    datetime.fromisoformat(item["placed_at"]),
                    DeliveryPlace(**item["ship_to"]),
                    units,
                )
        if page.last is None:
            return
        after = page.last
