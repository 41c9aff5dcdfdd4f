"""What a location does with an offer: accept, pick, pack, hand over, reject."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, get_args

from shared.errors import Conflict, InvalidTransition
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    lines_without,
    split,
    with_effects,
    with_entry,
    with_fulfillment,
    with_line,
)
from shared.orders.model.order import (
    HANDED_OVER,
    TIME_LIMITS,
    TRANSITIONS,
    UNPICKED,
    Fulfillment,
    FulfillmentAction,
    FulfillmentLine,
    FulfillmentState,
    LapseReason,
    Order,
    Rejection,
    Taken,
    TimeLimits,
)
from shared.stock.model.position import Effect, release, take


def act(
    order: Order,
    fulfillment_id: str,
    action: Literal["accept", "pick", "pack", "ready", "ship", "collect"],
    now: datetime,
    actor: str,
    *,
    units: Mapping[str, int] | None = None,
    carrier: str | None = None,
    tracking: str | None = None,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange:
    """One step forward. A hand-over of fewer ``units`` (by line) leaves the rest where it was.

    Raises InvalidTransition, with what the state allows; Conflict for a hand-over of what nobody
    has paid, or is bound to pay.
    """
    found = order.fulfillment(fulfillment_id)
    state = next_state(found, action)
    if state in HANDED_OVER and order.payment.status == "pending":
        raise Conflict(
            f"order {order.order_id} waits to be paid: nothing of it is handed over",
            payment=order.payment.status,
        )
    if units is not None and state in HANDED_OVER:
        order = split(order, found, units)
        found = order.fulfillment(fulfillment_id)
    moved = replace(
        found,
        state=state,
        deadline=_deadline(found, state, now, terms),
        escalations=0,
        carrier=carrier or found.carrier,
        tracking=tracking or found.tracking,
        rivals=(),
    )
    order = with_fulfillment(order, moved)
    if action == "accept":
        order = _served(order, moved)
    effects: list[Effect] = []
    if state in HANDED_OVER:
        for held in found.lines:
            line = order.line(held.line_id)
            order = with_line(
                order,
                replace(
                    line,
                    open=line.open - held.quantity,
                    fulfilled=line.fulfilled + held.quantity,
                ),
            )
            effects.append(Effect(held.sku, found.location_id, -held.quantity, -held.quantity))
    event = f"fulfillment.{state}"
    order = with_entry(order, now, event, actor, fulfillment_detail(moved))
    return with_effects(OrderChange(order, cause=event), order, effects)


def _served(order: Order, accepted: Fulfillment) -> Order:
    """The lines of which all units are with somebody have waited to the end."""
    for held in accepted.lines:
        line = order.line(held.line_id)
        if not line.unassigned and not line.backordered:
            order = with_line(order, replace(line, since=None))
    return order


def asked(order: Order, fulfillment_id: str, location_id: str) -> Fulfillment:
    """What the location is asked to accept.

    Raises InvalidTransition when somebody was faster, Conflict when it was not asked.
    """
    found = order.fulfillment(fulfillment_id)
    next_state(found, "accept")
    if location_id not in (found.location_id, *found.rivals):
        raise Conflict(
            f"{fulfillment_id} was not offered to {location_id}",
            offered_to=[found.location_id, *found.rivals],
        )
    return found


def claim(
    order: Order,
    fulfillment_id: str,
    location_id: str,
    taken: Sequence[Taken],
    now: datetime,
    actor: str,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange:
    """A rival accepts: its own units are reserved instead of those of whom it was offered to. What
    was promised to the shopper stays.

    Raises InvalidTransition when somebody was faster, Conflict when it was not asked.
    """
    found = asked(order, fulfillment_id, location_id)
    effects = [
        release(held.sku, found.location_id, held.quantity, held.counters) for held in found.lines
    ]
    skus = {held.line_id: held.sku for held in found.lines}
    lines = tuple(
        FulfillmentLine(one.line_id, skus[one.line_id], one.quantity, one.limit.counters)
        for one in taken
    )
    effects += [take(one.limit, skus[one.line_id], location_id, one.quantity) for one in taken]
    moved = replace(found, location_id=location_id, lines=lines)
    accepted = act(
        with_fulfillment(order, moved), fulfillment_id, "accept", now, actor, terms=terms
    )
    return with_effects(accepted, accepted.order, effects)


def withdraw(
    order: Order, units: Mapping[str, Mapping[str, int]], now: datetime, actor: str
) -> OrderChange:
    """``units``, by fulfillment and line, are taken back, and free to be routed elsewhere. What a
    location keeps stays in its state, with its dates."""
    change = OrderChange(order, cause="fulfillment.withdrawn")
    for fulfillment_id, taken in units.items():
        found = change.order.fulfillment(fulfillment_id)
        next_state(found, "cancel")
        kept = lines_without(found, taken)
        moved = (
            replace(found, lines=kept)
            if kept
            else replace(found, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        taken_back = with_fulfillment(change.order, moved)
        counted = {held.line_id: held for held in found.lines}
        gone = [replace(counted[name], quantity=quantity) for name, quantity in taken.items()]
        for held in gone:
            line = taken_back.line(held.line_id)
            taken_back = with_line(
                taken_back, replace(line, unassigned=line.unassigned + held.quantity)
            )
        told = fulfillment_detail(replace(found, lines=tuple(gone)))
        taken_back = with_entry(taken_back, now, "fulfillment.withdrawn", actor, told)
        effects = (
            release(held.sku, found.location_id, held.quantity, held.counters) for held in gone
        )
        change = with_effects(change, taken_back, effects)
    return change


def reject(
    order: Order,
    fulfillment_id: str,
    rejections: Sequence[Rejection],
    shelf: Mapping[tuple[str, str], int],
    *,
    now: datetime,
    actor: str,
    event: str = "fulfillment.rejected",
) -> OrderChange:
    """A location does not serve some units; they are unassigned and not offered to it again, or
    not at once when its offer has only lapsed.

    What it says corrects its stock, by the units of this order and no others: one order says
    nothing of what others may still find. ``shelf`` is the available count by (sku, location_id) as
    the system believes it: where units are not found beside others that should be there, the
    location is asked to count them (`stock.count_requested`).

        not_found     on_hand -units, reserved -units
        damaged       on_hand -units, reserved -units, damaged +units
        mismatch      on_hand -units, reserved -units
        no_capacity   reserved -units
        no_answer     reserved -units; it may be asked again with the next attempt
        late          reserved -units; the same
        gone          reserved -units; the same: more may have come by then. Asked at once it
                      would get just the units that it is to be rid of
    """
    found = order.fulfillment(fulfillment_id)
    next_state(found, "reject")
    units: Counter[str] = Counter()
    for rejection in rejections:
        units[rejection.line_id] += rejection.quantity
    lapsed = {row.line_id for row in rejections if row.reason in get_args(LapseReason)}
    later = lapsed | {row.line_id for row in rejections if row.reason == "gone"}
    kept = lines_without(found, units)
    held_by = {held.line_id: held for held in found.lines}
    effects = [
        _correction(held_by[rejection.line_id], found.location_id, rejection)
        for rejection in rejections
    ]
    for line_id, quantity in units.items():
        line = order.line(line_id)
        here = {found.location_id}
        excluded = {*line.excluded, *(() if line_id in later else here)}
        expired = {*line.expired, *(here if line_id in later else ())}
        order = with_line(
            order,
            replace(
                line,
                unassigned=line.unassigned + quantity,
                excluded=tuple(sorted(excluded)),
                expired=tuple(sorted(expired)),
            ),
        )
    moved = (
        replace(found, lines=kept)
        if kept
        else replace(
            found,
            state="expired" if lapsed else "rejected",
            deadline=None,
            escalations=0,
            rivals=(),
        )
    )
    order = with_fulfillment(order, moved)
    detail = {
        "fulfillment_id": fulfillment_id,
        "location_id": found.location_id,
        "lines": [
            {"line_id": r.line_id, "quantity": r.quantity, "reason": r.reason} for r in rejections
        ],
    }
    order = with_entry(order, now, event, actor, detail)
    missing: Counter[str] = Counter()
    for rejection in rejections:
        if rejection.reason == "not_found":
            missing[held_by[rejection.line_id].sku] += rejection.quantity
    for sku, quantity in missing.items():
        if (believed := shelf.get((sku, found.location_id), 0)) > 0:
            asked = {
                "fulfillment_id": fulfillment_id,
                "location_id": found.location_id,
                "sku": sku,
                "not_found": quantity,
                "believed": believed,
            }
            order = with_entry(order, now, "stock.count_requested", actor, asked)
    return with_effects(OrderChange(order, cause=event), order, effects)


def fall_short(
    order: Order, fulfillment_id: str, sku: str, units: int, now: datetime
) -> OrderChange | None:
    """``units`` of ``sku`` at the location are promised and not there: what it has not picked of
    them is to come from elsewhere. None when it has picked, or holds none of them."""
    found = order.fulfillment(fulfillment_id)
    if found.state not in UNPICKED:
        return None
    rows = []
    for held in found.lines:
        if held.sku == sku and (taken := min(units, held.quantity)):
            rows.append(Rejection(held.line_id, taken, "gone"))
            units -= taken
    if not rows:
        return None
    event = "fulfillment.short"
    return reject(order, fulfillment_id, rows, {}, now=now, actor="norain", event=event)


def allowed(found: Fulfillment) -> tuple[FulfillmentAction, ...]:
    return tuple(sorted(TRANSITIONS[found.method].get(found.state, {})))


def next_state(found: Fulfillment, action: FulfillmentAction) -> FulfillmentState:
    to = TRANSITIONS[found.method].get(found.state, {}).get(action)
    if to is None:
        raise InvalidTransition(action, found.state, allowed(found))
    return to


def _deadline(
    found: Fulfillment, state: FulfillmentState, now: datetime, terms: TimeLimits
) -> datetime | None:
    if state in HANDED_OVER:
        return None
    if state == "ready":
        return now + terms.collect
    if found.ready_by is not None and found.ready_by > now:
        warned = found.ready_by - terms.warning
        return warned if warned > now else found.ready_by
    return now + terms.work


def _correction(held: FulfillmentLine, location_id: str, rejection: Rejection) -> Effect:
    units = rejection.quantity
    back = release(held.sku, location_id, units, held.counters)
    match rejection.reason:
        case "no_capacity" | "no_answer" | "late" | "gone":
            return back
        case "damaged":
            return replace(back, on_hand=-units, damaged=units)
        case "not_found" | "mismatch":
            return replace(back, on_hand=-units)
