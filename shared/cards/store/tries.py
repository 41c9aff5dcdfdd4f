"""Tries of codes and PINs: counted before the answer, so that tries at the same moment count too.

A look-up takes a try of its subject first, and gives it back when the code was right.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.expression import Condition, Update
from shared.aws.items import to_item
from shared.cards import store
from shared.cards.model import tries
from shared.cards.store.hashing import subject_hash_of
from shared.errors import Busy
from shared.instants import rfc3339

PIN = "PIN"
SUBJECT = "SUBJECT"
CLIENT_KEPT = timedelta(days=1)


def client_key(client_id: str, now: datetime) -> Key:
    """The counter of a client in the quarter of an hour of ``now``."""
    quarter = int(now.timestamp() // tries.QUARTER.total_seconds())
    return Key(store.cards_table(), f"TRIES#CLIENT#{client_id}", f"AT#{quarter}")


def take(subject: str, now: datetime) -> None:
    """Counts a try of the subject. Raises TooManyTries, Busy."""

    def taken(known: list[datetime]) -> list[datetime]:
        tries.check(known, now)
        return [*tries.kept(known, now), now]

    _change(subject, taken, now)


def give_back(subject: str, now: datetime) -> None:
    """Takes the try of ``now`` back, because it did not fail. Raises Busy."""

    def without(known: list[datetime]) -> list[datetime]:
        first = known.index(now) if now in known else len(known)
        return known[:first] + known[first + 1 :]

    _change(subject, without, now)


def count_failure(client_id: str, now: datetime) -> int:
    """Counts a failure of the client; returns those of this quarter of an hour."""
    key = client_key(client_id, now)
    return tables.add(key.table, key.pk, key.sk, int((now + CLIENT_KEPT).timestamp()))


def take_pin(card_id: str) -> int | None:
    """Counts a try of the card's PIN and returns its number; None when there were too many."""
    return tables.add_below(store.cards_table(), store.partition(card_id), PIN, tries.MOST_PINS)


def forget_pins(card_id: str) -> None:
    """Begins to count PINs anew, after a right one or when staff unblock the card."""
    update = Update()
    update.set("units", 0)
    request = update.request(store.cards_table(), store.partition(card_id), PIN)
    tables.write("update_item", **request)


def _change(
    subject: str, change: Callable[[list[datetime]], list[datetime]], now: datetime
) -> None:
    pk, table = f"TRIES#{subject_hash_of(subject)}", store.cards_table()
    for _ in tables.attempts():
        item = tables.get(table, pk, SUBJECT, consistent=True)
        known = [datetime.fromisoformat(at) for at in item["tries"]] if item else []
        version = item["version"] if item else 0
        condition = Condition()
        if item is None:
            # Holds while the subject has no tries.
            condition.require("attribute_not_exists(pk)")
        else:
            # Holds while nobody has counted since the item was read.
            condition.require("version = {}", version)
        row = {
            "pk": pk,
            "sk": SUBJECT,
            "tries": [rfc3339(at) for at in change(known)],
            "version": version + 1,
            "ttl": int((now + tries.MONTH).timestamp()),
        }
        if tables.write("put_item", TableName=table, Item=to_item(row), **condition.arguments()):
            continue
        return
    raise Busy("too many look-ups of one subject at once")
