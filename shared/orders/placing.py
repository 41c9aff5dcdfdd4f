"""Orders placed and changed: read, decide, commit, and again with what a lost race has taught.

What is decided stands in model.py and sourcing.py, what is stored in table.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.availability.model.channel import found_in
from shared.availability.store.unpicked import unpicked
from shared.aws.dynamodb import WRITE_PARTS, Part, attempts
from shared.errors import Busy, HoldClosed, KeyReused, NotFound, OutOfStock, TooMuchAtOnce, invalid
from shared.locations.store import all_locations, point_of_postal_code
from shared.orders import model, sourcing, store, yielding
from shared.orders.model import (
    TIME_LIMITS,
    Buyer,
    DeliveryPlace,
    Order,
    OrderChange,
    Rejection,
    supplies,
)
from shared.orders.model.erased import as_kept
from shared.orders.model.transfers import TransferChange
from shared.orders.sourcing import Supply, refusing
from shared.orders.store import PlacementInputs, StoredAnswer, transfers
from shared.routing.model.decision import Decision, Destination
from shared.routing.model.route import route
from shared.routing.store import policies
from shared.stock import store as stock
from shared.stock.model.rules import Facts
from shared.stock.store import rules
from shared.web.idempotency import Request

RACES = 8
"""How often a lost race for stock is routed again. It ends earlier when there is nothing left:
then the refusal is OutOfStock, and otherwise Busy."""
REROUTES = 3
"""How often units that a location gave back are routed again, before they are an exception."""
ATTEMPTS = 8
"""How often an order that somebody else has just changed is read and decided again."""

ALWAYS = 7
"""Parts of a transaction beside positions and claims: the order, a request and that it was about
the order, a hold, the buyer, a decision, and what moves beside the order."""
MOST_CLAIMS = 20
"""Of one order; what is left waits without."""

WhoBuys = Callable[[], tuple[Buyer, list[Part]]]
"""Whose order it is, and on what conditions."""
ToAnswer = Callable[[Order], str]
"""The JSON that answers a request, from the order as it will be stored."""
Stock = Mapping[tuple[str, str], Facts]
"""Positions by (location_id, sku), as a lost race has told of them."""


def place(
    draft: Order,
    request: Request,
    actor: str,
    now: datetime,
    answer: ToAnswer,
    buyer: WhoBuys = lambda: (Buyer(), []),
) -> str:
    """Places ``draft`` (lines not open yet) once; the answer, and to a replay the first one.

    One read call and one transaction when no race is lost. ``buyer`` tells whose order it is;
    a replay does not ask.

    Raises OutOfStock with every short line, HoldClosed, Conflict when a hold is of other goods,
    KeyReused for another payload under the same key or order id.
    """
    gathered = store.gather(
        (line.sku for line in draft.lines), draft.order_id, request, draft.hold_id
    )
    if (first := _first(gathered.found, request)) is not None:
        return first
    try:
        return _placed(draft, gathered, request, actor=actor, now=now, answer=answer, buyer=buyer)
    except (OutOfStock, HoldClosed):
        # The read may have been older than the same request's own success.
        if (first := _first(store.look(draft.order_id, request), request)) is not None:
            return first
        raise


def _first(found: store.OrderLookup, request: Request) -> str | None:
    if found.answered is not None:
        return _again(found.answered, request)
    if found.order is not None:
        raise _taken(found.order.order_id)
    return None


def _taken(order_id: str) -> KeyReused:
    return KeyReused(f"there is an order {order_id} already, placed with another key")


def _again(answered: StoredAnswer, request: Request) -> str:
    request.check(answered.digest)
    return answered.answer


def _placed(
    draft: Order,
    gathered: PlacementInputs,
    request: Request,
    *,
    actor: str,
    now: datetime,
    answer: ToAnswer,
    buyer: WhoBuys,
) -> str:
    who, theirs = buyer()
    draft = replace(draft, buyer=who)
    supply = supply_of(draft, gathered, now)
    check_destination(draft.ship_to)
    sourcing.check_pickup(draft, supply)
    start = model.place(draft, now, actor)
    if draft.hold_id is not None:
        hold = gathered.hold
        if hold is None or not hold.claimable(now):
            # The read may be older than the hold's opening, or than its binding to the payment.
            hold = stock.find_hold(draft.hold_id)
        if hold is None:
            raise HoldClosed(draft.hold_id, "gone")
        stock.check_claim(hold, now, draft.payment.reference)
        gathered = replace(gathered, hold=hold)
        if hold.promise is not None:
            decisions = (hold.promise["decision"],) if "decision" in hold.promise else ()
            start = replace(start, order=replace(start.order, decisions=decisions))
    for race in range(1 + RACES):
        shrunk: tuple[TransferChange, ...] = ()
        if gathered.hold is not None:
            parcels = sourcing.held(start.order, gathered.hold, supply, now)
            change = model.offer(start, parcels, now, reserve=False)
            change, supply = _without_gone(change, supply, now)
        else:
            change, supply = reserved(start, supply, now)
            change, supply, shrunk = _yielded(start, change, supply, now)
            refuse_short(start.order, change.order, supply, now)
        change = _settled(None, change, supply, now)
        text = answer(_stored(change.order))
        lost = store.commit(
            change,
            now,
            request=request,
            answer=text,
            hold=gathered.hold,
            beside=[
                *theirs,
                *(transfers.part(one) for one in shrunk),
            ],
        )
        if lost is None:
            return text
        if lost.answered is not None:
            return _again(lost.answered, request)
        if lost.changed:
            raise _taken(draft.order_id)
        if not lost.learnt:
            # The buyer may have been erased meanwhile.
            who, theirs = buyer()
            start = replace(start, order=replace(start.order, buyer=who))
        supply = supply.knowing(lesson(lost.learnt, race))
    raise Busy("too many buyers of the same goods; trying again is safe")


def _yielded(
    start: OrderChange, change: OrderChange, supply: Supply, now: datetime
) -> tuple[OrderChange, Supply, tuple[TransferChange, ...]]:
    """With the units of transfers that have not left, where it would be short without."""
    if not _unassigned(change):
        return change, supply, ()
    return yielding.to_order(change, supply, lambda known: reserved(start, known, now), now)


def _without_gone(change: OrderChange, supply: Supply, now: datetime) -> tuple[OrderChange, Supply]:
    """An order made of a hold whose units are gone since they were held: it keeps what is left of
    them, and the rest comes from elsewhere, or is an exception that somebody owns."""
    places = sorted(
        (held.sku, part.location_id)
        for part in change.order.fulfillments
        for held in part.lines
        if (row := supply.row(held.sku, part.location_id)) is not None and row.available < 0
    )
    if not places:
        return change, supply
    found = stock.positions_of(places, consistent=True)
    for part in change.order.fulfillments:
        for sku in sorted({held.sku for held in part.lines}):
            there = found.get((sku, part.location_id))
            missing = -there.available if there else 0
            if missing > 0:
                less = model.fall_short(change.order, part.fulfillment_id, sku, missing, now)
                if less is not None:
                    change = model.joined(change, less)
    if not any(line.unassigned for line in change.order.lines):
        return change, supply
    known = {(place, sku): Facts.of(there) for (sku, place), there in found.items()}
    return reserved(change, supply.knowing(known), now)


def lesson(learnt: Stock, race: int) -> Stock:
    """What a lost race teaches: the positions that were short, and when it was not the first, all
    others of those SKUs too. The packs are behind where so much is bought."""
    if not race or not learnt:
        return learnt
    there = {
        (position.location_id, position.sku): Facts.of(position)
        for sku in sorted({sku for _, sku in learnt})
        for position in stock.positions(sku)
    }
    return {**there, **learnt}


def refuse_short(wanted: Order, routed: Order, supply: Supply, now: datetime) -> None:
    """Raises OutOfStock, or the kind of it that says why, for units that found no place, unless
    their line may be backordered; that of a discontinued product may not."""
    unfilled = {
        line.line_id: line.unassigned
        for line in routed.lines
        if line.unassigned and (not line.backorder or supply.ends(line.sku))
    }
    if unfilled:
        asked = sourcing.problem(wanted, supply, now)
        why = refusing.why(asked, unfilled)
        raise refusing.refusal(
            why,
            sourcing.short(wanted, supply, unfilled, now, asked, why),
            sourcing.alternatives(wanted, supply, unfilled, now, refusing.ships(asked), why),
        )


def _stored(order: Order) -> Order:
    return replace(order, version=order.version + 1)


def quote(draft: Order, now: datetime) -> tuple[Decision, Order, list[dict[str, Any]]]:
    """The decision that ``draft`` would get now, the order as it would be, and what it would be
    short of; nothing is reserved."""
    gathered = store.gather(line.sku for line in draft.lines)
    supply = supply_of(draft, gathered, now)
    check_destination(draft.ship_to)
    sourcing.check_pickup(draft, supply)
    start = model.place(draft, now, "quote")
    asked = sourcing.problem(start.order, supply, now)
    decision = route(asked)
    parcels = sourcing.parcels(decision, start.order, supply, now)
    offered = model.offer(start, parcels, now).order
    unfilled = {line.line_id: line.unassigned for line in offered.lines}
    why = refusing.why(asked, unfilled)
    return decision, offered, sourcing.short(draft, supply, unfilled, now, asked, why)


def change(
    order_id: str,
    decide: Callable[[Order], OrderChange | None],
    now: datetime,
    *,
    request: Request | None = None,
    answer: ToAnswer = lambda _: "",
) -> str | None:
    """Carries ``decide`` out once; the answer, and to a replay the first one.

    ``decide`` is asked again when somebody else has changed the order meanwhile; None changes
    nothing. Units that it leaves unassigned are routed and reserved in the same transaction; when
    there is no stock for them, three races for it are lost, or all together are more than one
    transaction holds, they become an exception.

    Raises what ``decide`` raises; NotFound, KeyReused, Busy.
    """
    learnt: Stock = {}
    races = 0
    for _ in attempts(ATTEMPTS):
        found = store.look(order_id, request)
        if request is not None and found.answered is not None:
            return _again(found.answered, request)
        if found.order is None:
            raise NotFound(f"there is no order {order_id}", order_id=order_id)
        decided = decide(found.order)
        if decided is None:
            return None
        if any(line.unassigned for line in decided.order.lines):
            routed = races < REROUTES
            decided, shrunk = _rerouted(found.order, decided, now, learnt, routed=routed)
            decided = model.retold(found.order, decided, now)
        else:
            routed, shrunk = False, ()
            decided = _claiming(found.order, decided, {})
        decided = replace(decided, order=as_kept(decided.order))
        text = answer(_stored(decided.order))
        try:
            lost = store.commit(
                decided,
                now,
                request=request,
                answer=text,
                before=found.order,
                beside=[transfers.part(one) for one in shrunk],
            )
        except TooMuchAtOnce:
            if not routed:
                raise
            races = REROUTES
            continue
        if lost is None:
            return text
        if lost.answered is not None and request is not None:
            return _again(lost.answered, request)
        if lost.learnt:
            learnt = {**learnt, **lesson(lost.learnt, races)}
            races += 1
    raise Busy(f"order {order_id} is being changed by too many at once")


def _rerouted(
    before: Order, decided: OrderChange, now: datetime, learnt: Stock, *, routed: bool
) -> tuple[OrderChange, tuple[TransferChange, ...]]:
    order = decided.order
    gathered = store.gather(line.sku for line in order.lines if line.unassigned)
    corrected = {
        (effect.location_id, effect.sku): Facts(0, 0)
        for effect in decided.effects
        if effect.on_hand < 0
    }
    supply = supply_of(order, gathered, now).knowing({**corrected, **learnt})
    shrunk: tuple[TransferChange, ...] = ()
    if routed:
        asked = decided
        decided, supply = reserved(asked, supply, now)
        if _unassigned(decided):
            # What is sold already is never left because it is dear.
            dear = replace(supply, policy=refusing.at_any_price(supply.policy))
            anyway, known = reserved(asked, dear, now)
            if _unassigned(anyway) < _unassigned(decided):
                decided, supply = anyway, known
            decided, supply, shrunk = _yielded(asked, decided, dear.knowing(supply.learnt), now)
    return _settled(before, decided, supply, now), shrunk


def _unassigned(change: OrderChange) -> int:
    return sum(line.unassigned for line in change.order.lines)


def _settled(
    before: Order | None, change: OrderChange, supply: Supply, now: datetime
) -> OrderChange:
    """What found no place gets an owner, and a promise where supply is to come."""
    order = change.order
    waits = {line.line_id: line for line in order.lines if line.backorder and line.unassigned}
    if not waits:
        return _claiming(before, model.settle(change, now, TIME_LIMITS), {})
    own = {(sku, place) for sku, place, _ in supplies.claimed(before)}
    places = {line.sku: sourcing.awaited(line.sku, supply) for line in waits.values()}
    wanted = own | {(sku, place) for sku, found in places.items() for place in found}
    positions = stock.positions_of(sorted(wanted), consistent=True) if wanted else {}
    reach = {
        line.line_id: sourcing.reach(
            line, order.service_level, {at for sku, at in wanted if sku == line.sku}, supply
        )
        for line in waits.values()
    }
    claims = supplies.allot(before, order, positions, reach, now, _room(order))
    return _claiming(before, model.settle(change, now, TIME_LIMITS, claims=claims), positions)


def _room(order: Order) -> int:
    """How many more supplies it may be promised of, so that it can still be cancelled at once: with
    a position for each place that holds units, and a position and a row for each claim."""
    held = len(model.units_held(order.fulfillments))
    claims = sum(len(line.claims) for line in order.lines)
    return max(0, min(MOST_CLAIMS, (WRITE_PARTS - ALWAYS - held) // 2) - claims)


def _claiming(
    before: Order | None, change: OrderChange, known: supplies.PositionsByPlace
) -> OrderChange:
    """With what its claims do to the supplies of their positions."""
    places = supplies.touched(before, change)
    if unread := sorted(place for place in places if place not in known):
        known = {**known, **stock.positions_of(unread, consistent=True)}
    effects = supplies.effects(before, change, known)
    return replace(change, effects=model.summed((*change.effects, *effects)))


def reserved(start: OrderChange, supply: Supply, now: datetime) -> tuple[OrderChange, Supply]:
    """``start`` offered, under floors that the write can enforce; and what is known then.

    Where a floor depends on the position, the pack tells what may be had, and the position what
    must be left: it is read once it has been chosen.
    """
    while unread := supply.unread(change := _offered(start, supply, now)):
        found = stock.positions_of(unread, consistent=True)
        supply = supply.knowing(
            {(place, sku): Facts.of(found.get((sku, place))) for sku, place in unread}
        )
    return change, supply


def _offered(start: OrderChange, supply: Supply, now: datetime) -> OrderChange:
    """The unassigned units of ``start``, routed and offered; with the decision that did it."""
    order = start.order
    decision = route(sourcing.problem(order, supply, now))
    parcels = sourcing.parcels(decision, order, supply, now)
    offered = model.offer(start, parcels, now)
    newly_open = any(line.unassigned and line.deadline is None for line in order.lines)
    if not parcels and not newly_open:
        return offered
    decisions = (*order.decisions, decision.to_bytes())
    return replace(offered, order=replace(offered.order, decisions=decisions))


def supply_of(order: Order, gathered: PlacementInputs, now: datetime) -> Supply:
    packs, found = gathered.packs, found_in(gathered.packs)
    selling = rules.selling(order.channel, packs, now, found, gathered.products)
    return Supply(
        locations=all_locations(),
        packs=gathered.packs,
        products=gathered.products,
        pulls=gathered.pulls,
        policy=policies.active_policy(order.order_id),
        destination=destination(order.ship_to),
        selling=selling,
        unpicked=unpicked(),
    )


def destination(place: DeliveryPlace | None) -> Destination | None:
    """Where ``place`` is: its own coordinates, else those of its postal code; None when nobody
    knows, and every location is then as near as any other."""
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
    """Raises InvalidRequest when nobody knows where ``place`` is: no promise could be kept."""
    if place is not None and destination(place) is None:
        raise invalid(
            "$.ship_to.postal_code",
            f"no such postal code is known in {place.country}; latitude and longitude also do",
        )


def shelf(
    order: Order, fulfillment_id: str, rejections: Sequence[Rejection]
) -> Mapping[tuple[str, str], int]:
    """What is believed to be available beside units that were not found (strongly consistent)."""
    found = order.fulfillment(fulfillment_id)
    missing = {row.line_id for row in rejections if row.reason == "not_found"}
    places = [(held.sku, found.location_id) for held in found.lines if held.line_id in missing]
    if not places:
        return {}
    positions = stock.positions_of(places, consistent=True)
    return {place: position.available for place, position in positions.items()}
