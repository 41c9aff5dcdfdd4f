"""By what an order is found, and what a list of orders shows of it. Pure.

An order has a row for each term by which it is found. A row is named within its order, so that a
term that changes (the state) moves its row:

    row                 term                            order of the list
    CHANNEL             CHANNEL#<channel>               placed_at
    STATE               STATE#<channel>#<state>         placed_at
    ATTENTION           STATE#<state>                   placed_at: exceptions and backorders alone
    PAUSED              STATE#<channel>#paused          placed_at, while the order is paused
    PAUSED_ATTENTION    STATE#paused                    the same over all channels
    DUE                 DUE#<channel>                   due_at
    REFERENCE           REFERENCE#<reference>           placed_at
    SKU#<sku>           SKU#<channel>#<sku>             placed_at
    CONTACT#<number>    CONTACT#<kind>#<keyed hash>     placed_at
    TRACKING#<id>       TRACKING#<keyed hash>           placed_at: of parcels, and of returns
    PAYMENT#<id>        PAYMENT#<keyed hash>            placed_at

An order is late when its ``due_at`` has passed: its row among those that are due says so at any
time, without a write at that moment.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.instants import rfc3339
from shared.orders.model.order import Order
from shared.orders.model.states import OrderState
from shared.orders.model.value import placed_totals

ATTENTION: frozenset[OrderState] = frozenset({"exception", "backordered"})
"""The states that are also listed over all channels, as paused orders are."""
Hashed = Literal["tracking", "payment"]
"""What an order is found by as a keyed hash: a tracking number, the reference of a payment."""
PERSONAL = ("CONTACT#", "TRACKING#", "PAYMENT#")
"""The rows that an erasure takes out of the index."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list shows of an order. ``total`` is in minor units of ``currency``; ``due_at`` is
    the earliest date at which open units should be ready, or backordered ones are expected.
    ``paused_until`` is the earliest deadline of the pauses of a paused order, ``paused_by`` their
    owners."""

    order_id: str
    channel: str
    state: OrderState
    placed_at: datetime
    total: int
    currency: str
    lines: int
    units: int
    version: int
    reference: str | None = None
    profile_id: str | None = None
    due_at: datetime | None = None
    paused_until: datetime | None = None
    paused_by: str | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A list of orders, and the place of an order in it."""

    term: str
    sort_key: str


def summary_of(order: Order) -> Summary:
    pauses = order.pauses if order.is_paused else ()
    return Summary(
        order_id=order.order_id,
        channel=order.channel,
        state=order.state,
        placed_at=order.placed_at,
        total=placed_totals(order).total,
        currency=order.lines[0].currency,
        lines=len(order.lines),
        units=sum(line.quantity for line in order.lines),
        version=order.version,
        reference=order.reference,
        profile_id=order.buyer.profile_id,
        due_at=_due_at(order),
        paused_until=min(pause.deadline for pause in pauses) if pauses else None,
        paused_by=", ".join(dict.fromkeys(pause.owner for pause in pauses)) or None,
    )


def _due_at(order: Order) -> datetime | None:
    dates = [part.ready_by or part.deliver_by for part in order.fulfillments if part.is_open]
    dates += [line.expected_at for line in order.lines if line.backordered]
    return min((at for at in dates if at is not None), default=None)


def terms_of(order: Order, key_of: Callable[[Hashed, str], str]) -> dict[str, Term]:
    """The terms of the order by the names of their rows. ``key_of`` makes the keyed hash of a
    value."""
    placed = f"{rfc3339(order.placed_at)}#{order.order_id}"
    channel, state = order.channel, order.state
    terms = {
        "CHANNEL": Term(channel_term(channel), placed),
        "STATE": Term(state_term(state, channel), placed),
    }
    if state in ATTENTION:
        terms["ATTENTION"] = Term(state_term(state), placed)
    if order.is_paused:
        terms["PAUSED"] = Term(state_term("paused", channel), placed)
        terms["PAUSED_ATTENTION"] = Term(state_term("paused"), placed)
    if due_at := _due_at(order):
        terms["DUE"] = Term(due_term(channel), f"{rfc3339(due_at)}#{order.order_id}")
    if order.reference is not None:
        terms["REFERENCE"] = Term(reference_term(order.reference), placed)
    for line in order.lines:
        terms[f"SKU#{line.sku}"] = Term(sku_term(line.sku, channel), placed)
    for number, key in enumerate(dict.fromkeys((*order.buyer_keys, *order.contact_keys))):
        terms[f"CONTACT#{number}"] = Term(contact_term(key), placed)
    for name, tracking in _tracked(order):
        terms[f"TRACKING#{name}"] = Term(tracking_term(key_of("tracking", tracking)), placed)
    for payment in order.payments:
        if payment.reference is not None:
            term = payment_term(key_of("payment", payment.reference))
            terms[f"PAYMENT#{payment.payment_id}"] = Term(term, placed)
    return terms


def _tracked(order: Order) -> Iterator[tuple[str, str]]:
    """(id, tracking number) of the parcels and the returns that have one."""
    for part in order.fulfillments:
        if part.tracking is not None:
            yield part.fulfillment_id, part.tracking
    for each in order.returns:
        if each.tracking is not None:
            yield each.return_id, each.tracking


def ended(before: Order, order: Order, names: Mapping[str, Term]) -> set[str]:
    """The rows of ``names`` (of the order ``before``) whose order has them no more. A parcel that
    has moved to the past of a long order keeps its row."""
    moved = {part.fulfillment_id for part in before.fulfillments} - {
        part.fulfillment_id for part in order.fulfillments
    }
    return {name for name in names if name.removeprefix("TRACKING#") not in moved}


def is_shown_alike(order: Order, before: Order) -> bool:
    """Whether lists show the same of both, but for the version."""
    return replace(summary_of(order), version=0) == replace(summary_of(before), version=0)


def channel_term(channel: str) -> str:
    return f"CHANNEL#{channel}"


def state_term(state: str, channel: str | None = None) -> str:
    """The list of a channel, or of all channels."""
    return f"STATE#{channel}#{state}" if channel else f"STATE#{state}"


def due_term(channel: str) -> str:
    return f"DUE#{channel}"


def reference_term(reference: str) -> str:
    return f"REFERENCE#{reference}"


def sku_term(sku: str, channel: str) -> str:
    return f"SKU#{channel}#{sku}"


def contact_term(key: str) -> str:
    return f"CONTACT#{key}"


def tracking_term(key: str) -> str:
    return f"TRACKING#{key}"


def payment_term(key: str) -> str:
    return f"PAYMENT#{key}"


@dataclass(frozen=True, slots=True)
class Search:
    """The rows of a term whose sort keys lie in [since, until), in the order of the sort keys or
    the opposite one. None is no bound."""

    term: str
    since: datetime | None = None
    until: datetime | None = None
    newest_first: bool = True
