"""Rows of the ledger that expire, as files."""

import gzip
import json
from typing import Any

import pytest

from functions.stock.archive_rows import handler as archive_rows
from functions.stock.record_movements import handler as record_movements
from shared.aws.clients import client
from shared.aws.settings import setting
from shared.stock import store
from tests.support.events import event
from tests.support.stock_laws import items
from tests.support.tables import Kept


@pytest.fixture(autouse=True)
def bucket(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration=where)
    environment.setenv("NORAIN_ARCHIVE", "archive")
    url = client("sqs").create_queue(QueueName="expired")["QueueUrl"]
    environment.setenv("NORAIN_ARCHIVE_QUEUE", url)


def expired() -> dict[str, Any]:
    """What the stream brings when the rows of events/stock/record_movements.json expire."""
    return event("stock/record_movements.expired")


def archived() -> list[Any]:
    """Works the archive's queue off; the messages that failed."""
    url = setting("archive_queue")
    told = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    records = [{"messageId": one["MessageId"], "body": one["Body"]} for one in told]
    failed: list[Any] = archive_rows({"Records": records}, None)["batchItemFailures"]
    return failed


def files() -> dict[str, list[dict[str, Any]]]:
    s3 = client("s3")
    return {
        found["Key"]: [
            json.loads(line)
            for line in gzip.decompress(
                s3.get_object(Bucket="archive", Key=found["Key"])["Body"].read()
            ).splitlines()
        ]
        for found in s3.list_objects_v2(Bucket="archive").get("Contents", [])
    }


def test_a_row_that_expires_is_a_line_of_its_day() -> None:
    record_movements(expired(), None)
    assert archived() == []
    ((key, lines),) = files().items()
    assert key.startswith("movements/day=2026-03-01/")
    assert [line["version"] for line in lines] == [1, 2]
    assert lines[0]["entries"][0]["id"] == "count-1"
    assert lines[0]["entries"][0]["delta"] == 10
    assert lines[0].keys() == {
        "sku",
        "location_id",
        "version",
        "on_hand",
        "available",
        "delta",
        "reserved_delta",
        "recorded_at",
        "entries",
    }


def test_the_same_rows_again_are_the_same_file() -> None:
    record_movements(expired(), None)
    archived()
    before = files()
    record_movements(expired(), None)
    archived()
    assert files() == before != {}


def test_what_expires_is_not_written_again_and_nothing_else_is_archived() -> None:
    changes = event("stock/record_movements")
    record_movements(changes, None)
    assert archived() == []
    assert files() == {}
    before = items()
    record_movements(expired(), None)
    assert items() == before
    assert len(list(store.ledger_rows("TENT-2P", "store-12"))) == 3


def both() -> dict[str, Any]:
    changes = event("stock/record_movements")["Records"]
    return {"Records": [*expired()["Records"], *changes]}


def test_an_archive_that_fails_does_not_hold_up_the_ledger(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NORAIN_ARCHIVE", "is-no-bucket")
    setting.cache_clear()
    assert record_movements(both(), None) == {"batchItemFailures": []}
    assert len(list(store.ledger_rows("TENT-2P", "store-12"))) == 3
    assert len(archived()) == 1


def test_a_queue_that_fails_does_not_hold_up_the_ledger_and_no_row_is_lost(
    environment: pytest.MonkeyPatch, failed_records: Kept
) -> None:
    environment.setenv("NORAIN_ARCHIVE_QUEUE", "https://sqs.eu-central-1.amazonaws.com/1/no")
    setting.cache_clear()
    assert record_movements(both(), None) == {"batchItemFailures": []}
    assert len(list(store.ledger_rows("TENT-2P", "store-12"))) == 3
    kept = [json.loads(one["payload"])["Records"] for one in failed_records()]
    assert kept == [[record] for record in expired()["Records"]]


def test_a_record_that_cannot_be_read_is_put_away_and_holds_up_none(failed_records: Kept) -> None:
    changes = event("stock/record_movements")["Records"]
    poison = {"eventID": "x", "dynamodb": {"NewImage": {"sk": {"S": "LOC#1"}}}}
    assert record_movements({"Records": [poison, *changes]}, None) == {"batchItemFailures": []}
    assert len(list(store.ledger_rows("TENT-2P", "store-12"))) == 3
    (kept,) = failed_records()
    assert json.loads(kept["payload"]) == {"Records": [poison]}
