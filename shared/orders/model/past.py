"""The closed part of a long order, which moves beside it so that the order stays one item."""

from collections import Counter
from dataclasses import replace

from shared.orders.model.order import HANDED_OVER, Order, Past

KEPT_ENTRIES = 20
"""Of the history, at least, when the rest moves beside the order."""


def split_past(before: Order, order: Order) -> tuple[Order, Order]:
    """The order without what is closed, and that: with nothing in it but the entries of its history
    and the fulfillments. What this change has added or closed stays, so that whoever follows the
    changes of the document sees it."""
    new = order.history_length - before.history_length
    kept = max(KEPT_ENTRIES, new)
    old = {found.fulfillment_id: found for found in before.fulfillments}
    gone = [
        found
        for found in order.fulfillments
        if not found.is_open and old.get(found.fulfillment_id) == found
    ]
    names = {found.fulfillment_id for found in gone}
    left = tuple(one for one in order.fulfillments if one.fulfillment_id not in names)
    entries = order.history[: max(0, len(order.history) - kept)]
    handed = Counter(order.past.handed)
    for found in gone:
        if found.state in HANDED_OVER:
            handed.update({held.line_id: held.quantity for held in found.lines})
    past = Past(
        order.past.entries + len(entries),
        order.past.fulfillments + len(gone),
        dict(sorted(handed.items())),
        order.past.parts + 1,
    )
    shorter = replace(order, fulfillments=left, history=order.history[len(entries) :], past=past)
    return shorter, replace(order, fulfillments=tuple(gone), history=entries)
