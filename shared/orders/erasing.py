"""Erase a person from their orders and from all items beside them.

    item                                what an erasure does with it
    ORDER#<id> ORDER                    rewritten with its answer, see model/erased.py
    ORDER#<id> CONTACTS                 deleted, but for the answer, which loses the person
    ORDER#<id> PAST#                    rewritten likewise
    ORDER#<id> DECISION#                deleted; a stub stays in the order
    ORDER#<id> FUL#                     rows of pick lists lose tracking numbers
    ORDER#<id> LABEL#                   deleted, with the document in S3
    TRACKING#<hash>                     has a keyed hash, order ids and dates only: unchanged;
                                        expires after 90 days
    ORDER#<id> ASKED#, IDEM#<name>      the stored answers lose the person
    SUPPLY#                             has order ids only: unchanged
    search: ORDER#<id>                  rows of contacts and tracking numbers leave the index; the
                                        others lose the profile
    stock: HOLD#<id>                    the hold that became the order loses its promise
    stock: MOVE#, its archive in S3     has order ids only: unchanged
    stream of the table                 expires after 24 hours; backups after 35 days, and failed
                                        records after 30

A guest has no profile: ``erase_guest`` erases the person of one order.

The order itself changes last, in one transaction on the condition of its version. So an order that
no longer names the person has nothing left beside it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.items import to_item
from shared.customers.store import new_id
from shared.errors import Busy, Conflict, NotFound
from shared.locations.store import point_of_postal_code
from shared.orders import store
from shared.orders.model import Order, OrderEntry, erased
from shared.orders.model.erased import Guest, Person
from shared.orders.store import labels
from shared.routing.model.erased import erased_stub
from shared.stock import store as stock

PAGE = 25
ROOM = 8
"""Pieces of decisions that are deleted in the transaction of the order: one has 350 KB, and a
transaction takes 4 MB. Further pieces are deleted before, and for a moment the order names
decisions that are incomplete."""
AT_ONCE = 25
"""Items beside the order that one transaction writes: a part of its past may exceed 48 KB."""
EVENT = "order.erased"

Row = Mapping[str, Any]


def erase(order_id: str, person: Person | Guest, now: datetime, actor: str = "norain") -> bool:
    """Erase the person from an order; False when it is no order of the person. The history says
    which ``actor`` did it. An erasure that broke off is done again from the start. Raises Busy."""
    for _ in tables.attempts():
        rows = list(
            tables.query(
                store.orders_table(),
                "pk = :pk",
                to_item({":pk": f"ORDER#{order_id}"}),
                ConsistentRead=True,
            )
        )
        document = next((row for row in rows if row["sk"] == "ORDER"), None)
        if document is None:
            return False
        order = store.order_of_item(document)
        if not person.bought(order.buyer):
            return False
        _erase_beside(order, document, rows, person, now)
        pieces = [(row["pk"], row["sk"]) for row in rows if row["sk"].startswith("DECISION#")]
        tables.delete_many(store.orders_table(), pieces[ROOM:])
        entry = OrderEntry(now, EVENT, actor)
        parts = [_order_part(order, document, rows, person, entry), *map(_delete, pieces[:ROOM])]
        if not tables.transact(parts):
            return True
    raise Busy(f"order {order_id} is being changed by too many at once")


def erase_guest(order_id: str, check: Callable[[Order], None], now: datetime, actor: str) -> Order:
    """Erase the person of an order without a profile, and return the order. A repeated call changes
    nothing, and continues an erasure that broke off. ``check`` refuses who may not.

    Raises NotFound, what ``check`` raises, Busy; Conflict for the order of a profile.
    """
    order = _found(order_id)
    check(order)
    if erased.is_erased(order):
        return order
    guest = Guest(f"{erased.PSEUDONYM}{new_id()}")
    if not guest.bought(order.buyer):
        raise Conflict(
            f"order {order_id} is one of a profile: erase the customer, with all orders",
            profile_id=order.buyer.profile_id,
        )
    erase(order_id, guest, now, actor)
    return _found(order_id)


def _found(order_id: str) -> Order:
    order = store.find(order_id)
    if order is None:
        raise NotFound(f"there is no order {order_id}", order_id=order_id)
    return order


def _erase_beside(
    order: Order, document: Row, rows: Iterable[Row], person: Person | Guest, now: datetime
) -> None:
    """Rewrite the past, pick rows, answers and hold of the order without the person."""
    parts: list[Part] = []
    requests = [document["request"]["name"]] if document.get("request") else []
    for row in rows:
        match row["sk"].partition("#")[0]:
            case "PAST":
                parts.append(_put(_past(row)))
            case "FUL" if row["fulfillment"].get("tracking"):
                untracked = {k: v for k, v in row["fulfillment"].items() if k != "tracking"}
                parts.append(_set(row["pk"], row["sk"], "fulfillment", untracked))
            case "CONTACTS":
                text = erased.answer_without_person(row.get("answer", ""), person.pseudonym)
                parts.append(_put({"pk": row["pk"], "sk": row["sk"], "answer": text}))
            case "ASKED":
                requests.append(row["request"])
            case "LABEL":
                # The document goes first: an erasure that breaks off finds the row again.
                labels.delete_purchase(row["purchase"])
    keys = [Key(store.orders_table(), f"IDEM#{name}", "IDEM") for name in dict.fromkeys(requests)]
    for key, answered in tables.get_many(keys, consistent=True).items():
        text = erased.answer_without_person(answered["answer"], person.pseudonym)
        parts.append(_set(key.pk, key.sk, "answer", text))
    for start in range(0, len(parts), AT_ONCE):
        # An item that has expired meanwhile fails the transaction: then each is written by itself.
        if tables.transact(batch := parts[start : start + AT_ONCE]):
            for part in batch:
                tables.transact([part])
    store.search.forget(order.order_id, order.version + 1, person.pseudonym, now)
    if order.hold_id is not None:
        stock.forget_promise(order.hold_id, order.order_id)


def _past(row: Row) -> dict[str, Any]:
    history, fulfillments = store.past_of_item(row)
    return {
        **row,
        "history": [store.to_plain(erased.entry_without_person(entry)) for entry in history],
        "fulfillments": [store.to_plain(erased.without_tracking(part)) for part in fulfillments],
    }


def _order_part(
    order: Order,
    document: Row,
    rows: Collection[Row],
    person: Person | Guest,
    entry: OrderEntry,
) -> Part:
    cleared = erased.without_person(order)
    is_open = order.deadline is not None
    place = order.ship_to
    if is_open and place is not None and place.latitude is None:
        point = point_of_postal_code(place.country, place.postal_code)
        place = replace(place, latitude=point[0], longitude=point[1]) if point else place
    place = erased.region_of(place, is_open=is_open)
    item = {
        **document,
        "buyer": {"profile_id": person.pseudonym},
        "profile_key": f"PROFILE#{person.pseudonym}",
        "ship_to": store.to_plain(place) if place else None,
        "buyer_keys": None,
        "contact_keys": None,
        "pauses": [store.to_plain(pause) for pause in cleared.pauses] or None,
        "payments": [store.to_plain(payment) for payment in cleared.payments],
        "points": store.to_plain(cleared.points) if cleared.points else None,
        "payment": {k: v for k, v in document.get("payment", {}).items() if k != "reference"},
        "fulfillments": [store.to_plain(part) for part in cleared.fulfillments],
        "returns": [store.to_plain(each) for each in cleared.returns] or None,
        "history": [store.to_plain(past) for past in (*cleared.history, entry)],
        "decisions": [erased_stub(_decision(stored, rows)) for stored in order.decisions],
        "answer": erased.answer_without_person(document.get("answer") or "", person.pseudonym)
        or None,
        "version": order.version + 1,
    }
    # Holds while nobody has changed the order since it was read.
    return _put(item, condition="version = :read", values={":read": order.version})


def _decision(stored: bytes | str, rows: Iterable[Row]) -> bytes:
    if isinstance(stored, bytes):
        return stored
    prefix = f"DECISION#{stored}#"
    return b"".join(row["decision"] for row in rows if row["sk"].startswith(prefix))


def _put(item: Row, condition: str | None = None, values: Row | None = None) -> Part:
    put: dict[str, Any] = {"TableName": store.orders_table(), "Item": to_item(item)}
    if condition is not None:
        put["ConditionExpression"] = condition
        put["ExpressionAttributeValues"] = to_item(values or {})
    return {"Put": put}


def _set(pk: str, sk: str, name: str, value: Any) -> Part:
    return {
        "Update": {
            "TableName": store.orders_table(),
            "Key": tables.key(pk, sk),
            "UpdateExpression": "SET #name = :value",
            # Holds while the item has not expired.
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": to_item({":value": value}),
        }
    }


def _delete(where: tuple[str, str]) -> Part:
    return {"Delete": {"TableName": store.orders_table(), "Key": tables.key(*where)}}


def erase_placed(
    profile_ids: Iterable[str], place: str, person: Person, now: datetime
) -> str | None:
    """Erase the person from one page of the orders that the index has under the ids, beginning at
    ``place``. Returns the place of the next page, None at the end."""
    ids = sorted(profile_ids)
    number, _, after = place.partition("\n")
    index = int(number or 0)
    if index >= len(ids):
        return None
    page = list(islice(orders_placed_under(ids[index], after), PAGE))
    for order_id, _ in page:
        erase(order_id, person, now)
    if len(page) == PAGE:
        order_id, placed_at = page[-1]
        return f"{index}\n{json.dumps([order_id, placed_at])}"
    return str(index + 1) if index + 1 < len(ids) else None


def orders_placed_under(profile_id: str, after: str) -> Iterable[tuple[str, str]]:
    """(order_id, placed_at) of the orders that the index has under the id, the oldest first.
    ``after`` is the last of these pairs on the page before, as JSON."""
    more: dict[str, Any] = {}
    if after:
        order_id, placed_at = json.loads(after)
        more["ExclusiveStartKey"] = to_item(
            {
                "pk": f"ORDER#{order_id}",
                "sk": "ORDER",
                "profile_key": f"PROFILE#{profile_id}",
                "placed_at": placed_at,
            }
        )
    rows = tables.query(
        store.orders_table(),
        "profile_key = :profile",
        to_item({":profile": f"PROFILE#{profile_id}"}),
        IndexName="by_profile",
        ProjectionExpression="pk, placed_at",
        Limit=PAGE,
        **more,
    )
    for row in rows:
        yield row["pk"].removeprefix("ORDER#"), row["placed_at"]
