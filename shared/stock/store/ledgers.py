"""The ledger: one row for each write of a position."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.errors import Busy
from shared.stock.model.audit import LEDGER_LAG, STREAM_KEPT, Gap, missing_rows
from shared.stock.model.count import LedgerNeeds
from shared.stock.model.events import AUDITED, COUNTED, HELD
from shared.stock.model.ledger import History, LedgerRow
from shared.stock.model.position import HoldState, Position
from shared.stock.store import slot_sales
from shared.stock.store.rows import LEDGER_KEPT, hold_of_item, move_key, row_of_item, stock_table

LISTED_TYPES = (COUNTED, AUDITED)
"""Entries that the list of movements shows even when they changed nothing."""
LEDGER_PAGE = 100


def ledger_item(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger row of the write that changed the image ``old`` to ``new`` (plain values).

    The same images give the same row, so writing it twice is harmless. An audit's correction states
    its own deltas, because the images also contain changes that were never recorded.
    """
    before = old or {}
    delta = new["on_hand"] - before.get("on_hand", 0)
    reserved_delta = new["reserved"] - before.get("reserved", 0)
    entries = [dict(entry) for entry in new.get("last", ())]
    moved = sum(entry.get("delta", 0) for entry in entries)
    for entry in entries:
        if entry["type"] == COUNTED:
            entry["delta"] = delta - moved
        if entry["type"] == AUDITED:
            delta, reserved_delta = entry["delta"], entry.pop("reserved_delta")
    recorded_at = datetime.fromisoformat(new["updated_at"])
    return {
        "pk": new["pk"],
        "sk": move_key(new["location_id"], new["version"]),
        "sku": new["sku"],
        "location_id": new["location_id"],
        "version": new["version"],
        "feed_version": new.get("feed_version", 0),
        "on_hand": new["on_hand"],
        "available": new["available"],
        "delta": delta,
        "reserved_delta": reserved_delta,
        "recorded_at": new["updated_at"],
        "previous_at": before.get("updated_at"),
        "moved_at": new.get("moved_at"),
        "entries": entries,
        "ttl": int((recorded_at + LEDGER_KEPT).timestamp()),
    }


def put_ledger_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes the rows. Raises Busy when the table does not take them all; all may be written
    again."""
    tables.put_many(stock_table(), [to_item(row) for row in rows])


def ledger_rows(
    sku: str, location_id: str, *, before: int | None = None, consistent: bool = False
) -> Iterator[LedgerRow]:
    """The rows of a position, newest first; with ``before`` only those below that version."""
    last = "~" if before is None else f"{before - 1:012d}"
    for item in tables.query(
        stock_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(
            {
                ":pk": f"SKU#{sku}",
                ":first": f"MOVE#{location_id}#",
                ":last": f"MOVE#{location_id}#{last}",
            }
        ),
        ScanIndexForward=False,
        ConsistentRead=consistent,
        Limit=LEDGER_PAGE,
    ):
        yield row_of_item(item)


def movements_page(
    sku: str, location_id: str, limit: int, before: int | None = None
) -> tuple[list[LedgerRow], int | None]:
    """Rows with a change of on_hand or a count, newest first, and the version to continue below.

    At most ``limit`` entries, unless one row alone has more.
    """
    page: list[LedgerRow] = []
    shown = 0
    for row in ledger_rows(sku, location_id, before=before):
        entries = sum(bool(entry.delta) or entry.type in LISTED_TYPES for entry in row.entries)
        if not entries:
            continue
        if page and shown + entries > limit:
            return page, page[-1].version
        page.append(row)
        shown += entries
    return page, None


def read_history(position: Position, needs: LedgerNeeds, now: datetime) -> History:
    """The rows back to where ``needs`` is satisfied, without a gap. Rows rebuilt from their
    neighbours replace lost ones.

    Raises Busy when the stream has not delivered all rows yet.
    """
    rows: list[LedgerRow] = []
    for row in _rows_without_gaps(position, now):
        rows.append(row)
        if needs.reached(row):
            break
    if position.folded_at is not None and position.folded_at > needs.own_since:
        entry_ids = {entry.id for row in rows for entry in row.entries}
        place = position.sku, position.location_id
        sales = slot_sales.sales_since(*place, needs.own_since, entry_ids, now - STREAM_KEPT)
        rows += map(row_of_item, sales)
    holds = {
        entry.reference
        for row in rows
        for entry in row.entries
        if entry.type == HELD and entry.reference
    }
    items = tables.get_many(
        (Key(stock_table(), f"HOLD#{hold_id}", "HOLD") for hold_id in holds), consistent=True
    )
    return History(
        rows,
        {
            hold.hold_id: hold.closed_at
            for hold in map(hold_of_item, items.values())
            if hold.state is HoldState.CONVERTED and hold.closed_at
        },
    )


def _rows_without_gaps(position: Position, now: datetime) -> Iterator[LedgerRow]:
    """The rows of the ledger, newest first, from the position's own version on.

    Raises Busy where rows are missing that may still arrive.
    """
    newer: LedgerRow | None = None
    for row in ledger_rows(position.sku, position.location_id, consistent=True):
        yield from _lost_rows(Gap(row, newer), position, now)
        yield row
        newer = row
    if newer is None or (newer.previous_at is not None and newer.previous_at >= now - LEDGER_KEPT):
        yield from _lost_rows(Gap(None, newer), position, now)


def _lost_rows(gap: Gap, position: Position, now: datetime) -> Iterator[LedgerRow]:
    """Rows that fill the gap, newest first; none when there is no gap.

    At the end of the ledger rows are usually only late: the reader waits for them.
    """
    first = gap.before.version + 1 if gap.before else 1
    if gap.after is None:
        if (
            position.version >= first
            and position.updated_at <= now - STREAM_KEPT
            and not position.slots
        ):
            yield from reversed(missing_rows(gap, position))
    elif gap.after.version > first:
        if (gap.after.previous_at or gap.after.recorded_at) > now - LEDGER_LAG:
            raise Busy("the ledger has a gap")
        yield from reversed(missing_rows(gap, position))
