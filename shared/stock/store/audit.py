"""Reads and repairs of the audit in table ``stock``.

pk AUDIT   sk AUDIT    where the audit continues, and the results of its present round
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Update
from shared.aws.items import Item, to_item
from shared.instants import rfc3339
from shared.stock import store
from shared.stock.model.audit import (
    REPAIR_REST,
    SOURCE,
    Gap,
    Ledger,
    Units,
    audit_entry,
    ledger_of,
    missing_rows,
    promised,
)
from shared.stock.model.events import TIDIED, MovementReason
from shared.stock.model.ledger import LedgerEntry, LedgerRow
from shared.stock.model.position import Hold, HoldState, Position, PositionKey
from shared.stock.model.tidying import Leftovers
from shared.stock.store import HOLDS, slot_sales

CURSOR = Key("", "AUDIT", "AUDIT")


@dataclass(frozen=True, slots=True)
class AuditRound:
    """A walk over all positions: it continues behind the key ``after``, None at its beginning."""

    began_at: datetime
    after: Item | None = None
    positions: int = 0
    drifts: int = 0


def current_round(now: datetime) -> AuditRound:
    """The round that is under way, or a new one."""
    cursor = tables.get(store.stock_table(), CURSOR.pk, CURSOR.sk, consistent=True)
    if cursor is None or not cursor.get("after"):
        return AuditRound(now)
    return AuditRound(
        datetime.fromisoformat(cursor["began_at"]),
        to_item(cursor["after"]),
        cursor["positions"],
        cursor["drifts"],
    )


def save_round(walked: AuditRound) -> None:
    """Saves where the round continues."""
    after = {name: value["S"] for name, value in (walked.after or {}).items()}
    tables.write(
        "put_item",
        TableName=store.stock_table(),
        Item=to_item(
            {
                "pk": CURSOR.pk,
                "sk": CURSOR.sk,
                "began_at": rfc3339(walked.began_at),
                "after": after,
                "positions": walked.positions,
                "drifts": walked.drifts,
            }
        ),
    )


def position_keys_page(
    limit: int, after: Item | None = None
) -> tuple[list[PositionKey], Item | None]:
    """Keys of about ``limit`` positions behind ``after``, and the key to continue after. Costs one
    read unit per 100 or so, because the index holds keys only."""
    page = tables.scan_page(store.stock_table(), limit, after, IndexName="by_location")
    return [
        (item["pk"].removeprefix("SKU#"), item["sk"].removeprefix("LOC#"))
        for item in page.items
        if item["sk"] == item["location_key"]
    ], page.last


OpenOrders = Callable[[Iterable[str]], Iterable[tuple[str | None, Units]]]
"""Reads the units that open orders and transfers hold, each with the id of the hold that it was
converted from: those in an index, and those named."""


def promised_units(orders: OpenOrders, positions: Iterable[Position] = ()) -> Units:
    """Units promised by open holds and by ``orders``. Holds are read first (see
    model.audit.promised).

    Holds and orders are found by indexes, which may be behind, and are read strongly consistently.
    At ``positions`` the result is exact even then: every hold, order and transfer that has reserved
    units there is named in the ledger, and is read too.
    """
    named = {acted for position in positions for acted in _writers_of(position)}
    holds = _holds({name for source, name in named if source == HOLDS})
    converted = {hold.order_id for hold in holds.values() if hold.order_id}
    open_ = {name: hold.lines for name, hold in holds.items() if hold.state is HoldState.OPEN}
    others = {name for source, name in named if source != HOLDS}
    return promised(open_, orders(others | converted))


def _holds(named: Iterable[str]) -> dict[str, Hold]:
    """The holds in the index of deadlines and the ``named`` ones, by id. An expired hold is open
    until it is swept."""
    keys = {Key(store.stock_table(), f"HOLD#{name}", "HOLD") for name in named}
    for shard in range(store.SHARDS):
        keys |= {
            Key(store.stock_table(), row["pk"], row["sk"])
            for row in tables.query(
                store.stock_table(),
                "deadline_key = :shard",
                to_item({":shard": f"HOLD#{shard}"}),
                IndexName="by_deadline",
            )
        }
    items = tables.get_many(sorted(keys), consistent=True)
    return {hold.hold_id: hold for hold in map(store.hold_of_item, items.values())}


def _writers_of(position: Position) -> set[tuple[str, str]]:
    """(source, id) of every hold, order and transfer that has written the position or its slots,
    from the ledger (strongly consistent). A converted hold names its order."""
    rows = _rows_rising(position)
    if position.folded_at is not None:
        rows = chain(
            rows, map(store.row_of_item, slot_sales.all_sales(position.sku, position.location_id))
        )
    return {
        (entry.source, entry.reference)
        for row in rows
        for entry in row.entries
        if entry.own and entry.reference and entry.source != SOURCE
    }


def read_ledger(position: Position, now: datetime) -> Ledger:
    """The sum of the ledger through the version of ``position`` (strongly consistent).

    The rows of a position that was not written within LEDGER_KEPT have expired: its own values are
    returned.
    """
    if position.updated_at < now - store.LEDGER_KEPT:
        return Ledger(position.version, 0, position.on_hand, position.reserved)
    return ledger_of(_rows_rising(position), position.version, now - store.LEDGER_KEPT)


def _rows_rising(position: Position) -> Iterator[LedgerRow]:
    return map(
        store.row_of_item,
        tables.query(
            store.stock_table(),
            "pk = :pk AND sk BETWEEN :first AND :last",
            to_item(
                {
                    ":pk": f"SKU#{position.sku}",
                    ":first": f"MOVE#{position.location_id}#",
                    ":last": f"MOVE#{position.location_id}#~",
                }
            ),
            ConsistentRead=True,
        ),
    )


def tidy(position: Position, leftovers: Leftovers, now: datetime) -> bool:
    """Removes the ``leftovers`` of the position; False when somebody has written it meanwhile."""
    update = Update()
    update.add("version", 1)
    update.set("updated_at", rfc3339(now))
    update.set("last", [store.entry_item(_tidying_entry(position, now))])
    if leftovers.expected is not None:
        update.set("expected", [store.expected_item(row) for row in leftovers.expected])
    update.remove(*leftovers.counters)
    # Holds while nobody has written since the position was read.
    update.require("version = {}", position.version)
    # Holds while the position is not split.
    update.require("attribute_not_exists(slots)")
    return tables.write("update_item", **_request(position, update)) is None


def _request(position: Position, update: Update) -> dict[str, Any]:
    return update.request(store.stock_table(), f"SKU#{position.sku}", f"LOC#{position.location_id}")


def _tidying_entry(position: Position, now: datetime) -> LedgerEntry:
    return LedgerEntry(
        id=f"tidied-{position.version + 1}",
        source=SOURCE,
        type=TIDIED,
        reason=MovementReason.OTHER.value,
        occurred_at=now,
        delta=0,
    )


def fill_gap(position: Position, gap: Gap) -> None:
    """Writes the missing rows. A row that has arrived meanwhile is left as it is."""
    for row in missing_rows(gap, position):
        tables.write(
            "put_item",
            TableName=store.stock_table(),
            Item=to_item(store.row_item(position.sku, position.location_id, row)),
            # Holds while the row is still missing.
            ConditionExpression="attribute_not_exists(pk)",
        )


def correct_position(position: Position, promised: int, ledger: Ledger, now: datetime) -> bool:
    """Sets the position to the sums of the ledger and the promises, as a movement of its own.

    False when somebody has written since ``position`` was read, or when ``reserved`` would fall at
    a position that was written within REPAIR_REST. Too many reserved units cost a sale; too few
    sell units twice.
    """
    on_hand = ledger.on_hand
    promised += sum(position.landed.values())
    was = f"on_hand {position.on_hand}, reserved {position.reserved}"
    reference = f"{was}, available {position.available} -> {on_hand}, {promised}"
    last: dict[str, Any] = {
        # The ledger is right already: this movement only records the repair.
        **store.entry_item(audit_entry(position.version + 1, now, 0, reference)),
        "reserved_delta": promised - ledger.reserved,
    }
    update = Update()
    update.set("on_hand", on_hand)
    update.set("reserved", promised)
    update.set("available", on_hand - promised)
    update.add("version", 1)
    update.set("updated_at", rfc3339(now))
    update.set("last", [last])
    # Holds while the position is not split.
    update.require("attribute_not_exists(slots)")
    # Holds while nobody has written since the position was read.
    update.require("version = {}", position.version)
    # Holds while nobody has changed the units by hand, which leaves the version as it is.
    update.require("on_hand = {}", position.on_hand)
    update.require("reserved = {}", position.reserved)
    update.require("available = {}", position.available)
    # Holds while the repair lowers no reserved units, or nobody has written within REPAIR_REST:
    # a promise made a moment ago may not be visible yet.
    update.require("reserved <= {} OR updated_at <= {}", promised, rfc3339(now - REPAIR_REST))
    return tables.write("update_item", **_request(position, update)) is None
