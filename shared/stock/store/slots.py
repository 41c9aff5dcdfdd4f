"""The slots of hot positions: table ``stock``.

    pk SLOT#<sku>#<location>#<number>   sk SLOT                      units to sell
    pk SLOT#<sku>#<location>#<number>   sk MOVE#<epoch>#<sales>      the ledger: its sales
    pk SLOTS#<sku>#<location>           sk FOLD#<instant>#<epoch>    a fold, and its number of sales
    pk HEAT#<sku>#<location>#<window>   sk HEAT                      conflicts at the position

Each slot is a partition of its own. A split position has ``slots`` (their number), ``kept`` and
``epoch``, which names this split in every slot. ``granted`` are the units that were unsold when the
slots were last read, so that the position's image alone shows nearly the total.

    by_deadline   deadline_key SPLIT, deadline    when to check whether it has cooled down
"""

import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.errors import Busy
from shared.instants import rfc3339
from shared.stock.model.position import PositionKey
from shared.stock.model.slots import (
    CONFLICT_WINDOW,
    HOT_CONFLICTS,
    LEAST_SALES,
    REST_AFTER_FOLD,
    SPLIT_CHECK,
    NoDraw,
    Slot,
    WholePosition,
    plan_draws,
    plan_split,
)
from shared.stock.store.rows import LEDGER_KEPT, stock_table

SPLIT, FOLDED, SETTLED = "stock.split", "stock.folded", "stock.settled"


CACHE_SECONDS = 5.0
MOST_CACHED = 1000


def slot_key(sku: str, location_id: str, number: int) -> Key:
    return Key(stock_table(), f"SLOT#{sku}#{location_id}#{number}", "SLOT")


@dataclass(frozen=True, slots=True)
class CachedSlots:
    """``slots`` that had units, for buyers whose floor ``kept`` covers. Without slots the position
    was contended or empty: read before writing."""

    until: float
    kept: int = 0
    slots: tuple[int, ...] = ()


_cache: dict[tuple[str, str, str], CachedSlots] = {}


def cached_slots(sku: str, location_id: str) -> CachedSlots | None:
    """What this process has last seen of the position, at most CACHE_SECONDS ago."""
    cached = _cache.get((stock_table(), sku, location_id))
    return cached if cached and cached.until > time.monotonic() else None


def cache_slots(sku: str, location_id: str, whole: WholePosition) -> None:
    """Remembers the slots that have units."""
    if len(_cache) >= MOST_CACHED:
        _cache.clear()
    open_ = tuple(slot.number for slot in whole.slots if slot.available > 0 and not slot.closed)
    _cache[stock_table(), sku, location_id] = CachedSlots(
        time.monotonic() + CACHE_SECONDS, whole.kept, open_
    )


def read_whole(
    sku: str, location_id: str, item: Mapping[str, Any] | None = None
) -> tuple[Mapping[str, Any] | None, WholePosition]:
    """The position's item and its total with all slots. Without slots it costs one read at most:
    none when ``item`` is given.

    The slots are read first and the position last, of one split. Until then a slot only loses
    units, so the total at the last read was at most this, and exactly this when nothing was sold
    meanwhile.

    Raises Busy when the position is split and folded all the time.
    """
    item = item or _read_position(sku, location_id)
    for _ in range(tables.ATTEMPTS):
        if item is None:
            return None, WholePosition(0)
        if "slots" not in item:
            return item, WholePosition(item["available"])
        slots = _read_slots(item)
        reread = _read_position(sku, location_id)
        if slots is not None and reread is not None and reread.get("epoch") == item["epoch"]:
            return reread, WholePosition(reread["available"], reread["kept"], slots)
        item = reread
    raise Busy("the position is split and folded too often to be read")


def item_with_granted(sku: str, location_id: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The position's ``item`` with the units that its slots have now as ``granted``."""
    if "slots" not in item:
        return item
    current, whole = read_whole(sku, location_id, item)
    return {**(current or item), "granted": whole.granted}


def _read_position(sku: str, location_id: str) -> dict[str, Any] | None:
    return tables.get(stock_table(), f"SKU#{sku}", f"LOC#{location_id}", consistent=True)


def _read_slots(item: Mapping[str, Any]) -> tuple[Slot, ...] | None:
    """The slots of the split that ``item`` shows; None when it has been folded."""
    keys = [slot_key(item["sku"], item["location_id"], number) for number in range(item["slots"])]
    stored = tables.get_many(keys, consistent=True)
    rows = [stored.get(key) for key in keys]
    if any(row is None or row["epoch"] != item["epoch"] for row in rows):
        return None
    return tuple(
        Slot(number, row["available"], row["version"], "closed_at" in row)
        for number, row in enumerate(rows)
        if row
    )


def sale_part(
    sku: str,
    location_id: str,
    number: int,
    units: int,
    floor: int,
    entry: Mapping[str, Any],
    at: datetime,
) -> Part:
    """The transaction part that takes ``units`` from a slot; ``entry`` becomes its ledger entry."""
    key = slot_key(sku, location_id, number)
    update = Update()
    update.assign("available = available - {}", units)
    update.assign("version = version + {}", 1)
    update.set("updated_at", rfc3339(at))
    update.set("last", [entry])
    # Holds while the slot has the units. A slot that was folded does not exist and has none.
    update.require("available >= {}", units)
    # Holds while the units that the split keeps unsold cover this buyer's floor.
    update.require("kept >= {}", floor)
    # Holds while nobody is folding the slot.
    update.require("attribute_not_exists(closed_at)")
    return {"Update": update.request(key.table, key.pk, key.sk)}


def record_conflict(sku: str, location_id: str, at: datetime) -> bool:
    """Records a conflict or a throttled write at the position; whether the position is hot."""
    window = int(at.timestamp()) // int(CONFLICT_WINDOW.total_seconds())
    ttl = int((at + 10 * CONFLICT_WINDOW).timestamp())
    units = tables.add(stock_table(), f"HEAT#{sku}#{location_id}#{window}", "HEAT", ttl)
    return units >= HOT_CONFLICTS


def split(
    item: Mapping[str, Any], floor: int, at: datetime, *, rest: timedelta = REST_AFTER_FOLD
) -> bool:
    """Spreads the position over slots, for buyers that leave ``floor``: one transaction.

    False when it is split already, was folded less than ``rest`` ago, or has too few units.
    """
    granted = None if "slots" in item else plan_split(item["available"], floor)
    if granted is None:
        return False
    sku, location_id = item["sku"], item["location_id"]
    epoch = uuid.uuid4().hex[:12]
    update = Update()
    update.assign("reserved = reserved + {}", granted.granted)
    update.assign("available = available - {}", granted.granted)
    update.set("granted", granted.granted)
    update.set("kept", granted.kept)
    update.set("slots", granted.slots)
    update.set("epoch", epoch)
    update.set("deadline_key", "SPLIT")
    update.set("deadline", rfc3339(at + SPLIT_CHECK))
    update.set("looked", 0)
    update.set("own_at", rfc3339(at))
    _record_split_event(update, SPLIT, epoch, at)
    # Holds while the position is not split.
    update.require("attribute_not_exists(slots)")
    # Holds while the position has the units.
    update.require("available >= {}", granted.granted)
    # Holds when the last fold is at least ``rest`` ago.
    update.require("attribute_not_exists(folded_at) OR folded_at <= {}", rfc3339(at - rest))
    position: Part = {"Update": update.request(stock_table(), f"SKU#{sku}", f"LOC#{location_id}")}
    slots: list[Part] = [
        {
            "Put": {
                "TableName": stock_table(),
                "Item": to_item(
                    {
                        "pk": slot_key(sku, location_id, number).pk,
                        "sk": "SLOT",
                        "sku": sku,
                        "location_id": location_id,
                        "epoch": epoch,
                        "available": granted.units,
                        "kept": granted.kept,
                        "version": 0,
                        "updated_at": rfc3339(at),
                    }
                ),
                # Holds while there is no slot of another split; a fold deletes all slots.
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        for number in range(granted.slots)
    ]
    return not tables.transact([position, *slots])


def fold(sku: str, location_id: str, at: datetime, *, alone: bool = False) -> bool:
    """Returns the unsold units of the slots to the position; whether the position has no slots now.

    The slots are closed one after the other, so that they do not change, and then folded in one
    transaction. A process that dies in between leaves the position split, with closed slots, and
    correct: the next fold continues. With ``alone`` a fold that another process has begun is left
    to it.

    Raises Busy.
    """
    for attempt in tables.attempts(2 * tables.ATTEMPTS):
        item = _read_position(sku, location_id)
        if item is None or "slots" not in item:
            cache_slots(sku, location_id, WholePosition(0))
            return True
        slots = _read_slots(item)
        if slots is None:
            continue
        if alone and attempt == 0 and slots[0].closed:
            return False
        if (closed_slots := _close_slots(item, slots, at, alone=alone)) is None:
            return False
        if closed_slots and tables.attempt(_fold_parts(item, closed_slots, at)).written:
            cache_slots(sku, location_id, WholePosition(0))
            return True
    raise Busy("the position is split again too often to be folded")


def _close_slots(
    item: Mapping[str, Any], slots: Iterable[Slot], at: datetime, *, alone: bool
) -> Sequence[Slot] | None:
    """The closed slots; empty when the position was folded meanwhile, None when another process has
    begun to close them."""
    sku, location_id = item["sku"], item["location_id"]
    for slot in slots:
        if slot.closed:
            continue
        key = slot_key(sku, location_id, slot.number)
        update = Update()
        update.set("closed_at", rfc3339(at))
        # Holds while it is a slot of this split.
        update.require("epoch = {}", item["epoch"])
        # Holds while nobody has closed it.
        update.require("attribute_not_exists(closed_at)")
        refused = tables.write("update_item", **update.request(key.table, key.pk, key.sk))
        if refused and alone and slot.number == 0:
            return None
        if refused and (refused.item is None or refused.item["epoch"] != item["epoch"]):
            return ()
    return _read_slots(item) or ()


def _fold_parts(item: Mapping[str, Any], slots: Sequence[Slot], at: datetime) -> list[Part]:
    sku, location_id, epoch = item["sku"], item["location_id"], item["epoch"]
    unsold = WholePosition(item["available"], item["kept"], tuple(slots)).granted
    update = Update()
    update.assign("reserved = reserved - {}", unsold)
    update.assign("available = available + {}", unsold)
    update.set("own_at", rfc3339(at))
    update.set("folded_at", rfc3339(at))
    update.remove("slots", "kept", "granted", "epoch", "looked", "deadline_key", "deadline")
    _record_split_event(update, FOLDED, epoch, at)
    # Holds while nobody has folded this split.
    update.require("epoch = {}", epoch)
    position: Part = {"Update": update.request(stock_table(), f"SKU#{sku}", f"LOC#{location_id}")}
    deletions: list[Part] = [
        {
            "Delete": {
                "TableName": stock_table(),
                "Key": tables.key(slot_key(sku, location_id, slot.number).pk, "SLOT"),
                # Holds for a closed slot of this split: it has not changed since it was read.
                "ConditionExpression": "epoch = :epoch AND attribute_exists(closed_at)",
                "ExpressionAttributeValues": to_item({":epoch": epoch}),
            }
        }
        for slot in slots
    ]
    mark: Part = {
        "Put": {
            "TableName": stock_table(),
            "Item": to_item(
                {
                    "pk": f"SLOTS#{sku}#{location_id}",
                    "sk": f"FOLD#{rfc3339(at)}#{epoch}",
                    "epoch": epoch,
                    "slots": len(slots),
                    "sales": sum(slot.sales for slot in slots),
                    "ttl": int((at + LEDGER_KEPT).timestamp()),
                }
            ),
        }
    }
    return [position, *deletions, mark]


def _record_split_event(update: Update, kind: str, epoch: str, at: datetime) -> None:
    """Raises the position's version; ``kind`` is the type of its ledger entry."""
    entry = {
        "id": f"{kind}@{epoch}",
        "source": "norain/slots",
        "type": kind,
        "reason": "reserved",
        "occurred_at": rfc3339(at),
        "delta": 0,
    }
    update.assign("version = version + {}", 1)
    update.set("updated_at", rfc3339(at))
    update.set("last", [entry])


def refresh_granted(sku: str, location_id: str, at: datetime) -> bool:
    """Writes the present unsold units of the slots into the position, so that readers of its stream
    see the total; whether they had changed.

    Called once per batch of sales. No decision depends on it.
    """
    item = _read_position(sku, location_id)
    slots = _read_slots(item) if item and "slots" in item else None
    if item is None or slots is None:
        return False
    granted = WholePosition(item["available"], item["kept"], slots).granted
    return granted != item["granted"] and _update_split(item, at, granted=granted)


def fold_if_cool(sku: str, location_id: str, at: datetime) -> bool:
    """Folds a split position that sells little or has little left; otherwise schedules the next
    check.

    Whether it was folded. Raises Busy.
    """
    item = _read_position(sku, location_id)
    slots = _read_slots(item) if item and "slots" in item else None
    if item is None or slots is None:
        return False
    whole = WholePosition(item["available"], item["kept"], slots)
    sales = sum(slot.sales for slot in slots)
    empty = isinstance(plan_draws(whole, 1, whole.kept, 0), NoDraw)
    if empty or any(slot.closed for slot in slots) or sales - item["looked"] < LEAST_SALES:
        return fold(sku, location_id, at)
    _update_split(item, at, granted=whole.granted, looked=sales, deadline=rfc3339(at + SPLIT_CHECK))
    return False


def _update_split(item: Mapping[str, Any], at: datetime, **changes: int | str) -> bool:
    """Sets ``changes`` in a split position; whether it was written."""
    update = Update()
    for name, value in changes.items():
        update.set(name, value)
    _record_split_event(update, SETTLED, item["epoch"], at)
    # Holds while the split is the one that was read.
    update.require("epoch = {}", item["epoch"])
    return (
        tables.write("update_item", **update.request(stock_table(), item["pk"], item["sk"])) is None
    )


def split_positions_due(now: datetime) -> Iterator[PositionKey]:
    """The split positions that are due for a check, from the index."""
    for row in tables.query(
        stock_table(),
        "deadline_key = :split AND deadline <= :now",
        to_item({":split": "SPLIT", ":now": rfc3339(now)}),
        IndexName="by_deadline",
    ):
        yield row["pk"].removeprefix("SKU#"), row["sk"].removeprefix("LOC#")


def random_start() -> int:
    """A random place to begin among the slots."""
    return random.randrange(1 << 16)
