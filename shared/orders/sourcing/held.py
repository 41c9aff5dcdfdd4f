"""Make an order from a hold: its units at its locations, with the dates that were promised."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.errors import Conflict
from shared.instants import rfc3339
from shared.orders.model import Method, Order, Parcel, Taken
from shared.orders.sourcing.plan import parcel
from shared.orders.sourcing.supply import Supply
from shared.stock.model.limits import Limit
from shared.stock.model.position import Hold

MOST_DECISION = 300_000
"""The most bytes of a decision in a hold, which is one DynamoDB item (400 KB at most). A longer
decision is left out; the plan does not depend on it."""


def parcels_of_hold(order: Order, hold: Hold, supply: Supply, now: datetime) -> list[Parcel]:
    """The parcels of an order that is made from the hold: exactly its units at its locations, with
    the dates that were promised for them, if any.

    Raises Conflict when the order is not exactly what is held, or when a location of the hold does
    not serve orders in this way.
    """
    if hold.channel != order.channel:
        raise Conflict(f"hold {hold.hold_id} is of another channel", hold_id=hold.hold_id)
    unused: Counter[tuple[str, str]] = Counter()
    limits: dict[tuple[str, str], Limit] = {}
    for row in hold.lines:
        unused[row.sku, row.location_id] += row.quantity
        limits[row.sku, row.location_id] = Limit(counters=row.counters)
    plan: dict[tuple[str, Method], list[Taken]] = {}
    for line in sorted(order.lines, key=lambda line: (line.location_id is None, line.line_id)):
        remaining = line.quantity
        for (sku, location_id), units in sorted(unused.items()):
            if sku != line.sku or line.location_id not in (None, location_id):
                continue
            taken = min(remaining, units)
            if taken:
                unused[sku, location_id] -= taken
                remaining -= taken
                plan.setdefault((location_id, line.method), []).append(
                    Taken(line.line_id, taken, limits[sku, location_id])
                )
        if remaining:
            raise _not_held(hold, line.sku)
    if extra := sorted({sku for (sku, _), units in unused.items() if units}):
        raise _not_held(hold, *extra)
    _check_served(hold, plan, supply)
    parcels = [
        parcel(location_id, method, lines, order.service_level, supply=supply, now=now)
        for (location_id, method), lines in sorted(plan.items())
    ]
    return parcels if hold.promise is None else _as_promised(order, hold, hold.promise, parcels)


def _check_served(hold: Hold, plan: Iterable[tuple[str, Method]], supply: Supply) -> None:
    """Raises Conflict naming each location of the hold that cannot serve the order's method."""
    refusals = []
    for location_id, method in sorted(plan):
        location = supply.locations.get(location_id)
        if location is None:
            refusals.append({"location_id": location_id, "reason": "there is no such location"})
        elif method == "ship" and not location.ship:
            refusals.append({"location_id": location_id, "reason": "this location does not ship"})
        elif method == "pickup" and not location.pickup:
            reason = "this location does not offer pickup"
            refusals.append({"location_id": location_id, "reason": reason})
    if refusals:
        raise Conflict(
            f"hold {hold.hold_id} is at locations that cannot serve the order",
            hold_id=hold.hold_id,
            locations=refusals,
        )


def promise_of(order: Order) -> dict[str, Any]:
    """What the fulfillments of an order that is not stored promise, as JSON to store in the hold of
    their units. All of them have one method."""
    decision = order.decisions[-1]
    return {
        **({"decision": decision} if len(decision) <= MOST_DECISION else {}),
        "method": order.fulfillments[0].method,
        "service_level": order.service_level,
        "ship_to": _region(order),
        "parcels": [
            {
                "location_id": part.location_id,
                "ready_by": rfc3339(part.ready_by) if part.ready_by else None,
                "deliver_by": rfc3339(part.deliver_by) if part.deliver_by else None,
            }
            for part in order.fulfillments
        ],
    }


def _as_promised(
    order: Order, hold: Hold, promise: Mapping[str, Any], parcels: Iterable[Parcel]
) -> list[Parcel]:
    """The parcels with the promised dates. Raises Conflict when the order names another method,
    service level or region than the promise."""
    ordered = {
        "method": sorted({line.method for line in order.lines}),
        "service_level": order.service_level,
        "ship_to": _region(order),
    }
    promised = {
        "method": [promise["method"]],
        "service_level": promise["service_level"],
        "ship_to": promise["ship_to"],
    }
    if promise["method"] == "pickup":
        ordered["service_level"] = promised["service_level"]
        ordered["ship_to"] = promised["ship_to"]
    if differing := [name for name, value in promised.items() if ordered[name] != value]:
        raise Conflict(
            f"hold {hold.hold_id} was promised with another {' and '.join(differing)}",
            hold_id=hold.hold_id,
            promised={name: promise[name] for name in differing},
        )
    dates = {row["location_id"]: row for row in promise["parcels"]}
    return [
        replace(
            part,
            ready_by=_instant(dates[part.location_id]["ready_by"]),
            deliver_by=_instant(dates[part.location_id]["deliver_by"]),
        )
        for part in parcels
    ]


def _region(order: Order) -> str | None:
    place = order.ship_to
    return f"{place.country} {place.postal_code}" if place else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _not_held(hold: Hold, *skus: str) -> Conflict:
    return Conflict(
        f"the quantities of {', '.join(skus)} differ from those of hold {hold.hold_id}",
        hold_id=hold.hold_id,
        lines=[
            {"sku": row.sku, "location_id": row.location_id, "quantity": row.quantity}
            for row in hold.lines
        ],
    )
