"""What a cart can be promised: the router asked once per service level, nothing reserved."""

from collections.abc import Iterator
from datetime import datetime

from shared.orders import model, sourcing, table
from shared.orders.contract import PromiseInput, PromiseOption, PromisesAnswer, PromiseShort
from shared.orders.model import Method, Order, ServiceLevel
from shared.orders.placing import check_destination, supply_of
from shared.orders.sourcing import Supply
from shared.routing.model import Plan
from shared.routing.route import route
from shared.web.contract import Money

SERVICES: tuple[ServiceLevel, ...] = ("standard", "express", "next_day", "same_day")
OUR_COST = ("package", "pick", "carrier")
"""The terms of a plan's cost that are paid, as opposed to weighed."""


def promises(cart: PromiseInput, now: datetime) -> PromisesAnswer:
    wanted: list[tuple[Method, ServiceLevel]] = []
    if cart.ship_to is not None:
        wanted += [("ship", service) for service in SERVICES]
    if cart.pickup_at is not None:
        wanted.append(("pickup", "standard"))
    drafts = [cart.draft(method, service, now) for method, service in wanted]
    gathered = table.gather(line.sku for line in drafts[0].lines)
    supply = supply_of(drafts[0], gathered, now)
    check_destination(drafts[0].ship_to)
    sourcing.check_pickup(drafts[-1], supply)
    options: list[PromiseOption] = []
    missing: list[dict[str, int]] = []
    for (method, service), draft in zip(wanted, drafts, strict=True):
        start = model.place(draft, now, "promise")
        decision = route(sourcing.problem(start.order, supply, now))
        parcels = sourcing.parcels(decision, start.order, supply, now)
        routed = model.offer(start, parcels, now).order
        left = {line.sku: line.unassigned for line in routed.lines if line.unassigned}
        if left:
            missing.append(left)
        else:
            options.append(_option(method, service, routed, decision.plan, supply))
    return PromisesAnswer(options=options, short=[] if options else list(_short(drafts, missing)))


def _option(
    method: Method, service: ServiceLevel, order: Order, plan: Plan, supply: Supply
) -> PromiseOption:
    parts = order.fulfillments
    ready = [part.ready_by for part in parts if part.ready_by]
    delivered = [part.deliver_by for part in parts if part.deliver_by]
    return PromiseOption(
        method=method,
        service_level=service if method == "ship" else None,
        location_id=parts[0].location_id if method == "pickup" else None,
        deliver_by=max(delivered, default=None) if method == "ship" else None,
        ready_by=max(ready, default=None) if method == "pickup" else None,
        splits=len(parts) - 1,
        cost=Money(
            amount=sum(plan.terms.get(name, 0) for name in OUR_COST),
            currency=supply.policy.currency,
        ),
        kg_co2e=round(plan.kg_co2e, 3),
    )


def _short(drafts: list[Order], missing: list[dict[str, int]]) -> Iterator[PromiseShort]:
    """By SKU, what the best of the ways still lacks."""
    for line in drafts[0].lines:
        least = min(left.get(line.sku, 0) for left in missing)
        if least:
            yield PromiseShort(sku=line.sku, wanted=line.quantity, sellable=line.quantity - least)
