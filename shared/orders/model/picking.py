"""Whether picks found the goods that the stock showed, from two images of an order. Pure.

A pick is one line of one fulfillment. It found its goods when the fulfillment first moves beyond
acceptance, and missed them when units are rejected as not_found or mismatch. Damaged units, and a
lack of capacity, say nothing about the stock.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.orders.model.order import Order
from shared.orders.model.states import HANDED_OVER, IN_HAND, FulfillmentState

DONE: frozenset[FulfillmentState] = frozenset({*IN_HAND, *HANDED_OVER, "resent", "refunded"})
MISSED = frozenset({"not_found", "mismatch"})


@dataclass(frozen=True, slots=True)
class Pick:
    """``id`` is the same whenever the same pick is seen again."""

    id: str
    sku: str
    location_id: str
    found: bool
    at: datetime


def pick_results(before: Order | None, after: Order) -> list[Pick]:
    if before is None:
        return []
    return [*_found(before, after), *_missed(before, after)]


def _found(before: Order, after: Order) -> Iterator[Pick]:
    parts_before = {part.fulfillment_id: part for part in before.fulfillments}
    picked_before = Counter(
        (part.location_id, line.line_id)
        for part in before.fulfillments
        if part.state in DONE
        for line in part.lines
    )
    at = after.history[-1].at
    for part in after.fulfillments:
        part_before = parts_before.get(part.fulfillment_id)
        if part.state not in DONE or (part_before is not None and part_before.state in DONE):
            continue
        for line in part.lines:
            if part_before is None and picked_before[part.location_id, line.line_id]:
                continue  # split from a fulfillment that was picked before
            pick_id = f"{after.order_id}#{part.fulfillment_id}#{line.line_id}"
            yield Pick(pick_id, line.sku, part.location_id, True, at)


def _missed(before: Order, after: Order) -> Iterator[Pick]:
    for number, entry in after.since(before):
        if entry.event != "fulfillment.rejected":
            continue
        lines = {row["line_id"] for row in entry.detail["lines"] if row["reason"] in MISSED}
        for line_id in sorted(lines):
            yield Pick(
                f"{after.order_id}!{number}#{line_id}",
                after.line(line_id).sku,
                entry.detail["location_id"],
                False,
                entry.at,
            )
