"""Who serves what has been offered: a rival that is faster, or somebody for whom it costs less."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.errors import Conflict
from shared.orders import model, placing, sourcing, table
from shared.orders.model import Change, Fulfillment, Order, Taken
from shared.orders.sourcing import Supply
from shared.routing.model import Problem
from shared.routing.route import route
from shared.stock import table as stock
from shared.stock.rules import Facts


def accepted(
    order: Order, fulfillment_id: str, location_id: str | None, now: datetime, actor: str
) -> Change:
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
    return placing.supply_of(order, table.gather(skus), now).knowing(
        {(location_id, sku): Facts.of(positions.get((sku, location_id))) for sku in skus}
    )


def improve(order_id: str, now: datetime) -> str | None:
    """Routes again what nobody has begun to pick, and moves it when that saves enough and arrives
    no later than the shopper was told (Xu, Allgor and Graves, Benefits of Reevaluating Real-Time
    Order Fulfillment Decisions, 2009). None when it stays where it is."""
    return placing.change(order_id, lambda order: improved(order, now), now)


def improved(order: Order, now: datetime) -> Change | None:
    unpicked = [
        found
        for found in order.fulfillments
        if found.state in model.UNPICKED and found.method == "ship" and not found.rivals
    ]
    if not unpicked or any(line.unassigned for line in order.lines):
        return None
    own = _units(unpicked)
    names = [found.fulfillment_id for found in unpicked]
    freed = model.withdraw(order, names, now, "router")
    positions = stock.positions_of([(sku, place) for place, sku in own], consistent=True)
    supply = placing.supply_of(order, table.gather(sorted({sku for _, sku in own})), now)
    least = supply.policy.offers.saving
    if least is None:
        return None
    supply = supply.knowing(
        {
            (place, sku): _with(Facts.of(positions.get((sku, place))), units)
            for (place, sku), units in own.items()
        }
    )
    stays = route(_only(sourcing.problem(freed.order, supply, now), own)).plan
    moved, _ = placing.reserved(freed, supply, now)
    goes = sourcing.decided(moved.order).plan
    if any(line.unassigned for line in moved.order.lines) or stays.cost - goes.cost < max(1, least):
        return None
    return (
        moved if _in_time(unpicked, moved.order.fulfillments[len(order.fulfillments) :]) else None
    )


def _in_time(before: Iterable[Fulfillment], after: Iterable[Fulfillment]) -> bool:
    """Whether no line arrives later than it was promised."""
    promised, now = model.promised(before), model.promised(after)
    return all(arrives <= promised.get(line_id, arrives) for line_id, arrives in now.items())


def _units(unpicked: Sequence[Fulfillment]) -> Counter[tuple[str, str]]:
    """By (location_id, sku)."""
    found: Counter[tuple[str, str]] = Counter()
    for fulfillment in unpicked:
        for held in fulfillment.lines:
            found[fulfillment.location_id, held.sku] += held.quantity
    return found


def _with(facts: Facts, units: int) -> Facts:
    return replace(facts, available=facts.available + units)


def _only(problem: Problem, own: Mapping[tuple[str, str], int]) -> Problem:
    """The same, with nothing to choose from but what the order holds."""
    return replace(
        problem,
        candidates=tuple(
            replace(
                candidate,
                stock={
                    sku: own[candidate.location_id, sku]
                    for sku in candidate.stock
                    if (candidate.location_id, sku) in own
                },
            )
            for candidate in problem.candidates
            if any(place == candidate.location_id for place, _ in own)
        ),
    )
