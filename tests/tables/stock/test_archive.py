"""Rows of the ledger that expire, as files."""

import gzip
import json
from typing import Any

import pytest

from functions.stock.record_movements import handler as record_movements
from shared.aws.clients import client
from shared.stock import table
from tests.conftest import event
from tests.tables.stock.laws import items


@pytest.fixture(autouse=True)
def bucket(fake_tables: None, environment: pytest.MonkeyPatch) -> None:
    where = {"LocationConstraint": "eu-central-1"}
    client("s3").create_bucket(Bucket="archive", CreateBucketConfiguration=where)
    environment.setenv("NORAIN_ARCHIVE", "archive")


def expired() -> dict[str, Any]:
    """What the stream brings when the rows of events/stock/record_movements.json expire."""
    return event("stock/record_movements.expired")


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
    before = files()
    record_movements(expired(), None)
    assert files() == before


def test_what_expires_is_not_written_again_and_nothing_else_is_archived() -> None:
    changes = event("stock/record_movements")
    record_movements(changes, None)
    assert files() == {}
    before = items()
    record_movements(expired(), None)
    assert items() == before
    assert len(list(table.ledger("TENT-2P", "store-12"))) == 3
