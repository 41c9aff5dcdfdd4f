"""Searches of orders: which parameters may stand together, and what a page shows."""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from shared.customers.model import normalize
from shared.errors import InvalidRequest, invalid
from shared.instants import rfc3339
from shared.orders.model import OrderState
from shared.orders.model.searching import ATTENTION, Summary
from shared.web.contract import Answer, Channel, Count, Id, Instant, Money
from shared.web.cursor import cursor_of, key_of

POSSIBLE = (
    "give one of: reference, tracking, phone, email, sku, state, channel, profile_id, location_id;"
    " placed_from and placed_to with any but profile_id, location_id and state=late; channel with"
    " sku and state"
)
SearchedState = Literal[OrderState, "late", "paused"]
EVERYWHERE = sorted({*ATTENTION, "paused"})
"""The states that are searched over all channels."""
By = Literal["reference", "tracking", "phone", "email", "payment", "sku", "state", "channel"]
EVERY_CHANNEL = ("reference", "tracking", "phone", "email", "payment")
"""What is searched in the orders of all channels; the answer has those that the caller sees."""
CURSOR = r"[0-9a-f]{32}\n[0-9TZ:.-]{24}#[^\n]{1,64}\n[^\n]{1,200}"


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is searched: ``value`` is normalized; ``channel`` is None for all channels."""

    by: By
    value: str
    channel: str | None = None
    placed_from: datetime | None = None
    placed_to: datetime | None = None

    @property
    def digest(self) -> str:
        """Names the query in its cursors."""
        bounds = [rfc3339(at) if at else None for at in (self.placed_from, self.placed_to)]
        text = json.dumps([self.by, self.value, self.channel, *bounds])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def cursor(self, sort_key: str, row: str) -> str:
        """The cursor of the page after this row."""
        return cursor_of(f"{self.digest}\n{sort_key}\n{row}")

    def row_after(self, cursor: str) -> tuple[str, str]:
        """(sort_key, row) of ``cursor``. Raises InvalidRequest for a cursor of another query."""
        digest, sort_key, row = key_of(cursor, CURSOR).split("\n")
        if digest != self.digest:
            raise invalid("query.cursor", "this is the cursor of another query")
        return sort_key, row


def criteria(
    given: Mapping[By, str | None],
    placed_from: datetime | None,
    placed_to: datetime | None,
    channels: Set[str],
) -> Criteria:
    """The criteria of a search by the parameters ``given``. ``channels`` are those of the caller:
    the only one stands for a channel that is not named.

    Raises InvalidRequest for a combination without an access pattern, and for a value that is not
    of its kind.
    """
    named = {name: value for name, value in given.items() if value is not None}
    channel = named.pop("channel", None)
    if len(named) > 1:
        raise _impossible(f"{' and '.join(sorted(named))} cannot be searched together")
    by, value = next(iter(named.items()), ("channel", ""))
    if placed_from is not None and placed_to is not None and placed_from >= placed_to:
        raise invalid("query.placed_to", "it must be later than placed_from")
    if by in EVERY_CHANNEL:
        if channel is not None:
            raise _impossible(f"{by} is searched in all channels")
        return Criteria(by, _normalized(by, value), None, placed_from, placed_to)
    if channel is None and len(channels) == 1 and "all" not in channels:
        (channel,) = channels
    if by == "state":
        _check_state(value, channel, bounded=placed_from is not None or placed_to is not None)
    elif channel is None:
        raise _impossible("name a channel")
    return Criteria(by, value, channel, placed_from, placed_to)


def _check_state(state: str, channel: str | None, *, bounded: bool) -> None:
    if state not in {*get_args(OrderState), "late", "paused"}:
        raise _impossible(f"{state} is a state of fulfillments: name a location_id")
    if channel is None and state not in EVERYWHERE:
        raise _impossible(f"name a channel: only {', '.join(EVERYWHERE)} go without")
    if bounded and state == "late":
        raise _impossible("late orders are listed by the date that has passed")


def _normalized(by: By, value: str) -> str:
    if by not in {"phone", "email"}:
        return value.strip()
    # A + that is not encoded arrives as a space.
    text = f"+{value.strip()}" if by == "phone" and value.startswith(" ") else value
    try:
        return normalize.identifier(by, text)
    except ValueError as error:
        raise invalid(f"query.{by}", str(error)) from None


def _impossible(why: str) -> InvalidRequest:
    return invalid("query", f"{why}; {POSSIBLE}")


class OrderSummary(Answer):
    """What a search shows of an order. GET /v1/orders/{order_id} has the whole order."""

    order_id: Id
    """The id of the order."""
    reference: str | None = None
    """What the channel calls the order."""
    channel: Channel
    state: OrderState
    """State of the order."""
    placed_at: Instant
    """When the order was placed."""
    profile_id: Id | None = None
    """The customer's profile; absent for a guest."""
    total: Money
    """What the order costs as it was placed or last changed, with shipping and tax."""
    lines: Count
    """Number of lines."""
    units: Count
    """Number of ordered units."""
    due_at: Instant | None = None
    """The earliest date at which open units should be ready, or backordered ones are expected. The
    order is late when it has passed."""
    paused_until: Instant | None = None
    """The earliest deadline of the pauses of a paused order."""
    paused_by: str | None = None
    """The owners of the pauses of a paused order."""
    version: int
    """The version of the order that changed this summary last."""


def summary_answer(summary: Summary) -> OrderSummary:
    return OrderSummary(
        order_id=summary.order_id,
        reference=summary.reference,
        channel=summary.channel,
        state=summary.state,
        placed_at=summary.placed_at,
        profile_id=summary.profile_id,
        total=Money(amount=summary.total, currency=summary.currency),
        lines=summary.lines,
        units=summary.units,
        due_at=summary.due_at,
        paused_until=summary.paused_until,
        paused_by=summary.paused_by,
        version=summary.version,
    )
