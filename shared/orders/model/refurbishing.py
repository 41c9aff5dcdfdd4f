"""Units of an inspected return that are not on sale yet: they are refurbished, or their owner
decides on them. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from shared.errors import Conflict
from shared.orders.model.change import OrderChange, with_effects, with_entry
from shared.orders.model.order import Order, UnsoldUnits
from shared.orders.model.return_terms import RETURN_TERMS, ReturnTerms
from shared.orders.model.returns import check_step, return_detail, return_of, with_return
from shared.stock.model.position import Effect

Refurbished = Literal["sellable", "damaged"]


def refurbished(
    order: Order,
    return_id: str,
    outcomes: Sequence[tuple[str, int, Refurbished]] | None,
    now: datetime,
    actor: str,
    terms: ReturnTerms = RETURN_TERMS,
) -> OrderChange:
    """Units that were refurbished, or held back, are on sale where they are, or stay damaged for
    good. None of ``outcomes`` stands for all unsold units, sellable.

    Raises InvalidTransition; Conflict for more units than are unsold.
    """
    before = return_of(order, return_id)
    check_step(before, "refurbish")
    unsold = before.unsold or ()
    rows: list[tuple[str, int, Refurbished]] = [
        (row.line_id, row.quantity, "sellable") for row in unsold
    ]
    if outcomes is not None:
        rows = list(outcomes)
    units = Counter[str]()
    for line_id, quantity, _ in rows:
        units[line_id] += quantity
    remaining = _less(unsold, units)
    after = replace(
        before,
        unsold=remaining or None,
        deadline=now + terms.refurbish if remaining else None,
    )
    assert before.location_id is not None
    effects = [
        Effect(order.line(line_id).sku, before.location_id, quantity, 0, damaged=-quantity)
        for line_id, quantity, outcome in rows
        if outcome == "sellable"
    ]
    detail = return_detail(after) | {
        "outcomes": [
            {"line_id": line_id, "quantity": quantity, "outcome": outcome}
            for line_id, quantity, outcome in rows
        ]
    }
    order = with_entry(with_return(order, after), now, "return.refurbished", actor, detail)
    return with_effects(OrderChange(order, cause="return.received"), order, effects)


def _less(unsold: Sequence[UnsoldUnits], units: Counter[str]) -> tuple[UnsoldUnits, ...]:
    """``unsold`` without ``units`` by line. Raises Conflict for more units than there are."""
    wanted = Counter(units)
    remaining: list[UnsoldUnits] = []
    for row in unsold:
        taken = min(row.quantity, wanted[row.line_id])
        wanted[row.line_id] -= taken
        if row.quantity > taken:
            remaining.append(replace(row, quantity=row.quantity - taken))
    for line_id in sorted(+wanted):
        possible = units[line_id] - wanted[line_id]
        raise Conflict(f"of line {line_id} {possible} are unsold", line_id=line_id, unsold=possible)
    return tuple(remaining)
