"""The shortcuts of tests/support/quick_moto.py change nothing but the time that moto takes."""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from shared.schema import STOCK, definition
from tests.support.quick_moto import FreshTables, quick_moto
from tests.support.tables import create_tables, name_tables

VALUES: dict[str, Any] = {
    "text": {"S": "x"},
    "number": {"N": "1.50"},
    "bytes": {"B": b"\x00\xff"},
    "true": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
    "many bytes": {"BS": [b"\x01", b"\x02"]},
    "nested": {"M": {"S": {"L": [{"M": {"B": {"B": b"\xfe"}}}, {"N": "2"}]}, "empty": {"L": []}}},
}


@pytest.fixture(params=[True, False], ids=["quick", "moto"])
def table(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> Iterator[Any]:
    with quick_moto() if request.param else nullcontext(), mock_aws():
        client: Any = boto3.client("dynamodb")
        client.create_table(TableName="fake-stock", **definition(STOCK))
        yield client


def put(client: Any, sk: str, **more: Any) -> None:
    client.put_item(TableName="fake-stock", Item={**key("a", sk), "n": {"N": "1"}, **more})


def key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def update(pk: str, sk: str, condition: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "fake-stock",
            "Key": key(pk, sk),
            "UpdateExpression": "SET n = :two",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {":two": {"N": "2"}},
        }
    }


def items(client: Any) -> list[Any]:
    return sorted(client.scan(TableName="fake-stock")["Items"], key=str)


def stream() -> list[tuple[str, Any]]:
    shard = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"].tables["fake-stock"].stream_shard
    assert shard is not None
    return [(one.record["eventName"], one.record["dynamodb"]["Keys"]) for one in shard.items]


def test_a_refused_transaction_leaves_the_items_and_the_stream_as_they_were(table: Any) -> None:
    put(table, "1")
    put(table, "2")
    before = items(table), stream()
    parts = [
        update("a", "1", "attribute_exists(pk)"),
        {"Delete": {"TableName": "fake-stock", "Key": key("a", "2")}},
        {"Put": {"TableName": "fake-stock", "Item": key("a", "3")}},
        {"Put": {"TableName": "fake-stock", "Item": key("b", "1")}},
        update("c", "1", "attribute_exists(pk)"),
    ]
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.transact_write_items(TransactItems=parts)
    assert (items(table), stream()) == before


def test_a_transaction_is_done_and_shows_in_the_stream(table: Any) -> None:
    put(table, "1")
    put(table, "2")
    parts = [
        update("a", "1", "attribute_exists(pk)"),
        {"Delete": {"TableName": "fake-stock", "Key": key("a", "2")}},
        {"Put": {"TableName": "fake-stock", "Item": key("a", "3")}},
    ]
    table.transact_write_items(TransactItems=parts)
    assert items(table) == [{**key("a", "1"), "n": {"N": "2"}}, key("a", "3")]
    assert [name for name, _ in stream()] == ["INSERT", "INSERT", "MODIFY", "REMOVE", "INSERT"]


def test_every_type_of_value_comes_back(table: Any) -> None:
    put(table, "1", **VALUES)
    item = {**key("a", "1"), "n": {"N": "1"}, **VALUES}
    assert table.get_item(TableName="fake-stock", Key=key("a", "1"))["Item"] == item
    assert items(table) == [item]
    streams: Any = boto3.client("dynamodbstreams")
    arn = table.describe_table(TableName="fake-stock")["Table"]["LatestStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    place = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    (record,) = streams.get_records(ShardIterator=place["ShardIterator"])["Records"]
    assert record["dynamodb"]["NewImage"] == item


def test_updates_are_parsed_as_moto_does_and_the_parsed_text_is_not_changed(table: Any) -> None:
    """The same text twice: moto replaces names and values in what it has parsed."""
    put(table, "1", last={"N": "1"})
    for added, total in (("2", "3"), ("5", "8")):
        table.update_item(
            TableName="fake-stock",
            Key=key("a", "1"),
            UpdateExpression="SET #last = if_not_exists(#last, :zero) + :n REMOVE n",
            ExpressionAttributeNames={"#last": "last"},
            ExpressionAttributeValues={":zero": {"N": "0"}, ":n": {"N": added}},
        )
        assert items(table) == [{**key("a", "1"), "last": {"N": total}}]
    for wrong in ("SET n = :missing", "SET n", "SET pk = :n", "SET n = :n, n = :n"):
        with pytest.raises(ClientError, match="ValidationException"):
            table.update_item(
                TableName="fake-stock",
                Key=key("a", "1"),
                UpdateExpression=wrong,
                ExpressionAttributeValues={":n": {"N": "1"}},
            )


WRONG = {
    "SET #a = :n SET b = :n": 'The "SET" section can only be used once',
    "SET #a = :n, a = :n": "Two document paths overlap",
    "SET m.x = :n, m.x.y = :n, #a = :n": "Two document paths overlap",
    "SET #a = :n, sk = :n": "This attribute is part of the key",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_update_is_refused_each_time_and_a_right_one_with_other_names_is_not(
    table: Any, wrong: str
) -> None:
    put(table, "1", m={"M": {}})

    def set_with(text: str, name: str) -> None:
        table.update_item(
            TableName="fake-stock",
            Key=key("a", "1"),
            UpdateExpression=text,
            ExpressionAttributeNames={"#a": name},
            ExpressionAttributeValues={":n": {"N": "1"}},
        )

    before = items(table)
    for _ in range(2):
        with pytest.raises(ClientError, match=WRONG[wrong]):
            set_with(wrong, "a")
    assert items(table) == before
    set_with("SET #a = :n, a = :n", "b")
    with pytest.raises(ClientError, match="Two document paths overlap"):
        set_with("SET #a = :n, a = :n", "a")
    with pytest.raises(ClientError, match="This attribute is part of the key"):
        set_with("SET #a = :n, a = :n", "sk")


def test_an_item_has_at_most_405_000_bytes_however_often_its_parts_were_replaced(
    table: Any,
) -> None:
    def grow(name: str, size: int) -> None:
        table.update_item(
            TableName="fake-stock",
            Key=key("a", "1"),
            UpdateExpression="SET #name = :text",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":text": {"S": "x" * size}},
        )

    put(table, "1")
    for _ in range(5):
        grow("one", 150_000)
    grow("two", 200_000)
    before = items(table)
    with pytest.raises(ClientError, match="size"):
        grow("three", 60_000)
    assert items(table) == before
    grow("three", 50_000)
    put(table, "2", text={"S": "x" * 404_900})
    with pytest.raises(ClientError, match="size"):
        put(table, "3", text={"S": "x" * 405_000})
    with pytest.raises(ClientError, match="size"):
        put(table, "3", **{f"n{n}": {"S": "x" * 41_000} for n in range(10)})
    assert [item["sk"]["S"] for item in items(table)] == ["1", "2"]


def test_the_size_of_a_value_is_that_of_moto() -> None:
    theirs = [DynamoType(value).size() for value in VALUES.values()]
    with quick_moto():
        assert [DynamoType(value).size() for value in VALUES.values()] == theirs


def test_requests_name_their_region_and_links_are_signed(
    environment: pytest.MonkeyPatch,
) -> None:
    with quick_moto(), mock_aws():
        for region in ("eu-central-1", "us-east-1"):
            client: Any = boto3.client("dynamodb", region_name=region)
            client.create_table(TableName=region, **definition(STOCK))
            assert client.list_tables()["TableNames"] == [region]
        link = boto3.client("s3", region_name="eu-central-1").generate_presigned_url(
            "get_object", {"Bucket": "b", "Key": "k"}
        )
        assert "Signature=0" not in link
        assert "Signature=" in link


def test_restored_tables_are_empty_and_their_own(environment: pytest.MonkeyPatch) -> None:
    fresh = FreshTables(partial(create_tables, "fresh"))
    name_tables(environment, "fresh")
    for _ in range(3):
        with quick_moto(), mock_aws():
            fresh.restore()
            client: Any = boto3.client("dynamodb")
            before = client.scan(TableName="fresh-orders")["Items"]
            client.put_item(TableName="fresh-orders", Item=key("a", "1"))
            assert before == []
            assert client.describe_table(TableName="fresh-orders")["Table"]["TableName"]
