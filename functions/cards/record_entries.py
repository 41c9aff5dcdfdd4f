"""Writes the ledger of cards and publishes their events, from the changes of their items (a
DynamoDB stream): each entry once by its key, each event at least once under the same id."""

from typing import Any

from shared.aws.items import from_item
from shared.cards import store
from shared.cards.contract import events
from shared.cards.model.card import Card
from shared.cards.model.ledger import Entry
from shared.cards.store import entries
from shared.web.batch import StreamRecord, publish, readable


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The ledger is written first, so an event is about an entry that exists.

    Raises Busy when the table throttles; the whole batch is retried.
    """
    read = list(readable(event["Records"], _read))
    entries.put(change[1] for _, change in read if change)
    return publish((record, events.of_entry(*change) if change else []) for record, change in read)


def _read(record: StreamRecord) -> tuple[Card, Entry] | None:
    """The card after a change, and its entry; None for other items, and for a repair that made no
    new version."""
    images = record["dynamodb"]
    if "NewImage" not in images or images["Keys"]["sk"]["S"] != store.CARD:
        return None
    old = from_item(images["OldImage"]) if "OldImage" in images else None
    new = from_item(images["NewImage"])
    if old is not None and old["version"] == new["version"]:
        return None
    return store.card_of_item(new), entries.entry_of_images(old, new)
