"""Puts the retailer of infra/local/retailer.py into a running system as a client would: locations,
products and orders through the API, stock through the bulk queue.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from infra.local import postal
from infra.local.retailer import Basket, Retailer, postal_codes
from infra.local.steps import Step, Steps
from infra.local.target import Refused, Target, answer, channel
from shared.availability.store.packs import pack_of_item
from shared.aws.items import from_item

Thing = TypeVar("Thing")

THREADS = 8
SOURCE = "demo:retailer"
MESSAGE_BYTES = 100_000
WAIT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Sale:
    """How a basket is bought: channel, method and service level."""

    channel: str
    method: str
    service_level: str = "standard"


MIX = (
    Sale("web", "ship"),
    Sale("web", "pickup"),
    Sale("web", "ship"),
    Sale("marketplace", "ship"),
    Sale("pos", "pickup"),
    Sale("web", "ship", "next_day"),
    Sale("web", "pickup"),
    Sale("web", "ship"),
)


@dataclass
class Placed:
    orders: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    sales: Counter[str] = field(default_factory=Counter)


def seed_reference(target: Target, retailer: Retailer, steps: Steps) -> None:
    """Store every location, product and ZIP code through the API."""
    with channel(target, "ops") as ops:
        puts = [(f"/v1/locations/{name}", body) for name, body in retailer.locations.items()]
        puts += [(f"/v1/products/{sku}", body) for sku, body in retailer.products.items()]
        with steps.step("locations and products through the API", total=len(puts)) as step:
            in_threads(puts, lambda put: answer(ops.put(put[0], json=put[1])), step)
    codes = list(postal_codes())
    with (
        channel(target, "ops") as ops,
        steps.step("ZIP codes with their centroids", total=len(codes)) as step,
    ):
        for loaded in postal.load(ops, codes):
            step.advance(loaded)


def seed_stock(target: Target, retailer: Retailer, steps: Steps) -> None:
    """Send a count of every stocked position, and wait until availability shows all of them."""
    send_counts(target, retailer, steps)
    with steps.step("counts applied and projected", total=len(retailer.stock)) as step:
        _await_stock(target, len(retailer.stock), step)


def send_counts(target: Target, retailer: Retailer, steps: Steps) -> None:
    """Send a count of every stocked position to the bulk queue, in CloudEvents batches.

    Counts are sorted by SKU, so that the projection writes the pack of a SKU only a few times.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    events = (
        counted(f"seed-{now}-{location}-{sku}", sku, location, units, now, sequence=1)
        for (location, sku), units in sorted(retailer.stock.items(), key=lambda entry: entry[0][1])
    )
    with steps.step("stock counts onto the queue", total=len(retailer.stock)) as step:
        for message, events_in_it in batches(events):
            target.sqs.send_message(QueueUrl=target.stock_bulk_queue_url, MessageBody=message)
            step.advance(events_in_it)


def place_orders(target: Target, retailer: Retailer, steps: Steps) -> Placed:
    """Place every basket as an order; refusals for lack of stock are kept with their reason."""
    placed = Placed()
    with (
        channel(target, "web") as web,
        channel(target, "pos") as pos,
        channel(target, "marketplace") as marketplace,
        steps.step(
            "baskets of 2017 as orders through the API", total=len(retailer.baskets)
        ) as step,
    ):
        clients = {"web": web, "pos": pos, "marketplace": marketplace}

        def place(numbered: tuple[int, Basket]) -> None:
            number, basket = numbered
            sale = MIX[number % len(MIX)]
            try:
                order = answer(
                    clients[sale.channel].post(
                        "/v1/orders",
                        json=order_of(basket, sale, retailer),
                        headers={"Idempotency-Key": f"demo-{basket.basket_id}"},
                    )
                )
            except Refused as refused:
                if "short" not in refused.problem:
                    raise
                placed.refused.append(dict(refused.problem))
            else:
                placed.orders.append(order)
                placed.sales[f"{sale.channel}, {sale.method}"] += 1

        in_threads(list(enumerate(retailer.baskets)), place, step)
    return placed


def carry_out(target: Target, placed: Placed, steps: Steps) -> dict[str, int]:
    """Act as the stores: hand over what was sold at a till, ship every third parcel, and reject
    every twentieth as not found, so that its order is routed again. Returns the number of
    fulfillments by state."""
    parts = [
        (number, order["channel"], part)
        for number, order in enumerate(sorted(placed.orders, key=lambda order: order["order_id"]))
        for part in order["fulfillments"]
    ]
    done: Counter[str] = Counter()
    with (
        channel(target, "associate") as associate,
        steps.step("fulfillments carried out by the stores", total=len(parts)) as step,
    ):

        def work(entry: tuple[int, str, dict[str, Any]]) -> None:
            number, sold_by, part = entry
            state = part["state"]
            for action, body in _actions(number, sold_by, part):
                fulfillment_id = part["fulfillment_id"]
                order = answer(
                    associate.post(
                        f"/v1/fulfillments/{fulfillment_id}/{action}",
                        json=body,
                        headers={"Idempotency-Key": f"demo-{fulfillment_id}-{action}"},
                    )
                )
                state = state_of(order, fulfillment_id)
            done[state] += 1

        in_threads(parts, work, step)
    return dict(sorted(done.items()))


def state_of(order: dict[str, Any], fulfillment_id: str) -> str:
    parts = {part["fulfillment_id"]: part for part in order["fulfillments"]}
    state: str = parts[fulfillment_id]["state"]
    return state


def _actions(
    number: int, sold_by: str, part: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    if sold_by == "pos":
        yield from (("accept", {}), ("ready", {}), ("collect", {}))
    elif part["method"] == "ship" and number % 20 == 0:
        yield (
            "reject",
            {
                "lines": [
                    {
                        "line_id": part["lines"][0]["line_id"],
                        "quantity": part["lines"][0]["quantity"],
                        "reason": "not_found",
                    }
                ]
            },
        )
    elif part["method"] == "ship" and number % 3 == 0:
        yield from (("accept", {}), ("ship", {"carrier": "UPS", "tracking": f"1Z{number:08}"}))


def order_of(basket: Basket, sale: Sale, retailer: Retailer) -> dict[str, Any]:
    pickup = {"location_id": basket.store_id} if sale.method == "pickup" else {}
    body: dict[str, Any] = {
        "channel": sale.channel,
        "customer": {
            "source": sale.channel,
            "source_id": basket.household_id,
            "identifiers": {"loyalty_id": f"CJ-{basket.household_id}"},
            "attributes": {},
        },
        "payment": {"status": "authorized", "reference": f"pay-{basket.basket_id}"},
        "lines": [
            {
                "line_id": str(number),
                "sku": sku,
                "quantity": units,
                "unit_price": retailer.products[sku]["price"],
                "method": sale.method,
                **pickup,
            }
            for number, (sku, units) in enumerate(sorted(basket.lines.items()), start=1)
        ],
    }
    if sale.method == "ship":
        body["service_level"] = sale.service_level
        body["ship_to"] = {
            "postal_code": basket.home.postal_code,
            "country": "US",
            "latitude": basket.home.latitude,
            "longitude": basket.home.longitude,
        }
    return body


def counted(
    event_id: str, sku: str, location_id: str, units: int, at: str, *, sequence: int | None = None
) -> dict[str, Any]:
    """A physical count as a CloudEvent."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": "stock.counted",
        "time": at,
        "data": {
            "sku": sku,
            "location_id": location_id,
            "quantity": units,
            "as_of": at,
            "basis": "physical",
        },
    }
    return event if sequence is None else {**event, "sequence": sequence}


def batches(events: Iterator[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """CloudEvents batches of at most MESSAGE_BYTES, each with its number of events."""
    piece: list[str] = []
    size = 2
    for event in events:
        text = json.dumps(event, separators=(",", ":"))
        if piece and size + len(text) + 1 > MESSAGE_BYTES:
            yield f"[{','.join(piece)}]", len(piece)
            piece, size = [], 2
        piece.append(text)
        size += len(text) + 1
    if piece:
        yield f"[{','.join(piece)}]", len(piece)


def in_threads(
    things: Sequence[Thing], work: Callable[[Thing], Any], step: Step, of: int = 1
) -> None:
    """Call ``work`` on each thing in THREADS threads; raises the first failure after all have
    ended."""
    with ThreadPoolExecutor(THREADS) as pool:
        for done in as_completed([pool.submit(work, thing) for thing in things]):
            done.result()
            step.advance(of)


def _await_stock(target: Target, positions: int, step: Step) -> None:
    """Wait until the availability packs contain as many positions as were counted."""
    deadline = time.monotonic() + WAIT_SECONDS
    projected = 0
    while projected < positions:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{projected} of {positions} positions after {WAIT_SECONDS} s")
        time.sleep(1)
        before, projected = projected, _projected(target)
        step.advance(projected - before)


def _projected(target: Target) -> int:
    """Number of positions in the availability packs."""
    pages = target.dynamodb.get_paginator("scan").paginate(TableName=target.tables["availability"])
    return sum(
        len(pack_of_item(from_item(item)).rows)
        for page in pages
        for item in page["Items"]
        if item["sk"]["S"].startswith("PACK#")
    )
