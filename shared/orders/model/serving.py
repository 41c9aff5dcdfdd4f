"""Who serves a fulfillment, and the shopper who comes for it. Pure."""

import hmac
from dataclasses import replace
from datetime import datetime, timedelta

from shared.errors import Conflict, InvalidTransition, WrongCode
from shared.orders.model.change import (
    OrderChange,
    fulfillment_detail,
    with_entry,
    with_fulfillment,
)
from shared.orders.model.order import Fulfillment, Order

CODE_DIGITS = 6
MOST_WRONG_CODES = 5
"""Wrong codes after which no code is accepted, not even the right one, until the shopper gets a new
one."""
WAITS = timedelta(minutes=10)
"""How long a shopper who has arrived waits until the location is reminded."""


def assign(
    order: Order, fulfillment_id: str, assignee: str | None, now: datetime, actor: str
) -> OrderChange:
    """Give the work of an open fulfillment to a person; None takes it back, also out of its wave.

    Raises InvalidTransition when nothing remains to be done.
    """
    part = order.fulfillment(fulfillment_id)
    if not part.is_open:
        raise InvalidTransition("assign", part.state, [])
    changed = replace(part, assignee=assignee, wave=part.wave if assignee else None)
    order = with_fulfillment(order, changed)
    detail = fulfillment_detail(changed) | ({"assignee": assignee} if assignee else {})
    order = with_entry(order, now, "fulfillment.assigned", actor, detail)
    return OrderChange(order, cause="fulfillment.assigned")


def arrive(
    order: Order, fulfillment_id: str, place: str | None, now: datetime, actor: str
) -> OrderChange:
    """The shopper has come to collect the goods, and waits at ``place`` (a bay, a counter).

    Raises InvalidTransition unless they are ready.
    """
    part = order.fulfillment(fulfillment_id)
    if part.state != "ready":
        raise InvalidTransition("arrived", part.state, [])
    waits = replace(part, arrived_at=now, deadline=now + WAITS)
    order = with_fulfillment(order, waits)
    detail = fulfillment_detail(waits) | ({"place": place} if place else {})
    order = with_entry(order, now, "shopper.arrived", actor, detail)
    return OrderChange(order, cause="shopper.arrived")


def check_code(part: Fulfillment, code: str | None, *, required: bool) -> None:
    """Raises WrongCode when ``code`` is not the one that the shopper was given; Conflict when it is
    missing where it is ``required``, and after too many wrong ones."""
    if part.code is None or (code is None and not required):
        return
    if code is None:
        raise Conflict(f"{part.fulfillment_id} is handed over for its code alone", needs="code")
    if (part.wrong_codes or 0) >= MOST_WRONG_CODES:
        raise Conflict(
            f"too many wrong codes were said for {part.fulfillment_id}: the shopper needs another",
            needs="new_code",
        )
    if not hmac.compare_digest(part.code.encode(), code.encode()):
        raise WrongCode(f"this is not the code of {part.fulfillment_id}", needs="code")


def count_wrong_code(
    order: Order, fulfillment_id: str, now: datetime, actor: str
) -> OrderChange | None:
    """Count a wrong code; None when the goods do not wait any more."""
    part = order.fulfillment(fulfillment_id)
    if part.state != "ready":
        return None
    counted = replace(part, wrong_codes=(part.wrong_codes or 0) + 1)
    order = with_fulfillment(order, counted)
    event = "fulfillment.code_refused"
    order = with_entry(order, now, event, actor, fulfillment_detail(counted))
    return OrderChange(order, cause=event)


def renew_code(
    order: Order, fulfillment_id: str, code: str, now: datetime, actor: str
) -> OrderChange:
    """Replace the code of goods that wait. Raises InvalidTransition unless they are ready."""
    part = order.fulfillment(fulfillment_id)
    if part.state != "ready":
        raise InvalidTransition("code", part.state, [])
    renewed = replace(part, code=code, wrong_codes=None)
    order = with_fulfillment(order, renewed)
    event = "fulfillment.code_renewed"
    detail = fulfillment_detail(renewed) | {"code": code}
    return OrderChange(with_entry(order, now, event, actor, detail), cause=event)


def note(order: Order, text: str, now: datetime, actor: str) -> OrderChange:
    """Write a note of the service into the history of the order."""
    return OrderChange(
        with_entry(order, now, "order.noted", actor, {"text": text}), cause="order.noted"
    )
