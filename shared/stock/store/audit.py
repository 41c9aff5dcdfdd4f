"""Reads and repairs of the audit in table ``stock``.

    pk WALK#audit                            how far its round is (shared/aws/walks.py)
    pk SKU#<sku>   sk AUDITED#<location>     a checkpoint of the position's ledger (0.2 KB)

Checkpoints are sums of rows, and rows never change: one that was read or written late is true all
the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import chain
from typing import Any, Protocol

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Update
from shared.aws.items import Item, to_item
from shared.aws.walks import CLOSING_LEASE, Walk
from shared.instants import rfc3339
from shared.stock import store
from shared.stock.model.audit import (
    BEGINNING,
    REPAIR_REST,
    SOURCE,
    Checkpoint,
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
from shared.stock.store.rows import move_key

WALK = Walk("stock", "audit", CLOSING_LEASE)
"""A step may read every open hold and order again, which takes minutes."""
SUMMED = (
    "version",
    "on_hand",
    "available",
    "delta",
    "reserved_delta",
    "recorded_at",
    "previous_at",
    "feed_version",
    "moved_at",
)
"""What sums and gaps need of a ledger row: its entries are half of what there is to parse."""


def position_keys_page(
    limit: int, after: Item | None = None, part: Mapping[str, int] | None = None
) -> tuple[list[PositionKey], Item | None]:
    """Keys of about ``limit`` positions behind ``after``, and the key to continue after. ``part``
    is a segment of a parallel Scan. Costs one read unit per 100 or so, because the index holds keys
    only."""
    page = tables.scan_page(
        store.stock_table(), limit, after, IndexName="by_location", **(part or {})
    )
    return [
        (item["pk"].removeprefix("SKU#"), item["sk"].removeprefix("LOC#"))
        for item in page.items
        if item["sk"] == item["location_key"]
    ], page.last


def checkpoints(places: Iterable[PositionKey]) -> dict[PositionKey, Checkpoint]:
    """The stored checkpoints of positions: one call per 100."""
    table = store.stock_table()
    keys = {Key(table, f"SKU#{sku}", f"AUDITED#{at}"): (sku, at) for sku, at in places}
    return {
        keys[key]: Checkpoint(item["version"], item["on_hand"], item["reserved"])
        for key, item in tables.get_many(keys).items()
    }


def save_checkpoints(audited: Mapping[PositionKey, Checkpoint]) -> None:
    """Stores checkpoints over older ones: 1 write each, 25 per call."""
    items = [
        to_item({"pk": f"SKU#{sku}", "sk": f"AUDITED#{at}", **asdict(checkpoint)})
        for (sku, at), checkpoint in audited.items()
    ]
    tables.put_many(store.stock_table(), items)


class OpenOrders(Protocol):
    """Reads the units that open orders and transfers hold, each with the id of the hold that it was
    converted from: those ``named``, and with ``indexed`` those in an index."""

    def __call__(
        self, named: Iterable[str] = (), *, indexed: bool = True
    ) -> Iterable[tuple[str | None, Units]]: ...


def promised_units(
    orders: OpenOrders, positions: Iterable[Position] = (), *, indexed: bool = True
) -> Units:
    """Units promised by open holds and by ``orders``. Holds are read first (see
    model.audit.promised).

    Holds and orders are found by indexes, which may be behind, and are read strongly consistently.
    At ``positions`` the result is exact even then: every hold, order and transfer that has reserved
    units there is named in the ledger, and is read too.
    """
    named = {acted for position in positions for acted in _writers_of(position)}
    holds = _holds({name for source, name in named if source == HOLDS}, indexed=indexed)
    converted = {hold.order_id for hold in holds.values() if hold.order_id}
    open_ = {name: hold.lines for name, hold in holds.items() if hold.state is HoldState.OPEN}
    others = {name for source, name in named if source != HOLDS}
    return promised(open_, orders(others | converted, indexed=indexed))


def _holds(named: Iterable[str], *, indexed: bool) -> dict[str, Hold]:
    """The ``named`` holds, and with ``indexed`` those in the index of deadlines, by id. An expired
    hold is open until it is swept."""
    keys = {Key(store.stock_table(), f"HOLD#{name}", "HOLD") for name in named}
    for shard in range(store.SHARDS if indexed else 0):
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


def read_ledger(
    position: Position,
    now: datetime,
    start: Checkpoint = BEGINNING,
    *,
    consistent: bool = True,
) -> Ledger:
    """The sum of the ledger through the version of ``position``, of which only the rows behind
    ``start`` are read: no call when the position has not been written since.

    The rows of a position that was not written within LEDGER_KEPT have expired: its own values are
    returned.
    """
    oldest = now - store.LEDGER_KEPT
    if position.updated_at < oldest:
        return Ledger(position.version, 0, position.on_hand, position.reserved)
    if start.version == position.version:
        rows: Iterator[LedgerRow] = iter(())
    else:
        rows = _rows_rising(position, start.version, SUMMED, consistent=consistent)
    return ledger_of(rows, position.version, oldest, start)


def _rows_rising(
    position: Position,
    behind: int = 0,
    only: Sequence[str] = (),
    *,
    consistent: bool = True,
) -> Iterator[LedgerRow]:
    """The rows behind the version ``behind``; with ``only`` these attributes, without entries."""
    projection = {"ProjectionExpression": ", ".join(only)} if only else {}
    items = tables.query(
        store.stock_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(
            {
                ":pk": f"SKU#{position.sku}",
                ":first": move_key(position.location_id, behind + 1),
                ":last": f"MOVE#{position.location_id}#~",
            }
        ),
        ConsistentRead=consistent,
        **projection,
    )
    return (store.row_of_item({"entries": (), **item}) for item in items)


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
