"""Law 1 and law 6 over everything that is stored, recomputed from the tables (design: the laws).

available = on_hand - reserved
reserved  = units of open holds + units that open fulfillments of orders hold
on_hand   = sum of the movements in the ledger
ordered   = open + fulfilled + cancelled + backordered
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.target import Target
from shared.aws.items import from_item
from shared.orders.model import OPEN

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    positions: int
    orders: int
    broken: tuple[str, ...]


def check(target: Target) -> Checked:
    """Reads the tables whole: for a retailer at rest, and of a demo's size."""
    stock = list(_scan(target, "stock"))
    orders = [item for item in _scan(target, "orders") if item["sk"] == "ORDER"]
    positions = [item for item in stock if item["sk"].startswith("LOC#")]
    reserved = _held_by_holds(stock) + _held_by_orders(orders)
    moved = _moved(stock)
    broken = [breach for order in orders for breach in _conserved(order)]
    broken += [breach for item in positions for breach in _balanced(item, reserved, moved)]
    return Checked(len(positions), len(orders), tuple(broken))


def settle(target: Target, seconds: float = 60) -> Checked:
    """``check`` until nothing is broken: the ledger follows the positions by a second or two."""
    deadline = time.monotonic() + seconds
    while (checked := check(target)).broken and time.monotonic() < deadline:
        time.sleep(1)
    return checked


Units = Counter[tuple[str, str]]
"""Units by (SKU, location)."""


def _held_by_holds(stock: Iterable[Item]) -> Units:
    held = Units()
    for item in stock:
        if item["sk"] == "HOLD" and item["state"] == "open":
            for line in item["lines"]:
                held[line["sku"], line["location_id"]] += line["quantity"]
    return held


def _held_by_orders(orders: Iterable[Item]) -> Units:
    held = Units()
    for order in orders:
        for fulfillment in order["fulfillments"]:
            if fulfillment["state"] in OPEN:
                for line in fulfillment["lines"]:
                    held[line["sku"], fulfillment["location_id"]] += line["quantity"]
    return held


def _moved(stock: Iterable[Item]) -> Units:
    moved = Units()
    for item in stock:
        if item["sk"].startswith("MOVE#"):
            location_id = item["sk"].split("#")[1]
            moved[item["pk"].removeprefix("SKU#"), location_id] += item["delta"]
    return moved


def _conserved(order: Item) -> Iterator[str]:
    for line in order["lines"]:
        parts = ("open", "fulfilled", "cancelled", "backordered")
        if line["quantity"] != sum(line.get(part, 0) for part in parts):
            yield f"law 6: {order['pk']} line {line['line_id']}"


def _balanced(item: Item, reserved: Units, moved: Units) -> Iterator[str]:
    where = item["sku"], item["location_id"]
    for law, stands, sums in (
        ("available is on_hand - reserved", item["available"], item["on_hand"] - item["reserved"]),
        ("reserved is what holds and orders hold", item["reserved"], reserved[where]),
        ("on_hand is the sum of movements", item["on_hand"], moved[where]),
    ):
        if stands != sums:
            yield f"law 1: {law}: {where[0]} at {where[1]}: {stands}, not {sums}"


def _scan(target: Target, table: str) -> Iterator[Item]:
    pages = target.dynamodb.get_paginator("scan").paginate(TableName=target.tables[table])
    for page in pages:
        for item in page["Items"]:
            yield from_item(item)
