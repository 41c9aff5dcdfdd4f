"""The figures of one order, from its whole document. Pure: the same document gives the same facts,
so that an order can be counted again at any time.

Shares of a line are rounded as the shopper's refunds are (shared/orders/model/value.py,
``amount_of_units``). So the sales of a line less its refunds are, to the cent, what the shopper
owes for the units that were handed over and not credited.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from shared.kpis.model.costs import NO_RATES, Rates, ServingCost
from shared.kpis.model.figures import NOWHERE, ORDER, Cell, Facts, put
from shared.locations.model import Location
from shared.orders.model import Fulfillment, Line, Order
from shared.orders.model.order import OrderEntry, Return
from shared.orders.model.punctuality import Standings, standings
from shared.orders.model.states import HANDED_OVER, FulfillmentState
from shared.orders.model.value import amount_of_units
from shared.pricing.model.money import WHOLE

GONE: frozenset[FulfillmentState] = frozenset({"resent", "refunded"})
"""Parcels that were sent and whose units the shopper does not have."""
SENT = HANDED_OVER | GONE
PAID = ("sales", "cards_sold", "tax", "shipping", "repriced")
"""What the shopper has paid for what was handed over."""
STEPS = ("return.kept", "return.authorized", "return.scanned", "return.arrived", "return.inspected")
"""The entries of a return, of which one credits its units."""
CREDITED_BY = {"scan": STEPS[2:], "receipt": STEPS[3:], "inspection": STEPS[4:]}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the facts of an order depend on beside its document, as it was when it was first
    counted.

    ``unit_costs`` are those of goods, by SKU; ``serving_costs`` by fulfillment.
    """

    locations: Mapping[str, Location] = field(default_factory=dict)
    unit_costs: Mapping[str, int] = field(default_factory=dict)
    serving_costs: Mapping[str, ServingCost] = field(default_factory=dict)
    rates: Rates = NO_RATES

    def day(self, at: datetime, location_id: str) -> date:
        """The day in the zone of the location; in UTC where there is none."""
        location = self.locations.get(location_id)
        return at.astimezone(ZoneInfo(location.time_zone) if location else UTC).date()


@dataclass(frozen=True, slots=True)
class Credit:
    """Units of a line that the shopper does not owe any more."""

    line_id: str
    at: datetime
    location_id: str
    quantity: int


def facts(order: Order, around: Surroundings) -> Facts:
    """The facts of an order with its whole history (shared/orders/store: with_past)."""
    found: Facts = {}
    sent = sorted(
        (part for part in order.fulfillments if part.state in SENT),
        key=lambda part: (_handed_at(part, order), part.fulfillment_id),
    )
    _handed_over(found, order, around, sent)
    _sent(found, order, around, sent)
    _ordered(found, order, around, sent)
    _promised(found, order, around)
    _came_back(found, order, around)
    return {cell: row for cell, row in found.items() if any(row.values())}


def currency(order: Order) -> str:
    return order.lines[0].currency if order.lines else ""


def _ordered(found: Facts, order: Order, around: Surroundings, sent: Sequence[Fulfillment]) -> None:
    day = around.day(order.placed_at, NOWHERE)
    put(found, Cell(day, NOWHERE, ORDER), orders=1)
    first_plan = Counter[str]()
    for part in sent:
        if part.state in HANDED_OVER and part.offered_at <= order.placed_at:
            first_plan.update({row.line_id: row.quantity for row in part.lines})
    for line in order.lines:
        if line.instead_of is not None:
            continue
        put(
            found,
            Cell(day, NOWHERE, line.sku),
            ordered_units=line.quantity,
            list_value=line.unit_price * line.quantity,
            discounts=line.unit_price * line.quantity - line.net,
            cancelled_units=line.cancelled,
            first_plan_units=first_plan[line.line_id],
            served_units=line.fulfilled,
        )


def _handed_over(
    found: Facts, order: Order, around: Surroundings, sent: Sequence[Fulfillment]
) -> None:
    """What the shopper has got, and pays for it."""
    funded = {name: share for name, _, share in order.quote.funding} if order.quote else {}
    done = Counter[str]()
    handed = [part for part in sent if part.state in HANDED_OVER]
    for part in handed:
        day = around.day(_handed_at(part, order), part.location_id)
        for row in part.lines:
            line = order.line(row.line_id)
            before = done[line.line_id]
            done[line.line_id] = after = before + row.quantity
            sales = _between(line.net - line.tax_within, line, before, after)
            is_card = line.card_id is not None
            unit_cost = None if is_card else around.unit_costs.get(line.sku)
            put(
                found,
                Cell(day, part.location_id, line.sku),
                sold_units=row.quantity,
                sales=0 if is_card else sales,
                cards_sold=sales if is_card else 0,
                tax=_between(line.tax + line.tax_within, line, before, after),
                funding=_between(_funding(line, funded), line, before, after),
                goods_cost=(unit_cost or 0) * row.quantity,
                costed_units=0 if unit_cost is None else row.quantity,
            )
    if handed:
        first, last = (_cell_of(part, order, around) for part in (handed[0], handed[-1]))
        put(found, first, shipping=order.shipping, tax=order.shipping_tax)
        put(found, last, repriced=order.repriced)
        paid = sum(row[name] for row in found.values() for name in PAID)
        put(
            found,
            last,
            payment_cost=around.rates.payment_fixed + paid * around.rates.payment_share // WHOLE,
        )


def _sent(found: Facts, order: Order, around: Surroundings, sent: Sequence[Fulfillment]) -> None:
    """What it cost to hand parcels over, and what was lost with them."""
    shipped = 0
    for part in sent:
        cost = around.serving_costs.get(part.fulfillment_id, ServingCost(0, 0))
        is_parcel = part.method == "ship"
        put(
            found,
            _cell_of(part, order, around),
            parcels=int(is_parcel),
            shipped_orders=int(is_parcel and not shipped),
            handling_cost=cost.handling,
            carrier_cost=cost.carrier,
        )
        shipped += is_parcel
        if part.state not in GONE or part.received_at is not None:
            continue
        for row in part.lines:
            lost = around.unit_costs.get(row.sku, 0) * row.quantity
            put(found, _cell_of(part, order, around)._replace(sku=row.sku), lost_cost=lost)


def _cell_of(part: Fulfillment, order: Order, around: Surroundings) -> Cell:
    day = around.day(_handed_at(part, order), part.location_id)
    return Cell(day, part.location_id, ORDER)


def _handed_at(part: Fulfillment, order: Order) -> datetime:
    return part.handed_over_at or part.offered_at or order.placed_at


def _between(amount: int, line: Line, before: int, after: int) -> int:
    """What the units of a line after the first ``before`` and up to ``after`` are worth of an
    amount for all units."""
    first, last = (amount_of_units(amount, units, line.quantity) for units in (before, after))
    return last - first


def _funding(line: Line, shares: Mapping[str, int]) -> int:
    return sum(
        discount.amount * shares.get(discount.promotion_id, 0) // WHOLE
        for discount in line.discounts
    )


def _promised(found: Facts, order: Order, around: Surroundings) -> None:
    units = {
        part.fulfillment_id: sum(row.quantity for row in part.lines) for part in order.fulfillments
    }
    kept: Standings = standings(order, around.locations)
    for (name, location_id), standing in kept.items():
        if "packed" in standing.counted:
            put(
                found,
                Cell(standing.day, location_id, ORDER),
                due_units=units[name],
                kept_units=units[name] * ("packed_as_promised" in standing.counted),
            )
    for entry in order.history:
        if entry.event in {"fulfillment.rejected", "fulfillment.expired", "fulfillment.short"}:
            location_id = entry.detail.get("location_id", NOWHERE)
            rejected = sum(row["quantity"] for row in entry.detail.get("lines", ()))
            day = around.day(entry.at, location_id)
            put(found, Cell(day, location_id, ORDER), rejected_units=rejected)


def _came_back(found: Facts, order: Order, around: Surroundings) -> None:
    credited = Counter[str]()
    for credit in _credits(order):
        line = order.line(credit.line_id)
        before = credited[line.line_id]
        units = min(credit.quantity, line.credited - before)
        credited[line.line_id] = after = before + units
        if not units:
            continue
        kept, left = line.fulfilled - before, line.fulfilled - after
        net, tax = line.net - line.tax_within, line.tax + line.tax_within
        put(
            found,
            Cell(around.day(credit.at, credit.location_id), credit.location_id, line.sku),
            returned_units=units,
            refunds=_between(net, line, left, kept),
            refunded_tax=_between(tax, line, left, kept),
            return_cost=around.rates.return_unit * units,
        )
    for entry, line_id, quantity in _sellable(order):
        location_id = entry.detail.get("location_id") or NOWHERE
        line = order.line(line_id)
        unit_cost = around.unit_costs.get(line.sku)
        if unit_cost is not None and line.card_id is None:
            day = around.day(entry.at, location_id)
            put(found, Cell(day, location_id, line.sku), goods_back=unit_cost * quantity)
    for each in order.returns:
        if each.credited and each.fee:
            credited_with = _crediting(each, order)
            location_id = each.location_id or NOWHERE
            at = credited_with.at if credited_with else order.placed_at
            day = around.day(at, location_id)
            put(found, Cell(day, location_id, ORDER), return_fees=each.fee)


def _credits(order: Order) -> Iterator[Credit]:
    """The credits in their order; at the end, per line, all that no entry explains."""
    crediting = {
        id(entry): each
        for each in order.returns
        if each.credited and (entry := _crediting(each, order)) is not None
    }
    for entry in order.history:
        if entry.event == "return.received":
            for row in entry.detail["lines"]:
                yield Credit(row["line_id"], entry.at, entry.detail["location_id"], row["quantity"])
        elif (each := crediting.get(id(entry))) is not None:
            for line in each.lines:
                yield Credit(line.line_id, entry.at, each.location_id or NOWHERE, line.quantity)
    at = order.history[-1].at if order.history else order.placed_at
    for rest in order.lines:
        yield Credit(rest.line_id, at, NOWHERE, rest.credited)


def _crediting(each: Return, order: Order) -> OrderEntry | None:
    """The entry with which the units of an authorized return were credited; None for units that
    came back unannounced."""
    mine = [entry for entry in order.history if entry.detail.get("return_id") == each.return_id]
    if each.state == "kept":
        return next((entry for entry in mine if entry.event == "return.kept"), None)
    steps = CREDITED_BY[each.refund_on]
    return next((entry for entry in mine if entry.event in steps), None)


def _sellable(order: Order) -> Iterator[tuple[OrderEntry, str, int]]:
    """Units that came back in a state to be sold again."""
    for entry in order.history:
        for row in entry.detail.get("lines", ()) if entry.event == "return.received" else ():
            if row.get("condition") == "sellable":
                yield entry, row["line_id"], row["quantity"]
        for row in entry.detail.get("outcomes", ()) if entry.event == "return.inspected" else ():
            if row.get("outcome") == "sellable":
                yield entry, row["line_id"], row["quantity"]
