"""Converts positions, holds and ledger rows to items and back."""

import hashlib
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.aws.settings import table_name
from shared.instants import rfc3339
from shared.stock.model.ledger import LedgerEntry, LedgerRow
from shared.stock.model.limits import SHARED, TAKEN
from shared.stock.model.position import (
    DUE,
    LANDED,
    Expected,
    Hold,
    HoldLine,
    HoldState,
    Position,
    Seen,
    Stamp,
)
from shared.stock.model.rules import FloorFacts
from shared.stored import from_row

SEEN = "seq:"
"""``seq:<source>``: the sequences of that source's movements, see model.position.Seen."""
COUNTERS = (DUE, LANDED, TAKEN, SHARED)
LEDGER_KEPT = timedelta(days=400)
"""Retention of the ledger and of the marks of applied movements: 13 months."""
HOLD_KEPT = timedelta(days=45)
SHARDS = 4
"""Keys of the index of deadlines, so that no single key takes the writes of all holds."""


def stock_table() -> str:
    return table_name("stock")


def mark_key(source: str, mark: str) -> tuple[str, str]:
    return f"EVENT#{source}#{hashlib.sha256(mark.encode()).hexdigest()[:32]}", "EVENT"


def move_key(location_id: str, version: int) -> str:
    return f"MOVE#{location_id}#{version:012d}"


def position_of_item(item: Mapping[str, Any]) -> Position:
    """A position from the plain values of its item, or of an image in the stream.

    The unsold units of its slots count as available: ``granted``, as of the item's last write.
    """
    granted = item.get("granted", 0)
    return Position(
        sku=item["sku"],
        location_id=item["location_id"],
        on_hand=item["on_hand"],
        reserved=item["reserved"] - granted,
        available=item["available"] + granted,
        version=item["version"],
        updated_at=datetime.fromisoformat(item["updated_at"]),
        damaged=item.get("damaged", 0),
        expected=tuple(_expected(row) for row in item.get("expected", ())),
        feed_version=item.get("feed_version", 0),
        counted=_stamp(item.get("counted")),
        moved_at=_instant(item.get("moved_at")),
        handled_at=_instant(item.get("handled_at")),
        own_at=_instant(item.get("own_at")),
        seen={
            name.removeprefix(SEEN): Seen(value[0], tuple(value[1:]))
            for name, value in item.items()
            if name.startswith(SEEN)
        },
        slots=item.get("slots", 0),
        folded_at=_instant(item.get("folded_at")),
        counters=counters_of(item),
        freed=item.get("freed", 0),
        due=_of_supplies(item, DUE),
        landed=_of_supplies(item, LANDED),
        zeroed=tuple(
            name for name, units in item.items() if name.startswith(COUNTERS) and not units
        ),
    )


def _of_supplies(item: Mapping[str, Any], kind: str) -> dict[str, int]:
    return {
        name.removeprefix(kind): units
        for name, units in item.items()
        if name.startswith(kind) and units
    }


def facts_of_item(item: Mapping[str, Any] | None) -> FloorFacts:
    """The facts for a floor, from the item of an EffectOutcome that was short."""
    if item is None:
        return FloorFacts.of(None)
    since = item.get("feed_version", 0), item.get("freed", 0)
    return FloorFacts(item["available"], item["on_hand"], counters_of(item), since)


def counters_of(item: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: value for name, value in item.items() if name.startswith((TAKEN, SHARED)) and value
    }


def hold_of_item(item: Mapping[str, Any]) -> Hold:
    return Hold(
        hold_id=item["pk"].removeprefix("HOLD#"),
        lines=tuple(
            from_row(HoldLine, {**line, "counters": tuple(line.get("counters", ()))})
            for line in item["lines"]
        ),
        channel=item["channel"],
        state=HoldState(item["state"]),
        opened_at=datetime.fromisoformat(item["opened_at"]),
        expires_at=datetime.fromisoformat(item["expires_at"]),
        digest=item["digest"],
        answer=item["answer"],
        closed_at=_instant(item.get("closed_at")),
        order_id=item.get("order_id"),
        payment_reference=item.get("payment_reference"),
        promise=item.get("promise"),
    )


def _expected(row: Mapping[str, Any]) -> Expected:
    return Expected(
        quantity=row["quantity"],
        expected_at=datetime.fromisoformat(row["expected_at"]),
        reference=row["reference"],
        stamp=_stamp(row.get("stamp")),
    )


def _stamp(row: Mapping[str, Any] | None) -> Stamp | None:
    if row is None:
        return None
    return Stamp(datetime.fromisoformat(row["at"]), row["sequence"], row["source"], row["id"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def stamp_item(stamp: Stamp) -> dict[str, Any]:
    return {
        "at": rfc3339(stamp.at),
        "sequence": stamp.sequence,
        "source": stamp.source,
        "id": stamp.id,
    }


def expected_item(row: Expected) -> dict[str, Any]:
    return without_none(
        {
            "quantity": row.quantity,
            "expected_at": rfc3339(row.expected_at),
            "reference": row.reference,
            "stamp": stamp_item(row.stamp) if row.stamp else None,
        }
    )


def entry_item(entry: LedgerEntry) -> dict[str, Any]:
    return without_none(
        {
            "id": entry.id,
            "source": entry.source,
            "type": entry.type,
            "reason": entry.reason,
            "reference": entry.reference,
            "occurred_at": rfc3339(entry.occurred_at),
            "delta": entry.delta,
            "own": entry.own or None,
            "quantity": entry.quantity,
            "believed": entry.believed,
        }
    )


def row_item(sku: str, location_id: str, row: LedgerRow) -> dict[str, Any]:
    return {
        "pk": f"SKU#{sku}",
        "sk": move_key(location_id, row.version),
        "sku": sku,
        "location_id": location_id,
        "version": row.version,
        "feed_version": row.feed_version,
        "on_hand": row.on_hand,
        "available": row.available,
        "delta": row.delta,
        "reserved_delta": row.reserved_delta,
        "recorded_at": rfc3339(row.recorded_at),
        "previous_at": rfc3339(row.previous_at) if row.previous_at else None,
        "moved_at": rfc3339(row.moved_at) if row.moved_at else None,
        "entries": [entry_item(entry) for entry in row.entries],
        "ttl": int((row.recorded_at + LEDGER_KEPT).timestamp()),
    }


def row_of_item(item: Mapping[str, Any]) -> LedgerRow:
    return LedgerRow(
        version=item["version"],
        feed_version=item["feed_version"],
        on_hand=item["on_hand"],
        available=item["available"],
        delta=item["delta"],
        reserved_delta=item["reserved_delta"],
        recorded_at=datetime.fromisoformat(item["recorded_at"]),
        moved_at=_instant(item.get("moved_at")),
        entries=tuple(
            LedgerEntry(
                id=entry["id"],
                source=entry["source"],
                type=entry["type"],
                reason=entry["reason"],
                occurred_at=datetime.fromisoformat(entry["occurred_at"]),
                delta=entry.get("delta"),
                reference=entry.get("reference"),
                own=entry.get("own", False),
                quantity=entry.get("quantity"),
                believed=entry.get("believed"),
            )
            for entry in item["entries"]
        ),
        previous_at=_instant(item.get("previous_at")),
    )


def hold_item(hold: Hold) -> dict[str, Any]:
    return {
        "pk": f"HOLD#{hold.hold_id}",
        "sk": "HOLD",
        "lines": [
            without_none(
                {
                    "sku": line.sku,
                    "location_id": line.location_id,
                    "quantity": line.quantity,
                    "counters": list(line.counters) or None,
                }
            )
            for line in hold.lines
        ],
        "channel": hold.channel,
        "state": hold.state.value,
        "opened_at": rfc3339(hold.opened_at),
        "expires_at": rfc3339(hold.expires_at),
        "digest": hold.digest,
        "answer": hold.answer,
        "promise": hold.promise,
        "deadline_key": f"HOLD#{zlib.crc32(hold.hold_id.encode()) % SHARDS}",
        "deadline": rfc3339(hold.expires_at),
        "ttl": int((hold.expires_at + HOLD_KEPT).timestamp()),
    }


def without_none(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
