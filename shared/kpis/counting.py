"""Count orders: what each has become since it was counted last."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from shared.aws.dynamodb import attempts
from shared.catalog.model import Product
from shared.catalog.store import products
from shared.errors import Busy
from shared.kpis.model.costs import Rates, ServingCost, serving_cost
from shared.kpis.model.facts import SENT, Surroundings, currency, facts
from shared.kpis.store import counts
from shared.kpis.store.counts import Mark
from shared.kpis.store.rates import rates
from shared.locations.model import Location
from shared.locations.store import all_locations
from shared.orders.model import Order
from shared.orders.reading import destination
from shared.routing.model.policy import Policy
from shared.routing.store import policies


def count_orders(orders: Iterable[Order], now: datetime) -> int:
    """Counts the orders, which have their whole history, and returns how many had changed. A
    repeated or late call changes nothing.

    Takes a read call for the marks and one for the products of what is counted for the first time,
    and a transaction for some 40 orders. Raises Busy when others count the same orders all the
    time.
    """
    by_id = {order.order_id: order for order in orders}
    counted: set[str] = set()
    for _ in attempts():
        marks = counts.marks_of(by_id)
        changed = [
            (marks.get(name) or Mark(name, order.channel, currency(order)), order)
            for name, order in by_id.items()
            if name not in marks or marks[name].version < order.version
        ]
        if not changed:
            return len(counted)
        counted |= {order.order_id for _, order in changed}
        if counts.count(_after(changed), now):
            return len(counted)
    raise Busy("others count the same orders")


def _after(changed: list[tuple[Mark, Order]]) -> list[tuple[Mark, Mark]]:
    locations, policy, stated = all_locations(), policies.active_policy(), rates()
    wanted = {line.sku for _, order in changed for line in order.lines}
    by_sku = products(sorted(wanted))
    return [
        (mark, _counted(mark, order, locations, by_sku, policy, stated)) for mark, order in changed
    ]


def _counted(
    mark: Mark,
    order: Order,
    locations: Mapping[str, Location],
    by_sku: Mapping[str, Product],
    policy: Policy,
    stated: Rates,
) -> Mark:
    """The mark of the order as it is now. Costs that it was counted with stay as they were."""
    costs = {
        line.sku: product.price - product.margin
        for line in order.lines
        if (product := by_sku.get(line.sku)) is not None and product.margin is not None
    }
    around = Surroundings(
        locations=locations,
        unit_costs={**costs, **mark.unit_costs},
        serving_costs={
            **_serving_costs(order, locations, by_sku, policy),
            **mark.serving_costs,
        },
        rates=stated,
    )
    return replace(
        mark,
        version=order.version,
        facts=facts(order, around),
        unit_costs=around.unit_costs,
        serving_costs=around.serving_costs,
    )


def _serving_costs(
    order: Order,
    locations: Mapping[str, Location],
    by_sku: Mapping[str, Product],
    policy: Policy,
) -> dict[str, ServingCost]:
    place = destination(order.ship_to)
    found = {}
    for part in order.fulfillments:
        location = locations.get(part.location_id)
        if part.state not in SENT or location is None:
            continue
        kg = sum(by_sku[row.sku].kg * row.quantity for row in part.lines if row.sku in by_sku)
        found[part.fulfillment_id] = serving_cost(
            part, location, place, order.service_level, kg, policy
        )
    return found
