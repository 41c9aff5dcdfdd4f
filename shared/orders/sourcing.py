"""What an order asks of the router, and what the router's answer means for the order. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.availability.model import Pack, Row
from shared.catalog.model import Product
from shared.errors import Conflict, InvalidRequest
from shared.instants import rfc3339
from shared.locations.model import (
    Location,
    ServiceLevel,
    after_open,
    distance_km,
    handed_over,
    ready_by,
)
from shared.orders.model import Change, Line, Method, Order, Parcel, Taken
from shared.orders.refusing import Why, levels
from shared.routing import model as routing
from shared.routing.filter import band
from shared.routing.model import (
    Candidate,
    Decision,
    Destination,
    Expected,
    Plan,
    Policy,
    Problem,
    Pull,
    Pulls,
)
from shared.routing.route import rivals, route
from shared.stock.limits import Limit
from shared.stock.model import Hold
from shared.stock.rules import Facts, Selling

ANSWER_WITHIN = timedelta(minutes=30)
"""Of opening time: how long a location has to accept an offer."""
KG_UNKNOWN = 0.5
"""Of a SKU that is not in the catalog."""
MOST_ALTERNATIVES = 10
MOST_DELIVERIES = 6
"""Announced ones that a price looks at, per SKU and location."""
RATE_DIGITS = 4
MOST_DECISION = 300_000
"""Bytes, with which a hold is still an item. The plan holds without its decision, too."""
MOST_AWAITED = 20
"""Locations whose supplies are looked at for one SKU."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What a routing looks at: packs and products by SKU, locations by id.

    ``learnt`` are positions by (location_id, sku) that were read, or that a refused write has
    told; they are newer than the packs. ``selling`` is what the order's channel leaves of each.
    ``unpicked`` are the units that wait at each location to be picked, before any of this order.
    """

    locations: Mapping[str, Location]
    packs: Mapping[str, Pack]
    products: Mapping[str, Product]
    policy: Policy
    destination: Destination | None = None
    learnt: Mapping[tuple[str, str], Facts] = field(default_factory=dict)
    selling: Selling = field(default_factory=Selling.freely)
    pulls: Mapping[str, Pulls] = field(default_factory=dict)
    unpicked: Mapping[str, int] = field(default_factory=dict)

    def knowing(self, learnt: Mapping[tuple[str, str], Facts]) -> "Supply":
        return replace(self, learnt={**self.learnt, **learnt})

    def row(self, sku: str, location_id: str) -> Row | None:
        """What the pack says of a position."""
        pack = self.packs.get(sku)
        return pack.rows.get(location_id) if pack else None

    def ends(self, sku: str) -> bool:
        """Whether the product is discontinued: nobody is promised units that are to come."""
        product = self.products.get(sku)
        return product is not None and product.life.discontinued

    def facts(self, sku: str, location_id: str) -> Facts:
        known = self.learnt.get((location_id, sku))
        if known is not None:
            return known
        row = self.row(sku, location_id)
        if row is None:
            return Facts(0, 0)
        return Facts(row.available, row.available + row.reserved, dict(row.counters))

    def sellable(self, sku: str, location_id: str) -> int:
        """Units that the order's channel may take."""
        return self.selling[sku, location_id].sellable(self.facts(sku, location_id))

    def limit(self, sku: str, location_id: str) -> Limit:
        return self.selling[sku, location_id].limit(self.facts(sku, location_id))

    def unread(self, change: Change) -> list[tuple[str, str]]:
        """The (sku, location_id) that ``change`` takes from under a floor that depends on the
        position, which only a pack has told of: it must be read, and decided anew."""
        return [
            (effect.sku, effect.location_id)
            for effect in change.effects
            if effect.floor is not None
            and effect.since is None
            and self.selling[effect.sku, effect.location_id].moves
        ]

    def ready_by(self, location_id: str, now: datetime, units: int) -> datetime | None:
        """When ``units`` more lie ready there, behind those that wait to be picked."""
        waiting = self.unpicked.get(location_id, 0)
        return ready_by(self.locations[location_id], now, units + waiting)

    def rates(self, location_id: str, skus: Iterable[str], now: datetime) -> dict[str, float]:
        """Units per day that are sold over the counter there, of the SKUs of which it is known."""
        known = ((sku, self.packs[sku].rate(location_id, now)) for sku in skus if sku in self.packs)
        return {sku: round(rate, RATE_DIGITS) for sku, rate in known if rate is not None}

    def pulls_at(self, location_id: str, skus: Iterable[str], now: datetime) -> dict[str, Pull]:
        """The orders to come from there, of the SKUs of which they are known."""
        known = ((sku, self.pulls[sku].of(location_id, now)) for sku in skus if sku in self.pulls)
        return {sku: pull for sku, pull in known if pull is not None}

    def expected_at(
        self, location_id: str, skus: Iterable[str], now: datetime
    ) -> dict[str, tuple[Expected, ...]]:
        """The deliveries that are announced for there, the next ones first."""
        found = {}
        for sku in skus:
            row = self.row(sku, location_id)
            later = [Expected(*each) for each in (row.expected if row else ())]
            coming = tuple(each for each in sorted(later) if each.second > now.timestamp())
            if coming:
                found[sku] = coming[:MOST_DELIVERIES]
        return found

    def kept_at(self, location_id: str, stock: Mapping[str, int]) -> dict[str, int]:
        """The units there beside ``stock``: the order's channel must leave them to others."""
        kept = {sku: self.facts(sku, location_id).available - n for sku, n in stock.items()}
        return {sku: units for sku, units in kept.items() if units > 0}

    def confidence_at(self, location_id: str, skus: Iterable[str]) -> dict[str, float]:
        """The share of picks there that find what the stock shows, of the SKUs that were picked."""
        rows = ((sku, self.row(sku, location_id)) for sku in skus)
        return {
            sku: row.confidence / 1000
            for sku, row in rows
            if row is not None and row.confidence is not None
        }

    def places(self, sku: str) -> dict[str, int]:
        """Every known location that has ``sku`` to sell, and how much."""
        pack = self.packs.get(sku)
        known = {place for place, learnt in self.learnt if learnt == sku}
        found = {
            place: self.sellable(sku, place) for place in {*(pack.rows if pack else ()), *known}
        }
        return {place: units for place, units in found.items() if units and place in self.locations}


def check_pickup(order: Order, supply: Supply) -> None:
    """Raises InvalidRequest for each line that is to be collected where nothing is handed over."""
    errors = []
    for index, line in enumerate(order.lines):
        if line.location_id is None:
            continue
        location = supply.locations.get(line.location_id)
        if location is None or not location.pickup:
            why = "there is no such location" if location is None else "it hands over no orders"
            errors.append({"path": f"$.lines[{index}].location_id", "message": why})
    if errors:
        raise InvalidRequest("a line cannot be collected where it says", errors)


def nearby(order: Order, supply: Supply, most: int) -> dict[str, float]:
    """The ``most`` locations nearest to where ``order`` is collected, or else sent to, that have
    all of it to hand over, and how far they are in km; without the one that it names."""
    named = order.lines[0].location_id
    start = supply.locations.get(named or "")
    origin = _at(start) if start else supply.destination
    if not most or origin is None:
        return {}
    wanted = {line.sku: line.quantity for line in order.lines}
    found = sorted(
        (km_to(location, origin), place)
        for place, location in supply.locations.items()
        if location.pickup
        and place != named
        and all(supply.sellable(sku, place) >= units for sku, units in wanted.items())
    )
    return {place: km for km, place in found[:most]}


def problem(order: Order, supply: Supply, now: datetime) -> Problem:
    """The routing of all units of ``order`` that no location holds."""
    wanted = [line for line in order.lines if line.unassigned]
    stock: dict[str, dict[str, int]] = {}
    passed_over = _passed_over(wanted)
    by_all = frozenset.intersection(*passed_over.values()) if passed_over else frozenset()
    for sku in sorted(passed_over):
        for place, units in supply.places(sku).items():
            # Whoever has rejected one SKU may serve the others.
            if place in by_all or place not in passed_over[sku]:
                stock.setdefault(place, {})[sku] = units
    units = sum(line.unassigned for line in wanted)
    return Problem(
        lines=tuple(_line(line, supply.products.get(line.sku)) for line in wanted),
        candidates=tuple(
            shelved(
                candidate(
                    supply.locations[place],
                    stock[place],
                    units,
                    supply.destination,
                    now,
                    service_level=order.service_level,
                    unpicked=supply.unpicked.get(place, 0),
                ),
                supply,
                now,
            )
            for place in sorted(stock)
        ),
        policy=supply.policy,
        now=now,
        service_level=order.service_level,
        destination=supply.destination,
        excluded=by_all,
    )


def shelved(there: Candidate, supply: Supply, now: datetime) -> Candidate:
    """With what is known of the shelves that its ``stock`` lies on."""
    place, skus = there.location_id, there.stock
    return replace(
        there,
        kept=supply.kept_at(place, skus),
        rates=supply.rates(place, skus, now),
        pulls=supply.pulls_at(place, skus, now),
        expected=supply.expected_at(place, skus, now),
        confidence=supply.confidence_at(place, skus),
    )


def _passed_over(wanted: Iterable[Line]) -> dict[str, frozenset[str]]:
    """By SKU the locations that have rejected units of it, or let an offer lapse just now."""
    found: dict[str, frozenset[str]] = {}
    for line in wanted:
        found[line.sku] = found.get(line.sku, frozenset()).union(line.excluded, line.expired)
    return found


def _line(line: Line, product: Product | None) -> routing.Line:
    return routing.Line(
        line_id=line.line_id,
        sku=line.sku,
        quantity=line.unassigned,
        kg=product.kg if product else KG_UNKNOWN,
        price=line.unit_price or (product.price if product else 0),
        method=line.method,
        location_id=line.location_id,
        margin=product.margin if product else None,
        salvage=product.salvage if product else None,
        season_ends_at=product.season_ends_at if product else None,
    )


def candidate(
    location: Location,
    stock: dict[str, int],
    units: int,
    destination: Destination | None,
    now: datetime,
    *,
    service_level: ServiceLevel = "standard",
    unpicked: int = 0,
) -> Candidate:
    """A location as the router sees it: how far it is, and when the carrier could have ``units``
    that are picked behind ``unpicked`` others."""
    ready = ready_by(location, now, units + unpicked)
    leaves = handed_over(location, ready, service_level) if ready else None
    unable: routing.Unable | None = None
    if leaves is None:
        unable = "closed" if location.capacity_per_hour else "no_capacity"
    delay = midnights(location, now, leaves) if leaves else 0
    most = location.most_unpicked
    return Candidate(
        location_id=location.location_id,
        kind=location.type,
        km=km_to(location, destination),
        ship=location.ship,
        pickup=location.pickup,
        stock=stock,
        unable=unable,
        delay_days=delay,
        delayed_by=_delayed_by(location, now, units, ready, leaves) if delay else None,
        free=None if most is None else max(0, most - unpicked),
    )


def _delayed_by(
    location: Location,
    now: datetime,
    units: int,
    ready: datetime | None,
    leaves: datetime | None,
) -> routing.Unable | None:
    """Why what is ready at ``ready`` leaves on a later day than it might."""
    if ready is None or leaves is None:
        return None
    if midnights(location, ready, leaves):
        return "cut_off"
    alone = ready_by(location, now, units)
    return "no_capacity" if alone and midnights(location, alone, ready) else None


def km_to(location: Location, destination: Destination | None) -> float:
    if destination is None:
        return 0.0
    return round(
        distance_km(
            location.latitude, location.longitude, destination.latitude, destination.longitude
        ),
        1,
    )


def midnights(location: Location, start: datetime, end: datetime) -> int:
    """The midnights between two instants where the location is."""
    zone = ZoneInfo(location.time_zone)
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days


def parcels(decision: Decision, order: Order, supply: Supply, now: datetime) -> list[Parcel]:
    """The plan as offers: one per location and method, the methods told apart."""
    found = []
    for location_id, units in sorted(decision.plan.units.items()):
        by_method: dict[Method, list[Taken]] = {}
        for line_id, quantity in sorted(units.items()):
            if quantity:
                line = order.line(line_id)
                limit = supply.limit(line.sku, location_id)
                by_method.setdefault(line.method, []).append(Taken(line_id, quantity, limit))
        for method, lines in sorted(by_method.items()):
            made = parcel(location_id, method, lines, order.service_level, supply=supply, now=now)
            if method == "ship" and supply.policy.offers.rivals and not made.accepted:
                made = replace(made, rivals=_rivals(made, decision, order, supply, now))
            found.append(made)
    return found


def _rivals(
    made: Parcel, decision: Decision, order: Order, supply: Supply, now: datetime
) -> tuple[str, ...]:
    """Who else can be asked for the parcel, and would keep the date that it promises."""
    found = []
    for name in rivals(decision, made.location_id):
        theirs = parcel(name, made.method, made.lines, order.service_level, supply=supply, now=now)
        if made.deliver_by and theirs.deliver_by and theirs.deliver_by <= made.deliver_by:
            found.append(name)
    return tuple(found[: supply.policy.offers.rivals])


def parcel(
    location_id: str,
    method: Method,
    lines: Sequence[Taken],
    service_level: ServiceLevel,
    *,
    supply: Supply,
    now: datetime,
) -> Parcel:
    """An offer to a location with its promise: when it is ready, when it arrives."""
    location = supply.locations[location_id]
    ready = supply.ready_by(location_id, now, sum(taken.quantity for taken in lines))
    deliver_by = None
    if method == "ship" and ready is not None:
        days = carrier_days(supply.policy, service_level, km_to(location, supply.destination))
        leaves = handed_over(location, ready, service_level)
        deliver_by = None if days is None or leaves is None else leaves + timedelta(days=days)
    return Parcel(
        location_id=location_id,
        method=method,
        lines=tuple(lines),
        answer_by=opened(supply.locations, location_id, now, ANSWER_WITHIN),
        accepted=location.auto_accept,
        ready_by=ready,
        deliver_by=deliver_by,
    )


def opened(
    locations: Mapping[str, Location], location_id: str, at: datetime, passes: timedelta
) -> datetime:
    """When the location has been open for so long since ``at``; where it never is, by the clock."""
    location = locations.get(location_id)
    found = after_open(location, at, passes) if location else None
    return found or at + passes


def carrier_days(policy: Policy, service_level: ServiceLevel, km: float) -> int | None:
    """Days from hand-over to delivery; None where the carrier does not go."""
    service = policy.services.get(service_level)
    if service is None:
        return None
    tariff = service.bands[band(policy, km)]
    return tariff.days if tariff else None


def decided(order: Order) -> Decision:
    """The decision that was made just now: it is still whole in the order."""
    made = order.decisions[-1]
    assert isinstance(made, bytes)
    return Decision.from_bytes(made)


def held(order: Order, hold: Hold, supply: Supply, now: datetime) -> list[Parcel]:
    """The hold as the plan: its units, on its locations, and nothing else; with the dates that were
    promised with it, if any were.

    Raises Conflict when the order is not exactly what is held, or is held where there is no
    location that serves it in this way.
    """
    if hold.channel != order.channel:
        raise Conflict(f"hold {hold.hold_id} is of another channel", hold_id=hold.hold_id)
    left: Counter[tuple[str, str]] = Counter()
    limits: dict[tuple[str, str], Limit] = {}
    for row in hold.lines:
        left[row.sku, row.location_id] += row.quantity
        limits[row.sku, row.location_id] = Limit(counters=row.counters)
    plan: dict[tuple[str, Method], list[Taken]] = {}
    for line in sorted(order.lines, key=lambda line: (line.location_id is None, line.line_id)):
        wanted = line.quantity
        for (sku, place), units in sorted(left.items()):
            if sku != line.sku or line.location_id not in (None, place):
                continue
            taken = min(wanted, units)
            if taken:
                left[sku, place] -= taken
                wanted -= taken
                plan.setdefault((place, line.method), []).append(
                    Taken(line.line_id, taken, limits[sku, place])
                )
        if wanted:
            raise _not_held(hold, line.sku)
    if extra := sorted({sku for (sku, _), units in left.items() if units}):
        raise _not_held(hold, *extra)
    _check_served(hold, plan, supply)
    parcels = [
        parcel(place, method, lines, order.service_level, supply=supply, now=now)
        for (place, method), lines in sorted(plan.items())
    ]
    return parcels if hold.promise is None else _as_promised(order, hold, hold.promise, parcels)


def _check_served(hold: Hold, plan: Iterable[tuple[str, Method]], supply: Supply) -> None:
    """Raises Conflict naming each place that cannot ship, or hand over, what is held there."""
    wrong = []
    for place, method in sorted(plan):
        location = supply.locations.get(place)
        if location is None:
            wrong.append({"location_id": place, "reason": "there is no such location"})
        elif method == "ship" and not location.ship:
            wrong.append({"location_id": place, "reason": "it ships no orders"})
        elif method == "pickup" and not location.pickup:
            wrong.append({"location_id": place, "reason": "it hands over no orders"})
    if wrong:
        raise Conflict(
            f"hold {hold.hold_id} is at locations that cannot serve the order",
            hold_id=hold.hold_id,
            locations=wrong,
        )


def promise_of(order: Order) -> dict[str, Any]:
    """What the fulfillments of ``order``, which is not stored, promise: kept in the hold of their
    units. All of them are of one method."""
    decision = order.decisions[-1]
    return {
        **({"decision": decision} if len(decision) <= MOST_DECISION else {}),
        "method": order.fulfillments[0].method,
        "service_level": order.service_level,
        "ship_to": _region(order),
        "parcels": [
            {
                "location_id": part.location_id,
                "ready_by": rfc3339(part.ready_by) if part.ready_by else None,
                "deliver_by": rfc3339(part.deliver_by) if part.deliver_by else None,
            }
            for part in order.fulfillments
        ],
    }


def _as_promised(
    order: Order, hold: Hold, promise: Mapping[str, Any], parcels: Iterable[Parcel]
) -> list[Parcel]:
    """Raises Conflict when the order wants it in another way, or elsewhere."""
    asked = {
        "method": sorted({line.method for line in order.lines}),
        "service_level": order.service_level,
        "ship_to": _region(order),
    }
    made = {
        "method": [promise["method"]],
        "service_level": promise["service_level"],
        "ship_to": promise["ship_to"],
    }
    if promise["method"] == "pickup":
        asked["service_level"] = made["service_level"]
        asked["ship_to"] = made["ship_to"]
    if other := [name for name, value in made.items() if asked[name] != value]:
        raise Conflict(
            f"hold {hold.hold_id} was promised with another {' and '.join(other)}",
            hold_id=hold.hold_id,
            promised={name: promise[name] for name in other},
        )
    dates = {row["location_id"]: row for row in promise["parcels"]}
    return [
        replace(
            part,
            ready_by=_instant(dates[part.location_id]["ready_by"]),
            deliver_by=_instant(dates[part.location_id]["deliver_by"]),
        )
        for part in parcels
    ]


def _region(order: Order) -> str | None:
    place = order.ship_to
    return f"{place.country} {place.postal_code}" if place else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _not_held(hold: Hold, *skus: str) -> Conflict:
    return Conflict(
        f"the order's quantities of {', '.join(skus)} are not those of hold {hold.hold_id}",
        hold_id=hold.hold_id,
        lines=[
            {"sku": row.sku, "location_id": row.location_id, "quantity": row.quantity}
            for row in hold.lines
        ],
    )


def expected(order: Order, supply: Supply, now: datetime) -> dict[str, datetime]:
    """By line, when the next supply of its SKU is announced: where it is collected, or anywhere."""
    found = {}
    for line in order.lines:
        coming = next_supply(line.sku, supply, now, location_id=line.location_id)
        if coming is not None:
            found[line.line_id] = coming
    return found


def next_supply(
    sku: str, supply: Supply, now: datetime, location_id: str | None = None
) -> datetime | None:
    pack = None if supply.ends(sku) else supply.packs.get(sku)
    seconds = (
        second
        for place, row in (pack.rows.items() if pack else ())
        if location_id in (None, place)
        for second, units in row.expected
        if units > 0 and second > now.timestamp()
    )
    first = min(seconds, default=None)
    return None if first is None else datetime.fromtimestamp(first, UTC)


def awaited(sku: str, supply: Supply) -> list[str]:
    """The locations where a supply is to come that is not promised whole, the earliest first; none
    of a discontinued product."""
    pack = None if supply.ends(sku) else supply.packs.get(sku)
    coming = (
        (min(row.expected), place)
        for place, row in (pack.rows.items() if pack else ())
        if row.expected and place in supply.locations
    )
    return [place for _, place in sorted(coming)][:MOST_AWAITED]


@dataclass(frozen=True, slots=True)
class Wait:
    """``quantity`` units of a line that come to a location by ``expected_at``."""

    line: Line
    location_id: str
    expected_at: datetime
    quantity: int


def waits(order: Order, supply: Supply, now: datetime) -> list[Wait] | None:
    """The supplies that the unassigned units of ``order`` would be promised of, the earliest first;
    None when too little is to come."""
    found = []
    for line in order.lines:
        left = line.unassigned
        coming = sorted(
            (second, place, units)
            for place in reach(line, order.service_level, awaited(line.sku, supply), supply)
            for second, units in supply.packs[line.sku].rows[place].expected
            if second > now.timestamp()
        )
        for second, place, units in coming:
            if taken := min(left, units):
                at = datetime.fromtimestamp(second, UTC)
                found.append(Wait(line, place, at, taken))
                left -= taken
        if left:
            return None
    return found


def arrived(order: Order, wait: Wait, supply: Supply) -> tuple[Parcel, Plan]:
    """The offer that ``wait`` becomes when it has come, and what that costs."""
    line = replace(wait.line, unassigned=wait.quantity)
    location, at = supply.locations[wait.location_id], wait.expected_at
    there = candidate(
        location,
        {line.sku: wait.quantity},
        wait.quantity,
        supply.destination,
        at,
        service_level=order.service_level,
    )
    asked = Problem(
        lines=(_line(line, supply.products.get(line.sku)),),
        candidates=(there,),
        policy=supply.policy,
        now=at,
        service_level=order.service_level,
        destination=supply.destination,
    )
    taken = [Taken(line.line_id, wait.quantity)]
    idle = replace(supply, unpicked={})
    made = parcel(wait.location_id, line.method, taken, order.service_level, supply=idle, now=at)
    return made, route(asked).plan


def reach(
    line: Line, service_level: ServiceLevel, places: Iterable[str], supply: Supply
) -> frozenset[str]:
    """Of ``places`` those that can serve the line: where it is collected, or that send it."""
    if line.location_id is not None:
        return frozenset(place for place in places if place == line.location_id)
    return frozenset(
        place
        for place in places
        if (location := supply.locations.get(place)) is not None
        and location.ship
        and carrier_days(supply.policy, service_level, km_to(location, supply.destination))
        is not None
    )


def short(
    order: Order,
    supply: Supply,
    unfilled: Mapping[str, int],
    now: datetime,
    asked: Problem,
    why: Why,
) -> list[dict[str, Any]]:
    """The lines of OutOfStock: every line that cannot be had whole, what is there for it, the
    reason, with which other service levels it would be sent, and when the next supply is
    announced."""
    coming = expected(order, supply, now)
    rows = []
    for line in order.lines:
        missing = unfilled.get(line.line_id, 0)
        if not missing:
            continue
        row: dict[str, Any] = {
            "line_id": line.line_id,
            "sku": line.sku,
            "wanted": line.quantity,
            "sellable": line.quantity - missing,
            "reason": why.get(line.line_id, "out_of_stock"),
        }
        if line.location_id is not None:
            row["location_id"] = line.location_id
        if line.line_id in coming:
            row["expected_at"] = rfc3339(coming[line.line_id])
        if line.method == "ship" and row["reason"] != "out_of_stock":
            row["service_levels"] = levels(asked, line.line_id)
        rows.append(row)
    return rows


def alternatives(
    order: Order,
    supply: Supply,
    unfilled: Mapping[str, int],
    now: datetime,
    ships: Collection[str],
    why: Why,
) -> list[dict[str, Any]]:
    """Where the short SKUs can be had instead, the nearest location first: from where the goods
    were to go, or to be collected. Of a line that was to be sent, no location that cannot send it
    so, unless it can be collected there."""
    rows: list[dict[str, Any]] = []
    lines = [line for line in order.lines if unfilled.get(line.line_id)]
    for sku, line in {line.sku: line for line in lines}.items():
        near = _near(line, supply)
        found = []
        for place, units in supply.places(sku).items():
            location = supply.locations[place]
            sends = location.ship
            if line.method == "ship":
                sends = place in ships and why.get(line.line_id) == "out_of_stock"
            if not (location.pickup or sends) or place == line.location_id:
                continue
            row: dict[str, Any] = {
                "sku": sku,
                "location_id": place,
                "sellable": units,
                "pickup": location.pickup,
                "ship": sends,
            }
            if near is not None:
                row["distance_km"] = km_to(location, near)
            if location.pickup and (ready := supply.ready_by(place, now, units=1)):
                row["ready_by"] = rfc3339(ready)
            found.append(row)
        found.sort(key=lambda row: (row.get("distance_km", 0), row["location_id"]))
        rows += found[:MOST_ALTERNATIVES]
    return rows


def _near(line: Line, supply: Supply) -> Destination | None:
    location = supply.locations.get(line.location_id or "")
    return supply.destination if location is None else _at(location)


def _at(location: Location) -> Destination:
    return Destination(
        location.latitude, location.longitude, location.postal_code, location.country
    )
