"""Write a change of an order in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.aws import dynamodb as tables
from shared.aws.dynamodb import Part
from shared.errors import HoldClosed, TooMuchAtOnce
from shared.orders.model import (
    NO_CONTACTS,
    Order,
    OrderChange,
    check,
    split_past,
)
from shared.orders.model.erased import as_storable
from shared.orders.store.benefits import NOTHING_KNOWN, Known, benefits, full_slots
from shared.orders.store.claims import claim_parts
from shared.orders.store.decisions import decision_parts
from shared.orders.store.documents import (
    MOST_IN_ORDER,
    asked_part,
    changed_order_part,
    contacts_part,
    new_order_part,
    past_part,
    record_part,
    size,
)
from shared.orders.store.keys import order_id_of_request
from shared.orders.store.reads import StoredAnswer, first_answer
from shared.orders.store.tracking import parcel_parts
from shared.orders.store.transfers import document_parts
from shared.pricing.store.uses import Counter
from shared.stock import store as stock
from shared.stock.model.position import Cause, Hold, sum_effects
from shared.stock.model.rules import FloorFacts
from shared.web.idempotency import Request

REASONS: Mapping[str, str] = {
    "fulfillment.shipped": "shipping",
    "fulfillment.collected": "retail_selling",
    "fulfillment.rejected": "stock_taking",
    "return.received": "returned",
    "fulfillment.received_back": "returned",
}
"""The reasons in the ledger, as words of GS1 CBV; reserving and releasing is ``reserved``."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Why nothing was written.

    ``changed``: the order has changed since it was read. ``answered``: the request has been
    answered already. ``learnt``: the current facts of the positions that refused, by (location_id,
    SKU). ``full``: the slots of large limits that refused. Nothing of these: a condition of a part
    beside the order failed.
    """

    changed: bool = False
    answered: StoredAnswer | None = None
    learnt: Mapping[tuple[str, str], FloorFacts] = field(default_factory=dict)
    full: tuple[Counter, ...] = ()


def commit(
    change: OrderChange,
    now: datetime,
    *,
    request: Request | None = None,
    answer: str = "",
    hold: Hold | None = None,
    before: Order | None = None,
    beside: Sequence[Part] = (),
    known: Known = NOTHING_KNOWN,
) -> NotWritten | None:
    """Write the change in one transaction; None when it was written, else the reason.

    The transaction has the order, its stock positions, the claims that differ from ``before``, long
    decisions, the past of a long order, shipped parcels by tracking number, the transfers of the
    change, the codes, limits and cards that it uses (benefits.py), and the parts ``beside`` them.
    A new order stores its request and answer itself. A record of the request is written as well
    when the order's id does not follow from it: for an id that the channel chose, and for every
    later action.

    Raises LawBroken for an order that does not conserve its units, HoldClosed, PromotionExhausted,
    TooMuchAtOnce for more items than a transaction can have. Nothing is written then.
    """
    shipped_parts = parcel_parts(before, change.order, now) if before is not None else []
    change = replace(change, order=as_storable(change.order))
    order = change.order
    check(order)
    new = order.version == 0
    change, past_parts = _without_past(before, change)
    parts: list[Part] = [
        new_order_part(change, request, answer) if new else changed_order_part(change)
    ]
    hold_at = record_at = None
    if hold is not None:
        hold_at = len(parts)
        reference = payment_of_hold(order, hold)
        parts.append(stock.convert_part(hold, order.order_id, now, reference))
    if request is not None and not (new and order.order_id == order_id_of_request(request)):
        record_at = len(parts)
        parts.append(record_part(request, order.order_id, answer, now))
        if not new:
            parts.append(asked_part(request, order.order_id, now))
    parts += claim_parts(before, order)
    parts += decision_parts(order)
    if order.contacts != (before.contacts if before else NO_CONTACTS):
        parts.append(contacts_part(order, answer if new else None))
    parts += [*past_parts, *shipped_parts, *document_parts(change.transfers), *beside]
    benefits_at = len(parts)
    used = benefits(before, order, now, known)
    parts += [benefit.part for benefit in used]
    effects = sum_effects(change.effects)
    if len(parts) + len(effects) > tables.WRITE_PARTS:
        raise TooMuchAtOnce(
            f"the order touches {len(effects)} stock positions, more than can change at once",
            [{"path": "$.lines", "message": "place fewer lines in one order"}],
        )
    done = stock.commit_effects(effects, _cause(change), now, parts)
    if done.written:
        return None
    refused = dict(done.refused)
    if record_at in refused and (record := refused[record_at]):
        return NotWritten(answered=StoredAnswer(record["digest"], record["answer"]))
    if 0 in refused:
        return _other_order(refused[0], request if new else None)
    if hold is not None and hold_at in refused:
        _check_refusing_hold(hold, refused[hold_at], order, now)
    full = full_slots(used, {number - benefits_at: item for number, item in refused.items()})
    facts = {
        (effect.location_id, effect.sku): stock.facts_of_item(item) for effect, item in done.short
    }
    return NotWritten(learnt=facts, full=full)


def _without_past(before: Order | None, change: OrderChange) -> tuple[OrderChange, list[Part]]:
    """The change of a long order without its closed part, and the item that has it."""
    if before is not None and size(change.order) > MOST_IN_ORDER:
        shorter, past = split_past(before, change.order)
        if past.history or past.fulfillments:
            return replace(change, order=shorter), [past_part(past)]
    return change, []


def _other_order(stored: Mapping[str, Any] | None, request: Request | None) -> NotWritten:
    """The order has changed since it was read, or its id is taken: perhaps by the same request."""
    if stored and request and stored["request"]["name"] == request.name:
        return NotWritten(changed=True, answered=first_answer(stored))
    return NotWritten(changed=True)


def _check_refusing_hold(
    hold: Hold, stored: Mapping[str, Any] | None, order: Order, now: datetime
) -> None:
    """Raises HoldClosed when the hold that refused can no longer become the order."""
    if stored is None:
        raise HoldClosed(hold.hold_id, "gone")
    held = stock.hold_of_item(stored)
    stock.check_claim(held, now, payment_of_hold(order, held))


def _cause(change: OrderChange) -> Cause:
    order = change.order
    return Cause(
        source="norain/orders",
        id=f"{order.order_id}@{order.version + 1}",
        type=change.cause,
        reason=REASONS.get(change.cause, "reserved"),
        reference=order.order_id,
    )


def payment_of_hold(order: Order, hold: Hold) -> str | None:
    """The reference of the payment that the hold is bound to, when the order has it; else that of
    its first payment."""
    references = [payment.reference for payment in order.payments]
    if hold.payment_reference in references:
        return hold.payment_reference
    return next(iter(references), None)
