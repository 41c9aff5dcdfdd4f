"""Plan a change of an order that was placed: give units to the locations that a person has chosen,
route the others, and refuse what cannot be served. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared.errors import Busy, NoService, OutOfStock, invalid
from shared.orders import model
from shared.orders.model import Order, OrderChange, Taken
from shared.orders.model.revising import ByHand, Revised, newly_unassigned
from shared.orders.sourcing import planning
from shared.orders.sourcing.needs import Inputs, Needs, Sourced
from shared.orders.sourcing.plan import parcel
from shared.orders.sourcing.shortage import refuse_short
from shared.orders.sourcing.supply import Supply, check_pickup
from shared.orders.sourcing.to_store import send_to_stores
from shared.stock.model.rules import FloorFacts


def plan_revision(
    before: Order, revised: Revised, inputs: Inputs, now: datetime, *, routing: bool
) -> OrderChange | Needs:
    """Complete a revision of the order ``before``, or say what to read for it.

    Units that wait already may go on waiting; the revision is refused when it would leave more of
    them. Raises OutOfStock, or the subclass that says why; Busy without ``routing``, after too many
    lost races.
    """
    decided = revised.change
    wanted = newly_unassigned(before, decided.order)
    if not wanted and not revised.redated:
        return planning.plan_change(before, decided, inputs, now, routing=False)
    if wanted and not routing:
        raise Busy("too many buyers of the same goods; trying again is safe")
    if inputs.supply is None:
        skus = {decided.order.line(line_id).sku for line_id in wanted}
        skus |= {line.sku for line in decided.order.lines if line.unassigned}
        return Needs(packs=frozenset(skus or {decided.order.lines[0].sku}))
    supply = _with_released(inputs.supply.with_facts(inputs.learnt), decided)
    check_pickup(_of_lines(decided.order, wanted), supply)
    start = _given(decided, revised.by_hand, supply, now)
    start = _redated(start, revised.redated, supply, now)
    routed: Sourced | Needs | None = inputs.routed
    if routed is None:
        change = planning.reserve(start, supply, now)
        routed = change if isinstance(change, Needs) else Sourced(change, supply)
    if isinstance(routed, Needs):
        return routed
    sourced = planning.with_transfers(start, routed, inputs, now)
    sourced = sourced if isinstance(sourced, Needs) else send_to_stores(sourced, now)
    if isinstance(sourced, Needs):
        return planning.keep_routing(sourced, routed)
    short = newly_unassigned(before, sourced.change.order)
    refuse_short(_of_lines(start.order, short), _of_lines(sourced.change.order, short), supply, now)
    settled = planning.settle(before, sourced, inputs, now)
    if isinstance(settled, Needs):
        return planning.keep_routing(settled, routed)
    return model.record_delays(before, settled, now)


def _of_lines(order: Order, line_ids: Iterable[str]) -> Order:
    names = set(line_ids)
    return replace(order, lines=tuple(line for line in order.lines if line.line_id in names))


def _with_released(supply: Supply, decided: OrderChange) -> Supply:
    """The supply with the units that the change gives up: they may be taken again."""
    released: Counter[tuple[str, str]] = Counter()
    for effect in decided.effects:
        if effect.reserved < 0:
            released[effect.location_id, effect.sku] -= effect.reserved
    facts: dict[tuple[str, str], FloorFacts] = {}
    for (location_id, sku), units in released.items():
        known = supply.facts(sku, location_id)
        facts[location_id, sku] = replace(known, available=known.available + units)
    return supply.with_facts(facts)


def _check_ships(location_id: str, supply: Supply) -> None:
    """Raises InvalidRequest."""
    location = supply.locations.get(location_id)
    if location is None or not location.ship:
        why = "does not exist" if location is None else "does not ship"
        raise invalid("$.fulfillments", f"the location {location_id} {why}")


def _given(
    change: OrderChange, by_hand: Iterable[ByHand], supply: Supply, now: datetime
) -> OrderChange:
    """Offer units to the locations that a person has chosen. Raises InvalidRequest for a location
    that cannot serve them, OutOfStock where it has too few."""
    for given in by_hand:
        order = change.order
        if given.into is None:
            _check_ships(given.location_id, supply)
        wanted: Counter[str] = Counter()
        for line_id, quantity in given.units.items():
            wanted[order.line(line_id).sku] += quantity
        short = [
            {"sku": sku, "location_id": given.location_id, "wanted": units, "sellable": sellable}
            for sku, units in wanted.items()
            if (sellable := supply.sellable(sku, given.location_id)) < units
        ]
        if short:
            raise OutOfStock(short, [])
        taken = [
            Taken(line_id, quantity, supply.limit(order.line(line_id).sku, given.location_id))
            for line_id, quantity in given.units.items()
        ]
        if given.into is not None:
            change = model.extend(change, given.into, taken, now)
            continue
        offer = parcel(
            given.location_id, given.method, taken, order.service_level, supply=supply, now=now
        )
        if offer.deliver_by is None:
            raise invalid(
                "$.fulfillments",
                f"{given.location_id} cannot ship with the service {order.service_level}",
            )
        change = model.offer(change, [offer], now)
    return change


def _redated(
    change: OrderChange, fulfillment_ids: Iterable[str], supply: Supply, now: datetime
) -> OrderChange:
    """Give picked units the dates of the new address or service. Raises NoService where their
    location cannot ship them so."""
    for fulfillment_id in fulfillment_ids:
        part = change.order.fulfillment(fulfillment_id)
        units = [Taken(line.line_id, line.quantity) for line in part.lines]
        again = parcel(
            part.location_id,
            part.method,
            units,
            change.order.service_level,
            supply=supply,
            now=now,
        )
        if again.deliver_by is None:
            short = [
                {"sku": line.sku, "location_id": part.location_id, "reason": "no_service"}
                for line in part.lines
            ]
            raise NoService(short, [])
        dated = replace(part, deliver_by=again.deliver_by)
        change = replace(change, order=model.with_fulfillment(change.order, dated))
    return change
