"""Read an order, the answer of a request, and everything a placement looks at."""

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
from shared.orders.store.items import order_of_item, past_of_item
from shared.orders.store.keys import order_id_of_request, order_key, orders_table, record_key
from shared.routing.model.decision import SkuFutureOrders
from shared.routing.store.future_orders import future_orders_key, future_orders_of_item
from shared.stock import store as stock
from shared.stock.model.position import Hold
from shared.web.idempotency import Request


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A request that has taken effect: what it was, and the JSON it was given."""

    digest: str
    answer: str


@dataclass(frozen=True, slots=True)
class OrderLookup:
    """The order as it stands, and the answer to the request, if it has been carried out."""

    order: Order | None
    answered: StoredAnswer | None


def find(order_id: str) -> Order | None:
    """The order as it stands now (strongly consistent)."""
    item = tables.get(orders_table(), f"ORDER#{order_id}", "ORDER", consistent=True)
    return order_of_item(item) if item else None


def look_up(order_id: str, request: Request | None = None) -> OrderLookup:
    """The order and the request's record as they stand now (strongly consistent): one call."""
    wanted = _names(order_id, request)
    return _found(tables.get_many(wanted, consistent=True), order_id, request)


@dataclass(frozen=True, slots=True)
class PlacementInputs:
    """What a placement looks at, read in one call, and one more when the pack of a SKU lies in more
    than one item; it may be stale, the transaction is not."""

    found: OrderLookup
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
    wanted = list(dict.fromkeys(skus))
    names = _names(order_id, request) if order_id is not None else []
    hold_key = Key(stock.stock_table(), f"HOLD#{hold_id}", "HOLD")
    keys = [
        *names,
        *map(pack_key, wanted),
        *map(product_key, wanted),
        *map(future_orders_key, wanted),
    ]
    items = tables.get_many([*keys, hold_key] if hold_id is not None else keys)
    hold = items.get(hold_key)
    return PlacementInputs(
        found=_found(items, order_id, request),
        packs=packs_of(items[pack_key(sku)] for sku in wanted if pack_key(sku) in items),
        products={
            sku: product_of_item(items[product_key(sku)])
            for sku in wanted
            if product_key(sku) in items
        },
        pulls={
            sku: future_orders_of_item(items[future_orders_key(sku)])
            for sku in wanted
            if future_orders_key(sku) in items
        },
        hold=stock.hold_of_item(hold) if hold else None,
    )


def _names(order_id: str, request: Request | None) -> list[Key]:
    """Where the order lies, and each place where the request may have left its name."""
    if request is None:
        return [order_key(order_id)]
    return [order_key(order_id), order_key(order_id_of_request(request)), record_key(request)]


def _found(
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


def first_answer(item: Mapping[str, Any]) -> StoredAnswer:
    """How the request that placed the order was answered: kept in the order itself."""
    return StoredAnswer(item["request"]["digest"], item["answer"])


def with_past(order: Order) -> Order:
    """With all that lies beside it: one Query more for a long order. Only to be told, not stored.

    Raises LookupError when a part of it is not there.
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
    fulfillments = [found for _, closed in parts for found in closed]
    if (len(history), len(fulfillments)) != (order.past.entries, order.past.fulfillments):
        raise LookupError(f"the past of order {order.order_id} is not whole")
    made = sorted(
        (*fulfillments, *order.fulfillments),
        key=lambda found: int(found.fulfillment_id.rpartition(".")[2]),
    )
    return replace(
        order, fulfillments=tuple(made), history=(*history, *order.history), past=NO_PAST
    )
