"""Every item has a largest size, every partition a largest rate (tests/support/growth.toml), and
the recorder sees what is written."""

from typing import Any

import pytest

from shared.schema import TABLES
from tests.support import growth
from tests.support.growth import MOST_BYTES, MOST_WRITES, load, problems, written


def test_no_item_may_become_larger_than_dynamodb_lets_it() -> None:
    for kind in load().items:
        assert 0 < kind.most_bytes <= MOST_BYTES, kind
        assert kind.unbounded == (kind.most_bytes == MOST_BYTES), kind
        assert kind.grows, kind
        assert kind.then, kind


def test_every_partition_has_a_rate_that_it_takes() -> None:
    for kind in load().partitions:
        assert 0 < kind.writes <= MOST_WRITES, kind
        assert kind.holds, kind
        assert kind.then, kind
        assert kind.exceeded or kind.writes < MOST_WRITES, kind


def test_every_kind_of_item_lies_in_a_partition_that_is_listed() -> None:
    for kind in load().items:
        assert load().partition(kind.table, "", kind.pk.removesuffix("*")) is not None, kind
    pks = {(kind.table, kind.pk) for kind in load().items}
    assert {(one.table, one.pk) for one in load().partitions if not one.index} == pks


def test_every_table_and_every_index_is_listed() -> None:
    tables = {table.name for table in TABLES}
    assert {kind.table for kind in load().items} == tables
    indexes = {(table.name, index.name) for table in TABLES for index in table.indexes}
    assert {(one.table, one.index) for one in load().partitions if one.index} == indexes


def test_no_kind_is_listed_twice() -> None:
    items = [(kind.table, kind.pk, kind.sk) for kind in load().items]
    partitions = [(kind.table, kind.index, kind.pk) for kind in load().partitions]
    assert len(items) == len(set(items))
    assert len(partitions) == len(set(partitions))


KEY = {"pk": {"S": "SURPRISE#1"}, "sk": {"S": "LOC#a"}}
POSITION = {"pk": {"S": "SKU#1"}, "sk": {"S": "LOC#a"}}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("PutItem", {"TableName": "x-stock", "Item": KEY}),
        ("UpdateItem", {"TableName": "x-stock", "Key": KEY}),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"ConditionCheck": {"TableName": "x-stock", "Key": POSITION}},
                    {"Put": {"TableName": "x-stock", "Item": KEY}},
                ]
            },
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Update": {"TableName": "x-stock", "Key": KEY}}]},
        ),
        (
            "BatchWriteItem",
            {
                "RequestItems": {
                    "x-stock": [
                        {"DeleteRequest": {"Key": POSITION}},
                        {"PutRequest": {"Item": KEY}},
                    ]
                }
            },
        ),
        (
            "BatchExecuteStatement",
            {
                "Statements": [
                    {
                        "Statement": "INSERT INTO \"x-stock\" VALUE {'pk': ?, 'sk': ?, 'a': ?}",
                        "Parameters": [KEY["pk"], KEY["sk"], {"N": "1"}],
                    }
                ]
            },
        ),
        (
            "BatchExecuteStatement",
            {
                "Statements": [
                    {
                        "Statement": 'UPDATE "x-stock" SET "a" = ? WHERE "pk" = ? AND "sk" = ?',
                        "Parameters": [{"N": "1"}, KEY["pk"], KEY["sk"]],
                    }
                ]
            },
        ),
    ],
)
def test_an_unlisted_kind_is_seen_in_every_way_to_write(name: str, params: dict[str, Any]) -> None:
    found = [problem for table, item in written(name, params) for problem in problems(table, item)]
    assert found == [
        "stock: an item SURPRISE#1 / LOC#a",
        "stock: a partition SURPRISE#1 of the table",
    ]


def test_a_listed_kind_is_no_problem_and_other_tables_are_not_ours() -> None:
    assert list(problems("stock", POSITION)) == []
    assert list(written("PutItem", {"TableName": "x-theirs", "Item": KEY})) == []
    assert list(written("GetItem", {"TableName": "x-stock", "Key": KEY})) == []


def test_an_item_that_is_larger_than_stated_is_a_problem() -> None:
    item = {"pk": {"S": "UNPICKED"}, "sk": {"S": "LOC#a"}, "text": {"S": "x" * 300}}
    assert list(problems("availability", item)) == [
        "availability: UNPICKED / LOC#a has 321 bytes, at most 200 are stated"
    ]


def test_an_index_key_that_is_not_listed_is_a_problem() -> None:
    item = {**POSITION, "location_key": {"S": "EVERYWHERE"}}
    assert list(problems("stock", item)) == ["stock: a partition EVERYWHERE of by_location"]


def test_what_was_seen_is_forgotten_with_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "unlisted_kinds", {"stock: an item X / Y"})
    assert growth.unlisted() == ["stock: an item X / Y"]
    assert growth.unlisted() == []
