"""What two images of an order tell of its picks: whether the goods were where the stock said. Pure.

A pick is one line of one fulfillment. It has found its goods when the fulfillment has first gone
beyond acceptance; it has missed them when units are rejected as not_found or mismatch. What is
damaged, or rejected for want of capacity, says nothing of the count.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.orders.model.order import FulfillmentState, Order

DONE: frozenset[FulfillmentState] = frozenset({"picked", "packed", "ready", "shipped", "collected"})
MISSED = frozenset({"not_found", "mismatch"})


@dataclass(frozen=True, slots=True)
class Pick:
    """``id`` names it for ever."""

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
    known = {part.fulfillment_id: part for part in before.fulfillments}
    done = Counter(
        (part.location_id, held.line_id)
        for part in before.fulfillments
        if part.state in DONE
        for held in part.lines
    )
    at = after.history[-1].at
    for part in after.fulfillments:
        was = known.get(part.fulfillment_id)
        if part.state not in DONE or (was is not None and was.state in DONE):
            continue
        for held in part.lines:
            if was is None and done[part.location_id, held.line_id]:
                continue  # a part of what was picked before, handed over by itself
            name = f"{after.order_id}#{part.fulfillment_id}#{held.line_id}"
            yield Pick(name, held.sku, part.location_id, True, at)


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
