"""Read an order, the stored answer of a request, and the inputs of a placement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.availability.model.pack import Pack
from shared.availability.store.packs import pack_key, packs_of
from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Key
from shared.aws.items import to_item
from shared.catalog.model import Product
from shared.catalog.store import product_key, product_of_item
from shared.orders.model import NO_PAST, Order
from shared.orders.store.items import contacts_of_item, order_of_item, past_of_item
from shared.orders.store.keys import (
    CONTACTS,
    contacts_key,
    order_id_of_request,
    order_key,
    orders_table,
    record_key,
)
from shared.routing.model.decision import SkuFutureOrders
from shared.routing.store.future_orders import future_orders_key, future_orders_of_item
from shared.stock import store as stock
from shared.stock.model.position import Hold
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer of an earlier request: the digest of its payload, and the JSON."""

    digest: str
    answer: str


@dataclass(frozen=True, slots=True)
class OrderLookup:
    """The stored order, and the answer to the request when there is one already."""

    order: Order | None
    answered: StoredAnswer | None


def find(order_id: str) -> Order | None:
    """The stored order with its contacts (strongly consistent): one call."""
    return look_up(order_id).order


def look_up(order_id: str, request: Request | None = None) -> OrderLookup:
    """The stored order with its contacts, and the answer of the request (strongly consistent): one
    call."""
    keys = [*_lookup_keys(order_id, request), contacts_key(order_id)]
    items = tables.get_many(keys, consistent=True)
    found = _lookup_of(items, order_id, request)
    contacts = items.get(contacts_key(order_id))
    if found.order is None or contacts is None:
        return found
    return replace(found, order=replace(found.order, contacts=contacts_of_item(contacts)))


@dataclass(frozen=True, slots=True)
class PlacementInputs:
    """Everything that a placement reads before it plans. It may be stale: the conditions of the
    transaction are checked against the stored items."""

    lookup: OrderLookup
    packs: dict[str, Pack]
    products: dict[str, Product]
    pulls: dict[str, SkuFutureOrders]
    hold: Hold | None


def read_placement(
    skus: Iterable[str],
    order_id: str | None = None,
    request: Request | None = None,
    hold_id: str | None = None,
) -> PlacementInputs:
    """Read the inputs of a placement (eventually consistent): one call, and one more when the pack
    of a SKU has more than one item."""
    distinct_skus = list(dict.fromkeys(skus))
    lookup_keys = _lookup_keys(order_id, request) if order_id is not None else []
    hold_key = Key(stock.stock_table(), f"HOLD#{hold_id}", "HOLD")
    keys = [
        *lookup_keys,
        *map(pack_key, distinct_skus),
        *map(product_key, distinct_skus),
        *map(future_orders_key, distinct_skus),
    ]
    items = tables.get_many([*keys, hold_key] if hold_id is not None else keys)
    hold = items.get(hold_key)
    return PlacementInputs(
        lookup=_lookup_of(items, order_id, request),
        packs=packs_of(items[pack_key(sku)] for sku in distinct_skus if pack_key(sku) in items),
        products={
            sku: product_of_item(items[product_key(sku)])
            for sku in distinct_skus
            if product_key(sku) in items
        },
        pulls={
            sku: future_orders_of_item(items[future_orders_key(sku)])
            for sku in distinct_skus
            if future_orders_key(sku) in items
        },
        hold=stock.hold_of_item(hold) if hold else None,
    )


def _lookup_keys(order_id: str, request: Request | None) -> list[Key]:
    """The key of the order, and those of the items that may have the request's answer."""
    if request is None:
        return [order_key(order_id)]
    return [order_key(order_id), order_key(order_id_of_request(request)), record_key(request)]


def _lookup_of(
    items: Mapping[Key, dict[str, Any]], order_id: str | None, request: Request | None
) -> OrderLookup:
    document = items.get(order_key(order_id)) if order_id is not None else None
    return OrderLookup(
        order=order_of_item(document) if document else None,
        answered=_answered(items, request) if request else None,
    )


def _answered(items: Mapping[Key, dict[str, Any]], request: Request) -> StoredAnswer | None:
    if record := items.get(record_key(request)):
        return StoredAnswer(record["digest"], record["answer"])
    placed = items.get(order_key(order_id_of_request(request)))
    if placed and placed["request"]["name"] == request.name:
        return first_answer(placed)
    return None


def with_contacts(orders: Iterable[Order]) -> list[Order]:
    """The orders with their contacts: one call per 100."""
    orders = list(orders)
    items = tables.get_many([contacts_key(order.order_id) for order in orders])
    return [
        replace(order, contacts=contacts_of_item(items.get(contacts_key(order.order_id))))
        for order in orders
    ]


def first_answer(item: Mapping[str, Any]) -> StoredAnswer:
    """The answer of the request that placed the order. It is stored in the order's item, or with
    the contacts when it has any: then it takes a call."""
    answer = item.get("answer")
    if answer is None:
        contacts = tables.get(orders_table(), item["pk"], CONTACTS, consistent=True)
        answer = contacts["answer"] if contacts else ""
    return StoredAnswer(item["request"]["digest"], answer)


def with_past(order: Order) -> Order:
    """The order with the history and fulfillments stored beside it, to read and not to store: one
    Query for a long order, none for others.

    Raises LookupError when a part is missing.
    """
    if not order.past.parts:
        return order
    rows = list(
        tables.query(
            orders_table(),
            "pk = :pk AND sk BETWEEN :first AND :last",
            to_item(
                {
                    ":pk": f"ORDER#{order.order_id}",
                    ":first": "PAST#000000",
                    ":last": f"PAST#{order.past.parts - 1:06d}",
                }
            ),
            ConsistentRead=True,
        )
    )
    parts = [past_of_item(row) for row in rows]
    history = [entry for entries, _ in parts for entry in entries]
    fulfillments = [part for _, closed in parts for part in closed]
    if (len(history), len(fulfillments)) != (order.past.entries, order.past.fulfillments):
        raise LookupError(f"the past of order {order.order_id} is incomplete")
    in_order = sorted(
        (*fulfillments, *order.fulfillments),
        key=lambda part: int(part.fulfillment_id.rpartition(".")[2]),
    )
    return replace(
        order, fulfillments=tuple(in_order), history=(*history, *order.history), past=NO_PAST
    )
