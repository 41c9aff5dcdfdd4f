"""What the calls of a block consume: figures that depend on no machine.

Reads and single writes are as DynamoDB Local tells them. A transaction of twenty items it tells as
one of one item, and of statements it tells nothing, so those are counted from the images before and
after, by the published rules: for each item and each KB of its larger image two units in a
transaction and one by a statement, and what its indexes take beside it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from shared.aws import clients
from shared.aws.settings import table_name
from shared.schema import TABLES, Index, Table

UNITS_PER_KILOBYTE = {"TransactWriteItems": 2, "BatchExecuteStatement": 1}
Item = Mapping[str, Any]
"""With DynamoDB's types."""


@dataclass
class Units:
    """Request units, indexes included; calls; updates of items in transactions and statements, and
    of single positions; and the items of the largest transaction."""

    read: float = 0
    write: float = 0
    reads: int = 0
    writes: int = 0
    updates: int = 0
    items: int = 0


@contextmanager
def metered() -> Iterator[Units]:
    """Counts calls of this process; the images are read beside them, by a client of its own."""
    units, client, beside = Units(), clients.dynamodb(), Beside()
    before: list[tuple[Table, Item, Item | None]] = []

    def ask(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"
        context["least_units"] = 1 if params.get("ConsistentRead") else 0.5
        if model.name == "TransactWriteItems":
            parts = params["TransactItems"]
            before[:] = [beside.look(part) for part in parts]
            units.items = max(units.items, len(parts))
            units.updates += sum("Update" in part for part in parts)
        if model.name == "BatchExecuteStatement":
            before[:] = [beside.look_at(statement) for statement in params["Statements"]]
            units.updates += len(before)
        if model.name == "UpdateItem":
            units.updates += params["Key"]["sk"]["S"].startswith("LOC#")

    def took(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        told = parsed.get("ConsumedCapacity", [])
        total = sum(one["CapacityUnits"] for one in (told if isinstance(told, list) else [told]))
        if "Get" in model.name or model.name in {"Query", "Scan"}:
            units.reads += 1
            units.read += max(total, context["least_units"]) if model.name == "Query" else total
            return
        units.writes += 1
        if model.name in UNITS_PER_KILOBYTE:
            total = sum(
                written(table, image, beside.item(table, key), UNITS_PER_KILOBYTE[model.name])
                for table, key, image in before
            )
        units.write += total

    client.meta.events.register("provide-client-params.dynamodb", ask)
    client.meta.events.register("after-call.dynamodb", took)
    try:
        yield units
    finally:
        client.meta.events.unregister("provide-client-params.dynamodb", ask)
        client.meta.events.unregister("after-call.dynamodb", took)


class Beside:
    """Reads items without being counted."""

    def __init__(self) -> None:
        self._client: Any = boto3.client("dynamodb")
        self._tables = {table_name(table.name): table for table in TABLES}

    def look(self, part: Item) -> tuple[Table, Item, Item | None]:
        """The table, the key and the image before."""
        ((_, asked),) = part.items()
        table = self._tables[asked["TableName"]]
        named = asked.get("Key") or asked["Item"]
        key = {"pk": named["pk"], "sk": named["sk"]}
        return table, key, self.item(table, key)

    def look_at(self, statement: Item) -> tuple[Table, Item, Item | None]:
        """The same of a statement: an INSERT begins with the key, as the WHERE of an UPDATE."""
        text, parameters = statement["Statement"], statement["Parameters"]
        first = text.partition(" WHERE ")[0].count("?") if text.startswith("UPDATE") else 0
        table = self._tables[text.split('"')[1]]
        key = {"pk": parameters[first], "sk": parameters[first + 1]}
        return table, key, self.item(table, key)

    def item(self, table: Table, key: Item) -> Item | None:
        found: Item | None = self._client.get_item(
            TableName=table_name(table.name), Key=key, ConsistentRead=True
        ).get("Item")
        return found


def written(table: Table, before: Item | None, after: Item | None, each: int = 2) -> float:
    """Write units of one item, ``each`` per KB, and of the indexes that follow it."""
    larger = max(size(image) for image in (before or {}, after or {}))
    return each * kilobytes(larger) + sum(
        _followed(index, before, after) for index in table.indexes
    )


def _followed(index: Index, before: Item | None, after: Item | None) -> float:
    old, new = _projected(index, before), _projected(index, after)
    if old == new:
        return 0
    moved = old and new and any(old[key] != new[key] for key in (index.pk, index.sk))
    if moved:
        return kilobytes(size(old)) + kilobytes(size(new))
    return kilobytes(max(size(old), size(new)))


def _projected(index: Index, item: Item | None) -> Item:
    """What the index holds of the item; nothing when it lacks a key of it."""
    if item is None or index.pk not in item or index.sk not in item:
        return {}
    if index.include is None:
        return item
    kept = {"pk", "sk", index.pk, index.sk, *index.include}
    return {name: value for name, value in item.items() if name in kept}


def kilobytes(size: int) -> int:
    return max(1, -(-size // 1024))


def size(item: Item) -> int:
    """Bytes: names and values, numbers as half their digits and one, three for a list or a map."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Item) -> int:
    ((kind, content),) = value.items()
    if kind == "N":
        return len(content.strip("-").strip("0").replace(".", "")) // 2 + 2
    if kind in {"BOOL", "NULL"}:
        return 1
    if kind == "B":
        return len(content)
    if kind == "L":
        return 3 + sum(1 + _size(entry) for entry in content)
    if kind == "M":
        return 3 + len(content) + size(content)
    if kind in {"SS", "NS", "BS"}:
        return sum(len(entry) for entry in content)
    return len(content.encode())
