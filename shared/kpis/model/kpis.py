"""The KPIs: each a numerator over a denominator of figures, both of which add up.

Sales are those of the channel where they were made and of the location that served them. A KPI
whose denominator is 0 has no value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.kpis.model.figures import Figures

Kind = Literal["money", "share", "ratio", "count"]
By = Literal["channel", "location", "day"]
"""What a KPI is grouped by."""
Weights = Mapping[str, int]

NET_SALES: Weights = {"sales": 1, "refunds": -1, "repriced": 1, "shipping": 1, "return_fees": 1}
CONTRIBUTION: Weights = {
    **NET_SALES,
    "funding": 1,
    "goods_cost": -1,
    "goods_back": 1,
    "lost_cost": -1,
    "handling_cost": -1,
    "carrier_cost": -1,
    "payment_cost": -1,
    "return_cost": -1,
}


@dataclass(frozen=True, slots=True)
class Kpi:
    """``money`` is an amount in minor units, a ``count`` a number of things; a ``share`` is a part
    of a whole, a ``ratio`` any other quotient. ``minus`` is taken off the quotient."""

    title: str
    kind: Kind
    numerator: Weights
    denominator: Weights | None = None
    minus: int = 0


KPIS: Mapping[str, Kpi] = {
    "orders": Kpi("orders placed", "count", {"orders": 1}),
    "units": Kpi("units handed over", "count", {"sold_units": 1}),
    "net_sales": Kpi("net sales", "money", NET_SALES),
    "contribution": Kpi("contribution", "money", CONTRIBUTION),
    "margin": Kpi("contribution of net sales", "share", CONTRIBUTION, NET_SALES),
    "basket": Kpi(
        "list value of an order after discounts",
        "money",
        {"list_value": 1, "discounts": -1},
        {"orders": 1},
    ),
    "discount": Kpi("discounts of list prices", "share", {"discounts": 1}, {"list_value": 1}),
    "promise_kept": Kpi(
        "units done by the first promise", "share", {"kept_units": 1}, {"due_units": 1}
    ),
    "fill_rate": Kpi(
        "units served by the first plan",
        "share",
        {"first_plan_units": 1},
        {"served_units": 1, "cancelled_units": 1},
    ),
    "cancelled": Kpi("units cancelled", "share", {"cancelled_units": 1}, {"ordered_units": 1}),
    "split": Kpi(
        "parcels beyond the first of an order", "ratio", {"parcels": 1}, {"shipped_orders": 1}, 1
    ),
    "rejection": Kpi(
        "units rejected of those asked for",
        "share",
        {"rejected_units": 1},
        {"rejected_units": 1, "due_units": 1},
    ),
    "returns": Kpi("units returned", "share", {"returned_units": 1}, {"sold_units": 1}),
    "serving_cost": Kpi(
        "handling and carriers for a unit",
        "money",
        {"handling_cost": 1, "carrier_cost": 1},
        {"sold_units": 1},
    ),
}


@dataclass(frozen=True, slots=True)
class Value:
    """``denominator`` is None for what is no quotient, ``value`` where the denominator is 0."""

    numerator: int
    denominator: int | None
    value: float | None


def value_of(kpi: Kpi, figures: Figures) -> Value:
    top = _weighed(kpi.numerator, figures)
    if kpi.denominator is None:
        return Value(top, None, float(top))
    bottom = _weighed(kpi.denominator, figures)
    return Value(top, bottom, top / bottom - kpi.minus if bottom else None)


def _weighed(weights: Weights, figures: Figures) -> int:
    return sum(figures[name] * weight for name, weight in weights.items())
