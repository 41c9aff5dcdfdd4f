"""Read what the plans of orders are made from (sourcing/planning.py)."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from shared.availability.model.channel import confidence_in
from shared.availability.store.unpicked import unpicked
from shared.errors import invalid
from shared.locations.store import all_locations, point_of_postal_code
from shared.orders import store
from shared.orders.model import DeliveryPlace, Order
from shared.orders.model.policy import Terms
from shared.orders.model.supplies import SkuLocation
from shared.orders.sourcing import Inputs, Needs, Supply
from shared.orders.store import PlacementInputs, transfers
from shared.orders.store import policy as order_policies
from shared.routing.model.decision import Destination
from shared.routing.store import policies
from shared.stock import store as stock
from shared.stock.model.rules import FloorFacts
from shared.stock.store import rules

Stock = Mapping[tuple[str, str], FloorFacts]
"""The facts of positions, by (location_id, SKU)."""


def read(needs: Needs, inputs: Inputs, order: Order, now: datetime) -> Inputs:
    """``inputs`` with what a plan of ``order`` ``needs``: one call for each kind, and two for each
    SKU whose transfers are asked for."""
    supply = inputs.supply
    if needs.packs:
        supply = supply_for(order, store.read_placement(sorted(needs.packs)), now)
    positions = dict(inputs.positions)
    if needs.positions:
        existing = stock.positions_of(sorted(needs.positions), consistent=True)
        positions |= {place: existing.get(place) for place in needs.positions}
    donors = {sku: transfers.unshipped(sku) for sku in sorted(needs.transfers)}
    return Inputs(
        supply=supply,
        learnt={**inputs.learnt, **facts_at(needs.stock)},
        positions=positions,
        transfers={**inputs.transfers, **donors},
        routed=needs.routed,
    )


def facts_at(places: Iterable[SkuLocation]) -> Stock:
    """The facts of the positions as they are now (strongly consistent)."""
    keys = sorted(places)
    if not keys:
        return {}
    positions = stock.positions_of(keys, consistent=True)
    return {
        (location_id, sku): FloorFacts.of(positions.get((sku, location_id)))
        for sku, location_id in keys
    }


def after_lost_race(refused: Stock, races: int) -> Stock:
    """The facts to plan with after a lost race: those of the positions that refused the write; from
    the second race on those of every position of their SKUs, because where so much is bought the
    packs are behind."""
    if not races or not refused:
        return refused
    current = {
        (position.location_id, position.sku): FloorFacts.of(position)
        for sku in sorted({sku for _, sku in refused})
        for position in stock.positions(sku)
    }
    return {**current, **refused}


def supply_for(order: Order, gathered: PlacementInputs, now: datetime) -> Supply:
    """What the channel of ``order`` may take, by the policy that holds for the order."""
    packs = gathered.packs
    return Supply(
        locations=all_locations(),
        packs=packs,
        products=gathered.products,
        pulls=gathered.pulls,
        policy=policies.active_policy(order.order_id),
        destination=destination(order.ship_to),
        selling=rules.selling(order.channel, packs, now, confidence_in(packs), gathered.products),
        unpicked=unpicked(),
        order_policy=order_policies.active_policy(),
    )


def terms_of(order: Order) -> Terms:
    """The time limits of the order, under the policy in force."""
    return Terms(order_policies.active_policy(), order.service_level, all_locations())


def destination(place: DeliveryPlace | None) -> Destination | None:
    """The coordinates of ``place``, else those of its postal code. None when neither is known:
    every location is then equally near."""
    if place is None:
        return None
    if place.latitude is not None and place.longitude is not None:
        point: tuple[float, float] | None = (place.latitude, place.longitude)
    else:
        point = point_of_postal_code(place.country, place.postal_code)
    if point is None:
        return None
    return Destination(*point, place.postal_code, place.country)


def check_destination(place: DeliveryPlace | None) -> None:
    """Raises InvalidRequest when the coordinates of ``place`` are unknown: no date could be
    promised."""
    if place is not None and destination(place) is None:
        raise invalid(
            "$.ship_to.postal_code",
            f"no such postal code is known in {place.country}; latitude and longitude also do",
        )
