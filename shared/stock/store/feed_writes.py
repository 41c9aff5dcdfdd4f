"""The write that brings feed events into a position, and its conditions: alone by ``update_item``,
with the marks of its movements in a transaction, or many positions in one call."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part, Refused
from shared.aws.expression import Attribute, Update
from shared.aws.items import to_item
from shared.aws.statement import (
    STATEMENTS,
    Statement,
    Unsuitable,
    execute,
    insert_statement,
    update_statement,
)
from shared.instants import rfc3339
from shared.stock.model.count import Basis
from shared.stock.model.feed import Landing, PositionWrite
from shared.stock.model.position import DUE, LANDED, PositionKey
from shared.stock.store.notes import ParallelMap
from shared.stock.store.rows import (
    LEDGER_KEPT,
    SEEN,
    entry_item,
    expected_item,
    mark_key,
    stamp_item,
    stock_table,
)

FEWEST_TOGETHER = 2


def write_position(change: PositionWrite, now: datetime) -> Sequence[Refused]:
    key = f"SKU#{change.sku}", f"LOC#{change.location_id}"
    update = _feed_update(change, now).request(stock_table(), *key)
    if not change.marks:
        refused = tables.write("update_item", **update)
        return [refused] if refused else []
    marks: list[Part] = [
        {
            "Put": {
                "TableName": stock_table(),
                "Item": to_item(
                    {
                        **dict(zip(("pk", "sk"), mark_key(source, mark), strict=True)),
                        "source": source,
                        "id": mark,
                        "ttl": int((now + LEDGER_KEPT).timestamp()),
                    }
                ),
                # Holds while nobody has applied this movement.
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for source, mark in change.marks
    ]
    return tables.transact([{"Update": update}, *marks])


def write_together(
    changes: Mapping[PositionKey, PositionWrite], now: datetime, each: ParallelMap
) -> tuple[set[PositionKey], set[PositionKey]]:
    """Writes ``changes``, which have no marks, 25 in one call. Returns the positions that were
    written, and those that were not: their conditions were false, or AWS was busy.

    Tries neither a single change nor one that a statement cannot express: ``write_position`` writes
    them, and learns the stored item when it is refused.
    """
    statements = {
        place: statement
        for place, change in changes.items()
        if (statement := statement_of(change, now)) is not None
    }
    if len(statements) < FEWEST_TOGETHER:
        return set(), set()
    places = list(statements)
    calls = [places[start : start + STATEMENTS] for start in range(0, len(places), STATEMENTS)]
    outcomes = each(lambda call: execute([statements[place] for place in call]), calls)
    written = {
        place
        for call, successes in zip(calls, outcomes, strict=True)
        for place, success in zip(call, successes, strict=True)
        if success
    }
    return written, statements.keys() - written


def statement_of(change: PositionWrite, now: datetime) -> Statement | None:
    """The statement that writes ``change``; None when only ``write_position`` can."""
    update, table = _feed_update(change, now), stock_table()
    key = f"SKU#{change.sku}", f"LOC#{change.location_id}"
    try:
        if change.feed_version:
            return update_statement(update, table, *key)
        return insert_statement(update, table, *key)
    except Unsuitable:
        return None


def _feed_update(change: PositionWrite, now: datetime) -> Update:
    """The assignments and conditions that write ``change``."""
    update = Update()
    update.set("sku", change.sku)
    update.set("location_id", change.location_id)
    update.set("location_key", f"LOC#{change.location_id}")
    _set_units(update, change)
    update.add("damaged", 0)
    update.add("version", 1)
    update.add("feed_version", 1)
    update.set("updated_at", rfc3339(now))
    update.set("last", [entry_item(entry) for entry in change.entries])
    if change.counted is not None:
        update.set("counted", stamp_item(change.counted))
    if change.moved_at is not None:
        update.set("moved_at", rfc3339(change.moved_at))
    if change.expected is not None:
        update.set("expected", [expected_item(row) for row in change.expected])
    for source, seen in change.seen.items():
        update.set(f"{SEEN}{source}", [seen.floor, *seen.sequences])
    update.remove(*(f"{SEEN}{source}" for source in change.forgotten))
    _require_same_feed(update, change)
    for landing in change.landings:
        _land(update, landing)
    return update


def _set_units(update: Update, change: PositionWrite) -> None:
    """Sets on_hand, reserved and available; the position's slots must stay covered."""
    landed = sum(landing.units for landing in change.landings)
    update.add("reserved", landed)
    free = change.units - landed
    match change.basis:
        case Basis.ADD:
            update.add("on_hand", change.units)
            update.add("available", free)
            if change.units < 0:
                # Holds while there are no slots, or the position covers the loss without them.
                update.require("attribute_not_exists(slots) OR available >= {}", -change.units)
        case Basis.ON_HAND:
            update.set("on_hand", change.units)
            update.set_minus("available", free, "reserved")
            # Holds while there are no slots, or the count covers what they may sell.
            update.require("attribute_not_exists(slots) OR reserved <= {}", change.units)
        case Basis.AVAILABLE:
            update.set("available", free)
            update.set_plus("on_hand", change.units, "reserved")
            # Holds while there are no slots.
            update.require("attribute_not_exists(slots)")


def _require_same_feed(update: Update, change: PositionWrite) -> None:
    """Requires that nothing which ``change`` depends on was written since the position was read."""
    if change.feed_version:
        # Holds while no other feed has written since the position was read.
        update.require("feed_version = {}", change.feed_version)
    else:
        # Holds while no feed has written the position.
        update.require("attribute_not_exists(feed_version)")
    if change.quiet_since is not None:
        # Holds while the count contains every hand-over and every return.
        update.require(
            "attribute_not_exists(handled_at) OR handled_at <= {}", rfc3339(change.quiet_since)
        )
    if change.own_at is not None:
        # Holds while no order and no hold has written since the position was read.
        update.require("own_at = {}", rfc3339(change.own_at))
    elif change.basis is Basis.AVAILABLE:
        # Holds while no order and no hold has ever written the position.
        update.require("attribute_not_exists(own_at)")
    if change.version is not None:
        # Holds while nobody has written since the ledger was read.
        update.require("version = {}", change.version)


def _land(update: Update, landing: Landing) -> None:
    """Turns promised units of a supply that has arrived from due into landed."""
    due = Attribute(f"{DUE}{landing.reference}")
    # Holds while the number of promised units is the one that was read.
    if landing.due:
        update.require("{} = {}", due, landing.due)
    else:
        update.require("attribute_not_exists({0}) OR {0} = {1}", due, 0)
    if landing.units:
        update.set(due, landing.due - landing.units)
        update.add(f"{LANDED}{landing.reference}", landing.units)
