"""Orders made of a hold: its units at its locations, with the dates it was promised."""

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
"""Bytes, with which a hold is still an item. The plan holds without its decision, too."""


def parcels_of_hold(order: Order, hold: Hold, supply: Supply, now: datetime) -> list[Parcel]:
    """The hold as the plan: its units, on its locations, and nothing else; with the dates that were
    promised with it, if any were.

    Raises Conflict when the order is not exactly what is held, or is held where there is no
    location that serves it in this way.
    """
    if hold.channel != order.channel:
        raise Conflict(f"hold {hold.hold_id} is of another channel", hold_id=hold.hold_id)
    left: Counter[tuple[str, str]] = Counter()
    limits: dict[tuple[str, str], Limit] = {}
    for row in hold.lines:
        left[row.sku, row.location_id] += row.quantity
        limits[row.sku, row.location_id] = Limit(counters=row.counters)
    plan: dict[tuple[str, Method], list[Taken]] = {}
    for line in sorted(order.lines, key=lambda line: (line.location_id is None, line.line_id)):
        wanted = line.quantity
        for (sku, place), units in sorted(left.items()):
            if sku != line.sku or line.location_id not in (None, place):
                continue
            taken = min(wanted, units)
            if taken:
                left[sku, place] -= taken
                wanted -= taken
                plan.setdefault((place, line.method), []).append(
                    Taken(line.line_id, taken, limits[sku, place])
                )
        if wanted:
            raise _not_held(hold, line.sku)
    if extra := sorted({sku for (sku, _), units in left.items() if units}):
        raise _not_held(hold, *extra)
    _check_served(hold, plan, supply)
    parcels = [
        parcel(place, method, lines, order.service_level, supply=supply, now=now)
        for (place, method), lines in sorted(plan.items())
    ]
    return parcels if hold.promise is None else _as_promised(order, hold, hold.promise, parcels)


def _check_served(hold: Hold, plan: Iterable[tuple[str, Method]], supply: Supply) -> None:
    """Raises Conflict naming each place that cannot ship, or hand over, what is held there."""
    wrong = []
    for place, method in sorted(plan):
        location = supply.locations.get(place)
        if location is None:
            wrong.append({"location_id": place, "reason": "there is no such location"})
        elif method == "ship" and not location.ship:
            wrong.append({"location_id": place, "reason": "it ships no orders"})
        elif method == "pickup" and not location.pickup:
            wrong.append({"location_id": place, "reason": "it hands over no orders"})
    if wrong:
        raise Conflict(
            f"hold {hold.hold_id} is at locations that cannot serve the order",
            hold_id=hold.hold_id,
            locations=wrong,
        )


def promise_of(order: Order) -> dict[str, Any]:
    """What the fulfillments of ``order``, which is not stored, promise: kept in the hold of their
    units. All of them are of one method."""
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
    """Raises Conflict when the order wants it in another way, or elsewhere."""
    asked = {
        "method": sorted({line.method for line in order.lines}),
        "service_level": order.service_level,
        "ship_to": _region(order),
    }
    made = {
        "method": [promise["method"]],
        "service_level": promise["service_level"],
        "ship_to": promise["ship_to"],
    }
    if promise["method"] == "pickup":
        asked["service_level"] = made["service_level"]
        asked["ship_to"] = made["ship_to"]
    if other := [name for name, value in made.items() if asked[name] != value]:
        raise Conflict(
            f"hold {hold.hold_id} was promised with another {' and '.join(other)}",
            hold_id=hold.hold_id,
            promised={name: promise[name] for name in other},
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
        f"the order's quantities of {', '.join(skus)} are not those of hold {hold.hold_id}",
        hold_id=hold.hold_id,
        lines=[
            {"sku": row.sku, "location_id": row.location_id, "quantity": row.quantity}
            for row in hold.lines
        ],
    )
