"""`norain demo`: seeds a retailer within some minutes, and tells the story of Bob.

A second run reuses the running cloud: it deploys and seeds only what is missing (the orders have
idempotency keys, so they are not placed twice), and tells the story again.
"""

import json
from dataclasses import asdict
from typing import Any

from rich.console import Console

from infra.local import cloud, deploy, laws, promotions, receipt, seed, story
from infra.local.retailer import retailer
from infra.local.steps import Steps
from infra.local.target import Target

SEEDED = "seeded.json"


def run(console: Console) -> dict[str, Any]:
    """Run the demo; the summary of its figures."""
    target = deploy.up(steps=Steps())
    with Steps() as steps:
        with steps.step("sales of 2017 read"):
            sold = retailer()
        if not _is_seeded(target):
            seed.seed_reference(target, sold, steps)
            seed.seed_stock(target, sold, steps)
            _save_mark(target)
        placed = seed.place_orders(target, sold, steps)
        carried_out = seed.carry_out(target, placed, steps)
        with steps.step("decisions of the routed orders read") as step:
            routed = story.routed(target, placed, step)
        codes = promotions.coupon_codes(promotions.book())
        with steps.step("promotions and coupons of 2017 published", total=len(codes)) as step:
            receipt.publish(target, step)
    outcome = story.tell(target, sold, routed, console)
    receipt.tell(target, sold, console)
    with Steps() as steps, steps.step("laws checked over every position and order"):
        checked = laws.settle(target)
    summary = {
        "sku": next(iter(sold.products)),
        "orders": len(placed.orders),
        "sales": dict(sorted(placed.sales.items())),
        "refused": len(placed.refused) + outcome.refused,
        "split": routed.split,
        "parcels": routed.parcels,
        "km": round(routed.km, 1),
        "kg_co2e": round(routed.kg_co2e, 2),
        "fulfillments": carried_out,
        "staleness_seconds": outcome.staleness_seconds,
        "laws": asdict(checked),
    }
    story.sum_up(summary, target, console)
    return summary


def _mark(target: Target) -> str:
    running = cloud.state()
    return json.dumps({"pid": running.pid if running else None, "tables": target.tables})


def _is_seeded(target: Target) -> bool:
    """Whether the running cloud has been seeded: a restart makes other processes and tables."""
    saved = cloud.FOLDER / SEEDED
    return saved.exists() and saved.read_text() == _mark(target)


def _save_mark(target: Target) -> None:
    (cloud.FOLDER / SEEDED).write_text(_mark(target))
