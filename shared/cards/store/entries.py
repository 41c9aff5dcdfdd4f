"""Ledger entries of cards, and what the audit reads and repairs.

The key of an entry has the version of the card, so that writing it again changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.expression import Update
from shared.aws.items import Item, to_item
from shared.aws.walks import Walk
from shared.cards import store
from shared.cards.model.card import Card, Cause
from shared.cards.model.ledger import Entry
from shared.errors import NotFound
from shared.instants import rfc3339

WALK = Walk("cards", "audit")


def entry_of_images(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Entry:
    """The entry of one write of a card, from its images before and after."""
    card, last = store.card_of_item(new), new["last"]
    at = datetime.fromisoformat(last["at"])
    return Entry(
        card_id=card.card_id,
        version=card.version,
        kind=last["kind"],
        delta=card.balance - (old["balance"] if old else 0),
        held_delta=card.held - (old["held"] if old else 0),
        balance=card.balance,
        held=card.held,
        at=at,
        cause=Cause(last["cause_id"], last["cause_type"], last.get("order_id"), last.get("actor")),
        state=card.state_at(at),
        reason=last.get("reason"),
        other_card_id=last.get("other_card_id"),
    )


def put(entries: Iterable[Entry]) -> None:
    """Writes entries over themselves: 25 per call. Raises Busy when the table throttles."""
    items = {(entry.card_id, entry.version): _item(entry) for entry in entries}
    tables.put_many(store.cards_table(), list(items.values()))


def page(card_id: str, limit: int, before: int | None) -> tuple[list[Entry], int | None]:
    """Entries of a card, the newest first and before version ``before``; and the version that the
    next page continues before, None at the end."""
    values = {":pk": store.partition(card_id), ":first": "ENTRY#", ":last": "ENTRY$"}
    if before is not None:
        values[":last"] = _sort_key(before - 1)
    found = tables.query_page(
        store.cards_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(values),
        limit,
        ScanIndexForward=False,
    )
    entries = [_entry(item) for item in found.items]
    return entries, entries[-1].version if found.last and entries else None


def of_card(card_id: str) -> list[Entry]:
    """The whole ledger by version (strongly consistent)."""
    values = {":pk": store.partition(card_id), ":entry": "ENTRY#"}
    rows = tables.query(
        store.cards_table(),
        "pk = :pk AND begins_with(sk, :entry)",
        to_item(values),
        ConsistentRead=True,
    )
    return [_entry(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Stored:
    """A card as the audit reads it: ``available`` is the stored attribute, ``last`` its last entry
    without figures."""

    card: Card
    available: int
    last: Entry


def cards_page(
    limit: int, after: Item | None, segment: Mapping[str, int]
) -> tuple[list[Stored], Item | None]:
    """The cards among ``limit`` items behind ``after``, and the key to continue after."""
    found = tables.scan_page(
        store.cards_table(),
        limit,
        after,
        FilterExpression="sk = :card",
        ExpressionAttributeValues=to_item({":card": store.CARD}),
        **segment,
    )
    return [_stored(item) for item in found.items], found.last


def stored_card(card_id: str) -> Stored:
    """One card as the audit reads it (strongly consistent). Raises NotFound."""
    item = tables.get(store.cards_table(), store.partition(card_id), store.CARD, consistent=True)
    if item is None:
        raise NotFound(f"there is no card {card_id}", card_id=card_id)
    return _stored(item)


def _stored(item: Mapping[str, Any]) -> Stored:
    return Stored(store.card_of_item(item), item["available"], entry_of_images(item, item))


def correct_available(card: Card) -> bool:
    """Sets ``available`` to balance - held; False when the card has changed since it was read. The
    version stays, so that the ledger has no entry without a change."""
    update = Update()
    update.set("available", card.available)
    # Holds while the card is as it was read.
    update.require("version = {}", card.version)
    request = update.request(store.cards_table(), store.partition(card.card_id), store.CARD)
    return tables.write("update_item", **request) is None


def _sort_key(version: int) -> str:
    return f"ENTRY#{version:010d}"


def _item(entry: Entry) -> Item:
    return to_item(
        {
            "pk": store.partition(entry.card_id),
            "sk": _sort_key(entry.version),
            "version": entry.version,
            "kind": entry.kind,
            "delta": entry.delta,
            "held_delta": entry.held_delta,
            "balance": entry.balance,
            "held": entry.held,
            "at": rfc3339(entry.at),
            "cause_id": entry.cause.id,
            "cause_type": entry.cause.type,
            "order_id": entry.cause.order_id,
            "actor": entry.cause.actor,
            "state": entry.state,
            "reason": entry.reason,
            "other_card_id": entry.other_card_id,
        }
    )


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(
        card_id=item["pk"].removeprefix("CARD#"),
        version=item["version"],
        kind=item["kind"],
        delta=item["delta"],
        held_delta=item["held_delta"],
        balance=item["balance"],
        held=item["held"],
        at=datetime.fromisoformat(item["at"]),
        cause=Cause(item["cause_id"], item["cause_type"], item.get("order_id"), item.get("actor")),
        state=item["state"],
        reason=item.get("reason"),
        other_card_id=item.get("other_card_id"),
    )
