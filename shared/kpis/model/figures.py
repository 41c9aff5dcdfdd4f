"""The figures that are counted: whole numbers that add up over orders, days, channels and places.

A cell is where a figure counts: a local day, a location, and a SKU. What concerns a whole order or
parcel has no SKU; what happens before a location has the units has no location.

    orders, ordered_units, list_value, discounts, cancelled_units, first_plan_units, served_units
            on the day on which the order was placed: what was wanted, and what became of it.
            ``list_value`` is the price of all units before ``discounts``; ``first_plan_units``
            were handed over by the locations of the first plan, ``served_units`` by any
    sold_units, sales, tax, cards_sold, funding, goods_cost, costed_units
            on the day of the hand-over, at the location: ``sales`` are what the units cost the
            shopper, without tax; of gift cards they are ``cards_sold`` instead. ``funding`` is what
            vendors pay of the discounts. ``goods_cost`` is that of the ``costed_units``, whose
            product has a margin
    shipping, repriced
            on the day of the first hand-over: what the shopper pays for shipping, and for units
            that were priced again
    parcels, shipped_orders, handling_cost, carrier_cost, payment_cost
            on the day of the hand-over: a shipped order counts at its first parcel
    lost_cost
            what parcels that never arrived cost, on the day on which they were handed over
    due_units, kept_units, rejected_units
            of what a location was asked to serve: what is done, by its first promise, and what it
            rejected, did not answer, or no longer had
    returned_units, refunds, refunded_tax, goods_back, return_fees, return_cost
            on the day of the refund, at the location that took the goods back. ``goods_back`` is
            the cost of units that are on sale again
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

FIGURES = (
    "orders",
    "ordered_units",
    "list_value",
    "discounts",
    "cancelled_units",
    "first_plan_units",
    "served_units",
    "sold_units",
    "sales",
    "tax",
    "cards_sold",
    "funding",
    "goods_cost",
    "costed_units",
    "shipping",
    "repriced",
    "parcels",
    "shipped_orders",
    "handling_cost",
    "carrier_cost",
    "payment_cost",
    "lost_cost",
    "due_units",
    "kept_units",
    "rejected_units",
    "returned_units",
    "refunds",
    "refunded_tax",
    "goods_back",
    "return_fees",
    "return_cost",
)
"""Their order is that of stored marks: further ones are added at the end."""

NOWHERE = "-"
"""The location of what happens before any location has the units."""

ORDER = ""
"""The SKU of what concerns a whole order or parcel."""


class Cell(NamedTuple):
    day: date
    location_id: str
    sku: str


Figures = Counter[str]
Facts = dict[Cell, Figures]
NOTHING: Figures = Counter()


def put(facts: Facts, cell: Cell, **figures: int) -> None:
    """Adds figures to a cell."""
    row = facts.setdefault(cell, Counter())
    for name, value in figures.items():
        row[name] += value


def difference(after: Mapping[Cell, Figures], before: Mapping[Cell, Figures]) -> Facts:
    """What is to be added to ``before`` to have ``after``; cells and figures without a difference
    are left out."""
    changed: Facts = {}
    for cell in after.keys() | before.keys():
        new, old = after.get(cell, NOTHING), before.get(cell, NOTHING)
        row = Counter(
            {
                name: new[name] - old[name]
                for name in new.keys() | old.keys()
                if new[name] != old[name]
            }
        )
        if row:
            changed[cell] = row
    return changed


def summed(rows: Iterable[Figures]) -> Figures:
    total: Figures = Counter()
    for row in rows:
        for name, value in row.items():
            total[name] += value
    return total
