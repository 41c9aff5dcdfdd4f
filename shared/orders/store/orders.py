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
from shared.orders.store.keys import order_due, order_id_of_request, orders_table
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
"""The reasons in the ledger, as words of GS1 CBV; reserving and releasing is ``reserved``."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Why nothing was written.

    ``changed``: the order has changed since it was read. ``answered``: the request has been
    answered already. ``learnt``: the current facts of the positions that refused, by (location_id,
    SKU). Nothing of these: a condition of a part beside the order failed.
    """

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
    """Write the change in one transaction; None when it was written, else the reason.

    The transaction has the order, its stock positions, the claims that differ from ``before``, long
    decisions, the past of a long order, and the parts ``beside`` them. A new order stores its
    request and answer itself. A record of the request is written as well when the order's id does
    not follow from it: for an id that the channel chose, and for every later action.

    Raises LawBroken for an order that does not conserve its units, HoldClosed, TooMuchAtOnce for
    more items than a transaction can have. Nothing is written then.
    """
    change = replace(change, order=as_storable(change.order))
    order = change.order
    check(order)
    new = order.version == 0
    past_parts: list[Part] = []
    if before is not None and _size(order) > MOST_IN_ORDER:
        shorter, past = split_past(before, order)
        if past.history or past.fulfillments:
            past_parts = [_past_part(past)]
            change = replace(change, order=shorter)
    parts: list[Part] = [
        _new_order_part(change, request, answer) if new else _changed_order_part(change)
    ]
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
    parts += [*past_parts, *beside]
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
        stored = refused[0]
        same_request = new and stored and request and stored["request"]["name"] == request.name
        return NotWritten(
            changed=True, answered=first_answer(stored) if stored and same_request else None
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


def _new_order_part(change: OrderChange, request: Request | None, answer: str) -> Part:
    order = change.order
    item = {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "order_id": order.order_id,
        "channel": order.channel,
        "placed_at": rfc3339(order.placed_at),
        "service_level": order.service_level,
        "buyer": to_plain(order.buyer),
        "profile_key": f"PROFILE#{order.buyer.profile_id}" if order.buyer.profile_id else None,
        "ship_to": to_plain(order.ship_to) if order.ship_to else None,
        "hold_id": order.hold_id,
        "reference": order.reference,
        "request": {"name": request.name, "digest": request.digest} if request else None,
        "answer": answer,
        **_changing_attributes(order),
    }
    return {
        "Put": {
            "TableName": orders_table(),
            "Item": to_item(item),
            # Holds when no order has this id.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _changed_order_part(change: OrderChange) -> Part:
    order = change.order
    attributes = _changing_attributes(order)
    removed = [name for name, value in attributes.items() if value is None]
    values = to_item({f":{name}": value for name, value in attributes.items() if value is not None})
    names = {f"#{name}": name for name in attributes}
    update = "SET " + ", ".join(f"#{name} = :{name}" for name in attributes if name not in removed)
    if removed:
        update += " REMOVE " + ", ".join(f"#{name}" for name in removed)
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


def _changing_attributes(order: Order) -> dict[str, Any]:
    """The attributes that every change of an order writes; None removes one."""
    due = order.deadline
    return {
        "version": order.version + 1,
        "state": order.state,
        "payment": to_plain(order.payment),
        "lines": [to_plain(line) for line in order.lines],
        "fulfillments": [to_plain(part) for part in order.fulfillments],
        "history": [to_plain(entry) for entry in order.history],
        "decisions": inline_decisions(order),
        "past": asdict(order.past) if order.past.parts else None,
        "buyer_keys": list(order.buyer_keys) or None,
        "pauses": [to_plain(pause) for pause in order.pauses] or None,
        "deadline_key": order_due(order.order_id) if due else None,
        "deadline": rfc3339(due) if due else None,
    }


MOST_IN_ORDER = 48_000
"""Approximate bytes of history and fulfillments from which the closed part moves beside the order:
every change writes the whole item, which has at most 400 KB."""


def _size(order: Order) -> int:
    """The approximate bytes of fulfillments and history, the parts of an order that grow."""
    rows: list[Fulfillment | OrderEntry] = [*order.fulfillments, *order.history]
    return sum(len(repr(to_plain(row))) for row in rows)


def _past_part(past: Order) -> Part:
    """Writes what ``split_past`` has taken from the order. The version of the order guards the part
    against being written twice."""
    item = {
        "pk": f"ORDER#{past.order_id}",
        "sk": f"PAST#{past.past.parts:06d}",
        "fulfillments": [to_plain(part) for part in past.fulfillments],
        "history": [to_plain(entry) for entry in past.history],
    }
    return {"Put": {"TableName": orders_table(), "Item": to_item(item)}}


def record_part(request: Request, order_id: str, answer: str, now: datetime) -> Part:
    """Writes the record of an answered request, for replays within 30 days."""
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
            # Holds when the request has not been answered.
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def _asked_part(request: Request, order_id: str, now: datetime) -> Part:
    """Notes with the order that ``request`` was about it. The stored answer may contain data of the
    buyer; an erasure finds it by this row."""
    item = {
        "pk": f"ORDER#{order_id}",
        "sk": f"ASKED#{request.name}",
        "request": request.name,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {"Put": {"TableName": orders_table(), "Item": to_item(item)}}
