"""Refuse an order that is short of units: the short lines, their reasons, the alternatives."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from shared.instants import rfc3339
from shared.orders.model import Line, Order
from shared.orders.sourcing import refusing
from shared.orders.sourcing.problem import problem
from shared.orders.sourcing.refusing import Why, possible_service_levels
from shared.orders.sourcing.supply import Supply, destination_at, km_to
from shared.orders.sourcing.waiting import expected_dates
from shared.routing.model.decision import Destination, Problem

MOST_ALTERNATIVES = 10


def refuse_short(ordered: Order, routed: Order, supply: Supply, now: datetime) -> None:
    """Refuse an order of which ``routed`` leaves units without a location.

    Lines that may be backordered are not short, unless their product is discontinued.

    Raises OutOfStock, or the subclass that says why.
    """
    unfilled = {
        line.line_id: line.unassigned
        for line in routed.lines
        if line.unassigned and (not line.backorder or supply.is_discontinued(line.sku))
    }
    if unfilled:
        asked = problem(ordered, supply, now)
        why = refusing.refusal_reasons(asked, unfilled)
        raise refusing.refusal(
            why,
            short_lines(ordered, supply, unfilled, now, asked, why),
            alternatives(ordered, supply, unfilled, now, refusing.shipping_locations(asked), why),
        )


def short_lines(
    order: Order,
    supply: Supply,
    unfilled: Mapping[str, int],
    now: datetime,
    asked: Problem,
    why: Why,
) -> list[dict[str, Any]]:
    """The short lines of OutOfStock, as JSON: the units wanted and sellable, the reason, the other
    service levels that would ship the line, and when the next supply is expected."""
    coming = expected_dates(order, supply, now)
    rows = []
    for line in order.lines:
        missing = unfilled.get(line.line_id, 0)
        if not missing:
            continue
        row: dict[str, Any] = {
            "line_id": line.line_id,
            "sku": line.sku,
            "wanted": line.quantity,
            "sellable": line.quantity - missing,
            "reason": why.get(line.line_id, "out_of_stock"),
        }
        if line.location_id is not None:
            row["location_id"] = line.location_id
        if line.line_id in coming:
            row["expected_at"] = rfc3339(coming[line.line_id])
        if line.method == "ship" and row["reason"] != "out_of_stock":
            row["service_levels"] = possible_service_levels(asked, line.line_id)
        rows.append(row)
    return rows


def alternatives(
    order: Order,
    supply: Supply,
    unfilled: Mapping[str, int],
    now: datetime,
    ships: Collection[str],
    why: Why,
) -> list[dict[str, Any]]:
    """The locations that have the short SKUs instead, as JSON, the nearest first: at most
    MOST_ALTERNATIVES for each SKU. The distance is from the delivery place, or from the pickup
    location of the line. For a line to be shipped, a location in the list can ship it with this
    service level or offers pickup."""
    rows: list[dict[str, Any]] = []
    lines = [line for line in order.lines if unfilled.get(line.line_id)]
    for sku, line in {line.sku: line for line in lines}.items():
        origin = _origin(line, supply)
        nearest = []
        for place, units in supply.sellable_locations(sku).items():
            location = supply.locations[place]
            can_ship = location.ship
            if line.method == "ship":
                can_ship = place in ships and why.get(line.line_id) == "out_of_stock"
            if not (location.pickup or can_ship) or place == line.location_id:
                continue
            row: dict[str, Any] = {
                "sku": sku,
                "location_id": place,
                "sellable": units,
                "pickup": location.pickup,
                "ship": can_ship,
            }
            if origin is not None:
                row["distance_km"] = km_to(location, origin)
            if location.pickup and (ready := supply.ready_by(place, now, units=1)):
                row["ready_by"] = rfc3339(ready)
            nearest.append(row)
        nearest.sort(key=lambda row: (row.get("distance_km", 0), row["location_id"]))
        rows += nearest[:MOST_ALTERNATIVES]
    return rows


def _origin(line: Line, supply: Supply) -> Destination | None:
    location = supply.locations.get(line.location_id or "")
    return supply.destination if location is None else destination_at(location)
