"""The items of an order as parts of the transaction that writes it."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.aws.expression import Update
from shared.aws.items import to_item
from shared.instants import rfc3339
from shared.orders.model import (
    NO_CONTACTS,
    Fulfillment,
    Line,
    Order,
    OrderChange,
    OrderEntry,
    Payment,
)
from shared.orders.model.quoted import OrderQuote
from shared.orders.store.decisions import inline_decisions
from shared.orders.store.items import to_plain
from shared.orders.store.keys import contacts_key, order_due, orders_table
from shared.web.idempotency import KEPT_SECONDS, Request

SELDOM = frozenset({"tax", "tax_within", "gift_wrap", "ship_to_store", "substitution", "discounts"})
NOTHING: tuple[Any, ...] = (0, False, "none", [])


def new_order_part(change: OrderChange, request: Request | None, answer: str) -> Part:
    order = change.order
    item = {
        "pk": f"ORDER#{order.order_id}",
        "sk": "ORDER",
        "order_id": order.order_id,
        "channel": order.channel,
        "placed_at": rfc3339(order.placed_at),
        "buyer": to_plain(order.buyer),
        "profile_key": f"PROFILE#{order.buyer.profile_id}" if order.buyer.profile_id else None,
        "hold_id": order.hold_id,
        "reference": order.reference,
        "quote": _plain_quote(order.quote) if order.quote else None,
        "request": {"name": request.name, "digest": request.digest} if request else None,
        "answer": answer if order.contacts == NO_CONTACTS else None,
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


def contacts_part(order: Order, answer: str | None) -> Part:
    """Writes the persons of the order. The version of the order guards it. The answer that placed
    the order names them, and is stored with them."""
    names = order.contacts.__dataclass_fields__
    values: dict[str, Any] = {name: to_plain(getattr(order.contacts, name)) for name in names}
    if answer is not None:
        values["answer"] = answer
    update = Update()
    for name, value in values.items():
        if value is None:
            update.remove(name)
        else:
            update.set(name, value)
    key = contacts_key(order.order_id)
    return {"Update": update.request(key.table, key.pk, key.sk)}


def _plain_payment(payment: Payment) -> dict[str, Any]:
    """A payment without the sums that are 0."""
    return {name: value for name, value in to_plain(payment).items() if value}


def _plain_line(line: Line) -> dict[str, Any]:
    """A line without what few lines have, where it has none of it."""
    row: dict[str, Any] = to_plain(line)
    return {
        name: value for name, value in row.items() if value not in NOTHING or name not in SELDOM
    }


def _plain_quote(quote: OrderQuote) -> dict[str, Any]:
    uses = [use.to_json() for use in quote.uses]
    row: dict[str, Any] = to_plain(replace(quote, uses=()))
    return {name: value for name, value in {**row, "uses": uses}.items() if value}


def _payment_for_older_code(order: Order) -> dict[str, Any]:
    """The payment as code of before the ledger of payments reads it, for a rollback."""
    taken = sum(payment.authorized for payment in order.payments)
    paid = all(payment.status == "paid" for payment in order.payments)
    status = "pending" if order.unpaid or not taken else "paid" if paid else "authorized"
    refunded = sum(payment.refund_due for payment in order.payments)
    return {"status": status, "charged": taken, "refunded": refunded}


def changed_order_part(change: OrderChange) -> Part:
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
        "service_level": order.service_level,
        "ship_to": to_plain(order.ship_to) if order.ship_to else None,
        "payments": [_plain_payment(payment) for payment in order.payments],
        "payment": _payment_for_older_code(order),
        "payment_due_by": rfc3339(order.payment_due_by) if order.payment_due_by else None,
        "points": to_plain(order.points) if order.points else None,
        "shipping": order.shipping or None,
        "shipping_tax": order.shipping_tax or None,
        "repriced": order.repriced or None,
        "credits": [to_plain(credit) for credit in order.credits] or None,
        "lines": [_plain_line(line) for line in order.lines],
        "fulfillments": [to_plain(part) for part in order.fulfillments],
        "history": [to_plain(entry) for entry in order.history],
        "returns": [to_plain(each) for each in order.returns] or None,
        "decisions": inline_decisions(order),
        "past": asdict(order.past) if order.past.parts else None,
        "buyer_keys": list(order.buyer_keys) or None,
        "contact_keys": list(order.contact_keys) or None,
        "pauses": [to_plain(pause) for pause in order.pauses] or None,
        "ship_complete": order.ship_complete or None,
        "deadline_key": order_due(order.order_id) if due else None,
        "deadline": rfc3339(due) if due else None,
    }


MOST_IN_ORDER = 48_000
"""Approximate bytes of history and fulfillments from which the closed part moves beside the order:
every change writes the whole item, which has at most 400 KB."""


def size(order: Order) -> int:
    """The approximate bytes of fulfillments and history, the parts of an order that grow."""
    rows: list[Fulfillment | OrderEntry] = [*order.fulfillments, *order.history]
    return sum(len(repr(to_plain(row))) for row in rows)


def past_part(past: Order) -> Part:
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


def asked_part(request: Request, order_id: str, now: datetime) -> Part:
    """Notes with the order that ``request`` was about it. The stored answer may contain data of the
    buyer; an erasure finds it by this row."""
    item = {
        "pk": f"ORDER#{order_id}",
        "sk": f"ASKED#{request.name}",
        "request": request.name,
        "ttl": int(now.timestamp()) + KEPT_SECONDS,
    }
    return {"Put": {"TableName": orders_table(), "Item": to_item(item)}}
