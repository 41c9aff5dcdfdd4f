"""Give arrived supply to the backorders that wait for it, and renew promises that broke."""

from datetime import datetime
from functools import partial

from shared.locations.store import all_locations
from shared.orders import changing, model, pausing, sourcing, store
from shared.orders.model import Order, OrderChange, Taken, supplies
from shared.orders.model.supplies import SupplyStep
from shared.orders.reading import supply_for, terms_of
from shared.stock import store as stock


def review_supplies(sku: str, location_id: str, now: datetime) -> int:
    """Carry out the steps that the supplies of a position call for, and return how many changed an
    order.

    Steps follow the order of the promises; each order changes in a transaction of its own. A
    repeated or late review does what remains: arrived units stay reserved until their order takes
    them.
    """
    queue = store.waiting_lines(sku, location_id)
    position = stock.position(sku, location_id) if queue else None
    if position is None:
        return 0
    return sum(
        carry_out_step(step, sku, location_id, now) is not None
        for step in supplies.supply_steps(position, queue)
    )


def carry_out_step(step: SupplyStep, sku: str, location_id: str, now: datetime) -> str | None:
    """Carry out one step; None when the order no longer needs it."""

    def decide(order: Order) -> OrderChange | None:
        line = order.line(step.line_id)
        claimed = sum(
            claim.quantity
            for claim in line.claims
            if (claim.location_id, claim.reference) == (location_id, step.reference)
        )
        units = min(step.units, claimed)
        if step.kind == "fill":
            units = min(units, _landed(sku, location_id, step.reference))
        if not units:
            return None
        if step.kind == "free":
            return model.break_promise(order, step.line_id, location_id, step.reference, units)
        supply = supply_for(order, store.read_placement([sku]), now)
        parcel = sourcing.parcel(
            location_id,
            line.method,
            [Taken(step.line_id, units)],
            order.service_level,
            supply=supply,
            now=now,
        )
        landed = model.receive_supply(order, step.line_id, step.reference, units, parcel)
        offered = model.offer(landed, [parcel], now, reserve=False)
        return model.settle(offered, now)

    return changing.change(step.order_id, decide, now)


def _landed(sku: str, location_id: str, reference: str) -> int:
    """Units of the supply that have arrived and are reserved for backorders."""
    position = stock.position(sku, location_id)
    return position.landed.get(reference, 0) if position else 0


def act_on_deadlines(order_id: str, now: datetime, order: Order | None = None) -> str | None:
    """Act on the passed deadlines of an order, after its lines got the supply that has arrived.
    ``order`` is the order as the caller has just read it."""
    order = order or store.find(order_id)
    changed = 0
    for line in order.lines if order else ():
        if line.deadline is not None and line.deadline <= now:
            for location_id in sorted({claim.location_id for claim in line.claims}):
                changed += review_supplies(line.sku, location_id, now)
    opened = partial(sourcing.end_of_open_time, all_locations())

    def decide(current: Order) -> OrderChange | None:
        terms = terms_of(current)
        renew = pausing.renewal(current, now)
        return model.act_on_deadlines(current, now, terms.order, opened, terms.at, renew)

    return changing.change(
        order_id,
        decide,
        now,
        known=None if changed else order,
    )
