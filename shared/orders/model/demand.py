"""What orders ask to be shipped: units by SKU, and where to. Pure.

``Sums`` are what the forecast of future orders is made from (functions/routing/learn_demand.py).
They add up: the sums of some orders and those of others are the sums of all of them. Coordinates
are counted in whole millionths of a degree (0.1 m), so that sums do not depend on their order.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.instants import rfc3339
from shared.orders.model.order import Order

DEGREE = 1_000_000


@dataclass(frozen=True, slots=True)
class Shipment:
    """The units by SKU of those lines of an order that are shipped. Cancelled units are among them:
    they were wanted. Substitutes are not. ``point`` is latitude and longitude in millionths of a
    degree, None when it is unknown."""

    placed_at: datetime
    units: Mapping[str, int]
    point: tuple[int, int] | None = None


def shipment_of(order: Order, point: tuple[float, float] | None) -> Shipment | None:
    """The shipment of the order to ``point`` (degrees); None for an order that ships nothing."""
    if order.ship_to is None:
        return None
    units: Counter[str] = Counter()
    for line in order.lines:
        if line.method == "ship" and line.instead_of is None:
            units[line.sku] += line.quantity
    if not units:
        return None
    place = (round(point[0] * DEGREE), round(point[1] * DEGREE)) if point else None
    return Shipment(order.placed_at, units, place)


@dataclass(slots=True)
class Sums:
    """Sums over shipments. ``lines`` are their different SKUs, ``single_lines`` are shipments of
    one SKU. ``cells`` has by degree of latitude and longitude: units, and the sums of latitude and
    longitude times units."""

    orders: int = 0
    lines: int = 0
    single_lines: int = 0
    first: datetime | None = None
    units: Counter[str] = field(default_factory=Counter)
    cells: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)

    def add(self, shipment: Shipment) -> None:
        self.orders += 1
        self.lines += len(shipment.units)
        self.single_lines += len(shipment.units) == 1
        self._begin(shipment.placed_at)
        self.units.update(shipment.units)
        if shipment.point is not None:
            latitude, longitude = shipment.point
            units = sum(shipment.units.values())
            cell = round(latitude / DEGREE), round(longitude / DEGREE)
            self._fill(cell, (units, units * latitude, units * longitude))

    def add_all(self, more: "Sums") -> None:
        self.orders += more.orders
        self.lines += more.lines
        self.single_lines += more.single_lines
        if more.first is not None:
            self._begin(more.first)
        self.units.update(more.units)
        for cell, row in more.cells.items():
            self._fill(cell, row)

    def _begin(self, at: datetime) -> None:
        self.first = at if self.first is None else min(self.first, at)

    def _fill(self, cell: tuple[int, int], more: tuple[int, int, int]) -> None:
        units, latitude, longitude = self.cells.get(cell, (0, 0, 0))
        self.cells[cell] = units + more[0], latitude + more[1], longitude + more[2]

    def to_json(self) -> dict[str, Any]:
        return {
            "orders": self.orders,
            "lines": self.lines,
            "single_lines": self.single_lines,
            "first": rfc3339(self.first) if self.first else None,
            "units": dict(self.units),
            "cells": [[*cell, *row] for cell, row in self.cells.items()],
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> "Sums":
        first = document["first"]
        return Sums(
            document["orders"],
            document["lines"],
            document["single_lines"],
            datetime.fromisoformat(first) if first else None,
            Counter(document["units"]),
            {(row[0], row[1]): (row[2], row[3], row[4]) for row in document["cells"]},
        )
