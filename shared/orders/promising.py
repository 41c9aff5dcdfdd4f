"""Promise a cart: the options of every service level, and a hold on one of them.

Options reserve nothing. A held option is the plan of the order that names the hold: locations,
units, dates and cost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from shared.errors import Busy, OutOfStock, PromiseChanged
from shared.locations.model import ServiceLevel
from shared.orders import model, sourcing
from shared.orders import store as orders_store
from shared.orders.contract.fulfillments import FulfillmentPromise
from shared.orders.contract.promises import (
    HeldLine,
    HeldPart,
    PromiseHeld,
    PromiseHoldInput,
    PromiseInput,
    PromiseOption,
    PromisesAnswer,
    PromiseShort,
    PromiseWait,
)
from shared.orders.model import Fulfillment, Method, Order, OrderChange, Taken
from shared.orders.placing import RACES
from shared.orders.reading import after_lost_race, check_destination, facts_at, supply_for
from shared.orders.sourcing import Needs, Sourced, Supply
from shared.routing.model.decision import Decision, Plan
from shared.routing.model.route import route
from shared.stock import store as stock
from shared.stock.model.position import Hold, HoldLine, HoldState
from shared.web.contract import Money
from shared.web.idempotency import Request

SERVICES: tuple[ServiceLevel, ...] = ("standard", "express", "next_day", "same_day")
PAID_TERMS = ("package", "pick", "carrier")
"""The terms of a plan's cost that are paid in money; the others only weigh plans."""
OPTION_AGE = timedelta(minutes=30)
"""An option up to this old is held with the dates of when it was offered."""


def promises(cart: PromiseInput, now: datetime) -> PromisesAnswer:
    """The options of a cart, those without a wait first; by SKU what is short when there is none.

    One read call; the router runs once per option."""
    wanted: list[tuple[Method, ServiceLevel, str | None]] = []
    if cart.ship_to is not None:
        wanted += [("ship", service, None) for service in SERVICES]
    if cart.pickup_at is not None:
        wanted.append(("pickup", "standard", cart.pickup_at))
    drafts = [cart.draft(method, service, now) for method, service, _ in wanted]
    gathered = orders_store.read_placement(line.sku for line in drafts[0].lines)
    supply = supply_for(drafts[0], gathered, now)
    check_destination(drafts[0].ship_to)
    sourcing.check_pickup(drafts[-1], supply)
    options: list[PromiseOption] = []
    later: list[PromiseOption] = []
    missing: list[dict[str, int]] = []
    near = sourcing.nearby_pickups(drafts[-1], supply, cart.pickup_nearby)
    for location_id in near:
        wanted.append(("pickup", "standard", location_id))
        drafts.append(cart.draft("pickup", "standard", now, location_id))
    for (method, service, place), draft in zip(wanted, drafts, strict=True):
        routed, plan = _routed(draft, supply, now)
        unfilled = {line.sku: line.unassigned for line in routed.lines if line.unassigned}
        if unfilled:
            missing.append(unfilled)
            later += _waiting(method, service, routed, plan, supply=supply, now=now)
            if method == "pickup":
                later += _sent(routed, plan, supply, now)
            continue
        option = _option(method, service, routed, plan, supply)
        options.append(option.model_copy(update={"distance_km": near.get(place or "")}))
        if option.splits:
            unsplit, plan = _routed(draft, _with_max_packages(supply, 1), now)
            if not any(line.unassigned for line in unsplit.lines):
                options.append(_option(method, service, unsplit, plan, supply))
    short = [] if options else list(_short(drafts, missing, supply, now))
    return PromisesAnswer(as_of=now, options=options + later, short=short)


def _routed(draft: Order, supply: Supply, now: datetime) -> tuple[Order, Plan]:
    start = model.place(draft, now, "promise")
    decision = route(sourcing.problem(start.order, supply, now))
    parcels = sourcing.parcels(decision, start.order, supply, now)
    return model.offer(start, parcels, now).order, decision.plan


def _with_max_packages(supply: Supply, most: int) -> Supply:
    """The supply with a policy that allows at most so many parcels."""
    policy = supply.policy
    return replace(supply, policy=replace(policy, max_packages=min(policy.max_packages, most)))


def _waiting(
    method: Method,
    service: ServiceLevel,
    routed: Order,
    plan: Plan,
    *,
    supply: Supply,
    now: datetime,
) -> Iterator[PromiseOption]:
    """The option to ship what is in stock at once and the rest when its supply arrives, as an order
    with backorders would; no option when too little supply is announced."""
    waits = sourcing.planned_waits(routed, supply, now)
    if waits is None:
        return
    arrivals = [sourcing.parcel_on_arrival(routed, wait, supply) for wait in waits]
    if any(more.unfilled for _, more in arrivals):
        return
    parcels = [parcel for parcel, _ in arrivals]
    parts = routed.fulfillments
    at_once = _option(method, service, routed, plan, supply)
    yield at_once.model_copy(
        update={
            "location_id": parcels[0].location_id if method == "pickup" else None,
            "deliver_by": _latest(at_once.deliver_by, *(parcel.deliver_by for parcel in parcels)),
            "ready_by": _latest(at_once.ready_by, *(parcel.ready_by for parcel in parcels))
            if method == "pickup"
            else None,
            "splits": len(parts) + len(parcels) - 1,
            "cost": Money(
                amount=sum(map(_paid, (plan, *(more for _, more in arrivals)))),
                currency=supply.policy.currency,
            ),
            "kg_co2e": round(plan.kg_co2e + sum(more.kg_co2e for _, more in arrivals), 3),
            "waits": [
                PromiseWait(
                    sku=wait.line.sku,
                    quantity=wait.quantity,
                    location_id=wait.location_id,
                    expected_at=wait.expected_at,
                )
                for wait in waits
            ],
        }
    )


def _sent(routed: Order, plan: Plan, supply: Supply, now: datetime) -> Iterator[PromiseOption]:
    """The option to collect the cart when other locations have sent what is missing, as an order
    with `ship_to_store` would; no option when they have too little."""
    lines = tuple(replace(line, ship_to_store=True) for line in routed.lines)
    start = Sourced(OrderChange(replace(routed, lines=lines)), supply)
    sent = sourcing.plan_transfers(start, now)
    order = sent.change.order
    if any(line.unassigned for line in order.lines):
        return
    # The units that wait to be picked today say nothing about the day of the arrival.
    idle = replace(supply, unpicked={})
    waits = [(line, claim) for line in order.lines for claim in line.claims]
    ready = [
        sourcing.parcel(
            claim.location_id,
            "pickup",
            [Taken(line.line_id, claim.quantity)],
            order.service_level,
            supply=idle,
            now=claim.expected_at,
        ).ready_by
        for line, claim in waits
    ]
    routings = (one for one in order.decisions if isinstance(one, bytes))
    plans = [plan, *(Decision.from_bytes(one).plan for one in routings)]
    at_once = _option("pickup", "standard", routed, plan, supply)
    yield at_once.model_copy(
        update={
            "location_id": waits[0][1].location_id,
            "ready_by": _latest(at_once.ready_by, *ready),
            "splits": len(routed.fulfillments) + len(sent.change.transfers) - 1,
            "cost": Money(amount=sum(map(_paid, plans)), currency=supply.policy.currency),
            "kg_co2e": round(sum(each.kg_co2e for each in plans), 3),
            "waits": [
                PromiseWait(
                    sku=line.sku,
                    quantity=claim.quantity,
                    location_id=claim.location_id,
                    from_location_id=claim.source,
                    expected_at=claim.expected_at,
                )
                for line, claim in waits
            ],
        }
    )


def _latest(*instants: datetime | None) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)


def _paid(plan: Plan) -> int:
    return sum(plan.terms.get(name, 0) for name in PAID_TERMS)


def hold(cart: PromiseHoldInput, request: Request, now: datetime) -> str:
    """Hold the chosen option once and return the JSON answer; a replay gets the first one.

    The option is routed as of when it was offered: while nothing has changed the plan is the same,
    with the same dates. When stock has gone meanwhile, another plan that is no later and no dearer
    is held instead.

    Raises OutOfStock, PromiseChanged with the option that is possible now, KeyReused, Busy.
    """
    hold_id = f"hold-{request.name}"
    if (opened := stock.find_hold(hold_id)) is not None:
        request.check(opened.digest)
        return opened.answer
    at = cart.as_of if now - OPTION_AGE <= cart.as_of <= now else now
    method, service = cart.option.method, cart.option.service_level or "standard"
    draft = cart.draft(method, service, at, cart.option.location_id)
    draft = replace(draft, order_id=cart.cart_id(cart.as_of))
    gathered = orders_store.read_placement(line.sku for line in draft.lines)
    supply = supply_for(draft, gathered, now)
    check_destination(draft.ship_to)
    sourcing.check_pickup(draft, supply)
    policy = supply.policy
    if cart.option.splits is not None:
        supply = _with_max_packages(supply, cart.option.splits + 1)
    start = model.place(draft, at, "promise")
    for race in range(1 + RACES):
        while isinstance(change := sourcing.reserve(start, supply, at), Needs):
            supply = supply.with_facts(facts_at(change.stock))
        routed, plan = change.order, sourcing.latest_decision(change.order).plan
        if any(line.unassigned for line in routed.lines):
            routed, plan = _routed(draft, replace(supply, policy=policy), at)
        sourcing.refuse_short(start.order, routed, supply, now)
        option = _option(method, service, routed, plan, supply)
        if routed is not change.order or not cart.option.is_kept_by(option):
            raise PromiseChanged(
                "the option is no longer available as it was offered",
                option=option.model_dump(mode="json"),
            )
        planned = _hold(hold_id, cart, request, change.order, option, now)
        try:
            opened = stock.open_hold(planned, supply.selling)
        except OutOfStock:
            facts = facts_at((line.sku, line.location_id) for line in planned.lines)
            supply = supply.with_facts(after_lost_race(facts, race))
        else:
            request.check(opened.digest)
            return opened.answer
    raise Busy("too many buyers of the same goods; trying again is safe")


def _hold(
    hold_id: str,
    cart: PromiseHoldInput,
    request: Request,
    order: Order,
    option: PromiseOption,
    now: datetime,
) -> Hold:
    """The hold of ``order``, the cart as it was routed. It ends before the first part should be
    ready, because its dates must not have passed when it becomes an order."""
    expires_at = now + timedelta(seconds=cart.expires_in_seconds)
    ready = [part.ready_by for part in order.fulfillments if part.ready_by and part.ready_by > now]
    expires_at = min([expires_at, *ready])
    answer = PromiseHeld(
        hold_id=hold_id,
        expires_at=expires_at,
        option=option,
        parts=[_part(part) for part in order.fulfillments],
    )
    return Hold(
        hold_id=hold_id,
        lines=tuple(
            HoldLine(held.sku, part.location_id, held.quantity)
            for part in order.fulfillments
            for held in part.lines
        ),
        channel=cart.channel,
        state=HoldState.OPEN,
        opened_at=now,
        expires_at=expires_at,
        digest=request.digest,
        answer=answer.model_dump_json(),
        promise=sourcing.promise_of(order),
    )


def _part(part: Fulfillment) -> HeldPart:
    return HeldPart(
        location_id=part.location_id,
        lines=[HeldLine(sku=held.sku, quantity=held.quantity) for held in part.lines],
        promise=FulfillmentPromise(
            ready_by=part.ready_by if part.method == "pickup" else None,
            deliver_by=part.deliver_by,
        ),
    )


def _option(
    method: Method, service: ServiceLevel, order: Order, plan: Plan, supply: Supply
) -> PromiseOption:
    parts = order.fulfillments
    return PromiseOption(
        method=method,
        service_level=service if method == "ship" else None,
        location_id=parts[0].location_id if method == "pickup" and parts else None,
        deliver_by=_latest(*(part.deliver_by for part in parts)) if method == "ship" else None,
        ready_by=_latest(*(part.ready_by for part in parts)) if method == "pickup" else None,
        splits=max(0, len(parts) - 1),
        cost=Money(amount=_paid(plan), currency=supply.policy.currency),
        kg_co2e=round(plan.kg_co2e, 3),
    )


def _short(
    drafts: list[Order], missing: list[dict[str, int]], supply: Supply, now: datetime
) -> Iterator[PromiseShort]:
    """The units of each SKU that are missing even with the fullest option."""
    for line in drafts[0].lines:
        least = min(unfilled.get(line.sku, 0) for unfilled in missing)
        if least:
            yield PromiseShort(
                sku=line.sku,
                wanted=line.quantity,
                sellable=line.quantity - least,
                expected_at=sourcing.next_supply(line.sku, supply, now),
            )
