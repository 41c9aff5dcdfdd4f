"""A retailer for tests: four places, some stock, and the laws over what the tables hold."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.availability.model.positions import change_of
from shared.availability.store import projection
from shared.aws import dynamodb as tables
from shared.aws.clients import dynamodb
from shared.aws.items import from_item
from shared.aws.settings import table_name
from shared.catalog import store as catalog
from shared.catalog.model import Product
from shared.locations import store as locations
from shared.orders import model, store
from shared.orders.model import DeliveryPlace, Line, Method, Order, owed, transfers
from shared.orders.model.payments import paid
from shared.orders.model.supplies import claimed_units
from shared.orders.store import transfers as transfers_store
from shared.stock import store as stock
from shared.stock.model.position import Cause, Effect, Position
from shared.web.idempotency import Request
from tests.support import clauses
from tests.support.places import place

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
PLACES = {
    "denver": place("denver"),
    "boulder": place("boulder", latitude=40.015, longitude=-105.2705, postal_code="80302"),
    "omaha": place("omaha", latitude=41.2565, longitude=-95.9345, postal_code="68102"),
    "depot": place(
        "depot",
        type="warehouse",
        latitude=39.1,
        longitude=-94.58,
        postal_code="64106",
        pickup=False,
    ),
}
SHIP_TO = DeliveryPlace("80202", "US", 39.7392, -104.9903)


def stocked(units: Mapping[str, Mapping[str, int]]) -> None:
    """``{sku: {location: units}}``: places, products, positions and packs, as feeds leave them."""
    for location in PLACES.values():
        locations.put(location)
    for sku, at in units.items():
        catalog.put(Product(sku, f"The {sku}", 1000, "USD", 0.5, margin=300))
        effects = [Effect(sku, location, quantity, 0) for location, quantity in at.items()]
        cause = Cause("test", f"count-{sku}", "stock.counted", "stock_taking")
        _, parts = stock.effect_parts(effects, cause, NOW)
        assert not parts or tables.transact(parts) == []
        project(sku)


def project(sku: str) -> None:
    """The pack as the stream would leave it now."""
    projection.project(sku, [replace(change_of(row), at=NOW) for row in stock.positions(sku)])


def line(line_id: str, sku: str, quantity: int, method: Method = "ship", **more: Any) -> Line:
    return Line(line_id, sku, quantity, 1000, "USD", method, 0, **more)


def order(order_id: str, *lines: Line, reference: str | None = None, **more: Any) -> Order:
    """A paid order; ``reference`` is that of its payment."""
    draft = Order(
        order_id=order_id,
        channel="web",
        placed_at=NOW,
        payments=(),
        lines=lines or (line("1", "A", 1),),
        ship_to=SHIP_TO,
        **more,
    )
    return replace(draft, payments=(paid(owed(draft), reference=reference),))


def request(key: str, body: object = None) -> Request:
    return Request.of("web-client", key, "POST", "/v1/orders", body)


def position(sku: str, location_id: str) -> Position:
    found = stock.position(sku, location_id)
    assert found is not None
    return found


def counts(sku: str, location_id: str) -> tuple[int, int, int, int]:
    """on_hand, reserved, available, damaged"""
    found = position(sku, location_id)
    return found.on_hand, found.reserved, found.available, found.damaged


def items(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for page in (
        dynamodb().get_paginator("scan").paginate(TableName=table_name(name), ConsistentRead=True)
    ):
        found += map(from_item, page["Items"])
    return found


def all_orders() -> list[Order]:
    return [store.order_of_item(item) for item in items("orders") if item["sk"] == "ORDER"]


def laws() -> None:
    """Law 1 (positions against open holds and fulfillments), law 2 and law 6, over all tables."""
    documents = items("orders")
    rows = items("stock")
    found = [store.order_of_item(row) for row in documents if row["sk"] == "ORDER"]
    places = [stock.position_of_item(row) for row in rows if row["sk"].startswith("LOC#")]
    for row in rows:
        if row["sk"].startswith("LOC#"):
            place = row["sku"], row["location_id"]
            clauses.available_is_what_is_not_reserved(place, row)
            clauses.at_least(clauses.named(place), "available", row["available"], 0)
    clauses.reserved_is_promised(
        {(there.sku, there.location_id): there.reserved for there in places},
        {"open holds": clauses.of_open_holds(rows), **promised(found, documents, places)},
    )
    supplies(places, found, documents)


def promised(
    found: Iterable[Order], documents: Iterable[Mapping[str, Any]], places: Iterable[Position]
) -> dict[str, Counter[tuple[str, str]]]:
    """Units by place that orders, transfers and arrived supply have reserved, by what has. Checks
    law 6 of each order, and of each transfer among the rows of the table of orders."""
    ordered: Counter[tuple[str, str]] = Counter()
    moving: Counter[tuple[str, str]] = Counter()
    for order in found:
        model.check(order)
        ordered.update(model.units_held(order.fulfillments))
    for row in documents:
        if row["sk"] == "TRANSFER":
            transfers.check(transfers_store.transfer_of_item(row))
            moving += store.reserved_by_transfer(row)
    landed = Counter(
        {(there.sku, there.location_id): sum(there.landed.values()) for there in places}
    )
    return {"open order lines": ordered, "requested transfers": moving, "landed supply": landed}


def supplies(
    places: Iterable[Position], found: Iterable[Order], documents: Iterable[Mapping[str, Any]]
) -> None:
    """What positions count as promised of their supplies is what orders claim, and what the queue
    of each position has."""
    promised: Counter[tuple[str, str, str]] = Counter()
    for there in places:
        for counts in (there.due, there.landed):
            for reference, units in counts.items():
                promised[there.sku, there.location_id, reference] += units
    claims: Counter[tuple[str, str, str]] = Counter()
    queued: Counter[tuple[str, str, str]] = Counter()
    for order in found:
        claims.update(claimed_units(order))
    for row in documents:
        if row["pk"].startswith("SUPPLY#"):
            _, sku, location_id = row["pk"].split("#")
            queued[sku, location_id, row["sk"].split("#", 3)[3]] += row["quantity"]
    for supply in {**promised, **claims, **queued}:
        sku, location_id, reference = supply
        subject = f"supply {reference} of {clauses.named((sku, location_id))}"
        terms = {"claimed by order lines": claims[supply]}
        clauses.equals(subject, "promised by the position", promised[supply], terms)
        clauses.equals(subject, "queued", queued[supply], terms)
