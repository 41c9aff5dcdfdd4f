"""What a cart can be promised: the router asked once per service level, nothing reserved; and one
of these options held, so that the order which names the hold is that plan, whatever happens."""

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
from shared.orders.model import Fulfillment, Method, Order
from shared.orders.placing import (
    RACES,
    check_destination,
    lesson,
    refuse_short,
    reserved,
    supply_of,
)
from shared.orders.sourcing import Supply
from shared.routing.model.decision import Plan
from shared.routing.model.route import route
from shared.stock import store as stock
from shared.stock.model.position import Hold, HoldLine, HoldState
from shared.stock.model.rules import FloorFacts
from shared.web.contract import Money
from shared.web.idempotency import Request

SERVICES: tuple[ServiceLevel, ...] = ("standard", "express", "next_day", "same_day")
OUR_COST = ("package", "pick", "carrier")
"""The terms of a plan's cost that are paid, as opposed to weighed."""
TOLD_FOR = timedelta(minutes=30)
"""How long an option is counted from when it was told; then from when it is held."""


def promises(cart: PromiseInput, now: datetime) -> PromisesAnswer:
    wanted: list[tuple[Method, ServiceLevel, str | None]] = []
    if cart.ship_to is not None:
        wanted += [("ship", service, None) for service in SERVICES]
    if cart.pickup_at is not None:
        wanted.append(("pickup", "standard", cart.pickup_at))
    drafts = [cart.draft(method, service, now) for method, service, _ in wanted]
    gathered = orders_store.gather(line.sku for line in drafts[0].lines)
    supply = supply_of(drafts[0], gathered, now)
    check_destination(drafts[0].ship_to)
    sourcing.check_pickup(drafts[-1], supply)
    options: list[PromiseOption] = []
    later: list[PromiseOption] = []
    missing: list[dict[str, int]] = []
    near = sourcing.nearby(drafts[-1], supply, cart.pickup_nearby)
    for store in near:
        wanted.append(("pickup", "standard", store))
        drafts.append(cart.draft("pickup", "standard", now, store))
    for (method, service, place), draft in zip(wanted, drafts, strict=True):
        routed, plan = _routed(draft, supply, now)
        left = {line.sku: line.unassigned for line in routed.lines if line.unassigned}
        if left:
            missing.append(left)
            later += _waiting(method, service, routed, plan, supply=supply, now=now)
            continue
        made = _option(method, service, routed, plan, supply)
        options.append(made.model_copy(update={"distance_km": near.get(place or "")}))
        if made.splits:
            whole, plan = _routed(draft, _in_parcels(supply, 1), now)
            if not any(line.unassigned for line in whole.lines):
                options.append(_option(method, service, whole, plan, supply))
    short = [] if options else list(_short(drafts, missing, supply, now))
    return PromisesAnswer(as_of=now, options=options + later, short=short)


def _routed(draft: Order, supply: Supply, now: datetime) -> tuple[Order, Plan]:
    start = model.place(draft, now, "promise")
    decision = route(sourcing.problem(start.order, supply, now))
    parcels = sourcing.parcels(decision, start.order, supply, now)
    return model.offer(start, parcels, now).order, decision.plan


def _in_parcels(supply: Supply, most: int) -> Supply:
    """The same, for a shopper who wants it in at most so many parcels."""
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
    """What is there at once and the rest as it comes, as an order with backorders would have it;
    nothing when too little is to come."""
    waits = sourcing.waits(routed, supply, now)
    if waits is None:
        return
    arrivals = [sourcing.arrived(routed, wait, supply) for wait in waits]
    if any(more.unfilled for _, more in arrivals):
        return
    parcels = [parcel for parcel, _ in arrivals]
    parts = routed.fulfillments
    told = _option(method, service, routed, plan, supply)
    yield told.model_copy(
        update={
            "location_id": parcels[0].location_id if method == "pickup" else None,
            "deliver_by": _latest(told.deliver_by, *(parcel.deliver_by for parcel in parcels)),
            "ready_by": _latest(told.ready_by, *(parcel.ready_by for parcel in parcels))
            if method == "pickup"
            else None,
            "splits": len(parts) + len(parcels) - 1,
            "cost": Money(
                amount=sum(_paid(one) for one in (plan, *(more for _, more in arrivals))),
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


def _latest(*instants: datetime | None) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)


def _paid(plan: Plan) -> int:
    return sum(plan.terms.get(name, 0) for name in OUR_COST)


def hold(cart: PromiseHoldInput, request: Request, now: datetime) -> str:
    """Holds the chosen option once; the JSON that answers it, and to a replay the first one.

    It is routed as of when the option was told: while nothing has changed it is the same plan,
    with the same dates. When stock has gone meanwhile, another plan that is no later and no dearer
    does as well.

    Raises OutOfStock, PromiseChanged with what can be had instead, KeyReused, Busy.
    """
    hold_id = f"hold-{request.name}"
    if (stands := stock.find_hold(hold_id)) is not None:
        request.check(stands.digest)
        return stands.answer
    at = cart.as_of if now - TOLD_FOR <= cart.as_of <= now else now
    method, service = cart.option.method, cart.option.service_level or "standard"
    draft = cart.draft(method, service, at, cart.option.location_id)
    draft = replace(draft, order_id=cart.cart_id(cart.as_of))
    gathered = orders_store.gather(line.sku for line in draft.lines)
    supply = supply_of(draft, gathered, now)
    check_destination(draft.ship_to)
    sourcing.check_pickup(draft, supply)
    policy = supply.policy
    if cart.option.splits is not None:
        supply = _in_parcels(supply, cart.option.splits + 1)
    start = model.place(draft, at, "promise")
    for race in range(1 + RACES):
        change, supply = reserved(start, supply, at)
        routed, plan = change.order, sourcing.decided(change.order).plan
        if any(line.unassigned for line in routed.lines):
            routed, plan = _routed(draft, replace(supply, policy=policy), at)
        refuse_short(start.order, routed, supply, now)
        option = _option(method, service, routed, plan, supply)
        if routed is not change.order or not cart.option.is_kept_by(option):
            raise PromiseChanged(
                "the option cannot be had any more as it was told",
                option=option.model_dump(mode="json"),
            )
        wanted = _hold(hold_id, cart, request, change.order, option, now)
        try:
            stands = stock.open_hold(wanted, supply.selling)
        except OutOfStock:
            places = [(line.sku, line.location_id) for line in wanted.lines]
            found = stock.positions_of(places, consistent=True)
            learnt = {(place, sku): FloorFacts.of(found.get((sku, place))) for sku, place in places}
            supply = supply.knowing(lesson(learnt, race))
        else:
            request.check(stands.digest)
            return stands.answer
    raise Busy("too many buyers of the same goods; trying again is safe")


def _hold(
    hold_id: str,
    cart: PromiseHoldInput,
    request: Request,
    order: Order,
    option: PromiseOption,
    now: datetime,
) -> Hold:
    """``order`` is the cart as it was routed. The hold ends before anything of it should lie
    ready: a promise is not made of a date that has passed."""
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
    """By SKU, what the best of the ways still lacks."""
    for line in drafts[0].lines:
        least = min(left.get(line.sku, 0) for left in missing)
        if least:
            yield PromiseShort(
                sku=line.sku,
                wanted=line.quantity,
                sellable=line.quantity - least,
                expected_at=sourcing.next_supply(line.sku, supply, now),
            )
