"""Waves: fulfillments of one location that a person picks on one walk along the bins. Pure.

A fulfillment is in at most one wave: the wave's id stands in it, and the order's version is the
condition of the write, so that of two people who begin waves at once only one gets it. It leaves
the wave when its work is taken back (``serving.assign`` to nobody) or its location is done with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.errors import Conflict, InvalidTransition
from shared.orders.model.change import (
    OrderChange,
    combine,
    fulfillment_detail,
    with_entry,
    with_fulfillment,
)
from shared.orders.model.fulfilling import (
    advance,
    allowed_actions,
    must_not_be_paused,
    reject,
)
from shared.orders.model.order import (
    Fulfillment,
    Order,
    Rejection,
)
from shared.orders.model.picking import DONE
from shared.orders.model.time_limits import (
    TIME_LIMITS,
    TimeLimits,
)
from shared.stock.model.bins import bin_order

MOST_IN_WAVE = 20
"""Fulfillments of a wave, as many as totes on a trolley."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave as it was begun. It takes up to ``most`` of its ``candidates``, in their order; those
    that it got are its ``totes``, None while it is being put together. ``digest`` is that of the
    request, ``answer`` the JSON that answered it."""

    wave_id: str
    location_id: str
    assignee: str | None
    begun_at: datetime
    candidates: tuple[str, ...]
    most: int
    digest: str
    totes: tuple[str, ...] | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Tote:
    """The tote for one fulfillment: ``number`` counts from 1."""

    number: int
    order: Order
    part: Fulfillment


@dataclass(frozen=True, slots=True)
class ToteUnits:
    """Units of one order line that go into a tote, or are ``picked`` already."""

    tote: int
    line_id: str
    quantity: int
    picked: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """What is taken from one bin. ``bin_name`` is None for a SKU without a bin."""

    sku: str
    bin_name: str | None
    units: tuple[ToteUnits, ...]


def is_free(part: Fulfillment) -> bool:
    """Whether a wave may take the fulfillment, unless its order is paused."""
    return part.state == "accepted" and part.wave is None and part.assignee is None


def take(
    order: Order, fulfillment_id: str, wave: Wave, now: datetime, actor: str
) -> OrderChange | None:
    """Take the fulfillment into the wave; None when it is in it already.

    Raises InvalidTransition unless it is accepted; OrderPaused; Conflict when it is the work of
    somebody else, or of another location.
    """
    part = order.fulfillment(fulfillment_id)
    if part.wave == wave.wave_id:
        return None
    if part.location_id != wave.location_id:
        raise Conflict(f"{fulfillment_id} is not picked at {wave.location_id}")
    if part.state != "accepted":
        raise InvalidTransition("wave", part.state, allowed_actions(part))
    must_not_be_paused(order)
    if not is_free(part):
        raise Conflict(f"{fulfillment_id} is in a wave or has been assigned already")
    taken = replace(part, wave=wave.wave_id, assignee=wave.assignee)
    order = with_fulfillment(order, taken)
    detail = fulfillment_detail(taken) | {"wave_id": wave.wave_id}
    if wave.assignee is not None:
        detail["assignee"] = wave.assignee
    order = with_entry(order, now, "fulfillment.assigned", actor, detail)
    return OrderChange(order, cause="fulfillment.assigned")


def pick(
    order: Order,
    fulfillment_id: str,
    wave_id: str,
    rejections: Sequence[Rejection],
    shelf: Mapping[tuple[str, str], int],
    *,
    now: datetime,
    actor: str,
    terms: TimeLimits = TIME_LIMITS,
) -> OrderChange:
    """Reject the units that were not found, and mark the others as picked. ``shelf`` is that of
    ``reject``.

    Raises Conflict when the fulfillment is not in the wave, and what ``reject`` and ``advance``
    raise.
    """
    if order.fulfillment(fulfillment_id).wave != wave_id:
        raise Conflict(f"{fulfillment_id} is not in the wave {wave_id}")
    if not rejections:
        return advance(order, fulfillment_id, "pick", now, actor, terms=terms)
    change = reject(order, fulfillment_id, rejections, shelf, now=now, actor=actor)
    if not change.order.fulfillment(fulfillment_id).is_open:
        return change
    picked = advance(change.order, fulfillment_id, "pick", now, actor, terms=terms)
    return combine(change, picked)


def walk(totes: Sequence[Tote], bins: Mapping[str, str]) -> list[Stop]:
    """What is taken from each bin, in the order of the bins. ``bins`` are those of the location, by
    SKU. Fulfillments that the location no longer serves are left out."""
    units: dict[str, list[ToteUnits]] = {}
    for tote in totes:
        picked = tote.part.state in DONE
        if not picked and not tote.part.is_open:
            continue
        for line in tote.part.lines:
            row = ToteUnits(tote.number, line.line_id, line.quantity, picked)
            units.setdefault(line.sku, []).append(row)
    stops = [Stop(sku, bins.get(sku), tuple(rows)) for sku, rows in units.items()]
    return sorted(stops, key=lambda stop: (bin_order(stop.bin_name), stop.sku))
