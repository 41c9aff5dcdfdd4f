"""Take returned units back that nobody has announced, at any location, and compute the refund."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.errors import Conflict
from shared.orders.model.balancing import balance
from shared.orders.model.change import OrderChange, with_effects, with_entry, with_line
from shared.orders.model.order import Order, Returned, ReturnLine
from shared.orders.model.payments import IN_PROPORTION, Refund
from shared.orders.model.repricing import repriced
from shared.orders.model.restocking import ON_SHELF, Restocking, SellableUnits, restock
from shared.orders.model.return_terms import RETURN_TERMS, ReturnTerms
from shared.orders.model.returns import returnable, with_unsold
from shared.stock.model.position import Effect


def take_back(
    order: Order,
    location_id: str,
    returns: Sequence[Returned],
    now: datetime,
    actor: str,
    exchange_order_id: str | None = None,
    terms: ReturnTerms = RETURN_TERMS,
    restocking: Restocking = ON_SHELF,
    refund: Refund = IN_PROPORTION,
) -> OrderChange:
    """Take units back at a location. ``restocking`` decides where sellable units go: units that it
    holds back become a return, which ends when they are on sale. The refund goes as ``refund`` says
    and names ``exchange_order_id``, the order of what the shopper takes instead.

    Raises Conflict for more units than were handed over and not returned.
    """
    before = order
    effects: list[Effect] = []
    for entry in returns:
        line = order.line(entry.line_id)
        if line.card_id is not None and entry.condition != "damaged":
            raise Conflict(f"line {entry.line_id} sold a card: it comes back as damaged")
        possible = returnable(order, line)
        if entry.quantity > possible:
            raise Conflict(
                f"of line {entry.line_id} {possible} can be returned",
                line_id=entry.line_id,
                returnable=possible,
            )
        line = replace(
            line,
            returned=line.returned + entry.quantity,
            credited=line.credited + entry.quantity,
        )
        order = with_line(order, line)
        effects.append(Effect(line.sku, location_id, 0, 0, damaged=entry.quantity))
    sellable = [entry for entry in returns if entry.condition == "sellable"]
    rows = [
        SellableUnits(entry.line_id, entry.quantity, frozenset({entry.reason}))
        for entry in sellable
    ]
    restocked = restock(order, location_id, rows, restocking, now, actor)
    details = iter(restocked.details)
    detail = {
        "location_id": location_id,
        "lines": [
            {
                "line_id": entry.line_id,
                "quantity": entry.quantity,
                "condition": entry.condition,
                "reason": entry.reason,
            }
            | (next(details) if entry.condition == "sellable" else {})
            for entry in returns
        ],
    }
    if restocked.unsold:
        held_back = [
            ReturnLine(entry.line_id, entry.quantity, entry.reason)
            for entry, row in zip(sellable, restocked.details, strict=True)
            if row.get("restock") == "hold_back"
        ]
        order = with_unsold(order, location_id, held_back, restocked.unsold, now, terms)
        detail["return_id"] = order.returns[-1].return_id
    order = with_entry(order, now, "return.received", actor, detail)
    order = balance(repriced(before, order), now, "returned", exchange_order_id, refund=refund)
    change = OrderChange(order, cause="return.received", transfers=restocked.transfers)
    return with_effects(change, order, (*effects, *restocked.effects))
