"""Laws 1 and 6 of the README, recomputed over everything that is stored.

available = on_hand - reserved
reserved  = units of open holds + units that open fulfillments of orders hold
on_hand   = sum of the movements in the ledger
ordered   = open + fulfilled + cancelled + backordered
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.target import Target
from shared.aws.items import from_item
from shared.orders.model import LawBroken, Order, units_held
from shared.orders.model import check as conserve
from shared.orders.store import order_of_item, reserved_by_transfer
from shared.stock.model.audit import LEDGER_LAG, Units, audit_positions, ledger_of, promised
from shared.stock.model.ledger import LedgerRow
from shared.stock.model.position import HoldState, PositionKey
from shared.stock.store import LEDGER_KEPT, hold_of_item, position_of_item, row_of_item

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    positions: int
    orders: int
    broken: tuple[str, ...]


def check(target: Target) -> Checked:
    """Check every position and order. Reads whole tables, so only for small retailers, and while
    nothing is written to them.

    The comparison itself is that of the audit (shared/stock/audit.py).
    """
    stock = list(_scan(target, "stock"))
    documents = list(_scan(target, "orders"))
    orders = [order_of_item(item) for item in documents if item["sk"] == "ORDER"]
    transfers = [reserved_by_transfer(item) for item in documents if item["sk"] == "TRANSFER"]
    positions = [position_of_item(item) for item in stock if item["sk"].startswith("LOC#")]
    holds = {
        hold.hold_id: hold.lines
        for hold in (hold_of_item(item) for item in stock if item["sk"] == "HOLD")
        if hold.state is HoldState.OPEN
    }
    held: list[tuple[str | None, Units]] = [
        *((order.hold_id, units_held(order.fulfillments)) for order in orders),
        *((None, units) for units in transfers),
    ]
    # Nothing is written, so every row of the ledger has arrived: the audit's grace time is skipped.
    now = datetime.now(UTC) + LEDGER_LAG
    oldest = now - LEDGER_KEPT
    rows: dict[PositionKey, list[LedgerRow]] = defaultdict(list)
    for item in stock:
        if item["pk"].startswith("SKU#") and item["sk"].startswith("MOVE#"):
            rows[item["sku"], item["location_id"]].append(row_of_item(item))
    ledgers = {
        (position.sku, position.location_id): ledger_of(
            sorted(
                rows[position.sku, position.location_id],
                key=lambda row: row.version,
            ),
            position.version,
            oldest,
        )
        for position in positions
    }
    broken = [breach for order in orders for breach in _conserved(order)]
    broken += [
        f"law 1: {drift.kind}: {drift.sku} at {drift.location_id}: "
        f"{drift.stands}, not {drift.should}"
        for drift in audit_positions(positions, promised(holds, held), ledgers, now, oldest)
    ]
    return Checked(len(positions), len(orders), tuple(broken))


def settle(target: Target, seconds: float = 60) -> Checked:
    """``check`` until nothing is broken, for at most ``seconds``: the ledger is written a second or
    two after the positions."""
    deadline = time.monotonic() + seconds
    while (checked := check(target)).broken and time.monotonic() < deadline:
        time.sleep(1)
    return checked


def _conserved(order: Order) -> Iterator[str]:
    try:
        conserve(order)
    except LawBroken as broken:
        yield f"law 6: {broken}"


def _scan(target: Target, table: str) -> Iterator[Item]:
    pages = target.dynamodb.get_paginator("scan").paginate(TableName=target.tables[table])
    for page in pages:
        for item in page["Items"]:
            yield from_item(item)
