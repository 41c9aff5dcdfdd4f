"""What the audit reads and mends in table ``stock``; the rest of the table's story is in table.py.

pk AUDIT   sk AUDIT    where the audit goes on, and what its present round has found so far
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import Item, to_item
from shared.instants import rfc3339
from shared.stock import table
from shared.stock.audit import Gap, Ledger, Place, Units, entry, filled, ledger_of, promised
from shared.stock.feed import Row
from shared.stock.model import HoldLine, Position

CURSOR = Key("", "AUDIT", "AUDIT")


@dataclass(frozen=True, slots=True)
class Round:
    """A walk over all positions: ``after`` is where it goes on, None at its beginning."""

    began_at: datetime
    after: Item | None = None
    positions: int = 0
    drifts: int = 0


def round_of(now: datetime) -> Round:
    """The round that is under way, or a new one."""
    found = tables.get(table.stock(), CURSOR.pk, CURSOR.sk, consistent=True)
    if found is None or not found.get("after"):
        return Round(now)
    return Round(
        datetime.fromisoformat(found["began_at"]),
        to_item(found["after"]),
        found["positions"],
        found["drifts"],
    )


def keep_round(walked: Round) -> None:
    after = {name: value["S"] for name, value in (walked.after or {}).items()}
    tables.write(
        "put_item",
        TableName=table.stock(),
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


def places_page(limit: int, after: Item | None = None) -> tuple[list[Place], Item | None]:
    """Places of about ``limit`` positions behind ``after``, and the key to go on after: one read
    unit per 100 or so, because the index holds keys only."""
    page = tables.scan_page(table.stock(), limit, after, IndexName="by_location")
    return [
        (item["pk"].removeprefix("SKU#"), item["sk"].removeprefix("LOC#"))
        for item in page.items
        if item["sk"] == item["location_key"]
    ], page.last


def open_holds() -> dict[str, tuple[HoldLine, ...]]:
    """What each open hold holds, by its id; an expired one holds until it is swept.

    Exact: every open hold is in the index of deadlines, and is read strongly consistently.
    """
    found: dict[str, tuple[HoldLine, ...]] = {}
    for shard in range(table.SHARDS):
        keys = [
            Key(table.stock(), row["pk"], row["sk"])
            for row in tables.query(
                table.stock(),
                "deadline_key = :shard",
                to_item({":shard": f"HOLD#{shard}"}),
                IndexName="by_deadline",
            )
        ]
        items = tables.get_many(keys, consistent=True, only=("state", "lines"))
        for key, item in items.items():
            if item["state"] == "open":
                lines = tuple(HoldLine(**line) for line in item["lines"])
                found[key.pk.removeprefix("HOLD#")] = lines
    return found


def promised_now(orders: Iterable[tuple[str | None, Units]]) -> Units:
    """Units promised by holds and ``orders``, which are read after the holds, as they must be."""
    holds = open_holds()
    return promised(holds, orders)


def ledger(position: Position, now: datetime) -> Ledger:
    """What the ledger says through the version of ``position`` (strongly consistent).

    Of a position that has rested for longer than rows are kept, it says what stands there.
    """
    if position.updated_at < now - table.KEPT:
        return Ledger(position.version, 0, position.on_hand, position.reserved)
    return ledger_of(_rising(position), position.version, now - table.KEPT)


def _rising(position: Position) -> Iterator[Row]:
    return map(
        table.row_of_item,
        tables.query(
            table.stock(),
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


def fill(position: Position, gap: Gap, now: datetime) -> None:
    """Writes the rows that are missing; one that has come meanwhile is left as it is."""
    for row in filled(gap, position, now):
        tables.write(
            "put_item",
            TableName=table.stock(),
            Item=to_item(table.row_item(position.sku, position.location_id, row)),
            # Holds while the row is still missing.
            ConditionExpression="attribute_not_exists(pk)",
        )


def correct(position: Position, promised: int, ledger: Ledger, now: datetime) -> bool:
    """Sets the position to what the ledger and the promises say, as a movement of its own.

    Whether it was written: not when anybody has written since ``position`` was read.
    """
    on_hand = ledger.on_hand
    promised += sum(position.landed.values())
    was = f"on_hand {position.on_hand}, reserved {position.reserved}"
    reference = f"{was}, available {position.available} -> {on_hand}, {promised}"
    last: dict[str, Any] = {
        # The ledger has it right already: this movement only says so.
        **table.entry_item(entry(position.version + 1, now, 0, reference)),
        "reserved_delta": promised - ledger.reserved,
    }
    return (
        tables.write(
            "update_item",
            TableName=table.stock(),
            Key=tables.key(f"SKU#{position.sku}", f"LOC#{position.location_id}"),
            UpdateExpression=(
                "SET on_hand = :on_hand, reserved = :reserved, available = :available,"
                " version = version + :one, updated_at = :now, #last = :last"
            ),
            # Holds while nobody has written since the position was read: neither we, nor a hand
            # that leaves the version as it is.
            ConditionExpression=(
                "attribute_not_exists(slots) AND version = :version AND on_hand = :stood_on_hand"
                " AND reserved = :stood_reserved AND available = :stood_available"
            ),
            ExpressionAttributeNames={"#last": "last"},
            ExpressionAttributeValues=to_item(
                {
                    ":on_hand": on_hand,
                    ":reserved": promised,
                    ":available": on_hand - promised,
                    ":one": 1,
                    ":now": rfc3339(now),
                    ":last": [last],
                    ":version": position.version,
                    ":stood_on_hand": position.on_hand,
                    ":stood_reserved": position.reserved,
                    ":stood_available": position.available,
                }
            ),
        )
        is None
    )
