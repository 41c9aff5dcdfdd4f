"""The ledger of the slots: one row for each sale from a slot."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.items import to_item
from shared.errors import Busy
from shared.instants import rfc3339
from shared.stock.model.slots import MOST_SLOTS
from shared.stock.store.rows import LEDGER_KEPT, stock_table
from shared.stock.store.slots import FOLDED, slot_key


def sale_item(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The ledger row of the sale that changed the image ``old`` to ``new``; like
    ledgers.ledger_item."""
    recorded_at = datetime.fromisoformat(new["updated_at"])
    return {
        "pk": new["pk"],
        "sk": f"MOVE#{new['epoch']}#{new['version']:09d}",
        "sku": new["sku"],
        "location_id": new["location_id"],
        "slot": int(new["pk"].rpartition("#")[2]),
        "epoch": new["epoch"],
        "version": new["version"],
        "feed_version": 0,
        "on_hand": 0,
        "available": new["available"],
        "delta": 0,
        "reserved_delta": old["available"] - new["available"],
        "recorded_at": new["updated_at"],
        "entries": new["last"],
        "ttl": int((recorded_at + LEDGER_KEPT).timestamp()),
    }


def sales_since(
    sku: str, location_id: str, since: datetime, entry_ids: Collection[str], lost_before: datetime
) -> Iterator[dict[str, Any]]:
    """The rows of all slots that were folded after ``since``.

    Raises Busy when the stream has not delivered them all yet, or the fold itself is not among the
    ``entry_ids`` of the position's rows: only rows after the fold contain the slots' sales.
    Rows of a fold before ``lost_before`` that are missing are lost, and not waited for.
    """
    for mark in tables.query(
        stock_table(),
        "pk = :pk AND sk > :since",
        to_item({":pk": f"SLOTS#{sku}#{location_id}", ":since": f"FOLD#{rfc3339(since)}"}),
        ConsistentRead=True,
    ):
        lost = mark["sk"] < f"FOLD#{rfc3339(lost_before)}"
        if not lost and f"{FOLDED}@{mark['epoch']}" not in entry_ids:
            raise Busy("the ledger does not show the fold yet")
        rows = [
            row
            for number in range(mark["slots"])
            for row in tables.query(
                stock_table(),
                "pk = :pk AND begins_with(sk, :epoch)",
                to_item(
                    {
                        ":pk": slot_key(sku, location_id, number).pk,
                        ":epoch": f"MOVE#{mark['epoch']}#",
                    }
                ),
                ConsistentRead=True,
            )
        ]
        if not lost and len(rows) != mark["sales"]:
            raise Busy("the ledger does not show every sale of the slots yet")
        yield from rows


def all_sales(sku: str, location_id: str) -> Iterator[dict[str, Any]]:
    """The rows of all slots that ever existed, as far as they have not expired (strongly
    consistent)."""
    for number in range(MOST_SLOTS):
        yield from tables.query(
            stock_table(),
            "pk = :pk AND begins_with(sk, :move)",
            to_item({":pk": slot_key(sku, location_id, number).pk, ":move": "MOVE#"}),
            ConsistentRead=True,
        )
