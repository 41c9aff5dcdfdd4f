"""Buy a carrier's label for a parcel, once for each reference.

    look up the order and the request ─> begin ─> rate ─> note the rate ─> buy ─> note the label
                                                                            ─> change the order

Whoever comes second while a label is bought is told so (Busy). After a fault the next attempt finds
the noted rate, and looks the purchase up at the provider before it buys. The order changes last:
a label that is noted is not bought again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from shared.addresses import Address
from shared.carriers import port
from shared.carriers.model import Consignment, Label, Package, Rate, choose
from shared.errors import (
    Busy,
    CarrierRefused,
    CarrierUnavailable,
    Conflict,
    InvalidTransition,
    NotFound,
)
from shared.locations import store as locations
from shared.locations.model import Location
from shared.orders import changing, store
from shared.orders.model import Fulfillment, Order, OrderChange, parcel_actions
from shared.orders.model.change import fulfillment_detail, with_entry, with_fulfillment
from shared.orders.model.erased import is_erased
from shared.orders.placing import replayed
from shared.orders.store import labels
from shared.orders.store.labels import Purchase
from shared.web.idempotency import Request

BUYABLE = frozenset({"accepted", "picked", "packed"})
"""The states in which a parcel gets its label."""

LABELS_OF_AN_ADDRESS = 10
"""The most labels of a fulfillment for one address and service, and one more."""


@dataclass(frozen=True, slots=True)
class LabelWish:
    """``number`` counts the labels of a fulfillment for its present address: 2 buys another one
    when the first is void.
    ``recipient`` None stands for the order's own."""

    package: Package
    number: int = 1
    recipient: Address | None = None
    carrier: str | None = None
    service: str | None = None


def buy_label(
    fulfillment_id: str,
    wish: LabelWish,
    check: Callable[[Order], None],
    answer: Callable[[Label, str], str],
    now: datetime,
    actor: str,
    request: Request,
) -> str:
    """Buy the label of a parcel and return the answer; a replay gets the first one. ``check``
    refuses who may not.

    Raises what ``check`` raises; NotFound, InvalidTransition, Conflict, KeyReused, CarrierRefused,
    CarrierUnavailable and Busy.
    """
    order_id = store.order_of_fulfillment(fulfillment_id)
    lookup = store.look_up(order_id, request)
    if lookup.answered is not None:
        return replayed(lookup.answered, request)
    if lookup.order is None:
        raise NotFound(f"there is no fulfillment {fulfillment_id}", fulfillment_id=fulfillment_id)
    check(lookup.order)
    part = _buyable(lookup.order, fulfillment_id)
    # The labels of each address have numbers of their own: a label for a former one is not used.
    number = part.former_addresses * LABELS_OF_AN_ADDRESS + wish.number
    reference = labels.reference_of(fulfillment_id, number)
    purchase = labels.find_purchase(reference)
    if purchase is not None and purchase.label is not None:
        bought = purchase.label
    else:
        consignment = _consignment(lookup.order, part, wish, reference)
        chosen = partial(
            choose,
            leaves=now,
            deliver_by=part.deliver_by,
            carrier=wish.carrier,
            service=wish.service,
        )
        bought = buy_once(purchase, consignment, chosen, now)
    erased = False

    def decide(order: Order) -> OrderChange:
        nonlocal erased
        check(order)
        erased = is_erased(order)
        if order.fulfillment(fulfillment_id).former_addresses != part.former_addresses:
            raise Conflict("the address has changed while the label was bought: buy another one")
        labelled = replace(
            _buyable(order, fulfillment_id), carrier=bought.carrier, tracking=bought.tracking
        )
        changed = with_entry(
            with_fulfillment(order, labelled),
            now,
            "fulfillment.labelled",
            actor,
            fulfillment_detail(labelled),
        )
        return OrderChange(changed, cause="fulfillment.labelled")

    text = changing.change(
        order_id, decide, now, request=request, answer=lambda _: answer(bought, reference)
    )
    if erased:  # the person was erased while the label was bought
        labels.delete_purchase(reference)
    return text or ""


def _buyable(order: Order, fulfillment_id: str) -> Fulfillment:
    part = order.fulfillment(fulfillment_id)
    if part.method != "ship" or part.state not in BUYABLE:
        raise InvalidTransition("label", part.state, parcel_actions(part))
    return part


def _consignment(order: Order, part: Fulfillment, wish: LabelWish, reference: str) -> Consignment:
    location = locations.find(part.location_id)
    if location is None:
        raise NotFound(f"there is no location {part.location_id}", location_id=part.location_id)
    recipient = wish.recipient or order.contacts.ship_to
    if recipient is None:
        raise Conflict(
            f"order {order.order_id} has no whole address: send it as `recipient`",
            errors=[{"path": "$.recipient", "message": "the order has none"}],
        )
    return Consignment(reference, sender_of(location), recipient, wish.package)


def sender_of(location: Location) -> Address:
    """The address of a location, which sends parcels and receives returns."""
    return Address(
        name=location.name,
        lines=location.lines,
        city=location.city or "",
        postal_code=location.postal_code,
        country=location.country,
        region=location.region,
        phone=location.phone,
    )


def buy_once(
    before: Purchase | None,
    consignment: Consignment,
    chosen: Callable[[tuple[Rate, ...]], Rate | None],
    now: datetime,
) -> Label:
    """Buy the label of the ``chosen`` rate, unless an earlier buyer has: ``before`` is what is
    known of the purchase. The label is noted with its document.

    Raises Busy while somebody else buys it; CarrierRefused, CarrierUnavailable.
    """
    reference = consignment.reference
    begun = labels.begin(reference, now, before) if labels.is_free(before, now) else None
    if begun is None:
        raise Busy(f"the label {reference} is being bought; try again in a moment")
    try:
        bought = _bought_before(begun, consignment) or _buy_now(begun, consignment, chosen)
        document = port.document_of(bought)
    except CarrierRefused:
        labels.let_go(begun, forget_rate=True)
        raise
    except CarrierUnavailable:
        labels.let_go(begun, forget_rate=False)
        raise
    if not labels.note_label(begun, bought, document):
        raise Busy(f"the label {reference} is being bought by somebody else; try again")
    return bought


def _bought_before(begun: Purchase, consignment: Consignment) -> Label | None:
    """The label that an earlier buyer has bought without noting it."""
    if begun.rate_id is None:
        return None
    with suppress(CarrierRefused):  # the provider does not know the rate any more
        return port.bought(begun.rate_id, consignment)
    return None


def _buy_now(
    begun: Purchase,
    consignment: Consignment,
    chosen: Callable[[tuple[Rate, ...]], Rate | None],
) -> Label:
    rates = port.rate(consignment)
    rate = chosen(rates)
    if rate is None:
        raise CarrierRefused("no service carries this parcel", services=_services(rates))
    if not labels.note_rate(begun, rate.rate_id):
        raise Busy(f"the label {consignment.reference} is being bought by somebody else")
    return port.label(rate.rate_id, consignment)


def _services(rates: tuple[Rate, ...]) -> list[str]:
    return [f"{rate.carrier} {rate.service}" for rate in rates]
