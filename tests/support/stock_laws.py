"""Law 1 over the whole stock table, and the stream that brings the ledger up to date."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3

from functions.stock.record_movements import handler as record_movements
from shared.aws.clients import dynamodb
from shared.aws.items import from_item
from shared.aws.settings import table_name
from shared.stock.store.notes import CREATED, NEWEST
from tests.support import clauses


@cache
def _streams(endpoint: str | None) -> Any:
    return boto3.client("dynamodbstreams", endpoint_url=endpoint)


class Follower:
    """Follows the stock table's stream from its beginning, as Lambda does."""

    def __init__(self) -> None:
        self._streams = _streams(os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"))
        table: Any = dynamodb().describe_table(TableName=table_name("stock"))["Table"]
        self._arn = table["LatestStreamArn"]
        self._next: dict[str, str | None] = {}

    def follow(self) -> int:
        """Hands every new change of a position to the worker; how many there were."""
        found = 0
        stream = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]
        for shard in stream["Shards"]:
            name = shard["ShardId"]
            if name not in self._next:
                self._next[name] = self._streams.get_shard_iterator(
                    StreamArn=self._arn, ShardId=name, ShardIteratorType="TRIM_HORIZON"
                )["ShardIterator"]
            while place := self._next[name]:
                page = self._streams.get_records(ShardIterator=place)
                self._next[name] = page.get("NextShardIterator")
                records = [
                    record
                    for record in page["Records"]
                    if record["dynamodb"]["Keys"]["sk"]["S"].startswith(("LOC#", "SLOT"))
                ]
                found += len(records)
                record_movements({"Records": records}, None)
                if not page["Records"]:
                    break
        return found


def items() -> list[dict[str, Any]]:
    """All items of the table, apart from those of the newest bounds, which are always there."""
    pages = (
        dynamodb()
        .get_paginator("scan")
        .paginate(TableName=table_name("stock"), ConsistentRead=True)
    )
    found = [from_item(item) for page in pages for item in page["Items"]]
    return [item for item in found if (item["pk"], item["sk"]) not in (NEWEST, CREATED)]


def assert_laws(
    ordered: Mapping[tuple[str, str], int] | None = None, follower: Follower | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Law 1 at every position, the whole of it where it is split; ``ordered`` are the units of open
    order lines.

    With ``follower`` the ledger is compared as well.
    """
    if follower:
        follower.follow()
    rows = items()
    positions = {
        (row["sku"], row["location_id"]): row for row in rows if row["sk"].startswith("LOC#")
    }
    unsold: Counter[tuple[str, str]] = Counter(
        {place: row["kept"] for place, row in positions.items() if "slots" in row}
    )
    for slot in rows:
        if slot["sk"] == "SLOT":
            place = slot["sku"], slot["location_id"]
            subject = f"slot {slot['pk']} of {clauses.named(place)}"
            clauses.at_least(subject, "available", slot["available"], 0)
            epoch = positions[place]["epoch"]
            assert slot["epoch"] == epoch, f"{subject}: epoch {slot['epoch']} != {epoch} (position)"
            unsold[place] += slot["available"]
    for place, row in positions.items():
        clauses.available_is_what_is_not_reserved(place, row)
        if "slots" in row:
            clauses.at_least(clauses.named(place), "available", row["available"], 0)
    clauses.reserved_is_promised(
        {place: row["reserved"] for place, row in positions.items()},
        {
            "open holds": clauses.of_open_holds(rows),
            "open order lines": ordered or {},
            "unsold in slots": unsold,
        },
    )
    if follower:
        ledger: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["pk"].startswith("SKU#") and row["sk"].startswith("MOVE#"):
                ledger[row["sku"], row["sk"].split("#")[1]].append(row)
        for place, row in positions.items():
            clauses.ledger_is_whole(row, ledger[place])
    return {
        place: {
            **row,
            "reserved": row["reserved"] - unsold[place],
            "available": row["available"] + unsold[place],
        }
        for place, row in positions.items()
    }
