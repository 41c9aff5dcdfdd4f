"""Cards, table ``cards``.

    pk CARD#<card_id>        sk CARD                 the card; card_id is the keyed hash of its code
    pk CARD#<card_id>        sk ENTRY#<version>      its ledger, written by the stream worker
    pk CARD#<card_id>        sk PIN                  tries of PINs since the last right one
    pk REQUEST#<hash>        sk REQUEST              the answer to an idempotent request, 30 days
    pk TRIES#<hash>          sk SUBJECT              failed look-ups of a subject, 30 days
    pk TRIES#CLIENT#<id>     sk AT#<quarter>         failed look-ups of a client, a day
    pk WALK#audit                                    how far the audit is (shared/aws/walks.py)

Every write of a card raises ``version`` by one and sets ``last``, from which the stream worker
makes the entry of that version. ``available`` = balance - held is stored, because conditions cannot
subtract.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.aws.settings import table_name
from shared.cards.model.card import Card, Cause, EntryKind
from shared.cards.store.hashing import request_hash_of
from shared.errors import NotFound
from shared.instants import rfc3339
from shared.web.idempotency import KEPT_SECONDS, Request

CARD = "CARD"


def cards_table() -> str:
    return table_name("cards")


def partition(card_id: str) -> str:
    return f"CARD#{card_id}"


def card_key(card_id: str) -> Key:
    return Key(cards_table(), partition(card_id), CARD)


def request_key(request: Request) -> Key:
    return Key(cards_table(), f"REQUEST#{request_hash_of(request.name)}", "REQUEST")


def find(card_id: str) -> Card:
    """The stored card (strongly consistent). Raises NotFound."""
    item = tables.get(cards_table(), partition(card_id), CARD, consistent=True)
    if item is None:
        raise NotFound(f"there is no card {card_id}", card_id=card_id)
    return card_of_item(item)


def look_up(
    card_ids: Iterable[str], request: Request | None = None
) -> tuple[dict[str, Card], str | None]:
    """The cards that exist, by id, and the stored answer to ``request``, None when it is new: one
    strongly consistent call. Raises KeyReused."""
    keys = {card_key(card_id): card_id for card_id in card_ids}
    answered = request_key(request) if request else None
    items = tables.get_many([*keys, *([answered] if answered else [])], consistent=True)
    cards = {card_id: card_of_item(items[key]) for key, card_id in keys.items() if key in items}
    if request is None or answered not in items:
        return cards, None
    record = items[answered]
    request.check(record["digest"])
    answer: str = record["answer"]
    return cards, answer


def card_of_item(item: Mapping[str, Any]) -> Card:
    """A card from the values of its item, read from the table or from a stream image."""
    expires_at = item.get("expires_at")
    return Card(
        card_id=item["pk"].removeprefix("CARD#"),
        kind=item["kind"],
        currency=item["currency"],
        balance=item["balance"],
        state=item["state"],
        suffix=item["suffix"],
        issued_at=datetime.fromisoformat(item["issued_at"]),
        held=item["held"],
        loaded=item["loaded"],
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
        pin_hash=item.get("pin_hash"),
        state_before=item.get("state_before"),
        block_reason=item.get("block_reason"),
        replaced_by=item.get("replaced_by"),
        version=item["version"],
        sold_by=item.get("sold_by"),
    )


def last_of(
    kind: EntryKind,
    cause: Cause,
    now: datetime,
    reason: str | None = None,
    other_card_id: str | None = None,
) -> dict[str, Any]:
    """The attribute ``last``: what the entry of this version says beside its figures."""
    values = {
        "kind": kind,
        "at": rfc3339(now),
        "reason": reason,
        "other_card_id": other_card_id,
        **{
            f"cause_{name}" if name in {"id", "type"} else name: value
            for name, value in asdict(cause).items()
        },
    }
    return {name: value for name, value in values.items() if value is not None}


def new_part(card: Card, last: Mapping[str, Any]) -> Part:
    """Writes a new card as version 1; refused when there is one of this code."""
    item = {
        "pk": partition(card.card_id),
        "sk": CARD,
        **_attributes(card),
        "version": 1,
        "last": last,
    }
    return {
        "Put": {
            "TableName": cards_table(),
            "Item": to_item(item),
            # Holds while no card has this code.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def changed_part(before: Card, after: Card, last: Mapping[str, Any]) -> Part:
    """Writes what differs between the two; refused when the card has changed since it was read."""
    update = Update()
    old, new = _attributes(before), _attributes(after)
    for name, value in new.items():
        if value is None:
            if old[name] is not None:
                update.remove(name)
        elif value != old[name]:
            update.set(name, value)
    update.set("version", before.version + 1)
    update.set("last", last)
    # Holds while nobody has changed the card since it was read.
    update.require("version = {}", before.version)
    return {"Update": update.request(cards_table(), partition(before.card_id), CARD)}


def answer_part(request: Request, answer: str, now: datetime) -> Part:
    """Stores the answer for repetitions; refused when the request was answered before."""
    key = request_key(request)
    item = {
        "pk": key.pk,
        "sk": key.sk,
        "digest": request.digest,
        "answer": answer,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {
        "Put": {
            "TableName": key.table,
            "Item": to_item(item),
            # Holds while the request has no answer.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _attributes(card: Card) -> dict[str, Any]:
    return {
        "kind": card.kind,
        "currency": card.currency,
        "balance": card.balance,
        "held": card.held,
        "available": card.available,
        "loaded": card.loaded,
        "state": card.state,
        "suffix": card.suffix,
        "issued_at": rfc3339(card.issued_at),
        "expires_at": rfc3339(card.expires_at) if card.expires_at else None,
        "pin_hash": card.pin_hash,
        "state_before": card.state_before,
        "block_reason": card.block_reason,
        "replaced_by": card.replaced_by,
        "sold_by": card.sold_by,
    }
