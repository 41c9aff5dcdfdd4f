"""Stock on its way from one location to another. Pure: values and instants in, values out.

    requested ──ship──> shipped ──receive──> received
        └────cancel───> cancelled

While it is requested its units are reserved at the donor, and a customer who wants them comes
first: then it shrinks. Once shipped they are nowhere on hand,
and expected at the other end, until they are received there; what does not arrive is ``missing``,
and may be received late.
Every state before the last has a deadline, and ``overdue`` says what follows when it has passed.

    units of a line = open + received + missing + cancelled
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.errors import InvalidRequest, InvalidTransition
from shared.orders.model.laws import LawBroken
from shared.orders.model.order import OrderEntry
from shared.stock.model.events import Announced
from shared.stock.model.position import Effect

TransferState = Literal["requested", "shipped", "received", "cancelled"]
TransferAction = Literal["ship", "receive", "cancel"]
TRANSITIONS: Mapping[TransferState, tuple[TransferAction, ...]] = {
    "requested": ("cancel", "ship"),
    "shipped": ("receive",),
    "received": (),
    "cancelled": (),
}
SOURCE = "norain/transfers"
NOTHING_CAME = [{"path": "$.lines", "message": "no unit of them has arrived"}]
GRACE = timedelta(days=1)
"""After ``expected_at``, and between two reminders."""
PATIENCE = 7
"""Reminders before what has not arrived is given up as missing."""


@dataclass(frozen=True, slots=True)
class TransferLine:
    """``open`` units are reserved at the donor, or under way."""

    sku: str
    quantity: int
    open: int
    received: int = 0
    missing: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """One line per SKU. ``version`` is the one that was read; 0 is not stored yet."""

    transfer_id: str
    from_location_id: str
    to_location_id: str
    lines: tuple[TransferLine, ...]
    requested_at: datetime
    expected_at: datetime
    state: TransferState = "requested"
    deadline: datetime | None = None
    reminders: int = 0
    history: tuple[OrderEntry, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class TransferChange:
    """``transfer`` as it is to be stored, and what that does to stock, one Effect per position."""

    transfer: Transfer
    effects: tuple[Effect, ...]
    cause: str
    reason: str


def request(transfer: Transfer, now: datetime, actor: str) -> TransferChange:
    """Its units are reserved at the donor, none below what is available there."""
    asked = replace(transfer, deadline=max(now, transfer.expected_at) + GRACE)
    effects = tuple(
        Effect(line.sku, transfer.from_location_id, 0, line.open, floor=0)
        for line in transfer.lines
    )
    return TransferChange(
        _noted(asked, now, "transfer.requested", actor), effects, "transfer.requested", "reserved"
    )


def ship(transfer: Transfer, now: datetime, actor: str) -> TransferChange:
    _allow(transfer, "ship")
    shipped = replace(
        transfer, state="shipped", reminders=0, deadline=max(now, transfer.expected_at) + GRACE
    )
    effects = tuple(
        Effect(line.sku, transfer.from_location_id, -line.open, -line.open)
        for line in transfer.lines
    )
    return TransferChange(
        _noted(shipped, now, "transfer.shipped", actor), effects, "transfer.shipped", "shipping"
    )


def receive(
    transfer: Transfer,
    units: Mapping[str, int] | None,
    now: datetime,
    actor: str,
    *,
    final: bool = True,
) -> TransferChange:
    """``units`` by SKU have arrived, all that is open when it is None. The rest is missing when
    this was the ``final`` delivery, and stays under way when it was not. What was given up as
    missing may still arrive: it is on sale then, and missing no more.

    Raises InvalidRequest for more than is under way: a count says so, not a transfer; and for a
    delivery of nothing that is not the last.
    """
    _allow(transfer, "receive")
    if transfer.state == "received":
        return _late(transfer, units, now, actor)
    if not final and units is not None and not any(units.values()):
        raise InvalidRequest("nothing has arrived", NOTHING_CAME)
    there = {line.sku: line.open for line in transfer.lines}
    arrived = Counter(there if units is None else units)
    errors = [
        {"path": "$.lines", "message": f"{there.get(sku, 0)} units of {sku} are under way"}
        for sku, quantity in arrived.items()
        if quantity > there.get(sku, 0)
    ]
    if errors:
        raise InvalidRequest("more units than are under way", errors)
    lines = tuple(_arrived(line, arrived[line.sku], final=final) for line in transfer.lines)
    done = not any(line.open for line in lines)
    came = replace(
        transfer,
        lines=lines,
        state="received" if done else "shipped",
        deadline=None if done else max(now, transfer.expected_at) + GRACE,
        reminders=0,
    )
    detail = {
        "received": _units((line.sku, arrived[line.sku]) for line in transfer.lines),
        "missing": _units((line.sku, line.missing) for line in lines),
    }
    effects = tuple(
        Effect(sku, transfer.to_location_id, quantity, 0)
        for sku, quantity in sorted(arrived.items())
        if quantity
    )
    noted = _noted(came, now, "transfer.received", actor, detail)
    return TransferChange(noted, effects, "transfer.received", "receiving")


def _late(
    transfer: Transfer, units: Mapping[str, int] | None, now: datetime, actor: str
) -> TransferChange:
    missing = {line.sku: line.missing for line in transfer.lines}
    arrived = Counter(missing if units is None else units)
    errors = [
        {"path": "$.lines", "message": f"{missing.get(sku, 0)} units of {sku} are missing"}
        for sku, quantity in arrived.items()
        if quantity > missing.get(sku, 0)
    ]
    if errors:
        raise InvalidRequest("more units than are missing", errors)
    if not +arrived:
        raise InvalidRequest("nothing has arrived", NOTHING_CAME)
    lines = tuple(
        replace(
            line,
            received=line.received + arrived[line.sku],
            missing=line.missing - arrived[line.sku],
        )
        for line in transfer.lines
    )
    detail = {
        "received": _units((line.sku, arrived[line.sku]) for line in lines),
        "missing": _units((line.sku, line.missing) for line in lines),
    }
    effects = tuple(
        Effect(sku, transfer.to_location_id, quantity, 0)
        for sku, quantity in sorted(arrived.items())
        if quantity
    )
    noted = _noted(replace(transfer, lines=lines), now, "transfer.received", actor, detail)
    return TransferChange(noted, effects, "transfer.received", "receiving")


def cancel(transfer: Transfer, reason: str, now: datetime, actor: str) -> TransferChange:
    """Its units are on sale again where they are; what has left cannot be cancelled."""
    _allow(transfer, "cancel")
    ended = replace(
        transfer,
        state="cancelled",
        deadline=None,
        lines=tuple(
            replace(line, open=0, cancelled=line.cancelled + line.open) for line in transfer.lines
        ),
    )
    effects = tuple(
        Effect(line.sku, transfer.from_location_id, 0, -line.open) for line in transfer.lines
    )
    noted = _noted(ended, now, "transfer.cancelled", actor, {"reason": reason})
    return TransferChange(noted, effects, "transfer.cancelled", "reserved")


def shrink(
    transfer: Transfer, units: Mapping[str, int], reason: str, now: datetime, actor: str
) -> TransferChange | None:
    """At most ``units`` by SKU that have not left go to somebody who comes first: they stay where
    they are, reserved no more for the transfer. Without any left it is cancelled. None when it
    has none to give."""
    if transfer.state != "requested":
        return None
    given = {line.sku: min(line.open, units.get(line.sku, 0)) for line in transfer.lines}
    if not any(given.values()):
        return None
    lines = tuple(
        replace(line, open=line.open - given[line.sku], cancelled=line.cancelled + given[line.sku])
        for line in transfer.lines
    )
    less = replace(transfer, lines=lines)
    detail = {"shrunk": _units(given.items()), "reason": reason}
    less = _noted(less, now, "transfer.shrunk", actor, detail)
    if not any(line.open for line in lines):
        less = replace(less, state="cancelled", deadline=None)
        less = _noted(less, now, "transfer.cancelled", actor, {"reason": reason})
    effects = tuple(
        Effect(sku, transfer.from_location_id, 0, -taken) for sku, taken in given.items() if taken
    )
    return TransferChange(less, effects, "transfer.shrunk", "reserved")


def act_on_deadline(transfer: Transfer, now: datetime) -> TransferChange | None:
    """What follows from a deadline that has passed: reminders, and in the end the units of a
    request that nobody ships are on sale again, and those that never arrive are missing."""
    if transfer.deadline is None or transfer.deadline > now:
        return None
    if transfer.reminders >= PATIENCE:
        if transfer.state == "requested":
            return cancel(transfer, "never shipped", now, "sweep")
        return receive(transfer, {}, now, "sweep")
    late = replace(transfer, deadline=now + GRACE, reminders=transfer.reminders + 1)
    return TransferChange(
        _noted(late, now, "transfer.late", "sweep"), (), "transfer.late", "reserved"
    )


def supply_events(transfer: Transfer) -> list[Announced]:
    """The supply that the other end can expect, as the feed of stock would say it; the transfer's
    version is its sequence, so that what comes late or twice changes nothing."""
    at = transfer.history[-1].at
    return [
        Announced(
            source=SOURCE,
            id=f"{transfer.transfer_id}@{transfer.version}#{line.sku}",
            sequence=transfer.version,
            sku=line.sku,
            location_id=transfer.to_location_id,
            time=at,
            quantity=line.open,
            expected_at=transfer.expected_at,
            reference=transfer.transfer_id,
        )
        for line in transfer.lines
    ]


def check(transfer: Transfer) -> None:
    """No unit is made or lost on the way. Raises LawBroken."""
    for line in transfer.lines:
        parts = (line.open, line.received, line.missing, line.cancelled)
        if sum(parts) != line.quantity or min(parts) < 0:
            raise LawBroken(f"transfer {transfer.transfer_id}: {line}")
    ended = not any(line.open for line in transfer.lines)
    if ended != (transfer.deadline is None) or ended == bool(TRANSITIONS[transfer.state]):
        raise LawBroken(f"transfer {transfer.transfer_id} is owned by nobody")


def _arrived(line: TransferLine, units: int, *, final: bool) -> TransferLine:
    left = line.open - units
    return replace(
        line,
        open=0 if final else left,
        received=line.received + units,
        missing=line.missing + (left if final else 0),
    )


def allowed_actions(transfer: Transfer) -> tuple[TransferAction, ...]:
    """What its state allows; what is missing may still be received."""
    if transfer.state == "received" and any(line.missing for line in transfer.lines):
        return ("receive",)
    return TRANSITIONS[transfer.state]


def _allow(transfer: Transfer, action: TransferAction) -> None:
    possible = allowed_actions(transfer)
    if action not in possible:
        raise InvalidTransition(action, transfer.state, possible)


def _units(pairs: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": units} for sku, units in pairs if units]


def _noted(
    transfer: Transfer,
    at: datetime,
    event: str,
    actor: str,
    detail: Mapping[str, Any] | None = None,
) -> Transfer:
    entry = OrderEntry(at, event, actor, detail or {})
    return replace(transfer, history=(*transfer.history, entry))
