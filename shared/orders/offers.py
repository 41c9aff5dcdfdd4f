"""Change who serves an offer: a rival that accepts first, or a location where it costs less."""

from collections import Counter
from datetime import datetime

from shared.errors import Conflict
from shared.orders import changing, model, sourcing, store
from shared.orders.model import Fulfillment, Order, OrderChange, Taken
from shared.orders.reading import facts_at, read, supply_for, terms_of
from shared.orders.sourcing import Inputs, Needs, Supply


def accept_offer(
    order: Order, fulfillment_id: str, location_id: str | None, now: datetime, actor: str
) -> OrderChange:
    """``location_id`` accepts the offer; None stands for the location that it was made to.

    Raises Conflict when a rival was not asked, or no longer has the units.
    """
    if location_id in (None, order.fulfillment(fulfillment_id).location_id):
        at = order.fulfillment(fulfillment_id).location_id
        limits = terms_of(order).at(at)
        return model.advance(order, fulfillment_id, "accept", now, actor, terms=limits)
    fulfillment = model.open_offer_to(order, fulfillment_id, location_id)
    supply = _supply_at(order, fulfillment, location_id, now)
    wanted: Counter[str] = Counter()
    for line in fulfillment.lines:
        wanted[line.sku] += line.quantity
    if short := [sku for sku, units in wanted.items() if supply.sellable(sku, location_id) < units]:
        raise Conflict(f"{location_id} has not got the units any more", skus=short)
    taken = [
        Taken(line.line_id, line.quantity, supply.limit(line.sku, location_id))
        for line in fulfillment.lines
    ]
    limits = supply.order_policy.limits(supply.locations[location_id], order.service_level)
    return model.accept_as_rival(
        order, fulfillment_id, location_id, taken, now, actor, terms=limits
    )


def _supply_at(order: Order, fulfillment: Fulfillment, location_id: str, now: datetime) -> Supply:
    """The supply with the current positions of the fulfillment's SKUs at the location."""
    skus = sorted({line.sku for line in fulfillment.lines})
    return supply_for(order, store.read_placement(skus), now).with_facts(
        facts_at((sku, location_id) for sku in skus)
    )


def move_where_cheaper(order_id: str, now: datetime) -> str | None:
    """Move the units of an order that nobody has begun to pick, where that pays (see
    sourcing.plan_improvement). None when everything stays where it is, as in a paused order."""

    def decide(order: Order) -> OrderChange | None:
        if order.is_paused:
            return None
        inputs = Inputs()
        while isinstance(plan := sourcing.plan_improvement(order, inputs, now), Needs):
            inputs = read(plan, inputs, order, now)
        return plan

    return changing.change(order_id, decide, now)
