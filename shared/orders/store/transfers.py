"""Transfers, table ``orders``.

    pk TRANSFER#<transfer_id>   sk TRANSFER      the transfer
    pk TRANSFER#<transfer_id>   sk PAST#<part>   the early history of a long transfer
    pk GIVING#<sku>   sk <location_id>#<transfer_id>   units that have not left yet, projected

    by_deadline   deadline_key DUE#TRANSFERS#<shard>, deadline   transfers due

A transfer changes like an order, in one transaction: the document at the version that was read, one
part for each stock position, and the record of the request.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key, Part
from shared.aws.items import to_item
from shared.errors import Busy, InvalidRequest, KeyReused, NotFound, OutOfStock
from shared.orders.model import OrderEntry, transfers
from shared.orders.model.transfers import (
    NO_PAST,
    SOURCE,
    Transfer,
    TransferChange,
    TransferLine,
    TransferPast,
    split_past,
)
from shared.orders.store.documents import record_part
from shared.orders.store.items import entry_of_row, to_plain
from shared.orders.store.keys import orders_table, record_key, transfer_due
from shared.orders.store.reads import StoredAnswer
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect, receive_supply
from shared.stored import from_row
from shared.web.idempotency import KEPT_SECONDS, Request

ATTEMPTS = 8
MOST_LINES = 90
MOST_IN_TRANSFER = 48_000
"""Approximate bytes of history from which its early entries move beside the transfer: every change
writes the whole item, which has at most 400 KB."""
MOST_GIVING = 50
"""The most transfers that are considered for one SKU."""


def transfer_key(transfer_id: str) -> Key:
    return Key(orders_table(), f"TRANSFER#{transfer_id}", "TRANSFER")


def find(transfer_id: str) -> Transfer:
    """The stored transfer (strongly consistent). Raises NotFound."""
    transfer, _ = _look_up(transfer_id, None)
    return transfer


def with_past(transfer: Transfer) -> Transfer:
    """The transfer with the history that is stored beside it, to read and not to store: one Query
    for a long transfer, none for others.

    Raises LookupError when a part is missing.
    """
    if not transfer.past.parts:
        return transfer
    values = {
        ":pk": f"TRANSFER#{transfer.transfer_id}",
        ":first": "PAST#000000",
        ":last": f"PAST#{transfer.past.parts - 1:06d}",
    }
    rows = tables.query(
        orders_table(),
        "pk = :pk AND sk BETWEEN :first AND :last",
        to_item(values),
        ConsistentRead=True,
    )
    early = [entry_of_row(entry) for row in rows for entry in row["history"]]
    if len(early) != transfer.past.entries:
        raise LookupError(f"the past of transfer {transfer.transfer_id} is incomplete")
    return replace(transfer, history=(*early, *transfer.history), past=NO_PAST)


def change(
    transfer_id: str,
    decide: Callable[[Transfer], TransferChange | None],
    now: datetime,
    *,
    request: Request | None = None,
    answer: Callable[[Transfer], str] = lambda _: "",
    known: Transfer | None = None,
) -> str | None:
    """Change the transfer once as ``decide`` says and return the answer; a replay gets the first
    one. ``decide`` runs again when the transfer has changed meanwhile; its None changes nothing.
    ``known`` is the transfer as the caller has just read it; it saves a read without a request.

    Raises what ``decide`` raises; NotFound, KeyReused, Busy.
    """
    for attempt in tables.attempts(ATTEMPTS):
        if known is not None and request is None and attempt == 0:
            transfer, answered = known, None
        else:
            transfer, answered = _look_up(transfer_id, request)
        if request is not None and answered is not None:
            request.check(answered.digest)
            return answered.answer
        decided = decide(transfer)
        if decided is None:
            return None
        text = answer(_as_stored(decided.transfer))
        if _commit(decided, now, request, text):
            return text
    raise Busy(f"transfer {transfer_id} is being changed by too many at once")


def request_once(
    requested: TransferChange, now: datetime, request: Request, answer: Callable[[Transfer], str]
) -> str:
    """Store a new transfer, reserve its units and return the answer; a replay gets the first one.

    Raises OutOfStock with every short SKU, KeyReused.
    """
    transfer_id = requested.transfer.transfer_id
    text = answer(_as_stored(requested.transfer))
    try:
        if _commit(requested, now, request, text):
            return text
    except OutOfStock:
        if not _is_stored(transfer_id, request):
            raise
    _, answered = _look_up(transfer_id, request)
    if answered is None:
        raise KeyReused(f"there is a transfer {transfer_id} already, asked for with another key")
    request.check(answered.digest)
    return answered.answer


def transfer_items(transfer_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The items of the transfers that exist, by transfer_id (strongly consistent): one call per
    100. ``transfer_of_item`` makes a transfer of one."""
    keys = {transfer_key(transfer_id): transfer_id for transfer_id in transfer_ids}
    items = tables.get_many(keys, consistent=True)
    return {keys[key]: item for key, item in items.items()}


def announce_supply(transfer: Transfer, now: datetime) -> None:
    """Write the expected units into the positions of the receiver. A repeated or late call changes
    nothing. A position that has no room for another supply (shared/stock/model/supplies.py) does
    not show the transfer as expected until it has changed again; its units arrive all the same.

    Raises Busy when others write the same positions faster.
    """
    events = transfers.supply_events(transfer)
    positions = stock.positions_of((event.sku, event.location_id) for event in events)
    for event in events:
        stock.apply_events([event], positions.get((event.sku, event.location_id)), (), now)


def index_unshipped(transfer: Transfer) -> None:
    """Write by SKU and donor the units that have not left, so that ``unshipped`` finds them. A
    repeated or late call changes nothing."""
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
    """The transfers with units of ``sku`` that have not left (from ``location_id``), the latest
    requested first. The transfers are read strongly consistent."""
    condition, values = "pk = :pk", {":pk": f"GIVING#{sku}"}
    if location_id is not None:
        condition += " AND begins_with(sk, :location)"
        values[":location"] = f"{location_id}#"
    rows = [
        row for row in tables.query(orders_table(), condition, to_item(values)) if row["quantity"]
    ]
    keys = [transfer_key(row["sk"].partition("#")[2]) for row in rows[:MOST_GIVING]]
    stored = map(transfer_of_item, tables.get_many(keys, consistent=True).values())
    requested = (transfer for transfer in stored if transfer.state == "requested")
    return sorted(
        requested,
        key=lambda transfer: (transfer.requested_at, transfer.transfer_id),
        reverse=True,
    )


def _is_stored(transfer_id: str, request: Request) -> bool:
    keys = [transfer_key(transfer_id), record_key(request)]
    return bool(tables.get_many(keys, consistent=True))


def _look_up(transfer_id: str, request: Request | None) -> tuple[Transfer, StoredAnswer | None]:
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


def _commit(change: TransferChange, now: datetime, request: Request | None, answer: str) -> bool:
    """Write the change in one transaction; False when the transfer has changed since it was read.
    Raises OutOfStock."""
    transfer = change.transfer
    transfers.check(transfer)
    parts = document_parts([change])
    if request is not None:
        parts.append(record_part(request, transfer.transfer_id, answer, now))
    if len(parts) + len(change.effects) > tables.WRITE_PARTS:
        raise InvalidRequest(
            "a transfer has too many lines",
            [{"path": "$.lines", "message": f"at most {MOST_LINES} lines"}],
        )
    cause = Cause(
        source=SOURCE,
        id=f"{transfer.transfer_id}@{transfer.version + 1}",
        type=change.cause,
        reason=change.reason,
        reference=transfer.transfer_id,
    )
    done = stock.commit_effects(_with_landings(change), cause, now, parts)
    if any(effect.supply for effect, _ in done.short):
        return False
    if done.short:
        raise OutOfStock([stock.shortage(effect, item) for effect, item in done.short])
    return done.written


def _with_landings(change: TransferChange) -> list[Effect]:
    """The effects of the change, with arriving units reserved for the backorders that were promised
    them."""
    arriving = [effect for effect in change.effects if effect.on_hand > 0]
    if not arriving:
        return list(change.effects)
    places = [(effect.sku, effect.location_id) for effect in arriving]
    positions = stock.positions_of(places, consistent=True)
    reference = change.transfer.transfer_id
    return [
        receive_supply(effect, positions.get((effect.sku, effect.location_id)), reference)
        for effect in change.effects
    ]


def document_parts(changes: Iterable[TransferChange]) -> list[Part]:
    """The parts of a transaction that write the transfers themselves, each with its early history
    beside it when that has become long."""
    parts: list[Part] = []
    for one in changes:
        transfer = one.transfer
        if sum(len(repr(to_plain(entry))) for entry in transfer.history) > MOST_IN_TRANSFER:
            transfer, early = split_past(transfer)
            parts += [_past_part(transfer, early)] if early else []
        parts.append(_document_part(transfer))
    return parts


def _past_part(transfer: Transfer, early: Sequence[OrderEntry]) -> Part:
    """Writes what ``split_past`` has taken from the transfer. The version of the transfer guards
    the part against being written twice."""
    item = {
        "pk": f"TRANSFER#{transfer.transfer_id}",
        "sk": f"PAST#{transfer.past.parts - 1:06d}",
        "history": [to_plain(entry) for entry in early],
    }
    return {"Put": {"TableName": orders_table(), "Item": to_item(item)}}


def _document_part(transfer: Transfer) -> Part:
    item: dict[str, Any] = {
        "pk": f"TRANSFER#{transfer.transfer_id}",
        "sk": "TRANSFER",
        **{name: to_plain(value) for name, value in asdict(transfer).items()},
        "version": transfer.version + 1,
        "past": asdict(transfer.past) if transfer.past.parts else None,
        "deadline_key": transfer_due(transfer.transfer_id) if transfer.deadline else None,
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
    """A transfer from the values of its item, read from the table or from a stream image."""
    deadline = item.get("deadline")
    return Transfer(
        transfer_id=item["transfer_id"],
        from_location_id=item["from_location_id"],
        to_location_id=item["to_location_id"],
        lines=tuple(from_row(TransferLine, row) for row in item["lines"]),
        requested_at=datetime.fromisoformat(item["requested_at"]),
        expected_at=datetime.fromisoformat(item["expected_at"]),
        state=item["state"],
        deadline=datetime.fromisoformat(deadline) if deadline else None,
        reminders=item["reminders"],
        history=tuple(entry_of_row(row) for row in item["history"]),
        version=item["version"],
        past=from_row(TransferPast, item["past"]) if item.get("past") else NO_PAST,
        order_id=item.get("order_id"),
    )


def _as_stored(transfer: Transfer) -> Transfer:
    return replace(transfer, version=transfer.version + 1)
