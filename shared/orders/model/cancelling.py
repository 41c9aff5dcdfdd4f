"""Cancel an order, some of its units, or one fulfillment."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from shared.errors import Conflict, InvalidTransition
from shared.orders.model.backorders import first_claims, latest_claimed
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
from shared.orders.model.order import OPEN, Fulfillment, Order
from shared.orders.model.refunds import refund_units
from shared.stock.model.position import Effect, release


def cancel_fulfillment(
    order: Order, fulfillment_id: str, reason: str, now: datetime, actor: str
) -> OrderChange:
    """Its units are released and cancelled: the shopper does not get them."""
    found = order.fulfillment(fulfillment_id)
    next_state(found, "cancel")
    units = Counter({held.line_id: held.quantity for held in found.lines})
    return cancel_units(order, Counter(), [(found, units)], reason, now=now, actor=actor)


def cancel(
    order: Order,
    wanted: Mapping[str, int] | None,
    reason: str,
    now: datetime,
    actor: str,
) -> OrderChange:
    """Units by line, or everything that has not been handed over.

    Those that nobody works on go first: unassigned, backordered, then the fulfillments from the
    least to the most advanced.

    Raises InvalidTransition when nothing can be cancelled any more, Conflict when less can.
    """
    possible = {line.line_id: line.open + line.backordered for line in order.lines}
    if not any(possible.values()):
        raise InvalidTransition("cancel", order.state, [])
    asked = Counter(possible if wanted is None else wanted)
    for line_id, quantity in asked.items():
        order.line(line_id)
        if quantity > possible[line_id]:
            raise Conflict(
                f"of line {line_id} {possible[line_id]} can still be cancelled",
                line_id=line_id,
                cancellable=possible[line_id],
            )
    loose: Counter[str] = Counter()
    for line in order.lines:
        taken = min(asked[line.line_id], line.unassigned + line.backordered)
        loose[line.line_id] = taken
        asked[line.line_id] -= taken
    parts: list[tuple[Fulfillment, Counter[str]]] = []
    for found in sorted(
        (f for f in order.fulfillments if f.is_open), key=lambda f: OPEN.index(f.state)
    ):
        units = Counter({held.line_id: held.quantity for held in found.lines}) & asked
        if units:
            asked -= units
            parts.append((found, units))
    return cancel_units(order, +loose, parts, reason, now=now, actor=actor)


def cancel_units(
    order: Order,
    loose: Mapping[str, int],
    parts: Iterable[tuple[Fulfillment, Mapping[str, int]]],
    reason: str,
    *,
    now: datetime,
    actor: str,
) -> OrderChange:
    """``loose`` units are held by nobody; ``parts`` are units of fulfillments, to be released."""
    effects: list[Effect] = []
    total: Counter[str] = Counter()
    for line_id, quantity in loose.items():
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
    for found, units in parts:
        kept = lines_without(found, units)
        moved = (
            replace(found, lines=kept)
            if kept
            else replace(found, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        order = with_fulfillment(order, moved)
        counted = {held.line_id: held.counters for held in found.lines}
        for line_id, quantity in units.items():
            line = order.line(line_id)
            order = with_line(
                order,
                replace(line, open=line.open - quantity, cancelled=line.cancelled + quantity),
            )
            effects.append(release(line.sku, found.location_id, quantity, counted[line_id]))
            total[line_id] += quantity
        if not kept:
            order = with_entry(
                order, now, "fulfillment.cancelled", actor, fulfillment_detail(moved)
            )
    for line_id in total:
        line = order.line(line_id)
        if not line.unassigned and not line.backordered:
            order = with_line(order, replace(line, since=None, deadline=None, expected_at=None))
        elif line.backordered and line.claims:
            due = latest_claimed(line.claims, line.backordered)
            sooner = replace(line, expected_at=due, deadline=due or line.deadline)
            order = with_line(order, sooner)
    detail = {
        "reason": reason,
        "lines": [{"line_id": name, "quantity": quantity} for name, quantity in total.items()],
    }
    order = with_entry(order, now, "order.cancelled", actor, detail)
    order = refund_units(order, total, now, reason)
    return with_effects(OrderChange(order, cause="order.cancelled"), order, effects)
