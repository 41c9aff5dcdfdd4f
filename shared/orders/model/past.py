"""Move the closed part of a long order beside it, so that the order stays within one item."""

from collections import Counter
from dataclasses import replace

from shared.orders.model.order import Order, Past
from shared.orders.model.states import HANDED_OVER

KEPT_ENTRIES = 20
"""The least number of history entries that stay in the order."""
KEPT_PARCELS = 20
"""Parcels under way that stay in the order, the newest: carriers report what becomes of them.
Reports of an older one change nothing."""


def split_past(before: Order, order: Order) -> tuple[Order, Order]:
    """The order without its closed fulfillments and early history, and an order with only those.

    What the change from ``before`` has added or closed stays in the document, where stream workers
    see it.
    """
    new_entries = order.history_length - before.history_length
    keep = max(KEPT_ENTRIES, new_entries)
    unchanged = {part.fulfillment_id: part for part in before.fulfillments}
    under_way = [
        part.fulfillment_id
        for part in order.fulfillments
        if part.state == "shipped" and part.tracking
    ]
    kept = frozenset(under_way[-KEPT_PARCELS:])
    closed = [
        part
        for part in order.fulfillments
        if not (part.is_open or part.claimed or part.fulfillment_id in kept)
        and unchanged.get(part.fulfillment_id) == part
    ]
    closed_ids = {part.fulfillment_id for part in closed}
    others = tuple(part for part in order.fulfillments if part.fulfillment_id not in closed_ids)
    entries = order.history[: max(0, len(order.history) - keep)]
    handed = Counter(order.past.handed)
    for part in closed:
        if part.state in HANDED_OVER:
            handed.update({line.line_id: line.quantity for line in part.lines})
    past = Past(
        order.past.entries + len(entries),
        order.past.fulfillments + len(closed),
        dict(sorted(handed.items())),
        order.past.parts + 1,
    )
    shorter = replace(order, fulfillments=others, history=order.history[len(entries) :], past=past)
    return shorter, replace(order, fulfillments=tuple(closed), history=entries)
