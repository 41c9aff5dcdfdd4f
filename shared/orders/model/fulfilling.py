"""The steps of a fulfillment at its location: accept, pick, pack, hand over, reject."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, get_args

from shared.errors import Conflict, InvalidTransition, OrderPaused
from shared.instants import rfc3339
from shared.orders.model.balancing import balance
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
    Fulfillment,
    FulfillmentLine,
    Order,
    Rejection,
    Taken,
)
from shared.orders.model.states import (
    HANDED_OVER,
    TRANSITIONS,
    UNPICKED,
    FulfillmentAction,
    FulfillmentState,
    LapseReason,
)
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)
from shared.stock.model.position import Effect, release, take


def advance(
    order: Order,
    fulfillment_id: str,
    action: Literal["accept", "pick", "pack", "ready", "ship", "collect"],
    now: datetime,
    actor: str,
    *,
    units: Mapping[str, int] | None = None,
    carrier: str | None = None,
    tracking: str | None = None,
    code: str | None = None,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange:
    """Move a fulfillment one step forward. A hand-over of fewer ``units`` by line leaves the others
    in their state. ``code`` is what the shopper of a fulfillment that becomes ready is told.

    Raises InvalidTransition with the actions that the state allows; OrderPaused; Conflict for a
    hand-over before the payment is at least authorized, of units that wait for others of the order,
    or that the shopper has not agreed to.
    """
    part = order.fulfillment(fulfillment_id)
    state = next_state(part, action)
    must_not_be_paused(order)
    if action != "accept":
        _must_be_agreed(order, part)
    if order.rests(part):
        waiting = [line.line_id for line in order.lines if line.unassigned or line.backordered]
        raise Conflict(
            f"order {order.order_id} is shipped complete: it waits for line {', '.join(waiting)}",
            waits_for=waiting,
        )
    if state in HANDED_OVER and order.unpaid:
        raise Conflict(
            f"order {order.order_id} waits to be paid: nothing of it is handed over",
            payment="pending",
        )
    if units is not None and state in HANDED_OVER:
        order = split(order, part, units)
        part = order.fulfillment(fulfillment_id)
    advanced = replace(
        part,
        state=state,
        deadline=deadline_of(part, state, now, terms),
        escalations=0,
        carrier=carrier or part.carrier,
        tracking=tracking or part.tracking,
        code=code or part.code,
        rivals=(),
        handed_over_at=now if state in HANDED_OVER else None,
    )
    order = with_fulfillment(order, advanced)
    if action == "accept":
        order = _end_waiting(order, advanced)
    effects: list[Effect] = []
    if state in HANDED_OVER:
        for held in part.lines:
            line = order.line(held.line_id)
            order = with_line(
                order,
                replace(
                    line,
                    open=line.open - held.quantity,
                    fulfilled=line.fulfilled + held.quantity,
                ),
            )
            effects.append(Effect(held.sku, part.location_id, -held.quantity, -held.quantity))
    event = f"fulfillment.{state}"
    detail = fulfillment_detail(advanced) | ({"code": code} if code else {})
    if action == "accept" and part.deadline is not None:
        detail["answer_by"] = rfc3339(part.deadline)
    order = with_entry(order, now, event, actor, detail)
    if state in HANDED_OVER:
        order = balance(order, now, "handed over", terms=terms)
    return with_effects(OrderChange(order, cause=event), order, effects)


def _end_waiting(order: Order, accepted: Fulfillment) -> Order:
    """Clear ``since`` of the accepted lines that have no unassigned or backordered units left."""
    for held in accepted.lines:
        line = order.line(held.line_id)
        if not line.unassigned and not line.backordered:
            order = with_line(order, replace(line, since=None))
    return order


def open_offer_to(order: Order, fulfillment_id: str, location_id: str) -> Fulfillment:
    """The fulfillment that the location was asked to accept.

    Raises InvalidTransition when another location has accepted it, Conflict when this one was not
    asked.
    """
    part = order.fulfillment(fulfillment_id)
    next_state(part, "accept")
    must_not_be_paused(order)
    if location_id not in (part.location_id, *part.rivals):
        raise Conflict(
            f"{fulfillment_id} was not offered to {location_id}",
            offered_to=[part.location_id, *part.rivals],
        )
    return part


def accept_as_rival(
    order: Order,
    fulfillment_id: str,
    location_id: str,
    taken: Sequence[Taken],
    now: datetime,
    actor: str,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange:
    """Accept an offer at a rival: the rival's units are reserved, those of the first location are
    released. The dates promised to the shopper stay.

    Raises InvalidTransition when another location has accepted it, Conflict when this one was not
    asked.
    """
    part = open_offer_to(order, fulfillment_id, location_id)
    effects = [
        release(line.sku, part.location_id, line.quantity, line.counters) for line in part.lines
    ]
    skus = {line.line_id: line.sku for line in part.lines}
    lines = tuple(
        FulfillmentLine(units.line_id, skus[units.line_id], units.quantity, units.limit.counters)
        for units in taken
    )
    effects += [
        take(units.limit, skus[units.line_id], location_id, units.quantity) for units in taken
    ]
    at_rival = replace(part, location_id=location_id, lines=lines)
    accepted = advance(
        with_fulfillment(order, at_rival), fulfillment_id, "accept", now, actor, terms=terms
    )
    return with_effects(accepted, accepted.order, effects)


def withdraw_units(
    order: Order, units: Mapping[str, Mapping[str, int]], now: datetime, actor: str
) -> OrderChange:
    """Take ``units`` by fulfillment and line back from their locations, to be routed elsewhere.
    Units that stay keep the state and the dates of their fulfillment."""
    change = OrderChange(order, cause="fulfillment.withdrawn")
    for fulfillment_id, quantities in units.items():
        part = change.order.fulfillment(fulfillment_id)
        next_state(part, "cancel")
        lines_left = lines_without(part, quantities)
        changed = (
            replace(part, lines=lines_left)
            if lines_left
            else replace(part, state="cancelled", deadline=None, escalations=0, rivals=())
        )
        after = with_fulfillment(change.order, changed)
        lines = {line.line_id: line for line in part.lines}
        withdrawn = [
            replace(lines[line_id], quantity=quantity) for line_id, quantity in quantities.items()
        ]
        for units_back in withdrawn:
            line = after.line(units_back.line_id)
            after = with_line(
                after, replace(line, unassigned=line.unassigned + units_back.quantity)
            )
        detail = fulfillment_detail(replace(part, lines=tuple(withdrawn)))
        after = with_entry(after, now, "fulfillment.withdrawn", actor, detail)
        effects = (
            release(line.sku, part.location_id, line.quantity, line.counters) for line in withdrawn
        )
        change = with_effects(change, after, effects)
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
    """Take from a location the units that it does not serve. They become unassigned and are not
    offered to it again.

    The reason corrects the stock of the location, by the units of this order alone: it says nothing
    about the units of other orders.

        not_found     on_hand -units, reserved -units
        damaged       on_hand -units, reserved -units, damaged +units
        mismatch      on_hand -units, reserved -units
        no_capacity   reserved -units
        no_answer     reserved -units
        late          reserved -units
        gone          reserved -units

    For the last three only the attempt that follows at once passes the location over; a later one
    may ask it again. More units may have arrived by then where they were gone: asked at once, the
    location would get the very units that it lacks.

    ``shelf`` has the available units by (SKU, location_id) that the stock shows. Where units are
    not found although it shows more, the location is asked for a count (`stock.count_requested`).
    """
    part = order.fulfillment(fulfillment_id)
    next_state(part, "reject")
    if event == "fulfillment.rejected":
        must_not_be_paused(order)
    units: Counter[str] = Counter()
    for rejection in rejections:
        units[rejection.line_id] += rejection.quantity
    lapsed = {row.line_id for row in rejections if row.reason in get_args(LapseReason)}
    askable_later = lapsed | {row.line_id for row in rejections if row.reason == "gone"}
    lines_left = lines_without(part, units)
    part_lines = {line.line_id: line for line in part.lines}
    effects = [
        correction(part_lines[rejection.line_id], part.location_id, rejection)
        for rejection in rejections
    ]
    for line_id, quantity in units.items():
        line = order.line(line_id)
        location = {part.location_id}
        excluded = {*line.excluded, *(() if line_id in askable_later else location)}
        expired = {*line.expired, *(location if line_id in askable_later else ())}
        order = with_line(
            order,
            replace(
                line,
                unassigned=line.unassigned + quantity,
                excluded=tuple(sorted(excluded)),
                expired=tuple(sorted(expired)),
            ),
        )
    changed = (
        replace(part, lines=lines_left)
        if lines_left
        else replace(
            part,
            state="expired" if lapsed else "rejected",
            deadline=None,
            escalations=0,
            rivals=(),
        )
    )
    order = with_fulfillment(order, changed)
    detail = {
        "fulfillment_id": fulfillment_id,
        "location_id": part.location_id,
        "lines": [
            {"line_id": r.line_id, "quantity": r.quantity, "reason": r.reason} for r in rejections
        ],
    }
    order = with_entry(order, now, event, actor, detail)
    order = with_count_requests(order, part, rejections, shelf, now, actor)
    return with_effects(OrderChange(order, cause=event), order, effects)


def with_count_requests(
    order: Order,
    part: Fulfillment,
    rejections: Iterable[Rejection],
    shelf: Mapping[tuple[str, str], int],
    now: datetime,
    actor: str,
) -> Order:
    """Ask the location to count what was not found of ``part`` although the stock shows more."""
    skus = {line.line_id: line.sku for line in part.lines}
    missing: Counter[str] = Counter()
    for rejection in rejections:
        if rejection.reason == "not_found":
            missing[skus[rejection.line_id]] += rejection.quantity
    for sku, quantity in missing.items():
        if (believed := shelf.get((sku, part.location_id), 0)) > 0:
            count_request = {
                "fulfillment_id": part.fulfillment_id,
                "location_id": part.location_id,
                "sku": sku,
                "not_found": quantity,
                "believed": believed,
            }
            order = with_entry(order, now, "stock.count_requested", actor, count_request)
    return order


def release_missing(
    order: Order, fulfillment_id: str, sku: str, units: int, now: datetime
) -> OrderChange | None:
    """Free up to ``units`` of ``sku`` that are promised at the location and missing there, to be
    routed elsewhere. None when the fulfillment is picked, or has none of them."""
    part = order.fulfillment(fulfillment_id)
    if part.state not in UNPICKED:
        return None
    rejections = []
    for line in part.lines:
        if line.sku == sku and (taken := min(units, line.quantity)):
            rejections.append(Rejection(line.line_id, taken, "gone"))
            units -= taken
    if not rejections:
        return None
    event = "fulfillment.short"
    return reject(order, fulfillment_id, rejections, {}, now=now, actor="norain", event=event)


def must_not_be_paused(order: Order) -> None:
    """Raises OrderPaused with the owners who may end the pauses."""
    if order.is_paused:
        raise OrderPaused(
            order.order_id,
            [
                {
                    "pause_id": pause.pause_id,
                    "kind": pause.kind,
                    "owner": pause.owner,
                    "deadline": rfc3339(pause.deadline),
                }
                for pause in order.pauses
            ],
        )


def _must_be_agreed(order: Order, part: Fulfillment) -> None:
    """Raises Conflict with the substitutes that the shopper has not agreed to yet."""
    asked = [held.line_id for held in part.lines if order.line(held.line_id).consent_by is not None]
    if asked:
        raise Conflict(
            f"the shopper has not agreed to {', '.join(asked)} yet", waits_for_consent=asked
        )


def allowed_actions(part: Fulfillment) -> tuple[FulfillmentAction, ...]:
    return tuple(sorted(TRANSITIONS[part.method].get(part.state, {})))


def next_state(part: Fulfillment, action: FulfillmentAction) -> FulfillmentState:
    """Raises InvalidTransition with the actions that the state allows."""
    state = TRANSITIONS[part.method].get(part.state, {}).get(action)
    if state is None:
        raise InvalidTransition(action, part.state, allowed_actions(part))
    return state


def deadline_of(
    part: Fulfillment, state: FulfillmentState, now: datetime, terms: TimeLimits
) -> datetime | None:
    """When somebody must act on the fulfillment in its new ``state``: before the promise breaks."""
    if state == "shipped" and part.deliver_by is not None:
        return max(now, part.deliver_by) + terms.unreported
    if state in HANDED_OVER:
        return None
    if state == "ready":
        return now + terms.collect
    if part.ready_by is not None and part.ready_by > now:
        warning = part.ready_by - terms.warning
        return warning if warning > now else part.ready_by
    return now + terms.work


def correction(line: FulfillmentLine, location_id: str, rejection: Rejection) -> Effect:
    """The effect of a rejection on stock: the table in ``reject``."""
    units = rejection.quantity
    effect = release(line.sku, location_id, units, line.counters)
    match rejection.reason:
        case "no_capacity" | "no_answer" | "late" | "gone":
            return effect
        case "damaged":
            return replace(effect, on_hand=-units, damaged=units)
        case "not_found" | "mismatch":
            return replace(effect, on_hand=-units)
