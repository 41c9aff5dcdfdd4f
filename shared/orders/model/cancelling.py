"""Cancel an order, some of its units, or one fulfillment."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from shared.errors import Conflict, InvalidTransition
from shared.orders.model.backorders import claims_arrive_by, first_claims
from shared.orders.model.balancing import balance
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    lines_without,
    with_effects,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.fulfilling import next_state
from shared.orders.model.order import Fulfillment, Order
from shared.orders.model.payments import IN_PROPORTION, Refund
from shared.orders.model.repricing import repriced
from shared.orders.model.states import OPEN
from shared.stock.model.position import Effect, release


def cancel_fulfillment(
    order: Order, fulfillment_id: str, reason: str, now: datetime, actor: str
) -> OrderChange:
    """Cancel the fulfillment and release its units. They are not routed again.

    Raises InvalidTransition.
    """
    part = order.fulfillment(fulfillment_id)
    next_state(part, "cancel")
    units = Counter({line.line_id: line.quantity for line in part.lines})
    return cancel_units(order, Counter(), [(part, units)], reason, now=now, actor=actor)


def cancel(
    order: Order,
    wanted: Mapping[str, int] | None,
    reason: str,
    now: datetime,
    actor: str,
    refund: Refund = IN_PROPORTION,
) -> OrderChange:
    """Cancel ``wanted`` units by line, or everything that has not been handed over. What was paid
    for them goes back as ``refund`` says.

    Units that nobody works on are cancelled first: unassigned, backordered, then those of the
    fulfillments from the least to the most advanced.

    Raises InvalidTransition when nothing can be cancelled, Conflict for more units than can be.
    """
    possible = {line.line_id: line.open + line.backordered for line in order.lines}
    if not any(possible.values()):
        raise InvalidTransition("cancel", order.state, [])
    remaining = Counter(possible if wanted is None else wanted)
    for line_id, quantity in remaining.items():
        order.line(line_id)
        if quantity > possible[line_id]:
            raise Conflict(
                f"of line {line_id} {possible[line_id]} can still be cancelled",
                line_id=line_id,
                cancellable=possible[line_id],
            )
    unheld: Counter[str] = Counter()
    for line in order.lines:
        taken = min(remaining[line.line_id], line.unassigned + line.backordered)
        unheld[line.line_id] = taken
        remaining[line.line_id] -= taken
    parts: list[tuple[Fulfillment, Counter[str]]] = []
    for part in sorted(
        (part for part in order.fulfillments if part.is_open),
        key=lambda part: OPEN.index(part.state),
    ):
        units = Counter({line.line_id: line.quantity for line in part.lines}) & remaining
        if units:
            remaining -= units
            parts.append((part, units))
    return cancel_units(order, +unheld, parts, reason, now=now, actor=actor, refund=refund)


def cancel_units(
    order: Order,
    unheld: Mapping[str, int],
    parts: Iterable[tuple[Fulfillment, Mapping[str, int]]],
    reason: str,
    *,
    now: datetime,
    actor: str,
    refund: Refund = IN_PROPORTION,
) -> OrderChange:
    """Cancel units by line: ``unheld`` are with no location; those in ``parts`` are released from
    their fulfillments. What was charged for them is due back."""
    before = order
    effects: list[Effect] = []
    total: Counter[str] = Counter()
    for line_id, quantity in unheld.items():
        line = order.line(line_id)
        unassigned = min(quantity, line.unassigned)
        order = with_line(
            order,
            replace(
                line,
                open=line.open - unassigned,
                unassigned=line.unassigned - unassigned,
                backordered=line.backordered - (quantity - unassigned),
                cancelled=line.cancelled + quantity,
                claims=first_claims(line.claims, line.backordered - (quantity - unassigned)),
            ),
        )
        total[line_id] += quantity
    for part, units in parts:
        lines_left = lines_without(part, units)
        changed = (
            replace(part, lines=lines_left)
            if lines_left
            else replace(part, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        order = with_fulfillment(order, changed)
        counters = {line.line_id: line.counters for line in part.lines}
        for line_id, quantity in units.items():
            line = order.line(line_id)
            order = with_line(
                order,
                replace(line, open=line.open - quantity, cancelled=line.cancelled + quantity),
            )
            effects.append(release(line.sku, part.location_id, quantity, counters[line_id]))
            total[line_id] += quantity
        if not lines_left:
            order = with_entry(
                order, now, "fulfillment.cancelled", actor, fulfillment_detail(changed)
            )
    for line_id in total:
        line = order.line(line_id)
        if not line.unassigned and not line.backordered:
            order = with_line(order, replace(line, since=None, deadline=None, expected_at=None))
        elif line.backordered and line.claims:
            due = claims_arrive_by(line.claims, line.backordered)
            order = with_line(order, replace(line, expected_at=due, deadline=due or line.deadline))
    detail = {
        "reason": reason,
        "lines": [{"line_id": name, "quantity": quantity} for name, quantity in total.items()],
    }
    order = with_entry(order, now, "order.cancelled", actor, detail)
    order = balance(repriced(before, order), now, reason, refund=refund)
    return with_effects(OrderChange(order, cause="order.cancelled"), order, effects)
