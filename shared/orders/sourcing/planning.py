"""Plan a new order, or the change of one: what to reserve where, or what to read first. Pure.

The caller reads what ``Needs`` names, adds it to ``Inputs`` and plans again, until it has an
OrderChange to commit:

    plan_order, plan_change:   route and offer ──> shrink transfers ──> send to the store
                                   ──> refuse, or settle ──> claim
    plan_improvement:          route again what nobody has begun to pick (staying.py)

Planning starts from the beginning each time. Only ``Inputs.routed`` is kept: the routing is the
expensive step.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.orders import model
from shared.orders.model import Order, OrderChange, supplies
from shared.orders.model.erased import as_storable
from shared.orders.model.used import benefit_items
from shared.orders.sourcing import refusing
from shared.orders.sourcing.held import parcels_of_hold
from shared.orders.sourcing.needs import Inputs, Needs, Sourced
from shared.orders.sourcing.plan import parcels
from shared.orders.sourcing.problem import problem
from shared.orders.sourcing.shortage import refuse_short
from shared.orders.sourcing.supply import Supply
from shared.orders.sourcing.to_store import send_to_stores
from shared.orders.sourcing.waiting import locations_with_supply, serving_locations
from shared.orders.sourcing.yielding import free_units, shrink_for, transfer_positions
from shared.routing.model.route import route
from shared.stock.model.position import Hold
from shared.stock.model.rules import FloorFacts

MOST_CLAIMS = 20
"""Claims of one order on expected supply; further backordered units wait without a claim."""
TRANSACTION_ITEMS = 100
"""The most items that DynamoDB writes in one transaction."""
OTHER_ITEMS = 7
"""Items of a transaction beside positions and claims: the order, the request, the row that ties
the request to the order, a hold, the buyer, a decision, and one more part beside the order."""


def plan_order(
    start: OrderChange, hold: Hold | None, inputs: Inputs, now: datetime
) -> OrderChange | Needs:
    """Plan a new order from stock, or from ``hold``: then its units, locations and dates.

    Raises OutOfStock, or the subclass that says why, for units that no location can serve and
    that may not be backordered; Conflict when the hold is of other goods.
    """
    if inputs.supply is None:
        return Needs(packs=frozenset(line.sku for line in start.order.lines))
    supply = inputs.supply.with_facts(inputs.learnt)
    routed: Sourced | Needs | None = inputs.routed
    if routed is None:
        if hold is None:
            routed = _sourced(reserve(start, supply, now), supply)
        else:
            routed = _from_hold(start, hold, supply, inputs, now)
    if isinstance(routed, Needs):
        return routed
    sourced = with_transfers(start, routed, inputs, now) if hold is None else routed
    sourced = sourced if isinstance(sourced, Needs) else send_to_stores(sourced, now)
    if isinstance(sourced, Needs):
        return keep_routing(sourced, routed)
    if hold is None:
        refuse_short(start.order, sourced.change.order, sourced.supply, now)
    settled = settle(None, sourced, inputs, now)
    return keep_routing(settled, routed) if isinstance(settled, Needs) else settled


def plan_change(
    before: Order, decided: OrderChange, inputs: Inputs, now: datetime, *, routing: bool
) -> OrderChange | Needs:
    """Complete what was ``decided`` about the order ``before``.

    With ``routing`` the units that it leaves unassigned are routed; whatever is unassigned then is
    backordered or becomes an exception. Units that are sold already are routed at any price.
    """
    order = decided.order
    if not _unassigned(decided):
        claimed = _claim(before, decided, inputs)
        return claimed if isinstance(claimed, Needs) else _kept(claimed)
    if inputs.supply is None:
        return Needs(packs=frozenset(line.sku for line in order.lines if line.unassigned))
    # A location that has just taken units off its stock has none left, whatever its pack says.
    corrected = {
        (effect.location_id, effect.sku): FloorFacts(0, 0)
        for effect in decided.effects
        if effect.on_hand < 0
    }
    supply = inputs.supply.with_facts({**corrected, **inputs.learnt})
    routed: Sourced | Needs | None = inputs.routed
    if routed is None:
        routed = _at_any_price(decided, supply, now) if routing else Sourced(decided, supply)
    if isinstance(routed, Needs):
        return routed
    sourced = with_transfers(decided, routed, inputs, now) if routing else routed
    if routing and not isinstance(sourced, Needs):
        sourced = send_to_stores(sourced, now)
    settled = sourced if isinstance(sourced, Needs) else settle(before, sourced, inputs, now)
    if isinstance(settled, Needs):
        return keep_routing(settled, routed)
    return _kept(model.record_delays(before, settled, now))


def reserve(start: OrderChange, supply: Supply, now: datetime) -> OrderChange | Needs:
    """Route and offer the unassigned units of ``start``, under floors that the write can enforce.

    A pack says enough to choose a location. Where the floor depends on the position itself, the
    chosen position must be read as well.
    """
    change = _route_and_offer(start, supply, now)
    unread = supply.unread_positions(change)
    return Needs(stock=frozenset(unread)) if unread else change


def _route_and_offer(start: OrderChange, supply: Supply, now: datetime) -> OrderChange:
    order = start.order
    decision = route(problem(order, supply, now))
    offers = parcels(decision, order, supply, now)
    offered = model.offer(start, offers, now)
    newly_open = any(line.unassigned and line.deadline is None for line in order.lines)
    if not offers and not newly_open:
        return offered
    decisions = (*order.decisions, decision.to_bytes())
    return replace(offered, order=replace(offered.order, decisions=decisions))


def _at_any_price(decided: OrderChange, supply: Supply, now: datetime) -> Sourced | Needs:
    """By the policy, and where that leaves units unassigned because they are dear, without regard
    to cost: these units are sold."""
    change = reserve(decided, supply, now)
    if isinstance(change, Needs) or not _unassigned(change):
        return _sourced(change, supply)
    supply = replace(supply, policy=refusing.at_any_price(supply.policy))
    dearer = reserve(decided, supply, now)
    if isinstance(dearer, Needs):
        return dearer
    return Sourced(dearer if _unassigned(dearer) < _unassigned(change) else change, supply)


def _from_hold(
    start: OrderChange, hold: Hold, supply: Supply, inputs: Inputs, now: datetime
) -> Sourced | Needs:
    """The units of the hold where they are held. Units that have gone since (a count, a sale over
    the counter) are routed anew; what remains without a location is backordered or an exception."""
    change = model.offer(start, parcels_of_hold(start.order, hold, supply, now), now, reserve=False)
    doubtful = {
        (line.sku, part.location_id)
        for part in change.order.fulfillments
        for line in part.lines
        if (row := supply.row(line.sku, part.location_id)) is not None and row.available < 0
    }
    if not doubtful:
        return Sourced(change, supply)
    if unread := inputs.unread(doubtful):
        return Needs(positions=unread)
    positions = inputs.existing(doubtful)
    for part in change.order.fulfillments:
        for sku in sorted({line.sku for line in part.lines}):
            position = positions.get((sku, part.location_id))
            missing = -position.available if position else 0
            if missing > 0:
                shorter = model.release_missing(
                    change.order, part.fulfillment_id, sku, missing, now
                )
                if shorter is not None:
                    change = model.combine(change, shorter)
    if not _unassigned(change):
        return Sourced(change, supply)
    facts = {(place, sku): FloorFacts.of(position) for (sku, place), position in positions.items()}
    supply = supply.with_facts(facts)
    return _sourced(reserve(change, supply, now), supply)


def with_transfers(
    start: OrderChange, routed: Sourced, inputs: Inputs, now: datetime
) -> Sourced | Needs:
    """Give units of transfers that have not left to the order, where that leaves fewer unassigned.

    Backorders keep the units that they were promised of a transfer.
    """
    change, supply = routed.change, routed.supply
    skus = frozenset(line.sku for line in change.order.lines if line.unassigned)
    if unread := skus - inputs.transfers.keys():
        return Needs(transfers=unread)
    donors = {
        transfer.transfer_id: transfer
        for sku in sorted(skus)
        for transfer in inputs.transfers[sku]
        if transfer.from_location_id in supply.locations
    }
    places = transfer_positions(donors.values(), skus)
    if not places:
        return routed
    if unread_places := inputs.unread(places):
        return Needs(positions=unread_places)
    positions = inputs.existing(places)
    free = free_units(donors.values(), skus, positions)
    yielded: Counter[tuple[str, str]] = Counter()
    for (transfer_id, sku), units in free.items():
        yielded[donors[transfer_id].from_location_id, sku] += units
    facts = {
        (location_id, sku): FloorFacts.of(positions.get((sku, location_id)))
        for location_id, sku in yielded
    }
    with_yielded = supply.with_facts(
        {
            place: replace(facts[place], available=facts[place].available + units)
            for place, units in yielded.items()
        }
    )
    fuller = reserve(start, with_yielded, now)
    if isinstance(fuller, Needs):
        return fuller
    if _unassigned(fuller) >= _unassigned(change):
        return routed
    needed: Counter[tuple[str, str]] = Counter()
    for effect in fuller.effects:
        place = effect.location_id, effect.sku
        if place in yielded:
            sellable = max(0, facts[place].available - (effect.floor or 0))
            needed[place] = min(yielded[place], max(0, effect.reserved - sellable))
    shrunk = shrink_for(donors.values(), free, needed, fuller.order.order_id, now)
    effects = (effect for transfer in shrunk for effect in transfer.effects)
    fuller = replace(
        fuller,
        effects=model.sum_effects((*fuller.effects, *effects)),
        transfers=(*fuller.transfers, *shrunk),
    )
    return Sourced(fuller, supply.with_facts(facts))


def settle(
    before: Order | None, sourced: Sourced, inputs: Inputs, now: datetime
) -> OrderChange | Needs:
    """Give the units that no location holds a deadline, and backorders their claims on supply."""
    change, supply = sourced.change, sourced.supply
    order = change.order
    waiting = [line for line in order.lines if line.backorder and line.unassigned]
    claims: Mapping[str, tuple[model.Claim, ...]] = {}
    if waiting:
        places = {(sku, location_id) for sku, location_id, _ in supplies.claimed_units(before)}
        for sku in {line.sku for line in waiting}:
            places |= {(sku, location_id) for location_id in locations_with_supply(sku, supply)}
        if unread := inputs.unread(places):
            return Needs(positions=unread)
        reachable = {
            line.line_id: serving_locations(
                line,
                order.service_level,
                {location_id for sku, location_id in places if sku == line.sku},
                supply,
            )
            for line in waiting
        }
        positions = inputs.existing(places)
        claims = supplies.allot_supply(
            before, order, positions, reachable, now, _more_claims(order)
        )
    limits = supply.order_policy.limits(None, order.service_level)
    settled = model.settle(change, now, limits, claims=claims)
    return _claim(before, settled, inputs)


def _more_claims(order: Order) -> int:
    """How many claims the order may add, so that one transaction can still cancel all of it: an
    item for each position that holds units, for each code, limit and card, and a position and a row
    for each claim."""
    held_at = len(model.units_held(order.fulfillments))
    claims = sum(len(line.claims) for line in order.lines)
    room = (TRANSACTION_ITEMS - OTHER_ITEMS - benefit_items(order) - held_at) // 2
    return max(0, min(MOST_CLAIMS, room) - claims)


def _claim(before: Order | None, change: OrderChange, inputs: Inputs) -> OrderChange | Needs:
    """Add what the claims made and given up do to the positions of their supplies."""
    places = supplies.claim_positions(before, change)
    if unread := inputs.unread(places):
        return Needs(positions=unread)
    effects = supplies.claim_effects(before, change, inputs.existing(places))
    return replace(change, effects=model.sum_effects((*change.effects, *effects)))


def _sourced(change: OrderChange | Needs, supply: Supply) -> Sourced | Needs:
    return change if isinstance(change, Needs) else Sourced(change, supply)


def keep_routing(needs: Needs, routed: Sourced) -> Needs:
    return needs if needs.stock else replace(needs, routed=routed)


def _kept(change: OrderChange) -> OrderChange:
    return replace(change, order=as_storable(change.order))


def _unassigned(change: OrderChange) -> int:
    return sum(line.unassigned for line in change.order.lines)
