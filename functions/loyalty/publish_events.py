"""Publish the events of points and tiers from the changes of their items (a DynamoDB stream): at
least once, and in order for each item."""

from typing import Any

from shared.aws.items import from_item
from shared.loyalty.contract import events
from shared.loyalty.model.programme import NO_TIER
from shared.loyalty.store.rows import POINTS, TIER, account_of, entry_of
from shared.web.batch import StreamRecord, publish, readable


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return publish(readable(event["Records"], _events))


def _events(record: StreamRecord) -> list[dict[str, Any]]:
    """The events of one change; none for another item, or for a closed account."""
    images = record["dynamodb"]
    kind = images["Keys"]["sk"]["S"]
    if "NewImage" not in images or kind not in {POINTS, TIER}:
        return []
    new = from_item(images["NewImage"])
    old = from_item(images["OldImage"]) if "OldImage" in images else {}
    if "closed_at" in new or old.get("version") == new["version"]:
        return []
    home = new["pk"].partition("#")[2]
    if kind == POINTS:
        rows = tuple(map(entry_of, new["last"]))
        return list(events.of_account(account_of(home, new), rows, new["updated_at"]))
    return list(
        events.of_standing(
            home,
            new["version"],
            new["updated_at"],
            old.get("tier", NO_TIER),
            new["tier"],
            new.get("review_at"),
        )
    )
