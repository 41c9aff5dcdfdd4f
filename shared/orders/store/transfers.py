"""Transfers, table ``orders``.

    pk TRANSFER#<transfer_id>   sk TRANSFER   the transfer: all that is true of it
    pk GIVING#<sku>   sk <location_id>#<transfer_id>   units that have not left there yet, projected

    by_deadline   deadline_key DUE#TRANSFERS, deadline   what somebody has to act on

A transfer changes as an order does: the document at the version that was read, one part for each
stock position, and the request's record, in one transaction.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.items import to_item
from shared.errors import Busy, InvalidRequest, KeyReused, NotFound, OutOfStock
from shared.instants import rfc3339
from shared.orders.model import OrderEntry, transfers
from shared.orders.model.transfers import SOURCE, Transfer, TransferChange, TransferLine
from shared.orders.store.items import to_plain
from shared.orders.store.keys import TRANSFERS_DUE, orders_table, record_key
from shared.orders.store.orders import record_part
from shared.orders.store.reads import StoredAnswer
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect, receive_supply
from shared.web.idempotency import KEPT_SECONDS, Request

ATTEMPTS = 8
MOST_LINES = 90
MOST_GIVING = 50
"""Transfers that are looked at for one SKU."""


def transfer_key(transfer_id: str) -> Key:
    return Key(orders_table(), f"TRANSFER#{transfer_id}", "TRANSFER")


def find(transfer_id: str) -> Transfer:
    """As it stands now (strongly consistent). Raises NotFound."""
    found, _ = _look(transfer_id, None)
    return found


def change(
    transfer_id: str,
    decide: Callable[[Transfer], TransferChange | None],
    now: datetime,
    *,
    request: Request | None = None,
    answer: Callable[[Transfer], str] = lambda _: "",
) -> str | None:
    """Carries ``decide`` out once; the answer, and to a replay the first one. ``decide`` is asked
    again when somebody else was quicker; None changes nothing.

    Raises what ``decide`` raises; NotFound, KeyReused, Busy.
    """
    for _ in tables.attempts(ATTEMPTS):
        found, answered = _look(transfer_id, request)
        if request is not None and answered is not None:
            request.check(answered.digest)
            return answered.answer
        moved = decide(found)
        if moved is None:
            return None
        text = answer(_stored(moved.transfer))
        if _committed(moved, now, request, text):
            return text
    raise Busy(f"transfer {transfer_id} is being changed by too many at once")


def request_once(
    moved: TransferChange, now: datetime, request: Request, answer: Callable[[Transfer], str]
) -> str:
    """Stores a new transfer and reserves its units; the answer, and to a replay the first one.

    Raises OutOfStock with every short SKU, KeyReused.
    """
    transfer_id = moved.transfer.transfer_id
    text = answer(_stored(moved.transfer))
    try:
        if _committed(moved, now, request, text):
            return text
    except OutOfStock:
        if not _known(transfer_id, request):
            raise
    _, answered = _look(transfer_id, request)
    if answered is None:
        raise KeyReused(f"there is a transfer {transfer_id} already, asked for with another key")
    request.check(answered.digest)
    return answered.answer


def overdue_transfers(now: datetime, page: int) -> Iterator[str]:
    """Ids of transfers whose deadline has passed, the longest overdue first, read ``page`` by
    page."""
    rows = tables.query(
        orders_table(),
        "deadline_key = :key AND deadline <= :now",
        to_item({":key": TRANSFERS_DUE, ":now": rfc3339(now)}),
        IndexName="by_deadline",
        Limit=page,
    )
    for row in rows:
        yield row["pk"].removeprefix("TRANSFER#")


def announce_supply(transfer: Transfer, now: datetime) -> None:
    """Tells the positions at the other end what is to come: repeated or late, it changes nothing.

    Raises Busy when others write the same positions faster.
    """
    events = transfers.supply_events(transfer)
    found = stock.positions_of((event.sku, event.location_id) for event in events)
    for event in events:
        stock.apply_events([event], found.get((event.sku, event.location_id)), (), now)


def index_unshipped(transfer: Transfer) -> None:
    """Writes down which units could still stay where they are: repeated or late, it changes
    nothing."""
    for line in transfer.lines:
        units = line.open if transfer.state == "requested" else 0
        item = {
            "pk": f"GIVING#{line.sku}",
            "sk": f"{transfer.from_location_id}#{transfer.transfer_id}",
            "quantity": units,
            "version": transfer.version,
            "ttl": None if units else int(transfer.history[-1].at.timestamp()) + KEPT_SECONDS,
        }
        tables.write(
            "put_item",
            TableName=orders_table(),
            Item=to_item(item),
            # Holds when there is no row yet, or one of an older version of the transfer.
            ConditionExpression="attribute_not_exists(pk) OR version < :version",
            ExpressionAttributeValues=to_item({":version": transfer.version}),
        )


def unshipped(sku: str, location_id: str | None = None) -> list[Transfer]:
    """The transfers with units of ``sku`` that have not left (from ``location_id``), those that
    were asked for last first; each as it stands now (strongly consistent)."""
    condition, values = "pk = :pk", {":pk": f"GIVING#{sku}"}
    if location_id is not None:
        condition += " AND begins_with(sk, :location)"
        values[":location"] = f"{location_id}#"
    rows = [
        row for row in tables.query(orders_table(), condition, to_item(values)) if row["quantity"]
    ]
    keys = [transfer_key(row["sk"].partition("#")[2]) for row in rows[:MOST_GIVING]]
    found = map(transfer_of_item, tables.get_many(keys, consistent=True).values())
    some = (one for one in found if one.state == "requested")
    return sorted(some, key=lambda one: (one.requested_at, one.transfer_id), reverse=True)


def _known(transfer_id: str, request: Request) -> bool:
    keys = [transfer_key(transfer_id), record_key(request)]
    return bool(tables.get_many(keys, consistent=True))


def _look(transfer_id: str, request: Request | None) -> tuple[Transfer, StoredAnswer | None]:
    keys = [transfer_key(transfer_id)]
    if request is not None:
        keys.append(record_key(request))
    items = tables.get_many(keys, consistent=True)
    document = items.get(transfer_key(transfer_id))
    record = items.get(record_key(request)) if request else None
    answered = StoredAnswer(record["digest"], record["answer"]) if record else None
    if document is None:
        raise NotFound(f"there is no transfer {transfer_id}", transfer_id=transfer_id)
    return transfer_of_item(document), answered


def _committed(moved: TransferChange, now: datetime, request: Request | None, answer: str) -> bool:
    """Whether it was written; not when somebody else was quicker. Raises OutOfStock."""
    transfer = moved.transfer
    transfers.check(transfer)
    parts = [document_part(moved)]
    if request is not None:
        parts.append(record_part(request, transfer.transfer_id, answer, now))
    if len(parts) + len(moved.effects) > tables.WRITE_PARTS:
        raise InvalidRequest(
            "a transfer has too many lines", [{"path": "$.lines", "message": f"{MOST_LINES}"}]
        )
    cause = Cause(
        source=SOURCE,
        id=f"{transfer.transfer_id}@{transfer.version + 1}",
        type=moved.cause,
        reason=moved.reason,
        reference=transfer.transfer_id,
    )
    done = stock.commit_effects(_landing(moved), cause, now, parts)
    if any(effect.supply for effect, _ in done.short):
        return False
    if done.short:
        raise OutOfStock([stock.shortage(effect, item) for effect, item in done.short])
    return done.written


def _landing(moved: TransferChange) -> list[Effect]:
    """Its effects; of units that arrive, those that are promised are reserved for who waits."""
    arriving = [effect for effect in moved.effects if effect.on_hand > 0]
    if not arriving:
        return list(moved.effects)
    places = [(effect.sku, effect.location_id) for effect in arriving]
    positions = stock.positions_of(places, consistent=True)
    reference = moved.transfer.transfer_id
    return [
        receive_supply(effect, positions.get((effect.sku, effect.location_id)), reference)
        for effect in moved.effects
    ]


def document_part(moved: TransferChange) -> Part:
    """What a transaction does to the document of a transfer."""
    transfer = moved.transfer
    item: dict[str, Any] = {
        "pk": f"TRANSFER#{transfer.transfer_id}",
        "sk": "TRANSFER",
        **{name: to_plain(value) for name, value in asdict(transfer).items()},
        "version": transfer.version + 1,
        "deadline_key": TRANSFERS_DUE if transfer.deadline else None,
    }
    put: dict[str, Any] = {
        "TableName": orders_table(),
        "Item": to_item(item),
        # Holds when no transfer has this id.
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    if transfer.version:
        # Holds while nobody has changed the transfer since it was read.
        put["ConditionExpression"] = "#version = :read"
        put["ExpressionAttributeNames"] = {"#version": "version"}
        put["ExpressionAttributeValues"] = to_item({":read": transfer.version})
    return {"Put": put}


def transfer_of_item(item: Mapping[str, Any]) -> Transfer:
    """A transfer from the plain values of its item: of a read, or an image of the stream."""
    deadline = item.get("deadline")
    return Transfer(
        transfer_id=item["transfer_id"],
        from_location_id=item["from_location_id"],
        to_location_id=item["to_location_id"],
        lines=tuple(TransferLine(**row) for row in item["lines"]),
        requested_at=datetime.fromisoformat(item["requested_at"]),
        expected_at=datetime.fromisoformat(item["expected_at"]),
        state=item["state"],
        deadline=datetime.fromisoformat(deadline) if deadline else None,
        reminders=item["reminders"],
        history=tuple(
            OrderEntry(**{**row, "at": datetime.fromisoformat(row["at"])})
            for row in item["history"]
        ),
        version=item["version"],
    )


def _stored(transfer: Transfer) -> Transfer:
    return replace(transfer, version=transfer.version + 1)
