"""Cards for tests: issued ones, and their ledger, made from the stream as Lambda hands it on."""

import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3

from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.dynamodb import Part, Refused
from shared.aws.items import from_item
from shared.aws.settings import table_name
from shared.cards import issuing, store
from shared.cards.model.card import Card, Cause, Spend
from shared.cards.store import entries, hashing, parts
from shared.web.idempotency import Request

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
CAUSE = Cause("order-1@1", "order.placed", "order-1")


def asked(key: str | None = None, body: Any = None) -> Request:
    """An idempotent request, a new one without ``key``."""
    return Request.of("client", key or uuid.uuid4().hex, "POST", "/v1/cards", body)


def issued(amount: int = 5000, **fields: Any) -> tuple[Card, str]:
    """A stored card and its code."""
    request = asked()
    code = hashing.new_code(request.name, request.digest)
    card = issuing.new_card(code, "gift_card", fields.pop("currency", "USD"), amount, NOW, **fields)
    issuing.issue(card, CAUSE, request, NOW)
    return store.find(card.card_id), code


def spend_of(card: Card, amount: int, **fields: Any) -> Spend:
    return Spend(card.card_id, amount, **{"currency": "USD", "pin_hash": card.pin_hash, **fields})


def written(*changes: Part) -> list[Refused]:
    """Writes the parts in one transaction; the refused ones."""
    return tables.transact(list(changes))


def spent(card: Card, amount: int, now: datetime = NOW) -> bool:
    """Whether the card has paid; raises why it refuses. Repeats when others were in between."""
    while True:
        spend = spend_of(card, amount)
        refused = written(parts.spend_part(spend, CAUSE, now))
        if not refused:
            return True
        parts.explain_refusal(refused[0].item, spend, now)


def items() -> list[dict[str, Any]]:
    """All items of the table."""
    pages = (
        dynamodb()
        .get_paginator("scan")
        .paginate(TableName=table_name("cards"), ConsistentRead=True)
    )
    return [from_item(item) for page in pages for item in page["Items"]]


def stream_records() -> list[dict[str, Any]]:
    """The changes of cards that the stream of the table has, in their order per card."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
    streams: Any = boto3.client("dynamodbstreams", endpoint_url=endpoint)
    arn = dynamodb().describe_table(TableName=table_name("cards"))["Table"]["LatestStreamArn"]
    records: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        place = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while place:
            page = streams.get_records(ShardIterator=place)
            records += page["Records"]
            place = page.get("NextShardIterator")
            if not page["Records"]:
                break
    return [one for one in records if one["dynamodb"]["Keys"]["sk"]["S"] == store.CARD]


def assert_laws(*, ledger: bool = True) -> dict[str, int]:
    """Law 5 for all cards; the sum of their balances by currency. With ``ledger`` the entries are
    written from the stream first, twice, and their sums compared."""
    if ledger:
        for _ in range(2):
            entries.put(
                entries.entry_of_images(
                    from_item(images["OldImage"]) if "OldImage" in images else None,
                    from_item(images["NewImage"]),
                )
                for images in (record["dynamodb"] for record in stream_records())
            )
    totals: dict[str, int] = {}
    for item in items():
        if item["sk"] != store.CARD:
            continue
        card = store.card_of_item(item)
        assert item["available"] == card.balance - card.held
        assert min(card.balance, card.held, card.available) >= 0
        totals[card.currency] = totals.get(card.currency, 0) + card.balance
        if ledger:
            rows = entries.of_card(card.card_id)
            assert [row.version for row in rows] == list(range(1, card.version + 1))
            assert sum(row.delta for row in rows) == card.balance == rows[-1].balance
            assert sum(row.held_delta for row in rows) == card.held == rows[-1].held
    return totals
