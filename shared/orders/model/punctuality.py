"""How well locations keep their times, from orders. Pure.

A fulfillment counts at its location, on the local day on which it was first promised to be ready
(of old fulfillments without that date: on which it was offered), in these COUNTS:

    due                what the location was asked to serve. Fulfillments that were cancelled, moved
                       elsewhere or accepted by another location count nowhere
    shipments          those of them that a carrier brings
    accepted           accepted at all; in_time: at or before the deadline of the offer, which rests
                       while the order is paused
    packed             packed, ready for collection, or handed over without either; in_time: at or
                       before ``ready_by``
    handed_over        shipments that the carrier has; in_time: by the carrier's call on which
                       ``deliver_by`` relies, the first at or after ``ready_by``. Of collections
                       `packed` is what the location can do: when the shopper comes is not counted
    delivered          shipments reported as delivered; in_time: at or before ``deliver_by``
    rejected, expired  with units that the location has rejected; that it did not answer or do
    short              with units that a count or a sale over the counter has taken away

``in_time`` is by the last promise, ``as_promised`` by the first one, as the location was told with
the offer: they differ when an order is paused or changed. What has no date is always in time. A
fulfillment that was split off has the times of the one that it was split from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from shared.locations.model import Location, ServiceLevel, carrier_pickup
from shared.orders.model.order import Fulfillment, Order, OrderEntry

COUNTS = (
    "due",
    "shipments",
    "accepted",
    "accepted_in_time",
    "packed",
    "packed_in_time",
    "packed_as_promised",
    "handed_over",
    "handed_over_in_time",
    "handed_over_as_promised",
    "delivered",
    "delivered_in_time",
    "delivered_as_promised",
    "rejected",
    "expired",
    "short",
)
"""Their order is that of stored sums: further ones are added at the end."""

Sums = dict[str, tuple[int, ...]]
"""The counts by location, in the order of COUNTS."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a fulfillment counts as, at a location on a day: names of COUNTS, none when it is not
    the work of this location."""

    day: date
    location_id: str
    fulfillment_id: str
    counted: frozenset[str]


Standings = dict[tuple[str, str], Standing]
"""By fulfillment and location."""

PACKED = ("packed", "ready")
INHERITED = ("offered", "accepted", *PACKED)
"""The events that a fulfillment shares with the one that it was split from."""


def standings(order: Order, locations: Mapping[str, Location]) -> Standings:
    """The standing of every fulfillment that was offered. ``order`` has its whole history
    (store.with_past)."""
    events = _events(order)
    found: Standings = {}
    for part in order.fulfillments:
        times = _times(part, order, events)
        offered = times.get("offered")
        if offered is None:  # the location of a paused order has not been told yet
            continue
        first = offered.detail.get("location_id", part.location_id)
        for location_id in {part.location_id, first}:
            location = locations.get(location_id)
            mine = location_id == part.location_id
            counted = _counted(part, times, location, order.service_level) if mine else ()
            found[part.fulfillment_id, location_id] = Standing(
                _day(offered, location), location_id, part.fulfillment_id, frozenset(counted)
            )
    return found


Times = dict[str, OrderEntry]
"""The first entry of each event, without the ``fulfillment.`` before it."""


def _events(order: Order) -> dict[str, Times]:
    """The first entry of each event, by fulfillment."""
    events: dict[str, Times] = {}
    for entry in order.history:
        area, _, name = entry.event.partition(".")
        if area == "fulfillment" and "fulfillment_id" in entry.detail:
            events.setdefault(entry.detail["fulfillment_id"], {}).setdefault(name, entry)
    return events


def _times(part: Fulfillment, order: Order, events: Mapping[str, Times]) -> Times:
    own = events.get(part.fulfillment_id, {})
    if "offered" in own:
        return own
    for other in order.fulfillments:
        if other.fulfillment_id == part.fulfillment_id:
            break
        if (other.location_id, other.offered_at) == (part.location_id, part.offered_at):
            shared = events.get(other.fulfillment_id, {})
            own = {name: shared[name] for name in INHERITED if name in shared} | own
    if part.state in {"accepted", "picked"}:  # it was split off before the other was packed
        own = {name: entry for name, entry in own.items() if name not in PACKED}
    return own


def _counted(
    part: Fulfillment, times: Times, location: Location | None, service_level: ServiceLevel
) -> Iterable[str]:
    if part.state == "cancelled":
        return
    yield "due"
    promise = times["offered"].detail
    if accepted := times.get("accepted"):
        yield "accepted"
        if _is_in_time(accepted, times.get("late")):
            yield "accepted_in_time"
    ready = {"in_time": part.ready_by, "as_promised": _instant(promise.get("ready_by"))}
    done = [times[name].at for name in (*PACKED, "shipped", "collected") if name in times]
    if done:
        yield from _kept("packed", min(done), ready)
    if part.method == "ship":
        yield "shipments"
        if shipped := times.get("shipped"):
            calls = {name: _call(at, location, service_level) for name, at in ready.items()}
            yield from _kept("handed_over", shipped.at, calls)
        if part.delivered_at is not None:
            dates = {
                "in_time": part.deliver_by,
                "as_promised": _instant(promise.get("deliver_by")),
            }
            yield from _kept("delivered", part.delivered_at, dates)
    yield from (name for name in ("rejected", "expired", "short") if name in times)


def _is_in_time(accepted: OrderEntry, reminded: OrderEntry | None) -> bool:
    """Whether an offer was accepted by its deadline. A reminder, after which the entry has a later
    deadline, is sent when it has passed; entries of older code have none."""
    by = _instant(accepted.detail.get("answer_by"))
    if reminded is not None and reminded.at <= accepted.at:
        return False
    return by is None or accepted.at <= by


def _kept(name: str, at: datetime, limits: Mapping[str, datetime | None]) -> Iterable[str]:
    yield name
    yield from (f"{name}_{which}" for which, by in limits.items() if by is None or at <= by)


def _call(
    ready: datetime | None, location: Location | None, service_level: ServiceLevel
) -> datetime | None:
    """When the carrier collects what is ready then; None when nobody can know."""
    if ready is None or location is None:
        return ready
    return carrier_pickup(location, ready, service_level)


def _day(offered: OrderEntry, location: Location | None) -> date:
    at = _instant(offered.detail.get("ready_by")) or offered.at
    return at.astimezone(ZoneInfo(location.time_zone) if location else UTC).date()


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def mask(counted: Iterable[str]) -> int:
    """The names as bits, in the order of COUNTS."""
    return sum(1 << COUNTS.index(name) for name in counted)


def add(sums: Sums, location_id: str, masked: int) -> None:
    """Adds a fulfillment, as ``mask`` has it, to the sums of its location."""
    before = sums.get(location_id, (0,) * len(COUNTS))
    bits = (masked >> number & 1 for number in range(len(COUNTS)))
    if masked:
        sums[location_id] = tuple(count + bit for count, bit in zip(before, bits, strict=True))
