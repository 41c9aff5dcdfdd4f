"""How large every item may become, and how often every partition is written: growth.toml.

The tests of tables and functions write every kind of item. What they write is seen here, and a test
fails that writes an item whose kind the file does not list, or that is larger than the file says.

``python -m tests.support.growth`` prints the kinds without a bound and the partitions beyond
theirs.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from shared import schema
from shared.aws import clients

FILE = Path(__file__).parent / "growth.toml"
MOST_BYTES = 409_600
"""Of an item, by DynamoDB."""
MOST_WRITES = 1_000
"""Write units a second of a partition, by DynamoDB."""
TABLES = {table.name: table for table in schema.TABLES}
STATEMENT = re.compile(r'INSERT INTO "([^"]+)"|UPDATE "([^"]+)"')
unlisted_kinds: set[str] = set()
watching = True


@dataclass(frozen=True, slots=True)
class ItemKind:
    table: str
    pk: str
    sk: str
    most_bytes: int
    grows: str
    then: str
    unbounded: bool = False


@dataclass(frozen=True, slots=True)
class PartitionKind:
    """Of the table, or of its ``index``. ``writes`` are write units a second."""

    table: str
    pk: str
    holds: str
    writes: int
    then: str
    index: str = ""
    exceeded: bool = False
    """``writes`` is what DynamoDB gives, and the retailer could use more."""


@dataclass(frozen=True, slots=True)
class Growth:
    items: tuple[ItemKind, ...]
    partitions: tuple[PartitionKind, ...]

    def item(self, table: str, pk: str, sk: str) -> ItemKind | None:
        return next(
            (
                kind
                for kind in self.items
                if kind.table == table and _fits(kind.pk, pk) and _fits(kind.sk, sk)
            ),
            None,
        )

    def partition(self, table: str, index: str, pk: str) -> PartitionKind | None:
        return next(
            (
                kind
                for kind in self.partitions
                if (kind.table, kind.index) == (table, index) and _fits(kind.pk, pk)
            ),
            None,
        )


@cache
def load() -> Growth:
    stated = tomllib.loads(FILE.read_text())
    return Growth(
        tuple(ItemKind(**kind) for kind in stated["item"]),
        tuple(PartitionKind(**kind) for kind in stated["partition"]),
    )


def _fits(pattern: str, key: str) -> bool:
    """A pattern is a key, or its beginning followed by ``*``."""
    return key.startswith(pattern[:-1]) if pattern.endswith("*") else key == pattern


def watch() -> None:
    """From now on: every client is looked at when it writes."""
    clients._session().register("provide-client-params.dynamodb.*", _note)


def unlisted() -> list[str]:
    """What was written that the file does not list; forgotten with the answer."""
    found = sorted(unlisted_kinds)
    unlisted_kinds.clear()
    return found


def _note(**asked: Any) -> None:
    if not watching:
        return
    for table, item in written(asked["model"].name, asked["params"]):
        unlisted_kinds.update(problems(table, item))


def problems(table: str, item: Mapping[str, Any]) -> Iterator[str]:
    """What the file does not say about an item of ``table``, with DynamoDB's types; of an update
    only the keys are known."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    kind = load().item(table, pk, sk)
    if kind is None:
        yield f"{table}: an item {pk} / {sk}"
    elif (size := size_of(item)) > kind.most_bytes:
        yield f"{table}: {pk} / {sk} has {size} bytes, at most {kind.most_bytes} are stated"
    keys = {index.name: item.get(index.pk) for index in TABLES[table].indexes}
    for index, value in {"": item["pk"], **keys}.items():
        if value and "S" in value and load().partition(table, index, value["S"]) is None:
            yield f"{table}: a partition {value['S']} of {index or 'the table'}"


def size_of(item: Mapping[str, Any]) -> int:
    """Bytes of an item with DynamoDB's types: names and values, roughly as DynamoDB counts."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return len(content) // 2 + 1
        case "L":
            return 3 + sum(1 + _size(one) for one in content)
        case "M":
            return 3 + sum(len(name.encode()) + 1 + _size(one) for name, one in content.items())
        case "SS" | "NS" | "BS":
            return sum(map(len, content))
    return 1


def written(name: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(table, item or key) of each item that a call writes, with DynamoDB's types."""
    for table, item in _written(name, params):
        if (plain := table.rpartition("-")[2]) in TABLES:
            yield plain, _typed(item)


def _written(name: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    match name:
        case "PutItem":
            yield params["TableName"], params["Item"]
        case "UpdateItem":
            yield params["TableName"], params["Key"]
        case "TransactWriteItems":
            for part in params["TransactItems"]:
                if put := part.get("Put"):
                    yield put["TableName"], put["Item"]
                elif update := part.get("Update"):
                    yield update["TableName"], update["Key"]
        case "BatchWriteItem":
            for table, requests in params["RequestItems"].items():
                puts = (one["PutRequest"]["Item"] for one in requests if "PutRequest" in one)
                yield from ((table, item) for item in puts)
        case "BatchExecuteStatement":
            yield from map(_of_statement, params["Statements"])


def _typed(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """With DynamoDB's types, also what a resource of boto3 was asked to write."""
    if all(isinstance(value, dict) for value in item.values()):
        return item
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}


def _of_statement(statement: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The key of an INSERT, whose first values it is, or an UPDATE, whose condition begins with
    it (shared/aws/statement.py)."""
    text, values = statement["Statement"], statement["Parameters"]
    inserted, updated = STATEMENT.match(text).groups()  # type: ignore[union-attr]
    first = 0 if inserted else text[: text.index(' WHERE "pk" = ?')].count("?")
    return inserted or updated, {"pk": values[first], "sk": values[first + 1]}


def main() -> None:
    growth = load()
    print("Items that nothing but DynamoDB bounds:")
    for kind in growth.items:
        if kind.unbounded:
            print(f"  {kind.table}  {kind.pk} / {kind.sk}: {kind.grows}. Then: {kind.then}")
    print("Partitions that could be written faster than DynamoDB lets them:")
    for one in growth.partitions:
        if one.exceeded:
            where = f"{one.table}.{one.index}" if one.index else one.table
            print(f"  {where}  {one.pk}: {one.holds}. Then: {one.then}")


if __name__ == "__main__":
    main()
