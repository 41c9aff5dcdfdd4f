"""Transfers of stock from one location to another. Pure: values and instants in, values out.

    requested ──ship──> shipped ──receive──> received
        └────cancel───> cancelled

The units of a requested transfer are reserved at the donor. Orders take precedence and shrink the
transfer. Shipped units are on hand nowhere, and expected at the receiver until they are received.
Units that do not arrive are ``missing`` and may be received late. Every state before the last has
a deadline; ``act_on_deadline`` acts when it has passed.

    units of a line = open + received + missing + cancelled
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.errors import InvalidRequest, InvalidTransition
from shared.orders.model.broken import LawBroken
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
"""From ``expected_at`` to the first reminder, and between two reminders."""
KEPT_ENTRIES = 4
"""The entries that stay in a transfer with a long history. A change adds two at most, which stream
workers must see there."""
PATIENCE = 7
"""Reminders before a transfer is cancelled, or units that have not arrived are missing."""
PATIENCE_OF_SHOPPER = 2
"""The same for a transfer that a shopper waits for: another location is asked then."""


@dataclass(frozen=True, slots=True)
class TransferLine:
    """``open`` units are reserved at the donor, or on their way."""

    sku: str
    quantity: int
    open: int
    received: int = 0
    missing: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class TransferPast:
    """The first ``entries`` of a long history, which are stored beside the transfer in ``parts``
    items."""

    entries: int = 0
    parts: int = 0


NO_PAST = TransferPast()


@dataclass(frozen=True, slots=True)
class Transfer:
    """One line per SKU. ``version`` is the stored version that was read, 0 when not stored yet.

    ``order_id`` is the order that the units are for: its shopper collects them at the receiver
    (sourcing/to_store.py). They are promised to it, so that no other order takes them.
    """

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
    past: TransferPast = NO_PAST
    order_id: str | None = None

    @property
    def history_length(self) -> int:
        """The number of entries of the whole history, with the past."""
        return self.past.entries + len(self.history)

    def since(self, before: "Transfer | None") -> tuple[OrderEntry, ...]:
        """The entries after those of ``before``."""
        first = before.history_length if before else 0
        return self.history[max(0, first - self.past.entries) :]


@dataclass(frozen=True, slots=True)
class TransferChange:
    """``transfer`` as it will be stored, and one Effect per stock position."""

    transfer: Transfer
    effects: tuple[Effect, ...]
    cause: str
    reason: str


def own_id(order_id: str, version: int, donor: str, receiver: str) -> str:
    """The id of a transfer that version ``version`` of an order requests: 16 letters and digits, as
    others have. An order requests one from a donor to a receiver at a time."""
    name = f"{order_id}@{version}>{donor}>{receiver}"
    return base64.b32encode(hashlib.sha256(name.encode()).digest()[:10]).decode()


def request(transfer: Transfer, now: datetime, actor: str) -> TransferChange:
    """Request a transfer: its units are reserved at the donor, as far as they are available."""
    requested = replace(transfer, deadline=max(now, transfer.expected_at) + GRACE)
    effects = tuple(
        Effect(line.sku, transfer.from_location_id, 0, line.open, floor=0)
        for line in transfer.lines
    )
    return TransferChange(
        _noted(requested, now, "transfer.requested", actor),
        effects,
        "transfer.requested",
        "reserved",
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
    """Receive ``units`` by SKU, or all open units when it is None. After the ``final`` delivery the
    others are missing, before it they stay on their way. Missing units may still be received.

    Raises InvalidRequest for more units than are on their way (a count corrects the stock then),
    and for an empty delivery that is not the final one.
    """
    _allow(transfer, "receive")
    if transfer.state == "received":
        return _receive_missing(transfer, units, now, actor)
    if not final and units is not None and not any(units.values()):
        raise InvalidRequest("nothing has arrived", NOTHING_CAME)
    under_way = {line.sku: line.open for line in transfer.lines}
    arrived = Counter(under_way if units is None else units)
    errors = [
        {"path": "$.lines", "message": f"{under_way.get(sku, 0)} units of {sku} are under way"}
        for sku, quantity in arrived.items()
        if quantity > under_way.get(sku, 0)
    ]
    if errors:
        raise InvalidRequest("more units than are under way", errors)
    lines = tuple(_received(line, arrived[line.sku], final=final) for line in transfer.lines)
    done = not any(line.open for line in lines)
    received = replace(
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
    noted = _noted(received, now, "transfer.received", actor, detail)
    return TransferChange(noted, effects, "transfer.received", "receiving")


def _receive_missing(
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
    """Cancel a transfer that has not left: its units are on sale again. Raises
    InvalidTransition."""
    _allow(transfer, "cancel")
    cancelled = replace(
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
    noted = _noted(cancelled, now, "transfer.cancelled", actor, {"reason": reason})
    return TransferChange(noted, effects, "transfer.cancelled", "reserved")


def shrink(
    transfer: Transfer,
    units: Mapping[str, int],
    reason: str,
    now: datetime,
    actor: str,
    sold_to: str | None = None,
) -> TransferChange | None:
    """Release at most ``units`` by SKU that have not left; a transfer without open units is
    cancelled. None when it has none of them. ``sold_to`` is the order that gets them: where it gets
    just as many the position does not change, and only the transfer names the order."""
    if transfer.state != "requested":
        return None
    given = {line.sku: min(line.open, units.get(line.sku, 0)) for line in transfer.lines}
    if not any(given.values()):
        return None
    lines = tuple(
        replace(line, open=line.open - given[line.sku], cancelled=line.cancelled + given[line.sku])
        for line in transfer.lines
    )
    shrunk = replace(transfer, lines=lines)
    detail = {"shrunk": _units(given.items()), "reason": reason}
    if sold_to is not None:
        detail["sold_to"] = sold_to
    shrunk = _noted(shrunk, now, "transfer.shrunk", actor, detail)
    if not any(line.open for line in lines):
        shrunk = replace(shrunk, state="cancelled", deadline=None)
        shrunk = _noted(shrunk, now, "transfer.cancelled", actor, {"reason": reason})
    effects = tuple(
        Effect(sku, transfer.from_location_id, 0, -units) for sku, units in given.items() if units
    )
    return TransferChange(shrunk, effects, "transfer.shrunk", "reserved")


def act_on_deadline(transfer: Transfer, now: datetime) -> TransferChange | None:
    """Act on a passed deadline: remind, and after some reminders cancel a transfer that was
    never shipped, or declare units missing that never arrived. None before the deadline."""
    if transfer.deadline is None or transfer.deadline > now:
        return None
    if transfer.reminders >= (PATIENCE_OF_SHOPPER if transfer.order_id else PATIENCE):
        if transfer.state == "requested":
            return cancel(transfer, "never shipped", now, "sweep")
        return receive(transfer, {}, now, "sweep")
    late = replace(transfer, deadline=now + GRACE, reminders=transfer.reminders + 1)
    return TransferChange(
        _noted(late, now, "transfer.late", "sweep"), (), "transfer.late", "reserved"
    )


def split_past(transfer: Transfer) -> tuple[Transfer, tuple[OrderEntry, ...]]:
    """The transfer without its early history, and that history."""
    early, kept = transfer.history[:-KEPT_ENTRIES], transfer.history[-KEPT_ENTRIES:]
    past = TransferPast(transfer.past.entries + len(early), transfer.past.parts + 1)
    return (replace(transfer, history=kept, past=past), early) if early else (transfer, ())


def supply_events(transfer: Transfer) -> list[Announced]:
    """The supply that the receiver expects, as events of a stock feed. Their sequence is the
    transfer's version, so that late and repeated events change nothing."""
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
    """Check that no unit is made or lost, and that an unfinished transfer has a deadline. Raises
    LawBroken."""
    for line in transfer.lines:
        units = (line.open, line.received, line.missing, line.cancelled)
        if sum(units) != line.quantity or min(units) < 0:
            raise LawBroken(
                f"transfer {transfer.transfer_id}, {line.sku}: quantity {line.quantity} !="
                f" {line.open} (open) + {line.received} (received) + {line.missing} (missing)"
                f" + {line.cancelled} (cancelled), each of them at least 0"
            )
    ended = not any(line.open for line in transfer.lines)
    if ended != (transfer.deadline is None) or ended == bool(TRANSITIONS[transfer.state]):
        raise LawBroken(
            f"transfer {transfer.transfer_id}: state {transfer.state}, deadline {transfer.deadline}"
        )


def _received(line: TransferLine, units: int, *, final: bool) -> TransferLine:
    remaining = line.open - units
    return replace(
        line,
        open=0 if final else remaining,
        received=line.received + units,
        missing=line.missing + (remaining if final else 0),
    )


def allowed_actions(transfer: Transfer) -> tuple[TransferAction, ...]:
    """The actions that the state allows; missing units may still be received."""
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
