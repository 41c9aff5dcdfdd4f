"""Single orders as JSON, ``uc-routing-order/1``: a seeded generator, what a plan costs, a checker.

    {"format": "uc-routing-order/1", "seed": 7, "service": "standard", "promise_days": 2,
     "max_packages": 4, "ship_to": {"x": 582.9, "y": 181.0},
     "lines": [{"id": "L0", "sku": "sku0", "qty": 2, "kg": 0.22, "split": false,
                "unfilled": 43.08}],
     "nodes": [{"id": "W0", "kind": "warehouse", "x": 1171.7, "y": 86.9, "pick_package": 0.6,
                "pick_unit": 0.35, "delay_days": 0, "stock": {"sku0": 40},
                "credit": {"sku0": 1.5}, "price": {"sku0": 0.8}}]}

A plan is ``{node id: {line id: units}}``. Money is EUR, places and distances km, mass kg.
A parcel costs the carrier's base of its zone, packing and lateness; a unit costs picking, the
carrier's and the carbon's share of its mass, less the credit for clearing it, plus the price of
missing it on that shelf. A unit that nobody sends costs the line's ``unfilled``.
Tariffs, carbon factors and penalties are orders of magnitude, of no real carrier.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = "uc-routing-order/1"
ZONES_KM = (50.0, 150.0, 300.0, 600.0, 1000.0, math.inf)
Rate = tuple[float, float]
TARIFF: dict[str, tuple[Rate | None, ...]] = {  # (EUR per parcel, EUR per kg) by zone
    "standard": ((4.2, 0.25), (4.7, 0.30), (5.3, 0.38), (6.1, 0.48), (7.0, 0.60), (8.4, 0.75)),
    "next_day": ((5.9, 0.35), (6.8, 0.45), (8.0, 0.60), (9.6, 0.80), (12.0, 1.1), (15.0, 1.4)),
    "same_day": ((8.5, 0.60), (14.0, 1.0), None, None, None, None),
}
DAYS_TO_ARRIVE = {
    "standard": (1, 2, 2, 3, 3, 4),
    "next_day": (1, 1, 1, 1, 2, 2),
    "same_day": (0, 0, 9, 9, 9, 9),
}
VAN_KM = 100
CO2_PER_TONNE_KM = {"van": 0.60, "truck": 0.10}  # kg CO2e
EUR_PER_KG_CO2 = 0.10
LATE_EUR_PER_DAY = 4.0

Order = dict[str, Any]
Plan = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Costs:
    """``parcel`` by node id, and ``unit`` (EUR, units that may be taken) by node and line id.

    Nodes that can send nothing are absent. A line that may not be split comes whole or not at all.
    """

    quantity: dict[str, int]
    splittable: dict[str, bool]
    unfilled: dict[str, float]
    packages: int
    parcel: dict[str, float]
    unit: dict[str, dict[str, tuple[float, int]]]


def generate(
    seed: int, *, nodes: int = 200, lines: int = 10, warehouses: int = 5, packages: int = 4
) -> Order:
    """Warehouses deep, stores shallow, most products in few of them."""
    draw = random.Random(seed)
    width, height = 1800, 1200
    to_x, to_y = draw.uniform(0, width), draw.uniform(0, height)
    places: list[dict[str, Any]] = []
    for k in range(nodes):
        warehouse = k < warehouses
        places.append(
            {
                "id": f"{'W' if warehouse else 'S'}{k}",
                "kind": "warehouse" if warehouse else "store",
                "x": round(draw.uniform(0, width), 1),
                "y": round(draw.uniform(0, height), 1),
                "pick_package": round(0.6 if warehouse else draw.uniform(1.0, 2.2), 2),
                "pick_unit": round(0.35 if warehouse else draw.uniform(0.6, 1.2), 2),
                "delay_days": 0 if warehouse else draw.choice((0, 0, 0, 1)),
                "stock": {},
                "credit": {},
                "price": {},
            }
        )
    wanted = []
    for i in range(lines):
        units = draw.choices((1, 2, 3), (0.70, 0.20, 0.10))[0]
        popularity = draw.random() ** 2
        wanted.append(
            {
                "id": f"L{i}",
                "sku": f"sku{i}",
                "qty": units,
                "kg": round(draw.lognormvariate(-0.6, 0.7), 2),
                "split": units > 1 and draw.random() < 0.5,
                "unfilled": round(draw.uniform(20, 60), 2),
            }
        )
        for place in places:
            _stock(draw, place, f"sku{i}", popularity)
    return {
        "format": FORMAT,
        "seed": seed,
        "service": draw.choice(("standard", "standard", "next_day")),
        "promise_days": draw.choice((1, 2, 3, 4)),
        "max_packages": packages,
        "ship_to": {"x": round(to_x, 1), "y": round(to_y, 1)},
        "lines": wanted,
        "nodes": places,
    }


def _stock(draw: random.Random, place: dict[str, Any], sku: str, popularity: float) -> None:
    store = place["kind"] == "store"
    if not store:
        if draw.random() < 0.35 + 0.5 * popularity:
            place["stock"][sku] = draw.randint(3, 60)
    elif draw.random() < 0.04 + 0.26 * popularity:
        place["stock"][sku] = draw.choices((1, 2, 3, 5), (0.5, 0.25, 0.15, 0.1))[0]
    if store and sku in place["stock"]:
        if draw.random() < 0.25:
            place["credit"][sku] = round(draw.uniform(0.5, 6), 2)
        elif draw.random() < 0.4:
            place["price"][sku] = round(draw.uniform(0.2, 5), 2)


def costs(order: Order) -> Costs:
    lines = order["lines"]
    parcel: dict[str, float] = {}
    unit: dict[str, dict[str, tuple[float, int]]] = {}
    for node in order["nodes"]:
        offers = {line["id"]: _units(node, line) for line in lines}
        km = math.hypot(node["x"] - order["ship_to"]["x"], node["y"] - order["ship_to"]["y"])
        zone = next(index for index, limit in enumerate(ZONES_KM) if km <= limit)
        tariff = TARIFF[order["service"]][zone]
        if tariff is None or not any(offers.values()):
            continue
        base, per_kg = tariff
        days = DAYS_TO_ARRIVE[order["service"]][zone] + node["delay_days"]
        late = max(0, days - order["promise_days"])
        carbon = CO2_PER_TONNE_KM["van" if km < VAN_KM else "truck"]
        kilo = per_kg + EUR_PER_KG_CO2 * carbon * km / 1000
        parcel[node["id"]] = round(base + node["pick_package"] + late * LATE_EUR_PER_DAY, 4)
        unit[node["id"]] = {
            line["id"]: (
                round(
                    node["pick_unit"]
                    + line["kg"] * kilo
                    - node["credit"].get(line["sku"], 0)
                    + node["price"].get(line["sku"], 0),
                    4,
                ),
                offers[line["id"]],
            )
            for line in lines
            if offers[line["id"]]
        }
    return Costs(
        quantity={line["id"]: line["qty"] for line in lines},
        splittable={line["id"]: line["split"] for line in lines},
        unfilled={line["id"]: line["unfilled"] for line in lines},
        packages=order["max_packages"],
        parcel=parcel,
        unit=unit,
    )


def _units(node: Mapping[str, Any], line: Mapping[str, Any]) -> int:
    units: int = min(node["stock"].get(line["sku"], 0), line["qty"])
    return units if line["split"] or units == line["qty"] else 0


def evaluate(given: Costs, plan: Plan) -> float:
    """What the plan costs in EUR; ValueError when it cannot be carried out."""
    if len(plan) > given.packages:
        raise ValueError(f"{len(plan)} parcels, where {given.packages} are allowed")
    served: Counter[str] = Counter()
    cost = 0.0
    for node, taken in plan.items():
        cost += given.parcel[node]
        for line, units in taken.items():
            each, most = given.unit[node][line]
            if not 0 < units <= most:
                raise ValueError(f"{units} units of {line} from {node}, which has {most}")
            if units < given.quantity[line] and not given.splittable[line]:
                raise ValueError(f"{line} may not be split")
            served[line] += units
            cost += units * each
    for line, wanted in given.quantity.items():
        if served[line] > wanted:
            raise ValueError(f"{served[line]} units of {line}, of which {wanted} are wanted")
        cost += (wanted - served[line]) * given.unfilled[line]
    return cost
