"""Who serves what has been offered: a rival that is faster, or somebody for whom it costs less."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from shared.errors import Conflict
from shared.orders import model, placing, sourcing, store
from shared.orders.model import Fulfillment, Order, OrderChange, Taken
from shared.orders.sourcing import Supply, staying
from shared.routing.model.decision import Decision
from shared.routing.model.route import route, shipping_cost
from shared.stock import store as stock
from shared.stock.model.rules import Facts


def accepted(
    order: Order, fulfillment_id: str, location_id: str | None, now: datetime, actor: str
) -> OrderChange:
    """``location_id`` accepts; None is the location that it was offered to.

    Raises Conflict when a rival has not got the units, or was not asked.
    """
    if location_id in (None, order.fulfillment(fulfillment_id).location_id):
        return model.act(order, fulfillment_id, "accept", now, actor)
    found = model.asked(order, fulfillment_id, location_id)
    supply = _known(order, found, location_id, now)
    wanted: Counter[str] = Counter()
    for held in found.lines:
        wanted[held.sku] += held.quantity
    if short := [sku for sku, units in wanted.items() if supply.sellable(sku, location_id) < units]:
        raise Conflict(f"{location_id} has not got the units any more", skus=short)
    taken = [
        Taken(held.line_id, held.quantity, supply.limit(held.sku, location_id))
        for held in found.lines
    ]
    return model.claim(order, fulfillment_id, location_id, taken, now, actor)


def _known(order: Order, found: Fulfillment, location_id: str, now: datetime) -> Supply:
    """With the positions of the location as they are now."""
    skus = sorted({held.sku for held in found.lines})
    positions = stock.positions_of([(sku, location_id) for sku in skus], consistent=True)
    return placing.supply_of(order, store.gather(skus), now).knowing(
        {(location_id, sku): Facts.of(positions.get((sku, location_id))) for sku in skus}
    )


def improve(order_id: str, now: datetime) -> str | None:
    """Routes again what nobody has begun to pick, and moves what costs less elsewhere, when that
    saves enough and arrives no later than the shopper was told (Xu, Allgor and Graves, Benefits of
    Reevaluating Real-Time Order Fulfillment Decisions, 2009). What stays is not touched. None when
    all of it stays where it is."""
    return placing.change(order_id, lambda order: improved(order, now), now)


def improved(order: Order, now: datetime) -> OrderChange | None:
    unpicked = [
        found
        for found in order.fulfillments
        if found.state in model.UNPICKED and found.method == "ship" and not found.rivals
    ]
    if not unpicked or any(line.unassigned for line in order.lines):
        return None
    own = staying.units_of(unpicked)
    positions = stock.positions_of([(sku, place) for place, sku in own], consistent=True)
    supply = placing.supply_of(order, store.gather(sorted({sku for _, sku in own})), now)
    least = supply.policy.offers.saving
    if least is None:
        return None
    supply = supply.knowing(
        {(place, sku): Facts.of(positions.get((sku, place))) for place, sku in own}
    )
    while True:
        problem = staying.problem(order, unpicked, supply, now)
        stays = shipping_cost(problem, staying.by_line(unpicked))
        decision = route(problem)
        moves = staying.moves(unpicked, decision)
        goes = shipping_cost(problem, decision.plan.units, moves.apart)
        if stays is None or goes is None or decision.plan.unfilled or not moves.leaving:
            return None
        if stays - goes < max(1, least):
            return None
        change = _moved(order, moves, decision, supply, now)
        unread = supply.unread(change)
        if not unread:
            break
        known = stock.positions_of(unread, consistent=True)
        supply = supply.knowing(
            {(place, sku): Facts.of(known.get((sku, place))) for sku, place in unread}
        )
    return change if _in_time(unpicked, change.order.fulfillments) else None


def _moved(
    order: Order, moves: staying.Moves, decision: Decision, supply: Supply, now: datetime
) -> OrderChange:
    freed = model.withdraw(order, moves.leaving, now, "router")
    part = replace(decision, plan=replace(decision.plan, units=moves.coming))
    offered = model.offer(freed, sourcing.parcels(part, freed.order, supply, now), now)
    decisions = (*order.decisions, decision.to_bytes())
    return replace(offered, order=replace(offered.order, decisions=decisions))


def _in_time(before: Iterable[Fulfillment], after: Iterable[Fulfillment]) -> bool:
    """Whether no line arrives later than it was promised."""
    promised, now = model.promised(before), model.promised(after)
    return all(now.get(line_id, at) <= at for line_id, at in promised.items())
