"""Price holds, table ``pricing``.

    pk PRICEHOLD#<id>  sk HOLD  the hold, its answer; ``deadline_key`` and ``deadline`` while open

A hold that has ended forgets the person, and is deleted after KEPT_SECONDS.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.instants import rfc3339
from shared.pricing.model.price_hold import HeldAmount, PriceHold, PriceHoldState
from shared.pricing.model.uses import Use
from shared.stored import from_row
from shared.web.idempotency import KEPT_SECONDS, Request
from shared.web.portions import checksum

HOLD = "HOLD"
SHARDS = 16
"""Partitions of the deadlines."""


def _pk(hold_id: str) -> str:
    return f"PRICEHOLD#{hold_id}"


def find(hold_id: str) -> tuple[PriceHold, Mapping[str, Any]] | None:
    """The hold and its item, strongly consistent."""
    item = tables.get(table_name("pricing"), _pk(hold_id), HOLD, consistent=True)
    return (hold_of_item(item), item) if item else None


def hold_of_item(item: Mapping[str, Any]) -> PriceHold:
    return PriceHold(
        hold_id=item["hold_id"],
        state=item["state"],
        deadline=datetime.fromisoformat(item["ends_at"]),
        digest=item["digest"],
        currency=item["currency"],
        home=item.get("home"),
        uses=tuple(map(Use.from_json, item["uses"])),
        cards=tuple(from_row(HeldAmount, row) for row in item["cards"]),
        draws=tuple(item.get("draws", ())),
    )


def opened_part(hold: PriceHold, request: Request, answer: str) -> Part:
    item = {
        "pk": _pk(hold.hold_id),
        "sk": HOLD,
        "hold_id": hold.hold_id,
        "state": hold.state,
        "ends_at": rfc3339(hold.deadline),
        "deadline_key": f"DUE#{checksum(hold.hold_id) % SHARDS}",
        "deadline": rfc3339(hold.deadline),
        "digest": hold.digest,
        "currency": hold.currency,
        "home": hold.home,
        "uses": [use.to_json() for use in hold.uses],
        "cards": [held.to_json() for held in hold.cards],
        "draws": list(hold.draws),
        "request": request.digest,
        "answer": answer,
    }
    return {
        "Put": {
            "TableName": table_name("pricing"),
            "Item": to_item(item),
            # Holds when the request has opened no hold.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def claimed_part(hold: PriceHold, order_id: str, now: datetime) -> Part:
    update = _ended("claimed", now)
    update.set("order_id", order_id)
    update.require("deadline > {}", rfc3339(now))
    return {"Update": update.request(table_name("pricing"), _pk(hold.hold_id), HOLD)}


def released_part(hold: PriceHold, now: datetime) -> Part:
    update = _ended("released", now)
    return {"Update": update.request(table_name("pricing"), _pk(hold.hold_id), HOLD)}


def _ended(state: PriceHoldState, now: datetime) -> Update:
    """The end of a hold: the person and the deadline go."""
    update = Update()
    # Holds while nobody has ended the hold.
    update.require("#state = {}", "open")
    update.set("state", state)
    update.set("ttl", int(now.timestamp()) + KEPT_SECONDS)
    update.remove("home", "draws", "deadline_key", "deadline")
    return update


def overdue(now: datetime, page: int) -> Iterator[str]:
    """The ids of open holds whose deadline has passed (eventually consistent)."""
    for shard in range(SHARDS):
        rows = tables.query(
            table_name("pricing"),
            "deadline_key = :key AND deadline <= :now",
            to_item({":key": f"DUE#{shard}", ":now": rfc3339(now)}),
            IndexName="by_deadline",
            Limit=page,
        )
        yield from (row["pk"].removeprefix("PRICEHOLD#") for row in rows)
