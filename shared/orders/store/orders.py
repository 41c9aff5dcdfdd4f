"""Write a change of an order in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.items import to_item
from shared.errors import HoldClosed, TooMuchAtOnce
from shared.instants import rfc3339
from shared.orders.model import Fulfillment, Order, OrderChange, OrderEntry, check, split_past
from shared.orders.model.erased import as_storable
from shared.orders.store.claims import claim_parts
from shared.orders.store.decisions import decision_parts, inline_decisions
from shared.orders.store.items import to_plain
from shared.orders.store.keys import order_id_of_request, orders_table, shard
from shared.orders.store.reads import StoredAnswer, first_answer
from shared.stock import store as stock
from shared.stock.model.position import Cause, Hold, sum_effects
from shared.stock.model.rules import FloorFacts
from shared.web.idempotency import KEPT_SECONDS, Request

REASONS: Mapping[str, str] = {
    "fulfillment.shipped": "shipping",
    "fulfillment.collected": "retail_selling",
    "fulfillment.rejected": "stock_taking",
    "return.received": "returned",
}
"""GS1 CBV words for the ledger; reserving and releasing is ``reserved``."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Why nothing was written. ``changed``: the order is not as it was read. ``answered``: the
    request has been carried out by somebody else. ``learnt``: by (location_id,
    sku) the positions that refused, as they are."""

    changed: bool = False
    answered: StoredAnswer | None = None
    learnt: Mapping[tuple[str, str], FloorFacts] = field(default_factory=dict)


def commit(
    change: OrderChange,
    now: datetime,
    *,
    request: Request | None = None,
    answer: str = "",
    hold: Hold | None = None,
    before: Order | None = None,
    beside: Sequence[Part] = (),
) -> NotWritten | None:
    """Writes the change as one transaction; None when it was written, else why it was not.

    A new order carries its request and answer itself. A record of the request is written too when
    its name does not follow from the order's id: for an id of the channel's own, for every action.
    What the order waits for, and did not ``before`` (or the other way round), is written down too,
    and what is ``beside`` it; a refusal of that is a Lost that says nothing.

    Raises LawBroken (and writes nothing) for an order that does not conserve its units,
    HoldClosed, TooMuchAtOnce when it would touch more than a transaction can.
    """
    change = replace(change, order=as_storable(change.order))
    order = change.order
    check(order)
    new = order.version == 0
    aside: list[Part] = []
    if before is not None and _size(order) > MOST_IN_ORDER:
        shorter, gone = split_past(before, order)
        if gone.history or gone.fulfillments:
            aside = [_past_part(gone)]
            change = replace(change, order=shorter)
    parts: list[Part] = [_new(change, request, answer) if new else _changed(change)]
    hold_at = record_at = None
    if hold is not None:
        hold_at = len(parts)
        parts.append(stock.convert_part(hold, order.order_id, now, order.payment.reference))
    if request is not None and not (new and order.order_id == order_id_of_request(request)):
        record_at = len(parts)
        parts.append(record_part(request, order.order_id, answer, now))
        if not new:
            parts.append(_asked_part(request, order.order_id, now))
    parts += claim_parts(before, order)
    parts += decision_parts(order)
    parts += [*aside, *beside]
    effects = sum_effects(change.effects)
    if len(parts) + len(effects) > tables.WRITE_PARTS:
        raise TooMuchAtOnce(
            f"the order touches {len(effects)} stock positions, more than can change at once",
            [{"path": "$.lines", "message": "place fewer lines in one order"}],
        )
    done = stock.commit_effects(effects, _cause(change), now, parts)
    if done.written:
        return None
    refused = dict(done.refused)
    if record_at in refused and (record := refused[record_at]):
        return NotWritten(answered=StoredAnswer(record["digest"], record["answer"]))
    if 0 in refused:
        document = refused[0]
        mine = new and document and request and document["request"]["name"] == request.name
        return NotWritten(
            changed=True, answered=first_answer(document) if document and mine else None
        )
    if hold is not None and hold_at in refused:
        item = refused[hold_at]
        if item is None:
            raise HoldClosed(hold.hold_id, "gone")
        stock.check_claim(stock.hold_of_item(item), now, order.payment.reference)
    return NotWritten(
        learnt={
            (effect.location_id, effect.sku): stock.facts_of_item(item)
            for effect, item in done.short
        }
    )


def _cause(change: OrderChange) -> Cause:
    order = change.order
    return Cause(
        source="norain/orders",
        id=f"{order.order_id}@{order.version + 1}",
        type=change.cause,
        reason=REASONS.get(change.cause, "reserved"),
        reference=order.order_id,
    )


def _new(change: OrderChange, request: Request | None, answer: str) -> Part:
    order = change.order
    item = {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "order_id": order.order_id,
        "channel": order.channel,
        "placed_at": rfc3339(order.placed_at),
        "service_level": order.service_level,
        "buyer": to_plain(asdict(order.buyer)),
        "profile_key": f"PROFILE#{order.buyer.profile_id}" if order.buyer.profile_id else None,
        "ship_to": to_plain(asdict(order.ship_to)) if order.ship_to else None,
        "hold_id": order.hold_id,
        "request": {"name": request.name, "digest": request.digest} if request else None,
        "answer": answer,
        **_moving(order),
    }
    return {
        "Put": {
            "TableName": orders_table(),
            "Item": to_item(item),
            # Holds when no order has this id.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _changed(change: OrderChange) -> Part:
    order = change.order
    moving = _moving(order)
    gone = [name for name, value in moving.items() if value is None]
    values = to_item({f":{name}": value for name, value in moving.items() if value is not None})
    names = {f"#{name}": name for name in moving}
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in moving if name not in gone)
    if gone:
        update += " REMOVE " + ", ".join(f"#{name}" for name in gone)
    return {
        "Update": {
            "TableName": orders_table(),
            "Key": tables.key(f"ORDER#{order.order_id}", "ORDER"),
            "UpdateExpression": update,
            # Holds while nobody has changed the order since it was read.
            "ConditionExpression": "#version = :read",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {**values, ":read": {"N": str(order.version)}},
        }
    }


def _moving(order: Order) -> dict[str, Any]:
    """The attributes that change with an order; None is to be taken away."""
    due = order.deadline
    return {
        "version": order.version + 1,
        "state": order.state,
        "payment": to_plain(asdict(order.payment)),
        "lines": [to_plain(asdict(line)) for line in order.lines],
        "fulfillments": [to_plain(asdict(found)) for found in order.fulfillments],
        "history": [to_plain(asdict(entry)) for entry in order.history],
        "decisions": inline_decisions(order),
        "past": asdict(order.past) if order.past.parts else None,
        "deadline_key": f"DUE#{shard(order.order_id)}" if due else None,
        "deadline": rfc3339(due) if due else None,
    }


MOST_IN_ORDER = 48_000
"""Bytes, about, of history and fulfillments with which the closed ones move beside the order: it is
written whole with every change, and an item has at most 400 KB."""


def _size(order: Order) -> int:
    """Of what grows with everything that happens, in bytes, about."""
    rows: list[Fulfillment | OrderEntry] = [*order.fulfillments, *order.history]
    return sum(len(repr(to_plain(asdict(row)))) for row in rows)


def _past_part(gone: Order) -> Part:
    """``gone`` is what ``outgrown`` has taken from the order; the same part is never written twice,
    as the order's version guards it."""
    item = {
        "pk": f"ORDER#{gone.order_id}",
        "sk": f"PAST#{gone.past.parts:06d}",
        "fulfillments": [to_plain(asdict(found)) for found in gone.fulfillments],
        "history": [to_plain(asdict(entry)) for entry in gone.history],
    }
    return {"Put": {"TableName": orders_table(), "Item": to_item(item)}}


def record_part(request: Request, order_id: str, answer: str, now: datetime) -> Part:
    item = {
        "pk": f"IDEM#{request.name}",
        "sk": "IDEM",
        "order_id": order_id,
        "digest": request.digest,
        "answer": answer,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {
        "Put": {
            "TableName": orders_table(),
            "Item": to_item(item),
            # Holds when the request has not been carried out.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _asked_part(request: Request, order_id: str, now: datetime) -> Part:
    """That ``request`` was about the order: its answer may tell of the buyer, and is found by it
    when that person is erased."""
    item = {
        "pk": f"ORDER#{order_id}",
        "sk": f"ASKED#{request.name}",
        "request": request.name,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {"Put": {"TableName": orders_table(), "Item": to_item(item)}}
