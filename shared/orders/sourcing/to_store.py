"""Send units to the location where the shopper collects them (ship to store). Pure.

The location has too few, and the line may wait: the router chooses where they come from as if the
location were the delivery address, and a transfer for this order alone is requested from each such
location in the order's transaction. The units are reserved there and promised to the line at the
location, as from any other supply (model/supplies.py): when the transfer is received they are
reserved for it at once, and become a fulfillment to be collected.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.instants import rfc3339
from shared.orders import model
from shared.orders.model import Claim, Line, Order, OrderChange, Taken, transfers
from shared.orders.model.backorders import claims_arrive_by
from shared.orders.model.change import with_entry, with_line
from shared.orders.model.transfers import Transfer, TransferChange, TransferLine
from shared.orders.sourcing.needs import Needs, Sourced
from shared.orders.sourcing.plan import parcel
from shared.orders.sourcing.problem import problem
from shared.orders.sourcing.supply import Supply, destination_at
from shared.routing.model.route import route
from shared.stock.model.position import Effect, Supplied, take
from shared.stock.model.rules import FloorFacts

MOST_TRANSFERS = 10
"""Transfers that one change of an order requests; each takes three items of its transaction, and
one more for each SKU."""


def send_to_stores(sourced: Sourced, now: datetime) -> Sourced | Needs:
    """Request transfers for the unassigned units of lines that may be sent to their location, or
    name the positions that must be read for it."""
    sent = plan_transfers(sourced, now)
    if sent.change is not sourced.change and (unread := sent.supply.unread_positions(sent.change)):
        return Needs(stock=frozenset(unread))
    return sent


def plan_transfers(sourced: Sourced, now: datetime) -> Sourced:
    """``sourced`` with the transfers that bring its unassigned units. Units that nobody can send
    stay unassigned."""
    change, supply = sourced.change, sourced.supply
    by_store: defaultdict[str, list[Line]] = defaultdict(list)
    for line in change.order.lines:
        place = line.location_id
        if line.ship_to_store and line.unassigned and place is not None:
            by_store[place].append(line)
    requested: list[TransferChange] = []
    for store_id, lines in sorted(by_store.items()):
        change, more = _send_to(store_id, lines, change, supply, now, len(requested))
        requested += more
    if not requested:
        return sourced
    change = replace(change, transfers=(*change.transfers, *requested))
    return Sourced(_with_dates(sourced.change.order, change), supply)


def _with_dates(before: Order, change: OrderChange) -> OrderChange:
    """The change with the dates of lines that had none: no promise of theirs is made anew."""
    order = change.order
    for line in before.lines:
        after = order.line(line.line_id)
        if line.expected_at is None and after.claims != line.claims:
            due = claims_arrive_by(after.claims, after.backordered)
            order = with_line(
                order, replace(after, expected_at=due, deadline=due or after.deadline)
            )
    return replace(change, order=order)


def _send_to(
    store_id: str,
    lines: list[Line],
    change: OrderChange,
    supply: Supply,
    now: datetime,
    requested: int,
) -> tuple[OrderChange, list[TransferChange]]:
    to_store = replace(
        _without_taken(supply, change), destination=destination_at(supply.locations[store_id])
    )
    as_shipped = replace(
        change.order,
        service_level="standard",
        lines=tuple(
            replace(
                line,
                method="ship",
                location_id=None,
                excluded=tuple(sorted({*line.excluded, store_id})),
            )
            for line in lines
        ),
    )
    decision = route(problem(as_shipped, to_store, now))
    changes: list[TransferChange] = []
    for donor, units in sorted(decision.plan.units.items()):
        if requested + len(changes) >= MOST_TRANSFERS:
            break
        taken = [
            Taken(line_id, quantity, to_store.limit(change.order.line(line_id).sku, donor))
            for line_id, quantity in sorted(units.items())
            if quantity
        ]
        sent = parcel(donor, "ship", taken, "standard", supply=to_store, now=now)
        if not taken or sent.deliver_by is None:
            continue
        transfer = _transfer(change.order, donor, store_id, taken, sent.deliver_by, now)
        one = transfers.request(transfer, now, "router")
        one = replace(one, effects=_effects(change.order, transfer, taken))
        change = _promised(change, transfer, taken, now)
        change = model.combine(change, OrderChange(change.order, one.effects))
        changes.append(one)
    if changes:
        decisions = (*change.order.decisions, decision.to_bytes())
        change = replace(change, order=replace(change.order, decisions=decisions))
    return change, changes


def _without_taken(supply: Supply, change: OrderChange) -> Supply:
    """The supply without the units that the change takes already."""
    facts: dict[tuple[str, str], FloorFacts] = {}
    for effect in change.effects:
        if (units := effect.reserved - effect.on_hand) > 0:
            known = supply.facts(effect.sku, effect.location_id)
            facts[effect.location_id, effect.sku] = replace(
                known, available=known.available - units
            )
    return supply.with_facts(facts)


def _transfer(
    order: Order,
    donor: str,
    store_id: str,
    taken: list[Taken],
    expected_at: datetime,
    now: datetime,
) -> Transfer:
    units: Counter[str] = Counter()
    for each in taken:
        units[order.line(each.line_id).sku] += each.quantity
    return Transfer(
        transfer_id=transfers.own_id(order.order_id, order.version + 1, donor, store_id),
        from_location_id=donor,
        to_location_id=store_id,
        lines=tuple(TransferLine(sku, number, number) for sku, number in sorted(units.items())),
        requested_at=now,
        expected_at=expected_at,
        order_id=order.order_id,
    )


def _effects(order: Order, transfer: Transfer, taken: list[Taken]) -> tuple[Effect, ...]:
    """The units are reserved where they come from, within what the channel may take there, and
    promised where they go. As those of any transfer they do not count as sold by the channel."""
    reserved = [
        replace(
            take(
                each.limit,
                order.line(each.line_id).sku,
                transfer.from_location_id,
                each.quantity,
            ),
            counters=(),
        )
        for each in taken
    ]
    promised = [
        Effect(
            line.sku,
            transfer.to_location_id,
            0,
            0,
            supply=(Supplied(transfer.transfer_id, line.quantity, 0, line.quantity),),
        )
        for line in transfer.lines
    ]
    return (*reserved, *promised)


def _promised(
    change: OrderChange, transfer: Transfer, taken: list[Taken], now: datetime
) -> OrderChange:
    """The order with the units of the transfer promised to its lines."""
    order = change.order
    for each in taken:
        line = order.line(each.line_id)
        claim = Claim(
            transfer.to_location_id,
            transfer.transfer_id,
            each.quantity,
            transfer.expected_at,
            transfer.from_location_id,
        )
        waiting = replace(
            line,
            open=line.open - each.quantity,
            unassigned=line.unassigned - each.quantity,
            backordered=line.backordered + each.quantity,
            since=line.since or now,
            claims=(*line.claims, claim),
        )
        order = with_line(order, waiting)
    detail = _detail(transfer, taken)
    return replace(change, order=with_entry(order, now, "order.sent_to_store", "router", detail))


def _detail(transfer: Transfer, taken: list[Taken]) -> Mapping[str, object]:
    return {
        "transfer_id": transfer.transfer_id,
        "from_location_id": transfer.from_location_id,
        "location_id": transfer.to_location_id,
        "lines": [{"line_id": each.line_id, "quantity": each.quantity} for each in taken],
        "expected_at": rfc3339(transfer.expected_at),
    }
